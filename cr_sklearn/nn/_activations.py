"""Fixed activations with the derivative that the derivative stream needs.

Every class answers ``forward(z)``, ``value_and_slope(z, out)`` and ``curvature(z)``
like :class:`~cr_sklearn.nn.Polynomial`: DREG differentiates the slope once more during
training.
"""

import math

import torch
from torch import nn
from torch.nn import functional as F

from cr_sklearn.nn._poly import Polynomial


class _Elementwise(nn.Module):
    """Value, slope and curvature; out of autograd but for ``forward``."""

    learned = False


class ReLU(_Elementwise):
    """``max(z, 0)``; its slope at 0 is 0, as in torch."""

    def forward(self, z):
        return F.relu(z)

    def value_and_slope(self, z, out):
        torch.clamp(z, min=0.0, out=out)
        return (z > 0).to(z.dtype)

    def curvature(self, z):
        return torch.zeros_like(z)


class GELU(_Elementwise):
    """``z Phi(z)`` with the exact standard normal distribution function."""

    def forward(self, z):
        return F.gelu(z)

    def value_and_slope(self, z, out):
        cdf = torch.special.ndtr(z)
        torch.mul(z, cdf, out=out)
        return torch.addcmul(cdf, z, self._pdf(z))

    def curvature(self, z):
        return self._pdf(z) * (2.0 - z * z)

    def _pdf(self, z):
        return torch.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)


class SiLU(_Elementwise):
    """``z sigmoid(z)``."""

    def forward(self, z):
        return F.silu(z)

    def value_and_slope(self, z, out):
        gate = torch.sigmoid(z)
        torch.mul(z, gate, out=out)
        return gate + out * (1.0 - gate)

    def curvature(self, z):
        gate = torch.sigmoid(z)
        return gate * (1.0 - gate) * (2.0 + z * (1.0 - 2.0 * gate))


class Tanh(_Elementwise):
    """Hyperbolic tangent."""

    def forward(self, z):
        return torch.tanh(z)

    def value_and_slope(self, z, out):
        torch.tanh(z, out=out)
        return 1.0 - out * out

    def curvature(self, z):
        value = torch.tanh(z)
        return -2.0 * value * (1.0 - value * value)


_FIXED = {"relu": ReLU, "gelu": GELU, "silu": SiLU, "tanh": Tanh}
ACTIVATIONS = ("polynomial", *_FIXED)


def make_activation(name, members, n_units, degree):
    """Build the activation of one layer.

    Parameters
    ----------
    name : {"polynomial", "relu", "gelu", "silu", "tanh"}
    members, n_units, degree : int
        See :class:`~cr_sklearn.nn.Polynomial`; the fixed activations ignore them.

    Raises
    ------
    ValueError
        If ``name`` is none of the above.

    Examples
    --------
    >>> make_activation("tanh", members=1, n_units=4, degree=3)
    Tanh()
    """
    if name == "polynomial":
        return Polynomial(members, n_units, degree)
    if name not in _FIXED:
        raise ValueError(f"activation must be one of {ACTIVATIONS}, got {name!r}.")
    return _FIXED[name]()
