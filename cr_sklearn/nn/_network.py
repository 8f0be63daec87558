"""The ChainzRule network: many small networks packed along a member axis."""

import itertools
import math

import torch
from torch import nn

from cr_sklearn.nn._activations import make_activation


class PackedNetwork(nn.Module):
    r"""Value stream and derivative stream of ``members`` independent networks.

    .. math::
        z^l = W_l h^{l-1} + b_l, \quad h^l = \phi_l(z^l), \quad h^0 = x, \quad
        f(x) = W_{out} h^L + W_{skip} x + b_{out}

        S^l = \mathrm{diag}(\phi_l'(z^l))\, W_l\, S^{l-1}, \quad S^0 = I, \quad
        S^{out} = W_{out} S^L + W_{skip}

    ``S^l`` (n_l, d) is the Jacobian of layer l with respect to the network's input.

    Source: arXiv 2605.24340, dual-stream forward pass.
    NOTE[DIFF] ``W_skip``, a linear map from input to output, is ours. Together with
    a small head it starts the model near logistic regression, from where the
    polynomials add what the data supports.
    NOTE[DIFF] Initialisation is left open by the paper: ``W_l ~ N(0, 1/fan_in)``,
    ``b_l ~ N(0, 0.01)``, ``W_out`` a tenth of that, ``W_skip = 0``.

    Parameters
    ----------
    n_features : int
        Inputs ``d``.
    hidden_layer_sizes : sequence of int
        Neurons ``n_l`` of each hidden layer; empty for a linear model.
    n_outputs : int
        Outputs ``K``.
    members : int, default=1
        Independent networks. Every parameter has them as its leading axis.
    activation : str, default="polynomial"
        See :func:`~cr_sklearn.nn.make_activation`.
    degree : int, default=3
        Degree of the polynomials.
    dropout : float, default=0.0
        Probability of zeroing a hidden unit while training; both streams see the
        same mask.

    Attributes
    ----------
    weights : ParameterList of (members, n_l, n_(l-1)), the last one ``W_out``
    biases : ParameterList of (members, n_l)
    skip : Parameter of shape (members, n_outputs, n_features)
    activations : ModuleList, one per hidden layer
    dropout_generators : list of torch.Generator or None
        One per member; needed for training with dropout.

    Notes
    -----
    Shape: ``x`` is (members, batch, d), or (batch, d) to be shared by the members.

    Examples
    --------
    >>> import torch
    >>> from cr_sklearn.nn import PackedNetwork
    >>> network = PackedNetwork(3, (8,), n_outputs=1, members=2)
    >>> network(torch.ones(5, 3)).shape
    torch.Size([2, 5, 1])
    """

    def __init__(
        self,
        n_features,
        hidden_layer_sizes,
        n_outputs,
        *,
        members=1,
        activation="polynomial",
        degree=3,
        dropout=0.0,
    ):
        super().__init__()
        if not 0.0 <= dropout < 1.0:
            raise ValueError(f"dropout must be in [0, 1), got {dropout!r}.")
        self.n_features = n_features
        self.n_outputs = n_outputs
        self.members = members
        self.dropout = dropout
        self.dropout_generators = None
        hidden = list(hidden_layer_sizes)
        # Without hidden layers the skip is the whole model.
        widths = [n_features, *hidden, n_outputs] if hidden else []
        self.weights = nn.ParameterList(
            torch.zeros(members, n_out, n_in)
            for n_in, n_out in itertools.pairwise(widths)
        )
        self.biases = nn.ParameterList(
            torch.zeros(members, n_out) for n_out in [*hidden, n_outputs]
        )
        self.skip = nn.Parameter(torch.zeros(members, n_outputs, n_features))
        self.activations = nn.ModuleList(
            make_activation(activation, members, n_units, degree) for n_units in hidden
        )
        self.reset_parameters(
            [torch.Generator().manual_seed(m) for m in range(members)]
        )

    def reset_parameters(self, generators):
        """Draw all parameters, member ``m`` from ``generators[m]`` alone."""
        if len(generators) != self.members:
            raise ValueError(
                f"Expected one generator for each of {self.members} members, got "
                f"{len(generators)}."
            )
        last = len(self.weights) - 1
        with torch.no_grad():
            for layer, weight in enumerate(self.weights):
                scale = (0.1 if layer == last else 1.0) / math.sqrt(weight.shape[2])
                for member, generator in enumerate(generators):
                    weight[member].normal_(0.0, scale, generator=generator)
                    if layer < last:
                        self.biases[layer][member].normal_(
                            0.0, 0.1, generator=generator
                        )
            self.biases[-1].zero_()
            self.skip.zero_()
        for activation in self.activations:
            if hasattr(activation, "reset_parameters"):
                activation.reset_parameters(generators)

    def make_linear(self, members):
        """Leave these members their skip connection alone.

        Their ``W_out`` becomes zero and stays so: it gets no gradient.

        Parameters
        ----------
        members : Tensor of bool of shape (members,)
        """
        if not self.activations or not members.any():
            return
        head = self.weights[-1]
        kept = (~members)[:, None, None].to(head)
        with torch.no_grad():
            head.mul_(kept)
        head.register_hook(lambda gradient: gradient * kept)

    def forward(self, x):
        """Value stream alone: outputs (members, batch, n_outputs)."""
        x = self._per_member(x)
        h = x
        for layer, activation in enumerate(self.activations):
            h = activation(self._affine(layer, h))
            if self._drops:
                h = h * self._dropout_mask(h)
        return self._head(h, x)

    def dual(self, x, first, skip):
        """Both streams, with tangents given by their images under the first layer.

        Any block of tangents ``V`` enters the network through ``W_1 V`` and
        ``W_skip V`` alone, so these two are the arguments; see
        :func:`~cr_sklearn.nn.input_tangents` for their construction.

        Parameters
        ----------
        x : Tensor of shape (members, batch, d) or (batch, d)
        first : Tensor of shape (members, batch or 1, t, n_1)
            ``(W_1 V)^T``; ignored without hidden layers.
        skip : Tensor of shape (members, batch or 1, t, n_outputs)
            ``(W_skip V)^T``.

        Returns
        -------
        outputs : Tensor of shape (members, batch, n_outputs)
        tangents : list of Tensor of shape (members, batch or 1, t, n_l)
            ``(S^l V)^T`` for every hidden layer and, last, the output.
        """
        x = self._per_member(x)
        h, tangent, tangents = x, first, []
        for layer, activation in enumerate(self.activations):
            if layer > 0:
                tangent = self._linear(layer, tangent)
            h, tangent = activation.dual(self._affine(layer, h), tangent)
            if self._drops:
                mask = self._dropout_mask(h)
                h, tangent = h * mask, tangent * mask.unsqueeze(2)
            tangents.append(tangent)
        if self.activations:
            skip = self._linear(-1, tangent) + skip
        tangents.append(skip)
        return self._head(h, x), tangents

    @property
    def _drops(self):
        return self.training and self.dropout > 0.0

    def _per_member(self, x):
        return x.expand(self.members, *x.shape) if x.dim() == 2 else x

    def _affine(self, layer, h):
        return torch.baddbmm(self.biases[layer].unsqueeze(1), h, self.weights[layer].mT)

    def _linear(self, layer, tangent):
        # One matrix product over batch and tangents instead of a small one each.
        flat = torch.bmm(tangent.flatten(1, 2), self.weights[layer].mT)
        return flat.unflatten(1, tangent.shape[1:3])

    def _head(self, h, x):
        outputs = torch.baddbmm(self.biases[-1].unsqueeze(1), x, self.skip.mT)
        if self.activations:
            outputs = torch.baddbmm(outputs, h, self.weights[-1].mT)
        return outputs

    def _dropout_mask(self, h):
        if self.dropout_generators is None:
            raise RuntimeError(
                "Training with dropout needs network.dropout_generators, one "
                "torch.Generator per member."
            )
        # Drawn on the CPU, so that a seed means the same on every device.
        keep = torch.stack(
            [
                torch.rand(h.shape[1:], generator=generator) >= self.dropout
                for generator in self.dropout_generators
            ]
        )
        return keep.to(device=h.device, dtype=h.dtype) / (1.0 - self.dropout)
