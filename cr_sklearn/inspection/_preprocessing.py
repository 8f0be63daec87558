"""Back from what a pipeline makes of a table to the columns of the table."""

from typing import NamedTuple

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    RobustScaler,
    StandardScaler,
)
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _check_feature_names, _check_n_features

from cr_sklearn._unwrap import unwrap
from cr_sklearn.encoding._columns import read_columns
from cr_sklearn.encoding._kinds import is_missing

# Source of a column that has no derivative by any.
_NONE = -1


class Origin(NamedTuple):
    """Origin of the columns of a transformed table.

    Attributes
    ----------
    source : ndarray of int of shape (n_transformed,)
        Column of the user's table; -1 where there is no derivative by any.
    slope : ndarray of shape (n_transformed,)
        Derivative by that column, where it is not cut off.
    cut_off : ndarray of bool of shape (n, n_transformed)
        Values that a clipping scaler holds at an end of its range, where the derivative
        is zero.
    """

    source: np.ndarray
    slope: np.ndarray
    cut_off: np.ndarray

    @classmethod
    def unrelated(cls, n_rows, n_columns):
        """Make columns that have no derivative."""
        return cls(
            np.full(n_columns, _NONE),
            np.zeros(n_columns),
            np.zeros((n_rows, n_columns), dtype=bool),
        )

    @classmethod
    def join(cls, parts):
        """Put columns side by side."""
        return cls(
            *(np.concatenate(arrays, axis=-1) for arrays in zip(*parts, strict=True))
        )

    def take(self, columns):
        """Take a part of the columns, by an array of positions."""
        return Origin(
            self.source[columns], self.slope[columns], self.cut_off[:, columns]
        )


class Preprocessing:
    """The steps before an estimator: what they do, and the derivative of that.

    Parameters
    ----------
    estimator : ChainzRule estimator, or Pipeline that ends with one
        Fitted.
    columns : FrameColumns or ArrayColumns
        The user's rows.

    Attributes
    ----------
    estimator : ChainzRule estimator
        The last step.
    table : dataframe or ndarray
        Table that the estimator is given for these rows.
    origin : Origin
        Origin of that table's columns.
    imputed : ndarray of bool of shape (n, n_features)
        The user's values that an imputer replaces.
    is_encoded : ndarray of bool of shape (n_features,)
        The user's columns that an encoder reads as categories.

    Raises
    ------
    TypeError
        If the last step is no ChainzRule estimator, or there is no way back through one
        of the others.
    """

    def __init__(self, estimator, columns):
        self._unwrapped = unwrap(estimator)
        self.estimator = self._unwrapped.estimator
        steps = self._unwrapped.steps
        shape = columns.n_rows, columns.n_features
        self.imputed = np.zeros(shape, dtype=bool)
        self.is_encoded = np.zeros(columns.n_features, dtype=bool)
        self.table, self.origin = self._through_steps(
            [] if steps is None else steps.steps,
            columns.native,
            Origin(
                np.arange(columns.n_features),
                np.ones(columns.n_features),
                np.zeros(shape, dtype=bool),
            ),
        )

    def transform(self, X):
        """Return what the estimator is given for a table."""
        return self._unwrapped.transform(X)

    def _through_steps(self, steps, table, origin):
        for name, step in steps:
            if _is_skipped(step):
                continue
            rule = _RULES.get(type(step))
            if rule is None:
                known = ", ".join(sorted(kind.__name__ for kind in _RULES))
                raise TypeError(
                    f"There is no way back to the columns before step {name!r}, a "
                    f"{type(step).__name__}. It is known for {known}. Measure by what "
                    "the estimator is given instead: input_sensitivity(pipeline[-1], "
                    "pipeline[:-1].transform(X))."
                )
            table, origin = rule(self, name, step, table, origin)
        return table, origin

    def _through_pipeline(self, name, step, table, origin):
        return self._through_steps(
            [(f"{name}__{inner}", one) for inner, one in step.steps], table, origin
        )

    def _through_column_transformer(self, name, step, table, origin):
        # It would find columns by name in any order, where positions are meant here.
        _check_feature_names(step, table, reset=False)
        _check_n_features(step, table, reset=False)
        parts = []
        for inner, transformer, selected in step.transformers_:
            positions = step._transformer_to_input_indices[inner]
            if (isinstance(transformer, str) and transformer == "drop") or (
                len(positions) == 0
            ):
                continue
            _, part = self._through_steps(
                [(f"{name}__{inner}", transformer)],
                _safe_indexing(table, selected, axis=1),
                origin.take(positions),
            )
            parts.append(part)
        return step.transform(table), Origin.join(parts)

    def _through_function(self, name, step, table, origin):
        if step.func is not None:
            raise TypeError(
                f"There is no way back to the columns before step {name!r}: the "
                f"derivative of {step.func!r} is not known. Measure by what the "
                "estimator is given instead: input_sensitivity(pipeline[-1], "
                "pipeline[:-1].transform(X))."
            )
        return step.transform(table), origin

    def _through_scaler(self, name, step, table, origin):
        factor, shift = 1.0, 0.0
        if isinstance(step, MinMaxScaler):
            factor, shift = step.scale_, step.min_
        elif step.scale_ is not None:
            factor = 1.0 / step.scale_
        cut_off = origin.cut_off
        if getattr(step, "clip", False):
            low, high = getattr(step, "feature_range", (-1.0, 1.0))
            columns = read_columns(table)
            free = columns.numeric(np.arange(columns.n_features)) * factor + shift
            cut_off = cut_off | (free < low) | (free > high)
        return step.transform(table), Origin(
            origin.source, origin.slope * factor, cut_off
        )

    def _through_imputer(self, name, step, table, origin):
        columns = read_columns(table)
        for position, source in enumerate(origin.source):
            if source != _NONE:
                self.imputed[:, source] |= _is_value(
                    columns, position, step.missing_values
                )
        # Columns that were always missing are left out, indicators come last.
        names_in = getattr(
            step, "feature_names_in_", [f"x{i}" for i in range(columns.n_features)]
        )
        position = {name: i for i, name in enumerate(names_in)}
        names = step.get_feature_names_out()
        kept = [position[name] for name in names if name in position]
        indicators = Origin.unrelated(columns.n_rows, len(names) - len(kept))
        return step.transform(table), Origin.join([origin.take(kept), indicators])

    def _through_encoder(self, name, step, table, origin):
        self.is_encoded[origin.source[origin.source != _NONE]] = True
        result = step.transform(table)
        return result, Origin.unrelated(*result.shape)


# Subclasses may transform in another way, so that types have to be these exactly.
_RULES = {
    ColumnTransformer: Preprocessing._through_column_transformer,
    FunctionTransformer: Preprocessing._through_function,
    MaxAbsScaler: Preprocessing._through_scaler,
    MinMaxScaler: Preprocessing._through_scaler,
    OneHotEncoder: Preprocessing._through_encoder,
    OrdinalEncoder: Preprocessing._through_encoder,
    Pipeline: Preprocessing._through_pipeline,
    RobustScaler: Preprocessing._through_scaler,
    SimpleImputer: Preprocessing._through_imputer,
    StandardScaler: Preprocessing._through_scaler,
}


def _is_skipped(step):
    return step is None or (isinstance(step, str) and step == "passthrough")


def _is_value(columns, feature, value):
    """Find the rows with this value; NaN, None and pandas.NA are one."""
    levels, codes = columns.factorize(feature)
    if is_missing(np.array([value], dtype=object)).all():
        return codes < 0
    return np.isin(codes, [i for i, level in enumerate(levels) if level == value])
