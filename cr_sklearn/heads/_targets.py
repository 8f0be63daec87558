"""Labels of any container: as an array, with the order that their type declares."""

import math
import warnings
from collections.abc import Iterable, Mapping, Set
from typing import Any, NamedTuple

import narwhals.stable.v2 as nw
import numpy as np
from sklearn.exceptions import DataConversionWarning
from sklearn.utils import column_or_1d

from cr_sklearn.encoding._kinds import as_objects, is_missing, kind_of

_CONVERT = "Convert them to one type, for example with .astype(str)"


class Target(NamedTuple):
    """Labels of the rows, and all labels from lowest to highest.

    ``order`` is None where the type of the labels declares none; unused ones are in it.
    """

    values: np.ndarray
    order: Any


def read_target(y, name="y", known=()):
    """Read labels from an array, a list, a column of any frame or Arrow.

    Parameters
    ----------
    y : array-like of shape (n_samples,), or frame of one column
    name : str, default="y"
        For messages.
    known : iterable, default=()
        Labels that are classes even if they are fractions. So are those whose order
        the type of ``y`` declares.

    Raises
    ------
    TypeError
        If labels are of several types, or of one that has no order.
    ValueError
        If y is not one column, is complex, has missing values, or holds no classes.
    """
    y = _one_column(y, name)
    order = declared_order(y)
    values = _to_array(y)
    kind = getattr(getattr(values, "dtype", None), "kind", "O")
    if kind in "mM":
        raise TypeError(
            f"{name} holds dates or durations, such as {np.asarray(values).flat[0]}. "
            "Convert them to labels, for example with .astype(str)."
        )
    if kind == "c":
        raise ValueError(f"Complex data not supported: {name} must hold classes.")
    if kind not in "biufOU":
        raise TypeError(
            f"{name} holds values of dtype {values.dtype}, which can't be classes. "
            f"{_CONVERT}."
        )
    values = column_or_1d(values, warn=True)
    if values.dtype.kind == "O":
        values = _of_one_kind(values, name, order)
    if values.dtype.kind == "f":
        _refuse_non_finite(values, name)
        _refuse_fractions(values, name, known if order is None else order)
    return Target(values, order)


def declared_order(y):
    """Read the order of an ordered Categorical, Enum or Arrow dictionary.

    Unused ones are among them. None where the type of ``y`` knows no order.
    """
    dtype = getattr(y, "dtype", None)
    if getattr(dtype, "ordered", False):  # of a pandas Series or Categorical
        return list(dtype.categories)
    if _is_arrow_dictionary(y):
        return _dictionary(y) if getattr(y.type, "ordered", False) else None
    if getattr(getattr(dtype, "pyarrow_dtype", None), "ordered", False):
        return _dictionary(getattr(y, "array", y).__arrow_array__())
    series = nw.from_native(y, series_only=True, pass_through=True)
    if isinstance(series, nw.Series) and series.dtype == nw.Enum:
        return list(series.dtype.categories)
    return None


def checked_order(categories):
    """Check that categories have an order, and are 2 different ones at least.

    Raises
    ------
    TypeError
        If they are no list.
    ValueError
    """
    if isinstance(categories, str) or not isinstance(categories, Iterable):
        raise TypeError(
            "categories must be a list of labels from lowest to highest, got "
            f"{categories!r}."
        )
    if isinstance(categories, (Set, Mapping)):
        raise ValueError(
            f"categories={categories!r} has no order of its own: a set gives its "
            "elements in another order in every process. Pass a list, from lowest to "
            "highest."
        )
    # Such as unique() of an ordered Categorical, which is by first appearance.
    order = declared_order(categories)
    if order is None:
        # Arrays as lists of Python's own types, which are readable in messages.
        order = getattr(categories, "tolist", lambda: list(categories))()
    try:
        repeated = len(set(order)) < len(order)
    except TypeError:  # lists in it
        repeated = True
    if repeated or len(order) < 2:
        raise ValueError(
            f"categories must hold at least 2 different labels, got {order!r}."
        )
    return order


def is_numeric(labels):
    """Tell whether labels have an order of their own: numbers and booleans."""
    if labels.dtype.kind == "O":  # integers of more than 64 bits
        return all(kind_of(label) == "number" for label in labels)
    return labels.dtype.kind in "biuf"


def comparable(values, labels):
    """Return numbers that compare exactly with labels, where NumPy takes floats."""
    kinds = {values.dtype.kind, labels.dtype.kind}
    return values.astype(object) if len(kinds) > 1 and kinds <= set("iuf") else values


def _refuse_non_finite(values, name):
    wrong = np.flatnonzero(~np.isfinite(values))
    if wrong.size:
        what = "NaN" if np.isnan(values[wrong[0]]) else "infinity"
        raise ValueError(
            f"Input {name} contains {what}, first in row {wrong[0]}. Drop these rows."
        )


def _refuse_fractions(values, name, known):
    fractions = set(np.unique(values[values % 1 != 0]).tolist()).difference(known)
    if fractions:
        raise ValueError(
            f"Unknown label type: continuous. {name} contains numbers that are not "
            f"integers, such as {min(fractions):g}. Classes are needed: bin them, for "
            "example with pandas.cut(y, 5, labels=False), or give ranks of a few "
            "values: numpy.unique(y, return_inverse=True)[1]."
        )


def _one_column(y, name):
    frame = nw.from_native(y, pass_through=True, eager_only=False)
    if isinstance(frame, nw.LazyFrame):
        raise TypeError(
            f"{name} is a lazy frame, whose rows are not in memory: collect it, and "
            "give its column."
        )
    if isinstance(frame, nw.DataFrame) and frame.shape[1] == 1:
        warnings.warn(
            f"A column-vector {name} was passed when a 1d array was expected. Its only "
            "column is taken.",
            DataConversionWarning,
            stacklevel=2,
        )
        return frame.get_column(frame.columns[0]).to_native()
    return y


def _is_arrow_dictionary(y):
    return type(y).__module__.startswith("pyarrow") and hasattr(y, "type")


def _dictionary(y):
    """Read the order of an Arrow dictionary; None if its chunks contradict it."""
    orders = [chunk.dictionary.to_pylist() for chunk in getattr(y, "chunks", [y])]
    longest = max(orders, key=len, default=[])
    agree = all(
        order == [label for label in longest if label in order] for order in orders
    )
    return longest if agree else None


def _to_array(y):
    if isinstance(y, (list, tuple)):
        return _from_list(y)
    if isinstance(y, np.ma.MaskedArray) and np.ma.getmaskarray(y).any():
        return as_objects(y.tolist())  # in which masked ones are None
    if hasattr(y, "to_pylist"):  # Arrow, whose integers with gaps become floats
        return as_objects(y.to_pylist())
    dtype = getattr(y, "dtype", None)
    if type(y).__module__.startswith("pandas") and hasattr(y, "tolist"):
        return y if isinstance(dtype, np.dtype) else as_objects(y.tolist())
    series = nw.from_native(y, series_only=True, pass_through=True)
    if isinstance(series, nw.Series) and not series.dtype.is_float():
        return as_objects(series.to_list())
    if getattr(dtype, "kind", "") == "T":  # NumPy's strings of any length
        return y.astype(object)
    return y


def _from_list(y):
    """Make an array of a list without changing the types of its values."""
    types = set(map(type, y))
    array = y if len(types) > 1 else np.asarray(y)
    inexact = len(types) > 1 or (types == {int} and array.dtype.kind == "f")
    return as_objects(y) if inexact else array


def _of_one_kind(values, name, order):
    missing = is_missing(values)
    if missing.any():
        raise ValueError(
            f"Input {name} contains missing values, the first in row "
            f"{missing.argmax()}. Drop these rows."
        )
    kinds = {kind_of(value) for value in values}
    if len(kinds) > 1:
        instead = " or, of an ordered Categorical, .rename_categories(str)"
        raise TypeError(
            f"{name} mixes labels of the types {sorted(kinds)}. {_CONVERT}"
            f"{instead if order else ''}."
        )
    kind = kinds.pop() if kinds else "str"
    if kind == "bool":
        return values.astype(bool)
    if kind == "number":
        return _whole_numbers(values, name)
    if kind in ("nested", "bytes", "complex"):
        raise TypeError(
            f"{name} holds labels of type {type(values[0]).__name__}, such as "
            f"{values[0]!r}, which can't be classes. {_CONVERT}."
        )
    try:
        np.sort(values)
    except TypeError as error:
        raise TypeError(
            f"{name} holds labels of type {type(values[0]).__name__}, which have no "
            f"order. {_CONVERT}."
        ) from error
    return values


def _whole_numbers(values, name):
    """Return integers exactly, in a dtype that holds them; else floats."""
    for row, value in enumerate(values):
        if value in (math.inf, -math.inf):
            raise ValueError(
                f"Input {name} contains infinity, first in row {row}. Drop these rows."
            )
    if all(value == int(value) for value in values):
        integers = as_objects([int(value) for value in values])
        for dtype in (np.int64, np.uint64):
            if all(
                np.iinfo(dtype).min <= value <= np.iinfo(dtype).max
                for value in integers
            ):
                return integers.astype(dtype)
        return integers
    return values.astype(float)
