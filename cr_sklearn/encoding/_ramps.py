"""Smooth ramps between quantiles: thresholds that a smooth network can see."""

import numpy as np

from cr_sklearn.formulas import _numpy as xp
from cr_sklearn.formulas._encodings import Trapezoids, ramp, ramp_slope

# All columns of a table together; wide tables get fewer ramps for each.
_MAX_RAMPS = 512
# In which the cap on frequent values settles.
_ROUNDS = 6
# Ramps of which each rises by 1; fewer rise by less. They are then a hint that costs
# more DREG than the column itself, taken only where the data asks for a threshold.
_RISES_BY_ONE = 32
# Of a ramp, in standardised units.
_LEAST_WIDTH = 1e-9
# So that what is computed on the way stays in the processor's cache.
_ROWS_AT_ONCE = 512
# To either side of a knot, as a share of the nearer gap between knots. Wider ones cost
# quality where the data has thresholds, narrower ones have steeper curvature.
_ROUNDED = 0.25


class SmoothRamps:
    r"""Piecewise linear encoding of numeric columns, rounded at its knots.

    A column with knots :math:`t_0 < \dots < t_B` adds B ramps. Ramp b rises by h, at a
    slope that is a trapezoid,

    .. math:: \psi_b'(v) = \frac{h}{t_b - t_{b-1}}
              \big[ \sigma_{b-1}(v) - \sigma_b(v) \big], \qquad
              \sigma_b(v) = \min\Big(1, \max\Big(0,
              \frac{v - t_b + r_b}{2 r_b} \Big)\Big),

    where the radius :math:`r_b` of a knot is a quarter of the smaller gap beside it. So
    the slope is continuous everywhere, at a knot it is the mean of those to the left
    and to the right, and outside the data it runs out to zero. Away from the knots, and
    in sum over all ramps of equal gaps, it is the hard ramp
    :math:`\min(1, \max(0, (v - t_{b-1}) / (t_b - t_{b-1})))`, times h. With n bins h is
    the square root of n / 32. The training mean of each ramp is taken off, so that a
    missing value is the average row.

    Knots are quantiles, or all values if they are fewer; columns of two values have no
    ramps. A value that many rows have counts as no more than the rows of a bin, so that
    the other knots are where the other rows are, and is a knot itself, with its two
    neighbours among the values.

    Source: Y. Gorishniy, I. Rubachev, A. Babenko: On embeddings for numerical features
    in tabular deep learning. NeurIPS 2022. NOTE[DIFF] There the ramps have kinks, at
    which a network of polynomials would have no derivative; and knots are values of
    the data. Here the ramps are rounded, and stand beside the column itself.

    Parameters
    ----------
    n_bins : int
        Ramps of a column, beside those of frequent values. All columns together have at
        most 512, so that wide tables get fewer for each, and from 257 columns on none.

    Attributes
    ----------
    source_ : ndarray of shape (n_ramps,)
        Position of each ramp's column.
    columns_ : ndarray of shape (n_columns_with_ramps,)
        Positions of the columns that have ramps.
    slopes_ : Trapezoids of ndarray of shape (n_ramps,)
        Where each ramp rises, and how steeply.
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
        rise = np.sqrt(self.n_bins / _RISES_BY_ONE)
        source, slopes, means = [], [], []
        if n_ramps > 1:
            for position, column in enumerate(columns):
                knots = _knots(column, weight, n_ramps)
                # One ramp alone is the column once more.
                if len(knots) > 2:
                    of_column = _trapezoids(knots, rise)
                    source += [position] * (len(knots) - 1)
                    slopes.append(of_column)
                    means.append(_means(column, weight, of_column))
        nothing = np.empty(0)
        self.source_ = np.array(source, dtype=int)
        self.slopes_ = Trapezoids(
            *(
                np.concatenate([nothing, *(one[part] for one in slopes)])
                for part in range(len(Trapezoids._fields))
            )
        )
        self.mean_ = np.concatenate([nothing, *means])
        # Ramps are sorted by source, so that each column's are one block.
        self.columns_, self._starts = np.unique(self.source_, return_index=True)
        return self

    def transform(self, values):
        """Encode values as ramps, (n, n_ramps); NaN where missing."""
        return self._by_rows(
            values, lambda by_ramp: ramp(xp, by_ramp, self.slopes_, self.mean_)
        )

    def slope(self, values):
        """Return the derivatives of the ramps, (n, n_ramps); 0 where missing."""
        slope = self._by_rows(
            values, lambda by_ramp: ramp_slope(xp, by_ramp, self.slopes_)
        )
        slope[np.isnan(slope)] = 0.0
        return slope

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

    def _by_rows(self, values, function):
        result = np.empty((len(values), len(self.source_)))
        for start in range(0, len(values), _ROWS_AT_ONCE):
            rows = slice(start, start + _ROWS_AT_ONCE)
            result[rows] = function(np.take(values[rows], self.source_, axis=1))
        return result


def _knots(column, weight, n_ramps):
    present = ~np.isnan(column)
    values, place = np.unique(column[present], return_inverse=True)
    if len(values) > n_ramps + 1:
        counts = np.bincount(place, weight[present])
        values = values[_chosen(counts, n_ramps)]
    # Between values that are the same on the column's scale a slope would be infinite.
    return values[np.append(True, np.diff(values) > _LEAST_WIDTH)]


def _chosen(counts, n_ramps):
    """Choose the values that become knots, by the weights of all; return positions.

    A frequent value gets a place of its own and counts as no more than that, so that
    the others are spent on the rest.
    """
    capped = counts
    for _ in range(_ROUNDS):
        capped = np.minimum(counts, capped.sum() / n_ramps)
    share = np.cumsum(capped) / capped.sum()
    # Rounding in the sum must not decide on which side of a tie a quantile falls.
    levels = np.arange(n_ramps + 1) / n_ramps
    knots = np.searchsorted(np.round(share, 12), np.round(levels, 12))
    spikes = np.flatnonzero(counts > 2.0 * capped.sum() / n_ramps)
    spikes = spikes[np.argsort(-counts[spikes], kind="stable")][: n_ramps // 4]
    knots = np.concatenate([knots, spikes - 1, spikes, spikes + 1])
    return np.unique(np.clip(knots, 0, len(counts) - 1))


def _trapezoids(knots, rise):
    gaps = np.diff(knots)
    nearer = np.minimum(np.append(gaps[0], gaps), np.append(gaps, gaps[-1]))
    radius = _ROUNDED * nearer
    return Trapezoids(
        rise=knots[:-1] - radius[:-1],
        rise_width=2.0 * radius[:-1],
        fall=knots[1:] - radius[1:],
        fall_width=2.0 * radius[1:],
        height=rise / gaps,
    )


def _means(column, weight, trapezoids):
    present = ~np.isnan(column)
    column, weight = column[present], weight[present]
    # One after the other, in little memory.
    return [
        weight @ ramp(xp, column.copy(), Trapezoids(*one), 0.0) / weight.sum()
        for one in zip(*trapezoids, strict=True)
    ]
