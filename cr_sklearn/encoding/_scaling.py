"""Centre and scale of numeric columns, by the bulk of their values."""

import numpy as np

from cr_sklearn.encoding._quantiles import weighted_quantile

# Beyond these quantiles values count as at them in a standard deviation.
_TAILS = 0.01, 0.99
# Quartiles of a Gaussian of unit variance are so far apart.
_QUARTILES = 1.349
# Values that differ from the centre count as at most so many times their median
# distance: a sentinel far out must not stretch the scale of a column of zeros.
_FAR = 15.0
# Differences below so many rounding errors of the bulk are those of a constant.
_ROUNDING = 4 * np.finfo(float).eps
# So small a scale has few digits left, and a derivative by its column overflows.
_LEAST = 1e-300


@np.errstate(over="ignore")  # of far values, which are then cut
def center_and_scale(column, weight):
    """Return a robust centre and scale of a column, and whether it varies.

    The median, and the interquartile range divided by 1.349. Where the quartiles
    coincide, the standard deviation takes its place, of values whose distance from
    the median is cut at 15 times that of a typical one that differs from it. Of a
    column of two values it is their mean and distance: the indicator of one, centred.

    Parameters
    ----------
    column : ndarray of shape (n,)
        NaN where missing, but not everywhere.
    weight : ndarray of shape (n,)
        Positive.
    """
    low, high = np.nanmin(column), np.nanmax(column)
    if low < high and two_values(column, low, high):
        is_high = column == high
        share = weight @ is_high / (weight @ ~np.isnan(column))
        scale = high - low
        varies = scale > max(_ROUNDING * max(abs(low), abs(high)), _LEAST)
        return (1.0 - share) * low + share * high, scale, varies
    quartiles = weighted_quantile(column[:, None], (0.25, 0.5, 0.75), weight)[:, 0]
    lower, center, upper = quartiles
    scale = (upper - lower) / _QUARTILES
    if not np.isfinite(scale):
        scale = upper / _QUARTILES - lower / _QUARTILES
    if not scale > 0:
        scale = _deviation(column, center, weight)
    # The largest value may be a sentinel, beside which all others are rounding errors.
    return center, scale, scale > max(_ROUNDING * np.abs(quartiles).max(), _LEAST)


def deviation(v, weight):
    """Return the standard deviation of standardised values, winsorised.

    Beside a spike the scale of :func:`center_and_scale` may be that of the spike alone,
    in which the other values are far out. Values beyond the quantiles of 1 % and 99 %
    count as at them; where the quartiles coincide, those beyond 15.

    Parameters
    ----------
    v : ndarray of shape (n,)
        NaN where missing; not constant.
    weight : ndarray of shape (n,)
        Positive.
    """
    levels = (_TAILS[0], 0.25, 0.75, _TAILS[1])
    low, lower, upper, high = weighted_quantile(v[:, None], levels, weight)[:, 0]
    if lower == upper:
        low, high = -_FAR, _FAR
    present = ~np.isnan(v)
    v, weight = np.clip(v[present], low, high), weight[present] / weight[present].sum()
    return np.sqrt(weight @ (v - weight @ v) ** 2)


def two_values(column, low, high):
    """Tell whether a column takes no other values than these."""
    return bool(((column == low) | (column == high) | np.isnan(column)).all())


def _deviation(column, center, weight):
    present = ~np.isnan(column)
    deviation = np.where(present, column - center, 0.0)
    differs = deviation != 0.0
    if not differs.any():
        return 0.0
    # Finite, also where a difference overflows.
    size = np.minimum(np.abs(deviation), np.finfo(float).max)
    typical = weighted_quantile(size[differs, None], [0.5], weight[differs])[0, 0]
    farthest = np.minimum(_FAR * typical, np.finfo(float).max)
    deviation = np.clip(deviation, -farthest, farthest)
    # Squares of what is very large or small would leave the range.
    unit = 1.0 if 1e-100 < typical < 1e100 else typical
    deviation = deviation / unit
    deviation -= present * (weight @ deviation / (weight @ present))
    return unit * np.sqrt(weight @ deviation**2 / (weight @ present))
