r"""Activations :math:`\phi` with their first two derivatives.

Each is ``f(xp, z, n_derivatives, out=None)`` and returns the tuple
:math:`(\phi(z), \phi'(z), \phi''(z) / 2)` up to the derivative that is asked for. DREG
differentiates the slope once more in training; predictions need no derivative.
``out`` may take the value.
"""

import math

_DENSITY_AT_0 = 1.0 / math.sqrt(2.0 * math.pi)


def polynomial(xp, z, n_derivatives, out=None, *, coefficients):
    r"""Return polynomials without a constant term, by Horner's scheme.

    With the quotient :math:`q(z) = \phi(z) / z`, a lower coefficient a turns
    :math:`\phi` into :math:`z (a + \phi)`, whose derivatives are
    :math:`(a + \phi) + z \phi'` and, halved, :math:`\phi' + z \phi'' / 2`.

    Parameters
    ----------
    xp : module
        Array namespace.
    z : array of shape (..., n_units)
    n_derivatives : {0, 1, 2}
    out : array, default=None
    coefficients : sequence of array that broadcasts with z
        Those of z, z^2, ...
    """
    *lower, q = coefficients
    slope, half_curvature = q, None
    for a in reversed(lower):
        if n_derivatives > 1:
            half_curvature = (
                slope
                if half_curvature is None
                else xp.addcmul(slope, z, half_curvature)
            )
        q = xp.horner(q, z, a)
        if n_derivatives > 0:
            slope = xp.horner(slope, z, q)
    value = xp.horner(q, z, out=out)
    if n_derivatives == 0:
        return (value,)
    if not lower:
        slope, half_curvature = xp.broadcast_to(slope, z), 0.0 * z
    elif len(lower) == 1 and n_derivatives > 1:
        half_curvature = xp.broadcast_to(half_curvature, z)
    return (value, slope, half_curvature)[: n_derivatives + 1]


def relu(xp, z, n_derivatives, out=None):
    """Return ``max(z, 0)``; its slope at 0 is 0, as in torch."""
    results = [xp.maximum(z, 0.0, out=out)]
    if n_derivatives > 0:
        results.append(xp.as_float(z > 0.0, z))
    if n_derivatives > 1:
        results.append(0.0 * z)
    return tuple(results)


def gelu(xp, z, n_derivatives, out=None):
    """Return ``z Phi(z)`` with the exact normal distribution function."""
    cdf = xp.normal_cdf(z)
    value = xp.multiply(z, cdf, out=out)
    if n_derivatives == 0:
        return (value,)
    squared = z * z
    density = xp.exp(-0.5 * squared) * _DENSITY_AT_0
    slope = xp.addcmul(cdf, z, density)
    if n_derivatives == 1:
        return value, slope
    return value, slope, density * (1.0 - 0.5 * squared)


def silu(xp, z, n_derivatives, out=None):
    """Return ``z sigmoid(z)``."""
    gate = xp.sigmoid(z)
    value = xp.multiply(z, gate, out=out)
    if n_derivatives == 0:
        return (value,)
    rest = 1.0 - gate
    slope = xp.addcmul(gate, value, rest)
    if n_derivatives == 1:
        return value, slope
    return value, slope, gate * rest * (1.0 + z * (0.5 - gate))


def tanh(xp, z, n_derivatives, out=None):
    """Return the hyperbolic tangent."""
    value = xp.tanh(z, out=out)
    if n_derivatives == 0:
        return (value,)
    slope = 1.0 - value * value
    return (value, slope, -value * slope)[: n_derivatives + 1]


FIXED_ACTIVATIONS = {"relu": relu, "gelu": gelu, "silu": silu, "tanh": tanh}
ACTIVATIONS = ("polynomial", *FIXED_ACTIVATIONS)
