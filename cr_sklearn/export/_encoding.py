"""The encoding of columns and its derivative, as nodes of a graph."""

from numbers import Real
from typing import NamedTuple

import numpy as np

from cr_sklearn.export import _arrays as xp
from cr_sklearn.export._arrays import GraphArray
from cr_sklearn.formulas._encodings import (
    FAR_OUT,
    bound,
    bound_slope,
    by_level,
    ramp,
    ramp_slope,
)


class MatrixInput:
    """Columns of one matrix.

    Parameters
    ----------
    matrix : GraphArray of shape (n, n_features)
    """

    def __init__(self, matrix):
        self._matrix = matrix

    def numeric(self, features):
        """Return columns as a matrix of their own."""
        return xp.take(self._matrix, np.asarray(features), axis=1)

    def any_column(self):
        return self._matrix


class ColumnInputs:
    """Columns that are an input each.

    Parameters
    ----------
    columns : list of GraphArray of shape (n, 1)
    """

    def __init__(self, columns):
        self._columns = columns

    def numeric(self, features):
        """Return columns as one matrix."""
        return xp.concat([self._columns[feature] for feature in features], 1)

    def any_column(self):
        return self._columns[0]


class Encoding(NamedTuple):
    """Encoded rows, and the slopes of the encoding for the Jacobian.

    Attributes
    ----------
    encoded : GraphArray of shape (n, n_encoded)
    missing : GraphArray of bool of shape (n, n_numeric) or None
        None where no numeric column varies.
    bound_slope : GraphArray of shape (n, n_numeric) or None
        0 where missing.
    ramp_slope : GraphArray of shape (n, n_ramps) or None
        None where there are none.
    """

    encoded: GraphArray
    missing: GraphArray | None
    bound_slope: GraphArray | None
    ramp_slope: GraphArray | None


def holds_strings(categories, label):
    """Tell whether categories are strings, and not numbers.

    Raises
    ------
    TypeError
        If they are neither.
    ValueError
        If they are integers that double precision can't tell apart.
    """
    values = categories.tolist()
    if all(isinstance(value, str) for value in values):
        return True
    others = sorted({type(v).__name__ for v in values if not isinstance(v, Real)})
    if others:
        raise TypeError(
            f"The categories of column {label} are of the types {others}. ONNX has "
            "strings and numbers: convert the column, for example with .astype(str), "
            "and fit again."
        )
    inexact = [value for value in values if float(value) != value]
    if inexact:
        raise ValueError(
            f"Category {inexact[0]} of column {label} has no exact value in double "
            "precision. Convert the column with .astype(str) and fit again."
        )
    return False


def encode(encoder, columns, n_derivatives):
    """Write down :meth:`TabularEncoder.transform`.

    Parameters
    ----------
    encoder : TabularEncoder
        Fitted.
    columns : MatrixInput or ColumnInputs
    n_derivatives : {0, 1}
        Whether the derivative is wanted too.
    """
    numeric, ramps = [], []
    missing = slope = slope_of_ramps = None
    if len(encoder.numeric_features_):
        values = columns.numeric(encoder.numeric_features_)
        missing, present = xp.isnan(values), xp.is_present(values)
        # At the centre both the bounded value and its place among the ramps are finite.
        values = xp.where(missing, encoder.center_, values)
        v = xp.clip((values - encoder.center_) / encoder.scale_, -FAR_OUT, FAR_OUT)
        numeric = [bound(xp, v)]
        if n_derivatives:
            slope = present * bound_slope(xp, v)
        if len(encoder.ramps_.source_):
            fitted, source = encoder.ramps_, encoder.ramps_.source_
            by_ramp, there = xp.take(v, source, axis=1), xp.take(present, source, 1)
            ramps = [ramp(xp, by_ramp, fitted.slopes_, fitted.mean_) * there]
            if n_derivatives:
                slope_of_ramps = there * ramp_slope(xp, by_ramp, fitted.slopes_)
    parts = [*numeric, *_indicators(encoder, columns), *ramps]
    if not parts:
        # A table of constants is one column, of zeros.
        parts = [xp.zero_rows(columns.any_column())]
    return Encoding(xp.concat(parts, 1), missing, slope, slope_of_ramps)


def standardised_jacobian(encoder, jacobian, encoding):
    """Write down :meth:`TabularEncoder.standardised_jacobian`.

    Parameters
    ----------
    encoder : TabularEncoder
    jacobian : GraphArray of shape (n, n_outputs, n_encoded)
    encoding : Encoding

    Returns
    -------
    numeric : GraphArray of shape (n, n_outputs, n_numeric) or None
        With respect to standardised numeric columns.
    indicators : GraphArray of shape (n, n_outputs, n_indicators) or None
    """
    n_numeric, n_inputs = len(encoder.numeric_features_), encoder.n_standardised
    numeric = indicators = None
    if n_numeric:
        numeric = jacobian[..., :n_numeric] * xp.expand_dims(encoding.bound_slope, 1)
        if encoding.ramp_slope is not None:
            by_ramp = jacobian[..., n_inputs : encoder.n_encoded_]
            by_ramp = by_ramp * xp.expand_dims(encoding.ramp_slope, 1)
            numeric = numeric + by_ramp @ np.eye(n_numeric)[encoder.ramps_.source_]
    if n_inputs > n_numeric:
        indicators = jacobian[..., n_numeric:n_inputs]
    return numeric, indicators


def deviation_jacobian(encoder, numeric, indicators):
    """Write down :meth:`TabularEncoder.deviation_jacobian`.

    Parameters
    ----------
    encoder : TabularEncoder
    numeric, indicators : GraphArray or None
        From :func:`standardised_jacobian`.

    Returns
    -------
    list of GraphArray
        The parts of it that there are.
    """
    parts, n_numeric = [], len(encoder.numeric_features_)
    categorical, n_missing = encoder.categorical_, len(encoder.missing_features_)
    share = categorical.share_
    if n_numeric:
        parts.append(numeric * encoder.deviation_[:n_numeric])
    if n_missing:
        parts.append(indicators[..., :n_missing] * encoder.deviation_[n_numeric:])
    stop = n_missing + len(share)
    levels = indicators[..., n_missing:stop] if len(share) else None
    if categorical.statistics_:
        by_statistic = indicators[..., stop : stop + categorical.n_statistics]
        added = by_statistic @ categorical.statistic_map()
        if levels is not None:
            levels = levels + added[..., : len(share)]
        parts.append(added[..., len(share) : len(share) + categorical.n_statistics])
    if levels is not None:
        n_columns = len(categorical.kept_)
        column = np.arange(n_columns).repeat(np.diff(categorical.first_))
        mean = (levels * share) @ np.eye(n_columns)[column]
        mean = xp.take(mean, column, axis=2)
        parts.append(by_level(levels, mean, share))
    return parts


def user_jacobian(encoder, jacobian, numeric, missing):
    """Write down :meth:`TabularEncoder.user_jacobian`.

    Parameters
    ----------
    encoder : TabularEncoder
    jacobian : GraphArray of shape (n, n_outputs, n_encoded)
        For its number of rows and outputs.
    numeric : GraphArray or None
        From :func:`standardised_jacobian`.
    missing : GraphArray or None
        From :func:`encode`.

    Returns
    -------
    GraphArray of shape (n, n_outputs, n_features)
    """
    # By position: varying numeric columns, then what all others have.
    parts = [jacobian[..., :1] * 0.0 + np.array([0.0, np.nan])]
    if numeric is not None:
        missing = xp.expand_dims(missing, 1)
        parts.insert(0, xp.where(missing, np.array(np.nan), numeric / encoder.scale_))
    n_numeric = len(encoder.numeric_features_)
    position = n_numeric + encoder.is_categorical_.astype(np.int64)
    position[encoder.numeric_features_] = np.arange(n_numeric)
    return xp.take(xp.concat(parts, 2), position, axis=2)


def _indicators(encoder, columns):
    """Write down indicators of missing values and levels, and statistics of these."""
    n_missing = len(encoder.missing_features_)
    parts, statistics = [], []
    if n_missing:
        missing = xp.isnan(columns.numeric(encoder.missing_features_))
        parts.append(xp.as_float(missing) - encoder.indicator_mean_[:n_missing])
    categorical, start = encoder.categorical_, 0
    for feature, levels in categorical.levels_.items():
        column = columns.numeric([feature])
        if feature in categorical.kept_:
            stop = start + categorical.n_indicators(feature)
            share = categorical.share_[start:stop]
            parts.append(_levels(categorical, feature, column, share))
            start = stop
        if feature in categorical.statistics_:
            table = categorical.statistics_[feature].table
            by_level, gap = _equal_and_missing(column, levels, feature)
            known = xp.expand_dims(xp.sum_(by_level, axis=1), 1)
            gap = gap * (1.0 - known)
            unseen = 1.0 - known - gap
            statistics.append(
                by_level @ table[:-2] + unseen * table[-2] + gap * table[-1]
            )
    return [*parts, *statistics]


def _levels(categorical, feature, column, share):
    """Write down the indicators of one column, centred."""
    has_rare = categorical.rare_share_[feature] > 0
    has_missing = categorical.missing_bucket_[feature]
    by_level, gap = _equal_and_missing(column, categorical.kept_[feature], feature)
    indicators = [by_level]
    missing = unknown = 1.0 - xp.expand_dims(xp.sum_(by_level, axis=1), 1)
    if has_rare:
        missing = gap * unknown
        indicators.append(unknown - missing)
    if has_missing:
        indicators.append(missing)
    centred = xp.concat(indicators, 1) - share
    # What has no indicator is the average row.
    return centred if has_missing else centred * (1.0 - missing)


def _equal_and_missing(column, levels, feature):
    """Write down which of the levels a value is, and whether it is missing."""
    is_text = holds_strings(levels, str(feature))
    if not is_text:
        levels = levels.astype(float)
    # Missing are NaN and the empty text.
    gap = xp.equal(column, np.array([[""]])) if is_text else xp.isnan(column)
    return xp.as_float(xp.equal(column, levels[None])), xp.as_float(gap)
