"""Ramps between quantiles: thresholds that a smooth network can see."""

from itertools import pairwise

import numpy as np

from cr_sklearn.encoding._quantiles import weighted_quantile
from cr_sklearn.formulas import _numpy as xp
from cr_sklearn.formulas._encodings import RISE, ramp, ramp_slope

# All columns of a table together; wide tables get fewer ramps for each.
_MAX_RAMPS = 512
# Of a ramp, in standardised units.
_LEAST_WIDTH = 1e-9


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
    columns_ : ndarray of shape (n_columns_with_ramps,)
        Positions of the columns that have ramps.
    slope_, offset_ : ndarray of shape (n_ramps,)
        Where it rises it is ``offset_ + slope_ v``.
    mean_ : ndarray of shape (n_ramps,)
        Its training mean, before it is taken off.
    """

    def __init__(self, n_bins):
        self.n_bins = n_bins

    def fit(self, columns, n_columns, weight):
        """Learn the knots.

        Parameters
        ----------
        columns : iterable of ndarray of shape (n,)
            NaN where missing. Read one after the other.
        n_columns : int
        weight : ndarray of shape (n,)
            Positive.
        """
        n_ramps = min(self.n_bins, _MAX_RAMPS // max(n_columns, 1))
        source, knots, means = [], [], []
        if n_ramps > 1:
            for position, column in enumerate(columns):
                ends = _knots(column, weight, n_ramps)
                source += [position] * len(ends)
                knots += ends
                means.append(_mean_share(column, weight, ends))
        self.source_ = np.array(source, dtype=int)
        self.lower_, self.upper_ = np.array(knots, dtype=float).reshape(-1, 2).T
        self.slope_ = RISE / (self.upper_ - self.lower_)
        self.offset_ = -self.lower_ * self.slope_
        self.mean_ = RISE * np.concatenate([np.empty(0), *means])
        # Ramps are sorted by source, so that each column's are one block.
        self.columns_, self._starts = np.unique(self.source_, return_index=True)
        return self

    def transform(self, values):
        """Encode values as ramps, (n, n_ramps); NaN where missing."""
        values = np.take(values, self.source_, axis=1)
        return ramp(xp, values, self.offset_, self.slope_, self.mean_)

    def slope(self, values):
        """Return the derivatives of the ramps, (n, n_ramps); 0 where missing.

        At a knot it is the derivative to the right.
        """
        values = np.take(values, self.source_, axis=1)
        return ramp_slope(xp, values, self.lower_, self.upper_, self.slope_)

    def sum_by_column(self, ramps):
        """Add up what each column's ramps have.

        Parameters
        ----------
        ramps : ndarray of shape (..., n_ramps)
            At least one.

        Returns
        -------
        ndarray of shape (..., n_columns_with_ramps)
        """
        return np.add.reduceat(ramps, self._starts, axis=-1)


def _knots(column, weight, n_ramps):
    """Return the lower and the upper end of each ramp of a column."""
    knots = np.unique(column[~np.isnan(column)])
    if len(knots) > n_ramps + 1:
        levels = np.arange(1, n_ramps) / n_ramps
        inner = weighted_quantile(column[:, None], levels, weight)[:, 0]
        knots = np.unique([knots[0], *inner, knots[-1]])
    # Between values that are the same on the column's scale a slope would be infinite.
    knots = knots[np.append(True, np.diff(knots) > _LEAST_WIDTH)]
    # One ramp alone is the column once more.
    return list(pairwise(knots)) if len(knots) > 2 else []


def _mean_share(column, weight, ends):
    present = ~np.isnan(column)
    column, weight = column[present], weight[present]
    # One after the other, in little memory.
    shares = (np.clip((column - low) / (high - low), 0.0, 1.0) for low, high in ends)
    return [weight @ share / weight.sum() for share in shares]
