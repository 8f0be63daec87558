"""Value stream and derivative stream of a packed network, forwards and backwards."""

import math

import torch
from torch.nn import functional as F

from cr_sklearn.nn._network import map_inputs
from cr_sklearn.nn._thresholds import free_gradient, ordered_thresholds


class Streams:
    r"""Both streams of a network and their backward pass, by hand.

    .. math::
        z^l = W_l h^{l-1} + b_l, \quad h^l = \phi_l(z^l), \quad
        f(x) = W_{out} h^L + W_{skip} x + b_{out}

        S^l V = \mathrm{diag}(\phi_l'(z^l))\, W_l\, S^{l-1} V, \quad
        S^{out} V = W_{out} S^L V + W_{skip} V

    A block of tangents ``V`` enters the network through ``A V`` alone, with
    ``A = [W_1; W_skip]``. On the small tensors of tabular data the time goes into the
    number of operations, and autograd would record, allocate and walk three times as
    many. Values (``batch`` rows) and tangents (``batch * t``) lie in one tensor, so
    that a layer is one matrix product for both; views of parameters are made once.

    Source: arXiv 2605.24340, dual-stream forward pass. NOTE[DIFF] The tangents may have
    rows of their own, ``between``, where the penalty is evaluated instead.

    Parameters
    ----------
    network : ChainzRuleNetwork
        Its parameters may be changed in place, but not be replaced.
    """

    def __init__(self, network):
        self._activations = list(network.activations)
        self._weight = network.input_weight.detach()
        self._gate, self._block = network.gate, network.block
        if self._gate is not None:
            self._gate = self._gate.detach()
        self._gated = network.gated
        self._weights = [weight.detach() for weight in network.hidden_weights]
        self._transposed = [weight.mT for weight in self._weights]
        self._biases = [bias.detach().unsqueeze(1) for bias in network.biases]
        self._has_thresholds = network.has_thresholds
        self._terms = [activation.terms() for activation in self._activations]
        # Units of the first layer; without hidden layers the skip is the whole model.
        self._n_first = self._weight.shape[1] - network.n_outputs

    def forward(self, x, probes=None, tangents=None, between=None, n_penalised=None):
        """Return outputs, and squared norms of the tangents behind every layer.

        Parameters
        ----------
        x : Tensor of shape (groups, batch, d)
        probes : Tensor of shape (groups, k, d) or None
            Directions ``V``, one for each sample: sample ``i`` has probe ``i mod k``. A
            few serve a batch as well as one each, and cost less.
        tangents : Tensor of shape (members, batch or 1, t, n_1 + n_outputs) or None
            ``(A V)^T``, in place of ``probes``. With neither there are no tangents.
        between : Tensor of shape (groups, m, d) or None
            Further rows, which alone carry tangents then. They have no outputs.
        n_penalised : int or None, default=None
            Without ``between``: the last so many rows alone carry tangents.

        Returns
        -------
        outputs : Tensor of shape (members, batch, n_outputs)
            With thresholds the margins, (members, batch, K - 1).
        norms : Tensor of shape (n_layers + 1, members, batch or 1)
            ``||S^l V||_F^2``, the output's last; of the rows with tangents.
        """
        n_rows, n_first = x.shape[1], self._n_first
        n_penalised = n_rows if n_penalised is None else n_penalised
        if between is not None:
            n_penalised = between.shape[1]
            x = torch.cat([x.expand(len(between), -1, -1), between], dim=1)
        batch = x.shape[1]
        rest = batch - n_penalised
        if probes is not None:
            x = torch.cat([x.expand(len(probes), -1, -1), probes], dim=1)
        self.inputs = self._gated(self._weight, self._gate)
        mapped = map_inputs(x, self.inputs)
        if probes is not None:
            tangents = _dealt(mapped[:, batch:], n_penalised)
            mapped = mapped[:, :batch]
        elif tangents is None:
            tangents = mapped.new_empty(len(mapped), 1, 0, mapped.shape[2])
        shape = n_penalised, tangents.shape[2]
        z, tangent = mapped[..., :n_first], tangents[..., :n_first]
        norms, layers = [], []
        for layer, activation in enumerate(self._activations):
            z = z + self._biases[layer]
            both = z.new_empty(len(z), batch + math.prod(shape), z.shape[2])
            value, carried = _split(both, batch, shape)
            slope, curve = activation.value_and_slopes(z, value, self._terms[layer])
            torch.mul(slope[:, rest:].unsqueeze(2), tangent, out=carried)
            norms.append(_squared_norm(carried))
            layers.append((z, tangent, slope, curve, both, carried))
            mapped_on = torch.bmm(both, self._transposed[layer])
            z, tangent = _split(mapped_on, batch, shape)
        if layers:
            outputs = z + mapped[..., n_first:]
            carried = tangent + tangents[..., n_first:]
        else:
            outputs, carried = mapped, tangents
        norms.append(_squared_norm(carried))
        self._saved = x, batch, n_rows, shape, layers, carried, tangents.shape[1] == 1
        bias = self._biases[-1]
        if self._has_thresholds:
            bias = -ordered_thresholds(bias)
        return (outputs + bias)[:, :n_rows], torch.stack(norms)

    def backward(self, grad_outputs, grad_norms):
        """Return gradients of the parameters and inputs of the last forward pass.

        Parameters
        ----------
        grad_outputs, grad_norms : Tensor
            Gradients of what :meth:`forward` returned.

        Returns
        -------
        gradients : list of Tensor
            In the order of ``network.parameters()``.
        grad_tangents : Tensor
        grad_mapped : Tensor of shape (groups, batch, per group * (n_1 + n_outputs))
            Gradients of the rows times ``A``.
        """
        x, batch, n_rows, shape, layers, carried, shared = self._saved
        n_penalised, n_tangents = shape
        rest = batch - n_penalised
        grad_norms = 2.0 * grad_norms[..., None, None]
        grad_carried = grad_norms[-1] * carried
        grad_biases = [grad_outputs.sum(dim=1)]
        if self._has_thresholds:
            free = self._biases[-1].squeeze(1)
            grad_biases = [free_gradient(free, -grad_biases[0])]
            grad_outputs = grad_outputs.sum(dim=2, keepdim=True)
        if batch > n_rows:
            grad_outputs = F.pad(grad_outputs, (0, 0, 0, batch - n_rows))
        grad_weights, grad_coefficients = [], []
        if layers:
            head = torch.cat([grad_outputs, grad_carried.flatten(1, 2)], dim=1)
            grad = head
        for layer in range(len(layers) - 1, -1, -1):
            z, tangent, slope, curve, both, carried = layers[layer]
            grad_weights.append(torch.bmm(grad.mT, both))
            grad = torch.bmm(grad, self._weights[layer])
            grad_value, grad_carried = _split(grad, batch, shape)
            grad_slope = None
            if n_tangents:
                grad_carried.addcmul_(grad_norms[layer], carried)
                # First the part of the slope, then that of the tangents before it.
                grad_slope = grad_carried * tangent
                one = n_tangents == 1
                grad_slope = grad_slope[:, :, 0] if one else grad_slope.sum(dim=2)
                grad_carried *= slope[:, rest:].unsqueeze(2)
                if rest:
                    grad_slope = F.pad(grad_slope, (0, 0, rest, 0))
            if self._terms[layer] is not None:
                grad_coefficients.append(
                    self._activations[layer].coefficient_grad(z, grad_value, grad_slope)
                )
            grad_value *= slope
            if n_tangents:
                grad_value.addcmul_(grad_slope, curve, value=2.0)
            grad_biases.append(grad_value.sum(dim=1))
        if layers:
            grad = torch.cat([grad, head], dim=2)
            grad_mapped, grad_tangents = _split(grad, batch, shape)
        else:
            grad_mapped, grad_tangents = grad_outputs, grad_carried
        n_directions = x.shape[1] - batch
        if n_directions:
            dealt = _gathered(grad_tangents[:, :, 0], n_directions)
            grad_mapped = torch.cat([grad_mapped, dealt], dim=1)
        elif shared and layers:
            grad_tangents = grad_tangents.sum(dim=1, keepdim=True)
        # As map_inputs, backwards.
        groups, n_rows, _ = x.shape
        per_group = grad_mapped.view(groups, -1, n_rows, grad_mapped.shape[2])
        grad_mapped = per_group.transpose(1, 2).flatten(2)
        grad_inputs = torch.bmm(grad_mapped.mT, x).view_as(self._weight)
        gradients = [
            *self._ungated(grad_inputs),
            *reversed(grad_weights),
            *reversed(grad_biases),
            *reversed(grad_coefficients),
        ]
        return gradients, grad_tangents, grad_mapped[:, :batch]

    def _ungated(self, grad_inputs):
        """Return gradients of the input's weight and gate, from that of their product.

        Parameters
        ----------
        grad_inputs : Tensor of shape (members, n_1 + n_outputs, d)

        Returns
        -------
        list of Tensor
            Without gates the gradient of the weight alone.
        """
        if self._gate is None:
            return [grad_inputs]
        by_input = (grad_inputs * self._weight).sum(dim=1)
        grad_gate = torch.zeros_like(self._gate).index_add_(1, self._block, by_input)
        return [self._gated(grad_inputs, self._gate), grad_gate]


def _squared_norm(carried):
    return (carried * carried).sum(dim=(2, 3))


def _dealt(directions, batch):
    """Deal (members, k, n) out to rows, (members, batch, 1, n): row i has i mod k."""
    members, k, n = directions.shape
    rounds = directions.unsqueeze(1).expand(-1, -(-batch // k), -1, -1)
    return rounds.reshape(members, -1, 1, n)[:, :batch]


def _gathered(grad, n_directions):
    """Pass gradients (members, batch, n) back through :func:`_dealt`."""
    missing = -grad.shape[1] % n_directions
    padded = F.pad(grad, (0, 0, 0, missing))
    return padded.unflatten(1, (-1, n_directions)).sum(dim=1)


def _split(both, batch, shape):
    """View values (members, batch, n) and tangents (members, *shape, n) apart."""
    members, _, n = both.shape
    return both[:, :batch], both[:, batch:].view(members, *shape, n)
