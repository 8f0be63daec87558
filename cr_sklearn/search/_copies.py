"""Rows that were given several times, which no fold may tear apart."""

import numpy as np

# Identical rows are copies where chance would hardly bring them: at most this share of
# them, were columns independent.
_BY_CHANCE = 0.01
# And where a column of the distinct rows tells so many of them apart: of a table of
# few values, such as answers, rows agree without being copies.
_CONTINUOUS = 0.5
# As many do if their labels agree as well: in an oversampled table all of them do.
_ROUNDED = 0.25
_ODD = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(29)


def original_rows(columns, is_categorical, target):
    """Number the rows so that copies of a row have its number.

    Copies on both sides of a split would make a held-out part look better than unseen
    rows. Rows that agree by chance, as in tables of few values, are not copies: unseen
    rows agree with them too.

    Parameters
    ----------
    columns : FrameColumns or ArrayColumns
    is_categorical : ndarray of bool of shape (n_features,)
    target : ndarray of shape (n,)
        Codes of the classes.

    Returns
    -------
    ndarray of int of shape (n,)
    """
    n_rows = columns.n_rows
    alone = np.arange(n_rows)
    features = range(columns.n_features)
    digest = np.zeros(n_rows, dtype=np.uint64)
    for feature in features:
        digest += _values(columns, feature, is_categorical).view(np.uint64)
        digest *= _ODD
        digest ^= digest >> _SHIFT
    _, first, original = np.unique(digest, return_index=True, return_inverse=True)
    n_distinct = len(first)
    if n_distinct == n_rows:
        return alone
    finest, chance = 0.0, n_distinct * (n_distinct - 1) / 2
    for feature in features:
        values = _values(columns, feature, is_categorical)[first]
        values, counts = np.unique(values, return_counts=True)
        finest = max(finest, len(counts) / n_distinct)
        chance *= _chance_to_agree(values, counts)
    labels_agree = (target == target[first][original]).all()
    is_copied = chance <= _BY_CHANCE * (n_rows - n_distinct) and finest >= (
        _ROUNDED if labels_agree else _CONTINUOUS
    )
    return original if is_copied else alone


def _chance_to_agree(values, counts):
    """Estimate the chance that two distinct rows have the same value in a column.

    Parameters
    ----------
    values : ndarray
        Distinct ones, rising.
    counts : ndarray
        How many rows have each.
    """
    n = counts.sum()
    agree = (counts * (counts - 1.0)).sum() / max(n * (n - 1), 1)
    gaps = np.diff(values[~np.isnan(values)])
    # Rounded to multiples of the smallest gap, a column has only so many values.
    return max(agree, gaps.min() / (gaps.sum() + gaps.min())) if gaps.size else agree


def _values(columns, feature, is_categorical):
    """Return a column as float64, with one bit pattern for each value."""
    if is_categorical[feature]:
        return columns.factorize(feature)[1].astype(np.float64)
    values = columns.numeric([feature])[:, 0] + 0.0
    values[np.isnan(values)] = np.nan
    return values
