"""Encodings of numeric columns, and their derivatives.

``v`` are standardised values.
"""

# Standardised values are squashed smoothly into (-BOUND, BOUND).
BOUND = 3.0
# Standardised values are clipped here, where the bound is constant in float64.
FAR_OUT = 1e100
# A ramp rises by this much. Below 1 it is a hint that costs more DREG than the column
# itself, to be taken only where the data asks for a threshold.
RISE = 0.5


def bound(xp, v):
    r"""Return the smooth bound ``v / sqrt(1 + (v / 3)^2)``, within (-3, 3).

    Stacked cubics have degree ``3^depth``; unbounded inputs would overflow.

    Examples
    --------
    >>> import numpy as np
    >>> from cr_sklearn.formulas import _numpy
    >>> bound(_numpy, np.array([0.0, 4.0])).round(3).tolist()
    [0.0, 2.4]
    """
    return v / xp.hypot_1(v / BOUND)


def bound_slope(xp, v):
    """Return the derivative of :func:`bound`, ``(1 + (v / 3)^2)^(-3/2)``.

    Examples
    --------
    >>> import numpy as np
    >>> from cr_sklearn.formulas import _numpy
    >>> bound_slope(_numpy, np.array([0.0, 4.0])).round(3).tolist()
    [1.0, 0.216]
    """
    spread = xp.hypot_1(v / BOUND)
    return 1.0 / (spread * spread * spread)


def ramp(xp, v, offset, slope, mean):
    """Return ramps that rise from 0 to :data:`RISE`, with their means taken off.

    Parameters
    ----------
    xp : module
        Array namespace.
    v : array of shape (..., n_ramps)
        Values of each ramp's column; may be overwritten.
    offset, slope, mean : array of shape (n_ramps,)
        The ramp is ``offset + slope v`` between 0 and ``RISE``.
    """
    rise = xp.clip(xp.affine(v, slope, offset), 0.0, RISE)
    rise -= mean
    return rise


def ramp_slope(xp, v, lower, upper, slope):
    """Return the derivatives of ramps; at a knot those to the right."""
    return xp.as_float((v >= lower) & (v < upper), v) * slope
