"""Encodings of numeric columns, and their derivatives.

``v`` are standardised values.
"""

from typing import Any, NamedTuple

import numpy as np

# Standardised values are squashed smoothly into (-BOUND, BOUND).
BOUND = 3.0
# Standardised values are clipped here, where the bound is constant in float64.
FAR_OUT = 1e100


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


def by_level(derivatives, mean, share):
    r"""Return derivatives by indicators of categories, in standard deviations.

    .. math:: \sqrt{p_c} \Big( g_c - \sum_{d} p_d\, g_d \Big)

    Their squares add up to the variance, over the levels of a column, of a function
    with these slopes.

    Parameters
    ----------
    derivatives, mean : array of shape (..., n_indicators)
        The derivatives g, and their means over the levels of the same column.
    share : ndarray of shape (n_indicators,)
        Shares p of the levels.

    Examples
    --------
    >>> import numpy as np
    >>> by_level(np.array([3.0, 1.0]), 2.0, np.array([0.5, 0.5])).round(3).tolist()
    [0.707, -0.707]
    """
    return (derivatives - mean) * np.sqrt(share)


class Trapezoids(NamedTuple):
    """Slopes of ramps: up in a straight line, level, and down again.

    Attributes
    ----------
    rise, rise_width : array of shape (n_ramps,)
        Where the slope begins to grow from 0, and over which distance.
    fall, fall_width : array of shape (n_ramps,)
        Where it begins to shrink, not before it has grown.
    height : array of shape (n_ramps,)
        Slope between the two.
    """

    rise: Any
    rise_width: Any
    fall: Any
    fall_width: Any
    height: Any


def ramp(xp, v, slopes, mean):
    """Return ramps, the integrals of their slopes, with their means taken off.

    Parameters
    ----------
    xp : module
        Array namespace.
    v : array of shape (..., n_ramps)
        Values of each ramp's column; may be overwritten.
    slopes : Trapezoids
    mean : array of shape (n_ramps,)
    """
    grown, shrunk = _shares(xp, v, slopes)
    # The three parts are clipped one by one: far out, differences of two large numbers
    # would leave nothing of the height. In place, since new memory takes most of the
    # time.
    begin = slopes.rise + slopes.rise_width
    area = xp.clip(v, begin, slopes.fall)
    area -= begin
    grown *= grown
    grown *= 0.5 * slopes.rise_width
    area += grown
    left = 2.0 - shrunk
    left *= shrunk
    left *= 0.5 * slopes.fall_width
    area += left
    area *= slopes.height
    area -= mean
    return area


def ramp_slope(xp, v, slopes):
    """Return the derivatives of ramps, which are continuous."""
    grown, shrunk = _shares(xp, v, slopes)
    return slopes.height * (grown - shrunk)


def _shares(xp, v, slopes):
    grown, shrunk = v - slopes.rise, v - slopes.fall
    grown /= slopes.rise_width
    shrunk /= slopes.fall_width
    return xp.clip(grown, 0.0, 1.0), xp.clip(shrunk, 0.0, 1.0)
