"""Statistics of the target for the levels of a category, out of fold."""

from typing import NamedTuple

import numpy as np

from cr_sklearn.encoding._scaling import center_and_scale
from cr_sklearn.formulas import _numpy as xp
from cr_sklearn.formulas._encodings import FAR_OUT, bound

# Columns of more levels have statistics. With fewer, the values of a fold would tell
# the targets of its rows: there are ten of them for each level.
FEW_LEVELS = 32
_N_FOLDS = 10
# Rows of the average level that each level is given beside its own.
_SMOOTHING = (3.0, 30.0)


class ColumnStatistics(NamedTuple):
    """Statistics of one column's levels, encoded.

    Attributes
    ----------
    table : ndarray of shape (n_levels + 2, n_statistics)
        By level; then of levels that training has not seen, and of missing values.
    level_mean : ndarray of shape (n_indicators, n_statistics)
        Means over the training rows that have each of the column's indicators.
    residual : ndarray of shape (n_statistics, n_statistics)
        Square root of the covariance within rows of the same indicator.
    """

    table: np.ndarray
    level_mean: np.ndarray
    residual: np.ndarray


def fit_statistics(codes, n_levels, indicator, n_indicators, target, weight, fold):
    r"""Learn statistics of a column.

    For each column y of the target and a = 3 and 30,

    .. math:: \mathrm{logit}\, \frac{\sum_i w_i y_i + a \bar y}{\sum_i w_i + a}
              - \mathrm{logit}\, \bar y,

    the sums over the training rows of the level, with weights of mean 1; and the
    logarithm of 1 + their number. The values of training rows leave out the rows of
    their own fold: otherwise a level of one row would tell its target. Values are
    standardised and bounded as numeric columns are; what does not vary is left out.

    Source: D. Micci-Barreca: A preprocessing scheme for high-cardinality categorical
    attributes. SIGKDD Explorations 3, 2001. NOTE[DIFF] There the share itself is
    smoothed, in fold.

    Parameters
    ----------
    codes : ndarray of int of shape (n,)
        Levels; -1 where missing.
    n_levels : int
    indicator : ndarray of int of shape (n,)
        The indicator that each row has; -1 for none.
    n_indicators : int
    target : ndarray of shape (n, n_targets)
        In [0, 1].
    weight : ndarray of shape (n,)
        Positive.
    fold : ndarray of int of shape (n,)
        From 0 to 9.

    Returns
    -------
    statistics : ColumnStatistics
    values : ndarray of shape (n, n_statistics)
        Of the training rows.
    """
    codes = np.where(codes < 0, n_levels + 1, codes)
    weight = weight / weight.mean()
    prior = weight @ target / weight.sum()
    place = codes * _N_FOLDS + fold
    size = (n_levels + 2) * _N_FOLDS
    by_fold = np.stack(
        [np.bincount(place, weight * y, size) for y in (1.0, *target.T)], axis=1
    ).reshape(n_levels + 2, _N_FOLDS, -1)
    sums = by_fold.sum(axis=1)
    rest = sums[codes] - by_fold[codes, fold]
    # Rounding may leave a little of what was taken off.
    rest[rest < 1e-9] = 0.0
    table, values = _log_odds(sums, prior), _log_odds(rest, prior)
    table = np.column_stack([table, np.log1p(sums[:, 0])])
    values = np.column_stack([values, np.log1p(sums[codes, 0])])
    kept = []
    for column in range(values.shape[1]):
        center, scale, varies = center_and_scale(values[:, column], weight)
        if varies:
            kept.append(column)
            for each in (table, values):
                v = np.clip((each[:, column] - center) / scale, -FAR_OUT, FAR_OUT)
                each[:, column] = bound(xp, v)
    table, values = table[:, kept], values[:, kept]
    level_mean, residual = _spread(values, indicator, n_indicators, weight)
    return ColumnStatistics(table, level_mean, residual), values


def folds(original, seed):
    """Deal rows into folds at random, copies of a row into the same one."""
    rng = np.random.default_rng(seed)
    return rng.permutation(int(original.max()) + 1)[original] % _N_FOLDS


def _log_odds(sums, prior):
    """Return smoothed log-odds beside the prior's, from weights and sums of targets."""
    found = [(sums[:, 1:] + a * prior) / (sums[:, :1] + a) for a in _SMOOTHING]
    center = np.log(prior / (1.0 - prior))
    return np.concatenate([np.log(p / (1.0 - p)) - center for p in found], axis=1)


def _spread(values, indicator, n_indicators, weight):
    # The last one is of rows without an indicator.
    group = np.where(indicator < 0, n_indicators, indicator)
    total = np.bincount(group, weight, n_indicators + 1)
    sums = np.zeros((n_indicators + 1, values.shape[1]))
    np.add.at(sums, group, weight[:, None] * values)
    mean = sums / np.maximum(total, 1e-300)[:, None]
    rest = values - mean[group]
    covariance = (weight[:, None] * rest).T @ rest / weight.sum()
    size, directions = np.linalg.eigh(covariance)
    return mean[:-1], directions * np.sqrt(np.maximum(size, 0.0))
