"""What the generated calls are made of: columns, tables, labels, parameters."""

import datetime
import uuid
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
from hypothesis import strategies as st

DAY = datetime.date(2020, 1, 1)


def _choice(*values):
    return lambda rng, n: [values[i] for i in rng.integers(0, len(values), n)]


def _with(values, share, *others):
    def make(rng, n):
        column = list(values(rng, n))
        for row in np.flatnonzero(rng.random(n) < share):
            column[row] = others[rng.integers(len(others))]
        return column

    return make


def _normal(rng, n):
    return rng.normal(size=n).tolist()


def _integers(rng, n):
    return rng.integers(-3, 9, n).tolist()


def _each(convert, values=_integers):
    return lambda rng, n: [convert(value) for value in values(rng, n)]


# Name -> (generator, number of rows) -> list of values.
COLUMNS = {
    "floats": _normal,
    "integers": _integers,
    "constant": _choice(1.5),
    "gaps": _with(_normal, 0.3, np.nan, None),
    "all missing": _choice(np.nan),
    "all None": _choice(None),
    "infinite": _with(_normal, 0.1, np.inf, -np.inf),
    "huge": _with(_normal, 0.3, 1e308, -1.7e308),
    "far": _with(_normal, 0.1, 9.97e36, float(np.iinfo("int64").min)),
    "tiny": _each(lambda v: v * 5e-324, _normal),
    "zero-inflated": _with(_choice(0.0), 0.2, 1.0, 2.5, 1e12),
    "large integers": _each(lambda v: 2**60 + v),
    "beyond 64 bits": _each(lambda v: 2**70 + v),
    "booleans": _choice(True, False),
    "booleans and gaps": _choice(True, False, None),
    "few words": _choice("a", "b", ""),
    "words and gaps": _choice("a", "b", None),
    "numbers as text": _each(str, _normal),
    "amounts": _each("${:,.2f}".format, _normal),
    "names": lambda rng, n: [f"row {row}" for row in range(n)],
    "bytes": _choice(b"a", b"b"),
    "decimals": _each(lambda v: Decimal(str(v)), _normal),
    "decimals and NaN": _with(_each(Decimal), 0.2, Decimal("NaN"), Decimal("Infinity")),
    "fractions": _each(lambda v: Fraction(v, 7)),
    "dates": _each(lambda v: DAY + datetime.timedelta(v)),
    "timestamps": _each(lambda v: pd.Timestamp("2020") + pd.Timedelta(days=v)),
    "times": _each(lambda v: datetime.time(abs(v))),
    "durations": _each(lambda v: datetime.timedelta(v)),
    "uuids": _each(lambda v: uuid.UUID(int=abs(v))),
    "complex": _each(lambda v: complex(v, 1)),
    "lists": _choice([1], [2, 3]),
    "tuples": _choice((1, 2), (2, 3)),
    "dicts": _choice({"a": 1}, {}),
    "words and numbers": _choice("a", 1, 2.5),
    "booleans and numbers": _choice(True, 2),
    "NumPy scalars": _each(np.float32, _normal),
    "intervals": _choice(pd.Interval(0, 1), pd.Interval(1, 2)),
    "periods": _choice(pd.Period("2020-01"), pd.Period("2020-02")),
}
LABELS = {
    **{name: COLUMNS[name] for name in COLUMNS if name not in ("huge", "tiny", "far")},
    "two": _choice(0, 1),
    "three": _choice("lo", "mid", "hi"),
    "rare": lambda rng, n: [int(row < 2) for row in range(n)],
    "one": _choice(7),
    "whole floats": _choice(1.0, 2.0),
    "negative": _choice(-1, 1),
}
NAMES = [
    ["a", "b", "c", "d", "e"],
    ["", "b", "c c", "d", "é"],
    ["a", "a", "b", "b", "c"],
    [0, 1, 2, 3, 4],
    ["a", 1, ("x", "y"), None, 2.5],
]
PANDAS_TYPES = ["category", "string", "Int64", "boolean", "Float64", "object"]


def _as_pandas(columns, names, dtype=None):
    frame = pd.concat([pd.Series(column) for column in columns], axis=1)
    frame.columns = names[: len(columns)]
    return frame if dtype is None else frame.astype(dtype)


def _as_ordered(columns, names):
    frame = _as_pandas(columns, names)
    return frame.apply(lambda s: pd.Categorical(s, s.dropna().unique(), ordered=True))


def _as_arrow(columns, names):
    return pa.table({str(n): pa.array(c) for n, c in zip(names, columns, strict=False)})


def _as_polars(columns, names):
    return pl.DataFrame(dict(zip(map(str, names), columns, strict=False)), strict=False)


def _as_objects(columns, names):
    array = np.empty((len(columns[0]), len(columns)), dtype=object)
    for position, column in enumerate(columns):
        array[:, position] = np.fromiter(column, dtype=object, count=len(column))
    return array


# Name -> (list of columns, names) -> table; what can't be made is no case.
TABLES = {
    "objects": _as_objects,
    "floats": lambda c, names: np.array(c, dtype=float).T,
    "float32": lambda c, names: np.array(c, dtype=np.float32).T,
    "transposed lists": lambda c, names: [list(row) for row in zip(*c, strict=True)],
    "pandas": _as_pandas,
    "polars": _as_polars,
    "polars lazy": lambda c, names: _as_polars(c, names).lazy(),
    "arrow": _as_arrow,
    "one column": lambda c, names: np.array(c[0]),
    "three dimensions": lambda c, names: np.zeros((len(c[0]), 2, 2)),
    "ordered": _as_ordered,
    **{
        name: lambda c, names, dtype=name: _as_pandas(c, names, dtype)
        for name in PANDAS_TYPES
    },
}
TARGETS = {
    "list": lambda values: values,
    "array": np.array,
    "objects": lambda values: np.fromiter(values, dtype=object, count=len(values)),
    "series": pd.Series,
    "categorical": pd.Categorical,
    "ordered": lambda v: pd.Categorical(v, list(dict.fromkeys(v)), ordered=True),
    "nullable": lambda values: pd.array(values, dtype="Int64"),
    "frame": lambda values: pd.DataFrame({"y": values}),
    "polars": pl.Series,
    "arrow": pa.array,
    "two columns": lambda values: np.array([values, values]).T,
    "scalar": lambda values: values[0],
    "none": lambda values: None,
}
PARAMETERS = {
    "hidden_layer_sizes": [(), 3, (3, 2), np.uint8(3), (0,), "auto", None, [[2]], 2.5],
    "degree": [1, 2, np.int8(3), 0, 2.5, "3"],
    "dreg_strength": ["auto", 0, np.float32(0.1), -1, np.nan, "strong", None, np.inf],
    "cv": [2, np.uint8(3), 1, 100, [(np.arange(3), np.arange(3, 6))], "five", iter([])],
    "activation": ["relu", "gelu", "tanh", "silu", "step", None],
    "n_estimators": [1, np.uint8(2), 0, 1.5, "many"],
    "max_iter": [1, np.uint8(2), 0, "auto", None],
    "batch_size": [1, np.uint16(5), 10**9, 0, "all"],
    "learning_rate_init": [1e-3, np.float16(0.1), 1e300, 0, -1, np.nan, "fast"],
    "early_stopping": [True, np.True_, "yes"],
    "validation_fraction": [0.3, 0.9999, 0, 1, 5],
    "n_iter_no_change": [1, 0],
    "tol": [0, -1, np.nan],
    "class_weight": ["balanced", {0: 0, 1: 2}, {0: -1}, {"x": 1}, "equal", [1, 2]],
    "categorical_features": [None, [0], ["a"], [True], [9], ["z"], "all", 3, [1.5], []],
    "n_bins": [0, 1, np.uint8(3), 1000, -1, 2.5],
    "device": ["cpu", "abacus", 7],
    "dtype": ["float32", "float64", "float16"],
    "random_state": [None, 3, np.random.RandomState(0), "seed", -1],
    "warm_start": [True, 2],
    "verbose": [np.int64(0), "loud"],
}
ORDINAL_PARAMETERS = {
    "link": ["probit", "cloglog", "log"],
    "categories": [["lo", "mid", "hi"], [0, 1, 2], {0, 1}, [1], [0, 0], "some", 3],
    "predict_rule": ["argmax", "mean", "mode", None],
}
SMALL = {
    "hidden_layer_sizes": (2,),
    "n_estimators": 2,
    "max_iter": 1,
    "dreg_strength": 0.01,
    "random_state": 0,
}


@st.composite
def parameters(draw, is_ordinal):
    """Few parameters that are not small ones, valid or not."""
    table = {**PARAMETERS, **(ORDINAL_PARAMETERS if is_ordinal else {})}
    names = draw(st.lists(st.sampled_from(sorted(table)), max_size=2, unique=True))
    return {**SMALL, **{name: draw(st.sampled_from(table[name])) for name in names}}


@st.composite
def tables(draw, n_rows, names):
    """A table of columns of any kinds; None where its container can't hold them."""
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    kinds = draw(st.lists(st.sampled_from(sorted(COLUMNS)), min_size=1, max_size=3))
    if draw(st.booleans()):  # most tables of users can be fitted
        kinds = [draw(st.sampled_from(["floats", "integers", "gaps", "few words"]))]
    container = draw(st.sampled_from(sorted(TABLES)))
    try:
        return TABLES[container]([COLUMNS[k](rng, n_rows) for k in kinds], names)
    except BaseException:  # polars panics
        return None


@st.composite
def targets(draw, n_rows):
    """Labels of any kind in any container; None as a pair where it can't hold them."""
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    kind = draw(st.sampled_from(sorted(LABELS)))
    if draw(st.booleans()):
        kind = draw(st.sampled_from(["two", "three", "integers", "rare"]))
    container = draw(st.sampled_from(sorted(TARGETS)))
    try:
        return (TARGETS[container](LABELS[kind](rng, n_rows)),)
    except BaseException:  # polars panics
        return None


def weights(n_rows):
    """Sample weights, most of them none."""
    return st.sampled_from(
        [None] * 6
        + [
            np.ones(n_rows),
            np.arange(n_rows) % 2,
            np.zeros(n_rows),
            -np.ones(n_rows),
            np.full(n_rows, np.nan),
            np.ones(n_rows + 1),
            "heavy",
        ]
    )
