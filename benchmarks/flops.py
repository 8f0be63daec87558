"""Operations that training needs, and the rate at which a machine can do them."""

import math
import statistics

import torch

from cr_sklearn.nn._dreg import n_tangent_dims
from cr_sklearn.training._batches import N_PROBES, PENALISED_SHARE


def step_flops(network, batch_size, dreg_stream=None):
    r"""Floating-point operations in the matrix products of one training step.

    Values and tangents, forwards and backwards, as
    :class:`cr_sklearn.nn._streams.Streams` multiplies them. With
    :math:`A = [W_1; W_{skip}]` of r rows, a batch of b rows, t tangents for each and k
    random directions that enter beside them, a member needs

    .. math:: 4 (b + k)\, r d + 6\, b (1 + t) \sum_{l > 1} n_l n_{l-1}
              \; (+\, 6 r^2 d + 2 r^3)

    The products with A are for the outputs and the gradient of A, since the inputs
    need none. In brackets: the Gram matrix that stands in for A in the exact stream
    when d > r, its gradient, and the product in that of its Cholesky factor.
    A multiplication and an addition are two operations. What is done element by
    element is not counted.

    Parameters
    ----------
    network : ChainzRuleNetwork
    batch_size : int
    dreg_stream : {"exact", "projected"} or None
        None for a step without DREG.

    Returns
    -------
    int
        Of all members.
    """
    members, n_mapped, n_features = network.input_weight.shape
    n_penalised, n_tangents, n_directions = batch_size, 0, 0
    gram = 0
    if dreg_stream == "projected":
        n_penalised = math.ceil(PENALISED_SHARE * batch_size)
        n_tangents, n_directions = 1, min(N_PROBES, n_penalised)
    elif dreg_stream == "exact":
        n_tangents = n_tangent_dims(network)
        if n_tangents < n_features:
            gram = 6 * n_mapped**2 * n_features + 2 * n_mapped**3
    hidden = sum(w.shape[1] * w.shape[2] for w in network.hidden_weights)
    inputs = 4 * (batch_size + n_directions) * n_mapped * n_features
    n_rows = batch_size + n_tangents * n_penalised
    return members * (inputs + 6 * n_rows * hidden + gram)


class MatrixProduct:
    """One large product of random square matrices, as a variant to be timed.

    Parameters
    ----------
    size : int
        Rows and columns.
    dtype : torch.dtype
    device : str, default="cpu"

    Attributes
    ----------
    flops : int
        Operations of a call.
    """

    def __init__(self, size, dtype, device="cpu"):
        generator = torch.Generator().manual_seed(0)
        matrix = torch.randn(size, size, generator=generator, dtype=dtype)
        self._matrix = matrix.to(device)
        self._out = torch.empty_like(self._matrix)
        self.flops = 2 * size**3

    def __call__(self):
        torch.mm(self._matrix, self._matrix, out=self._out)


def matrix_share(flops, seconds, product, product_seconds):
    """Rate of a variant over that of a large matrix product, 1 at the machine's limit.

    Parameters
    ----------
    flops : int
        Operations of the variant.
    seconds, product_seconds : list of float
        Of both, one per round, from :func:`benchmarks.timing.take_turns`.
    product : MatrixProduct

    Returns
    -------
    float
        The median of the shares within a round.
    """
    return statistics.median(
        flops / own * other / product.flops
        for own, other in zip(seconds, product_seconds, strict=True)
    )
