"""DREG: the squared Frobenius norm of every layer's input-Jacobian."""

import torch
from torch.autograd.function import once_differentiable

from cr_sklearn.nn._streams import Streams


def input_tangents(network):
    r"""Map a basis of the input space by all weights that meet the input.

    Norms of ``S^l`` depend on the input space only through the Gram matrix of the
    stacked maps ``A = [W_1; W_skip]``. When ``d`` exceeds its number of rows ``r``,
    a Cholesky factor of ``A A^T`` replaces ``A``: the same norms from ``r`` tangents
    instead of ``d``.

    Returns
    -------
    Tensor of shape (members, 1, t, n_1 + n_outputs)
        ``t = n_tangent_dims(network)``; the same for all samples.
    """
    maps = network.gated(network.input_weight, network.gate)
    if n_tangent_dims(network) < network.n_features:
        maps = _gram_factor(maps)
    return maps.mT.unsqueeze(1)


def n_tangent_dims(network):
    """Count the tangents of the exact stream: ``min(d, n_1 + n_outputs)``.

    Without hidden layers it is ``d``: the skip alone starts at zero, where a Cholesky
    factor has no derivative.
    """
    if not network.activations:
        return network.n_features
    return min(network.n_features, network.input_weight.shape[1])


def dreg(network, x, probes=None):
    r"""Pass both streams forward; return outputs and the penalty of every layer.

    .. math:: R_l(x) = \lVert S^l(x) \rVert_F^2, \qquad l = 1, \dots, L, out

    With Rademacher probes ``v``, of entries -1 and 1, in place of a basis,
    ``E ||S^l v||^2 = ||S^l||_F^2``: one probe per sample gives a Hutchinson estimate,
    unbiased for every layer at once. The mean over a batch stays unbiased when samples
    share probes.

    Source: arXiv 2605.24340, DREG. NOTE[DIFF] The paper does not say whether the
    head is penalised; here it is, as the last entry, because its Jacobian is the
    sensitivity that the estimator reports.

    Parameters
    ----------
    network : ChainzRuleNetwork
    x : Tensor of shape (groups, batch, d) or (batch, d)
        See :class:`ChainzRuleNetwork`.
    probes : Tensor of shape (groups, k, d) or None
        Sample ``i`` has the probe ``i mod k``. ``None`` computes the norms exactly.

    Returns
    -------
    outputs : Tensor of shape (members, batch, n_outputs)
    penalties : Tensor of shape (n_layers + 1, members, batch or 1)
        ``R_l``, the output's last. The batch axis has length 1 when the norm is the
        same for all samples (a linear network, exact stream).

    Examples
    --------
    >>> import torch
    >>> from cr_sklearn.nn import ChainzRuleNetwork, dreg
    >>> network = ChainzRuleNetwork(3, (4, 4), n_outputs=1, members=2)
    >>> outputs, penalties = dreg(network, torch.ones(5, 3))
    >>> penalties.shape
    torch.Size([3, 2, 5])
    """
    if x.dim() == 2:
        x = x.unsqueeze(0)
    tangents = input_tangents(network) if probes is None else None
    return _Dreg.apply(Streams(network), x, probes, tangents, *network.parameters())


class _Dreg(torch.autograd.Function):
    """The streams as one operation of autograd."""

    @staticmethod
    def forward(ctx, streams, x, probes, tangents, *parameters):
        ctx.streams, ctx.groups = streams, len(x)
        return streams.forward(x, probes, tangents)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_outputs, grad_norms):
        gradients, grad_tangents, grad_mapped = ctx.streams.backward(
            grad_outputs, grad_norms
        )
        if not ctx.needs_input_grad[3]:
            grad_tangents = None
        grad_x = None
        if ctx.needs_input_grad[1]:
            inputs = ctx.streams.inputs
            stacked = inputs.reshape(len(grad_mapped), -1, inputs.shape[2])
            grad_x = torch.bmm(grad_mapped, stacked)
            grad_x = grad_x.unflatten(0, (ctx.groups, -1)).sum(dim=1)
        return None, grad_x, None, grad_tangents, *gradients


def _gram_factor(stacked):
    """Return a square ``L`` with ``L L^T = stacked stacked^T``, for each member."""
    gram = stacked @ stacked.mT
    # The skip starts at zero, so the Gram matrix starts singular. The jitter is of
    # the order of the rounding error of the largest entry.
    scale = gram.diagonal(dim1=1, dim2=2).amax(dim=1).detach()
    jitter = 8 * torch.finfo(gram.dtype).eps * gram.shape[1] * scale
    eye = torch.eye(gram.shape[1], dtype=gram.dtype, device=gram.device)
    return torch.linalg.cholesky(gram + jitter[:, None, None] * eye)
