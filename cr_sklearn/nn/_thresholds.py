r"""Thresholds that can't cross.

.. math:: \theta_1 = r_1, \qquad \theta_k = \theta_{k-1} + \mathrm{softplus}(r_k)

with free parameters :math:`r` of shape (members, K - 1).
"""

import torch
from torch.nn import functional as F

# Thresholds to start or go on from are at least so far apart: nearer ones would have
# no gradient to part by.
_LEAST_STEP = 1e-6


def ordered_thresholds(free):
    """Return rising thresholds (..., K - 1) of free parameters."""
    first, rest = free[..., :1], free[..., 1:]
    return torch.cat([first, F.softplus(rest)], dim=-1).cumsum(dim=-1)


def free_gradient(free, grad):
    """Turn a gradient of the thresholds into that of the free parameters."""
    # Each parameter moves its own threshold and all above it.
    grad = grad.flip(-1).cumsum(dim=-1).flip(-1)
    grad[..., 1:] *= torch.sigmoid(free[..., 1:])
    return grad


def free_parameters(thresholds):
    """Return the free parameters of these thresholds."""
    steps = thresholds.diff(dim=-1).clamp(min=_LEAST_STEP)
    # softplus backwards, without overflow.
    free = steps + torch.log(-torch.expm1(-steps))
    return torch.cat([thresholds[..., :1], free], dim=-1)
