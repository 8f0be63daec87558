"""Quantiles of weighted rows."""

import numpy as np


def weighted_quantile(x, q, weight):
    """Return quantiles in which a weight of 2 equals the row twice.

    The averaged inverse of the weighted distribution function, column by column,
    ignoring NaN.

    Parameters
    ----------
    x : ndarray of shape (n, p)
    q : sequence of float
        In (0, 1).
    weight : ndarray of shape (n,)
        Positive.

    Returns
    -------
    ndarray of shape (len(q), p)
        NaN for a column without a value.

    Examples
    --------
    >>> x = np.array([[1.0], [2.0], [10.0]])
    >>> weighted_quantile(x, [0.5], np.array([1.0, 1.0, 2.0])).tolist()
    [[6.0]]
    """
    order = np.argsort(x, axis=0, kind="stable")  # NaN last
    values = np.take_along_axis(x, order, axis=0)
    weights = np.where(np.isnan(values), 0.0, weight[order])
    cumulated = np.cumsum(weights, axis=0)
    total = cumulated[-1]
    quantiles = np.full((len(q), x.shape[1]), np.nan)
    for column in np.flatnonzero(total > 0):
        # Rounding in the sum must not decide on which side of a tie q falls.
        share = np.round(cumulated[:, column] / total[column], 12)
        # Only rows with a value can be meant.
        last = np.searchsorted(share, 1.0, side="left")
        low = np.minimum(np.searchsorted(share, q, side="left"), last)
        high = np.minimum(np.searchsorted(share, q, side="right"), last)
        low, high = values[low, column], values[high, column]
        with np.errstate(over="ignore"):
            middle = 0.5 * (low + high)
        # Where the sum overflows, halves first; they would lose the smallest numbers.
        quantiles[:, column] = np.where(
            np.isfinite(middle), middle, 0.5 * low + 0.5 * high
        )
    return quantiles
