"""Fixed activations with the derivative that the derivative stream needs.

Every class answers ``forward(z)`` and ``value_and_slope(z, out, terms)`` like
:class:`~cr_sklearn.nn.Polynomial`: DREG differentiates the slope once more during
training.
"""

import math

import torch
from torch import nn
from torch.nn import functional as F

from cr_sklearn.nn._poly import Polynomial


class _Elementwise(nn.Module):
    """An activation without parameters."""

    learned = False

    def terms(self):
        return None


class ReLU(_Elementwise):
    """``max(z, 0)``; its slope at 0 is 0, as in torch."""

    def forward(self, z):
        return F.relu(z)

    def value_and_slope(self, z, out, terms=None):
        torch.clamp(z, min=0.0, out=out)
        return (z > 0).to(z.dtype), torch.zeros_like(z)


class GELU(_Elementwise):
    """``z Phi(z)`` with the exact standard normal distribution function."""

    def forward(self, z):
        return F.gelu(z)

    def value_and_slope(self, z, out, terms=None):
        squared = z * z
        pdf = torch.exp(-0.5 * squared) / math.sqrt(2.0 * math.pi)
        cdf = torch.special.ndtr(z)
        torch.mul(z, cdf, out=out)
        return torch.addcmul(cdf, z, pdf), pdf * (1.0 - 0.5 * squared)


class SiLU(_Elementwise):
    """``z sigmoid(z)``."""

    def forward(self, z):
        return F.silu(z)

    def value_and_slope(self, z, out, terms=None):
        gate = torch.sigmoid(z)
        torch.mul(z, gate, out=out)
        rest = 1.0 - gate
        curve = gate * rest * (1.0 + z * (0.5 - gate))
        return torch.addcmul(gate, out, rest), curve


class Tanh(_Elementwise):
    """Hyperbolic tangent."""

    def forward(self, z):
        return torch.tanh(z)

    def value_and_slope(self, z, out, terms=None):
        torch.tanh(z, out=out)
        slope = 1.0 - out * out
        return slope, -out * slope


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
