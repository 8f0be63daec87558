"""Ramps between quantiles: thresholds that a smooth network can see."""

import numpy as np

from cr_sklearn._quantiles import weighted_quantile

# A ramp rises by this much. Below 1 it is a hint that costs more DREG than the column
# itself, to be taken only where the data asks for a threshold.
RISE = 0.5
# All columns of a table together; wide tables get fewer ramps for each.
_MAX_RAMPS = 512


class PiecewiseLinear:
    r"""Piecewise linear encoding of numeric columns at their quantiles.

    A column with knots :math:`t_0 < \dots < t_B` adds B ramps

    .. math:: \tfrac{1}{2} \Big[ \min\Big(1, \max\Big(0,
              \frac{v - t_{b-1}}{t_b - t_{b-1}} \Big)\Big) - \mu_b \Big]

    with their training mean :math:`\mu_b` taken off, so that a missing value is the
    average row. Knots are quantiles, or all values if they are fewer; columns of two
    values have no ramps.

    Source: Y. Gorishniy, I. Rubachev, A. Babenko: On embeddings for numerical features
    in tabular deep learning. NeurIPS 2022. Here the ramps stand beside the column
    itself.

    Parameters
    ----------
    n_bins : int
        Ramps of a column, at most. All columns together have at most 512, so that wide
        tables get fewer for each, and from 257 columns on none.

    Attributes
    ----------
    source_ : ndarray of shape (n_ramps,)
        Position of each ramp's column.
    lower_, upper_ : ndarray of shape (n_ramps,)
        Where it rises.
    mean_ : ndarray of shape (n_ramps,)
        Its training mean, before it is taken off.
    """

    def __init__(self, n_bins):
        self.n_bins = n_bins

    def fit(self, values, weight):
        """Learn the knots.

        Parameters
        ----------
        values : ndarray of shape (n, p)
            NaN where missing.
        weight : ndarray of shape (n,)
            Positive.
        """
        n_columns = values.shape[1]
        n_ramps = min(self.n_bins, _MAX_RAMPS // max(n_columns, 1))
        knots = [[]] * n_columns
        if n_ramps > 1:
            knots = _knots(values, weight, n_ramps)
        counts = [max(len(t) - 1, 0) for t in knots]
        self.source_ = np.repeat(np.arange(n_columns), counts)
        self.lower_ = np.concatenate([np.empty(0), *(t[:-1] for t in knots)])
        self.upper_ = np.concatenate([np.empty(0), *(t[1:] for t in knots)])
        share = self._share(values)
        present = ~np.isnan(share)
        self.mean_ = weight @ np.where(present, share, 0.0) / (weight @ present)
        return self

    def transform(self, values):
        """Ramps of each row, (n, n_ramps)."""
        return RISE * np.nan_to_num(self._share(values) - self.mean_)

    def slope(self, values):
        """Derivative of each ramp by its column, (n, n_ramps); 0 where missing.

        At a knot it is the derivative to the right.
        """
        given = values[:, self.source_]
        rising = (self.lower_ <= given) & (given < self.upper_)
        return np.where(rising, RISE / (self.upper_ - self.lower_), 0.0)

    def _share(self, values):
        given = values[:, self.source_]
        return np.clip((given - self.lower_) / (self.upper_ - self.lower_), 0.0, 1.0)


def _knots(values, weight, n_ramps):
    levels = np.arange(1, n_ramps) / n_ramps
    inner = weighted_quantile(values, levels, weight)
    knots = []
    for column, quantiles in zip(values.T, inner.T, strict=True):
        present = np.unique(column[~np.isnan(column)])
        if len(present) > n_ramps + 1:
            present = np.unique([present[0], *quantiles, present[-1]])
        # One ramp alone is the column once more.
        knots.append(present if len(present) > 2 else [])
    return knots
