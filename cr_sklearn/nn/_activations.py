"""Fixed activations with the derivative that the derivative stream needs.

Every class answers ``forward(z)`` and ``dual(z, tangent)`` like
:class:`~cr_sklearn.nn.Polynomial`. The slopes are written out rather than taken from
autograd, because DREG differentiates them once more during training.
"""

import math

import torch
from torch import nn
from torch.nn import functional as F

from cr_sklearn.nn._poly import Polynomial


class _Elementwise(nn.Module):
    def dual(self, z, tangent):
        """Return ``phi(z)`` and the tangent's image ``phi'(z) * tangent``."""
        value, slope = self._value_and_slope(z)
        return value, slope.unsqueeze(2) * tangent


class ReLU(_Elementwise):
    """``max(z, 0)``; its slope at 0 is 0, as in torch."""

    def forward(self, z):
        return F.relu(z)

    def _value_and_slope(self, z):
        return F.relu(z), (z > 0).to(z.dtype)


class GELU(_Elementwise):
    """``z Phi(z)`` with the exact standard normal distribution function."""

    def forward(self, z):
        return F.gelu(z)

    def _value_and_slope(self, z):
        cdf = 0.5 * (1.0 + torch.erf(z / math.sqrt(2.0)))
        pdf = torch.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)
        return z * cdf, cdf + z * pdf


class SiLU(_Elementwise):
    """``z sigmoid(z)``."""

    def forward(self, z):
        return F.silu(z)

    def _value_and_slope(self, z):
        gate = torch.sigmoid(z)
        value = z * gate
        return value, gate + value * (1.0 - gate)


class Tanh(_Elementwise):
    """Hyperbolic tangent."""

    def forward(self, z):
        return torch.tanh(z)

    def _value_and_slope(self, z):
        value = torch.tanh(z)
        return value, 1.0 - value * value


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
