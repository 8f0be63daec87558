"""The ChainzRule network: many small networks packed along a member axis."""

import copy
import itertools
import math

import torch
from torch import nn

from cr_sklearn.nn._activations import make_activation
from cr_sklearn.nn._thresholds import free_parameters, ordered_thresholds


class ChainzRuleNetwork(nn.Module):
    r"""``members`` independent networks of one shape.

    .. math::
        z^l = W_l h^{l-1} + b_l, \quad h^l = \phi_l(z^l), \quad h^0 = x, \quad
        f(x) = W_{out} h^L + W_{skip} x + b_{out}

    Source: arXiv 2605.24340. The derivative stream is in :func:`~cr_sklearn.nn.dreg`.
    NOTE[DIFF] ``W_skip``, a linear map from input to output, is ours. Together with
    a small head it starts the model near logistic regression, from where the
    polynomials add what the data supports.
    NOTE[DIFF] So are gates: scalars that multiply the weights of one block of inputs
    each. Adam moves all weights of a block that does not matter; a gate, which all of
    them share, learns that from many more of them. After training they are part of
    ``W_1`` and ``W_skip``.
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
        See :func:`~cr_sklearn.nn._activations.make_activation`.
    degree : int, default=3
        Degree of the polynomials.
    blocks : array-like of int of shape (n_features,) or None, default=None
        Number of the block that each input is in, from 0. The weights that meet the
        inputs of a block are multiplied by a gate of its own, which is learned. None
        has no gates.
    gates : array-like of shape (n_blocks,) or None, default=None
        Where the gates start; None is 1 for all.
    thresholds : sequence of float or None, default=None
        Where rising thresholds :math:`\theta_k` start that are learned in place of the
        output's bias. The one output is then the latent f(x), and a forward pass
        returns its margins :math:`f(x) - \theta_k`.

    Attributes
    ----------
    input_weight : Parameter of shape (members, n_1 + n_outputs, n_features)
        ``[W_1; W_skip]``, all that meets the input: one matrix product for both.
    gate : Parameter of shape (members, n_blocks) or None
    hidden_weights : ParameterList of (members, n_l, n_(l-1)), the last one ``W_out``
    biases : ParameterList of (members, n_l)
        With thresholds the last is their free parameters.
    activations : ModuleList, one per hidden layer

    Notes
    -----
    Shape: ``x`` is (groups, batch, d), or (batch, d) for one group. Members share the
    rows of their group: with ``g`` groups the first ``members / g`` are in the first.

    Examples
    --------
    >>> import torch
    >>> from cr_sklearn.nn import ChainzRuleNetwork
    >>> network = ChainzRuleNetwork(3, (8,), n_outputs=1, members=2)
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
        blocks=None,
        gates=None,
        thresholds=None,
    ):
        super().__init__()
        if thresholds is not None and n_outputs != 1:
            raise ValueError(
                f"Thresholds are those of one output, but n_outputs={n_outputs!r}."
            )
        self.n_features = n_features
        self.n_outputs = n_outputs
        self.members = members
        self._first_thresholds = thresholds
        n_biases = n_outputs if thresholds is None else len(thresholds)
        hidden = list(hidden_layer_sizes)
        # Without hidden layers the skip is the whole model.
        self._n_first = hidden[0] if hidden else 0
        self.input_weight = nn.Parameter(
            torch.zeros(members, self._n_first + n_outputs, n_features)
        )
        gate = None
        if blocks is not None:
            blocks = torch.as_tensor(blocks)
            gate = nn.Parameter(torch.ones(members, int(blocks.max()) + 1))
        self._first_gates = 1.0 if gates is None else gates
        self.register_parameter("gate", gate)
        self.register_buffer("block", blocks, persistent=False)
        self.hidden_weights = nn.ParameterList(
            torch.zeros(members, n_out, n_in)
            for n_in, n_out in itertools.pairwise([*hidden, n_outputs])
        )
        self.biases = nn.ParameterList(
            torch.zeros(members, n_out) for n_out in [*hidden, n_biases]
        )
        self.activations = nn.ModuleList(
            make_activation(activation, members, n_units, degree) for n_units in hidden
        )
        self.reset_parameters(
            [torch.Generator().manual_seed(m) for m in range(members)]
        )

    @property
    def weights(self):
        """``W_1`` to ``W_out``, the first as a view; empty without hidden layers."""
        if not self._n_first:
            return []
        return [self.input_weight[:, : self._n_first], *self.hidden_weights]

    @property
    def skip(self):
        """View of ``W_skip``."""
        return self.input_weight[:, self._n_first :]

    def gated(self, input_weight, gate):
        """Return the weights that the inputs meet: each block times its gate."""
        if gate is None:
            return input_weight
        return input_weight * gate.index_select(1, self.block).unsqueeze(1)

    @property
    def has_thresholds(self):
        """True if outputs are margins over thresholds."""
        return self._first_thresholds is not None

    @property
    def output_bias(self):
        """``b_out``, or the thresholds with a minus: (members, n_outputs or K - 1)."""
        if self.has_thresholds:
            return -ordered_thresholds(self.biases[-1])
        return self.biases[-1]

    def set_output_bias(self, bias):
        """Set the parameters by which :attr:`output_bias` is ``bias``."""
        if self.has_thresholds:
            bias = free_parameters(-bias)
        with torch.no_grad():
            self.biases[-1].copy_(bias)

    def reset_parameters(self, generators):
        """Draw all parameters, member ``m`` from ``generators[m]`` alone."""
        if len(generators) != self.members:
            raise ValueError(
                f"Expected one generator for each of {self.members} members, got "
                f"{len(generators)}."
            )
        weights = self.weights
        last = len(weights) - 1
        with torch.no_grad():
            for layer, weight in enumerate(weights):
                scale = (0.1 if layer == last else 1.0) / math.sqrt(weight.shape[2])
                for member, generator in enumerate(generators):
                    weight[member].normal_(0.0, scale, generator=generator)
                    if layer < last:
                        self.biases[layer][member].normal_(
                            0.0, 0.1, generator=generator
                        )
            self.biases[-1].zero_()
            if self.has_thresholds:
                first = torch.as_tensor(self._first_thresholds, dtype=torch.float64)
                self.set_output_bias(-first.expand(self.members, -1))
            self.skip.zero_()
            if self.gate is not None:
                self.gate.copy_(torch.as_tensor(self._first_gates).expand_as(self.gate))
        for activation in self.activations:
            if hasattr(activation, "reset_parameters"):
                activation.reset_parameters(generators)

    def take(self, members):
        """Return a copy of a part of the members.

        Parameters
        ----------
        members : ndarray of int
        """
        index = torch.as_tensor(members, device=self.skip.device)
        part = copy.deepcopy(self)
        part.members = len(members)
        with torch.no_grad():
            for parameter in part.parameters():
                parameter.data = parameter[index]
        return part

    def put(self, members, part):
        """Take the parameters of members from what :meth:`take` returned."""
        index = torch.as_tensor(members, device=self.skip.device)
        with torch.no_grad():
            for parameter, own in zip(
                part.parameters(), self.parameters(), strict=True
            ):
                own[index] = parameter

    def forward(self, x):
        """Return outputs (members, batch, n_outputs), or margins over thresholds."""
        inputs = self.gated(self.input_weight, self.gate)
        mapped = map_inputs(x if x.dim() == 3 else x.unsqueeze(0), inputs)
        z, skipped = mapped.tensor_split([self._n_first], dim=2)
        outputs = skipped + self.output_bias.unsqueeze(1)
        if not self.activations:
            return outputs
        for layer, activation in enumerate(self.activations):
            h = activation(z + self.biases[layer].unsqueeze(1))
            z = torch.bmm(h, self.hidden_weights[layer].mT)
        return outputs + z


def map_inputs(x, weight):
    """Multiply the rows of each member's group by its weights.

    One product serves a whole group: it is faster than one for each member.

    Parameters
    ----------
    x : Tensor of shape (groups, n, d)
    weight : Tensor of shape (members, r, d)

    Returns
    -------
    Tensor of shape (members, n, r)
    """
    members, n_out, n_features = weight.shape
    stacked = weight.reshape(len(x), -1, n_features)
    mapped = torch.bmm(x, stacked.mT)
    if len(x) == members:
        return mapped
    return mapped.unflatten(2, (-1, n_out)).transpose(1, 2).flatten(0, 1)
