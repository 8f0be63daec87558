"""Columns that are not what they look like: told apart, warned of, or refused."""

import datetime
import uuid
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from cr_sklearn import ChainzRuleClassifier
from cr_sklearn.encoding._columns import read_columns
from cr_sklearn.encoding._kinds import reads_as_date, reads_as_number

rng = np.random.default_rng(0)
NUMBERS = rng.normal(size=200).round(3)
Y = (NUMBERS > 0).astype(int)
CODES = np.where(Y, "101", "102")
START = datetime.date(2020, 1, 1)
DAYS = [START + datetime.timedelta(int(day)) for day in range(200)]


def fitted(column, **given):
    table = column if hasattr(column, "columns") else pd.DataFrame({"a": column})
    model = ChainzRuleClassifier(max_iter=10, random_state=0, **given)
    return model.fit(table, Y)


def score(column, **given):
    table = column if hasattr(column, "columns") else pd.DataFrame({"a": column})
    return fitted(table, **given).score(table, Y)


OBJECTS = {
    "decimals": [Decimal(str(value)) for value in NUMBERS],
    "decimals with gaps": [Decimal("NaN"), *map(Decimal, NUMBERS[1:].astype(str))],
    "fractions": [Fraction(int(value * 1000), 1000) for value in NUMBERS],
    "numbers of several types": [int(NUMBERS[0]), *NUMBERS[1:].tolist()],
    "polars decimals": pl.DataFrame({"a": NUMBERS}).cast(pl.Decimal(10, 3)),
    "large polars integers": pl.DataFrame(
        {"a": (NUMBERS * 1e6).astype(int)}, schema={"a": pl.Int128}
    ),
}


@pytest.mark.parametrize("column", OBJECTS.values(), ids=OBJECTS)
def test_number_objects_are_numbers(column):
    """Databases bring decimals; one indicator for each of them learns nothing."""
    assert not fitted(column)._encoder.is_categorical_.any()
    assert score(column) > 0.95


TEXTS = {
    "thousands": (
        [f"{int(v * 1e5 + 1e6):,}" for v in NUMBERS],
        "100.0% reads as a num",
    ),
    "currency": ([f"${abs(v):.2f}" for v in NUMBERS], "reads as a number"),
    "one gap": (["?", *map(str, NUMBERS[1:])], r"99.5% reads as a number \('\?' does"),
    "dates": ([str(day) for day in DAYS], "100.0% reads as a date"),
    "names": ([f"client {row}" for row in range(200)], "200 different values in 200"),
}


@pytest.mark.parametrize("values, message", TEXTS.values(), ids=TEXTS)
def test_doubtful_text_is_warned_of_once_unless_it_is_declared(values, message):
    """A model that learns little without a word would be blamed for it."""
    with pytest.warns(UserWarning, match=f"Column 'a' .*{message}.*Declare") as caught:
        fitted(values)
    assert len(caught) == 1
    fitted(values, categorical_features=["a"])
    fitted(pd.Categorical(values))


NUMBER_TEXTS = ["1,234", "$999.00", "12 %", "1.234,56", "-0,5", "(3.20)", "₹5", "5 EUR"]
DATE_TEXTS = ["2020-01-31", "31.1.2020", "1/31/20", "31-Jan-2020", "January 31, 2020"]
DATE_TEXTS += ["2020-01", "2020-01-31T10:00:00Z", "2020/1/31 10:00"]


def test_what_reads_as_a_number_or_a_date():
    """People write them in many ways, and versions and addresses are neither."""
    assert all(map(reads_as_number, NUMBER_TEXTS))
    assert all(map(reads_as_date, DATE_TEXTS))
    for text in ("", "?", "nan", "1.2.3", "3 kg", "B12", "10.0.0.1", "12-B", "4711-12"):
        assert not reads_as_number(text)
        assert not reads_as_date(text)


def test_numbers_with_a_common_sign_for_missing_are_warned_of():
    """A third of question marks are one value among many."""
    values = np.where(np.arange(200) % 3, NUMBERS.astype(str), "?")
    with pytest.warns(UserWarning, match=r"66.5% reads as a number \('\?' does not\)"):
        fitted(values)


def test_advice_for_numbers_beside_text_keeps_them_numbers():
    """As text, each of them would be a category."""
    values = pd.Series(["?", *NUMBERS[1:]], dtype=object)
    with pytest.raises(TypeError, match=r"'\?' may stand for .*pandas.to_numeric"):
        fitted(values)


@pytest.mark.parametrize(
    "values",
    [
        CODES,
        np.array(["red", "green", "blue"])[np.arange(200) % 3],
        np.arange(200) % 19,
    ],
    ids=["few codes", "words", "numbers"],
)
def test_ordinary_columns_are_silent(values):
    """A warning on every table is read on none."""
    fitted(values)


def table_of(column):
    return column if hasattr(column, "columns") else pd.DataFrame({"a": column})


REFUSED = {
    "dates": (DAYS, "dates or durations"),
    "timestamps": (pd.date_range("2020", periods=200).astype(object), "dates or dura"),
    "datetime64": (pd.date_range("2020", periods=200), "dates or durations"),
    "durations": (pd.to_timedelta(np.arange(200), "s"), "dates or durations"),
    "date32": (pa.table({"a": pa.array(DAYS)}), "dates or durations"),
    "polars dates": (pl.DataFrame({"a": DAYS}), "dates or durations"),
    "times": ([datetime.time(hour % 24) for hour in range(200)], "times of day"),
    "polars times": (
        pl.DataFrame({"a": [datetime.time(hour % 24) for hour in range(200)]}),
        "times of day",
    ),
    "periods": (pd.period_range("2020", periods=200, freq="D"), "periods"),
    "uuids": ([uuid.UUID(int=row) for row in range(200)], "UUIDs"),
    "complex": (NUMBERS + 1j, "complex numbers"),
    "lists": ([[1, 2]] * 200, "lists or structures"),
    "structs": (pl.DataFrame({"a": [{"b": 1}] * 200}), "lists or structures"),
    "arrays": (
        pl.DataFrame({"a": [[1, 2]] * 200}, schema={"a": pl.Array(pl.Int64, 2)}),
        "lists or structures",
    ),
}


@pytest.mark.parametrize("column, message", REFUSED.values(), ids=REFUSED)
def test_other_kinds_have_advice_of_their_own(column, message):
    """It is the same however the column is stored."""
    with pytest.raises(TypeError, match=f"Column 'a' holds {message}.*"):
        fitted(table_of(column))


@pytest.mark.parametrize("name", ["lists", "structs", "arrays"])
def test_nested_columns_are_refused_when_declared_too(name):
    """They would end in an index error, or in silence."""
    with pytest.raises(TypeError, match="Column 'a' holds lists or structures"):
        fitted(table_of(REFUSED[name][0]), categorical_features=["a"])


@pytest.mark.parametrize("name", ["dates", "datetime64", "polars times", "uuids"])
def test_declared_values_are_categories(name):
    """The advice says so."""
    fitted(table_of(REFUSED[name][0]), categorical_features=["a"])


def test_equal_dates_are_one_category_in_every_unit():
    """Pandas 3 reads microseconds where pandas 2 read nanoseconds."""
    dates = np.where(Y, np.datetime64("2020-01-01"), np.datetime64("2021-01-01"))
    frame = pd.DataFrame({"a": dates.astype("datetime64[ns]")})
    model = fitted(frame, categorical_features=["a"])
    for other in (frame.astype("datetime64[s]"), frame.astype(object)):
        assert model.score(other, Y) == 1.0


def test_tuples_are_categories():
    """They can be hashed and sorted."""
    assert score([(int(value), "x") for value in Y]) == 1.0


LARGE = ["Int64", "UInt64", "category", "polars", "arrow", "arrow dictionary"]


@pytest.mark.parametrize("kind", LARGE)
def test_large_integers_with_gaps_stay_apart(kind):
    """As floats, neighbours above 2**53 are one."""
    values = [None, *(2**60 + Y[1:]).tolist()]
    if kind == "polars":
        table = pl.DataFrame({"a": values})
    elif kind == "arrow":
        table = pa.table({"a": values})
    elif kind == "arrow dictionary":
        table = pa.table({"a": pa.array(values).dictionary_encode()})
    elif kind == "category":
        table = pd.DataFrame({"a": pd.Categorical(values)})
    else:
        table = pd.DataFrame({"a": pd.array(values, dtype=kind)})
    assert score(table, categorical_features=["a"]) > 0.99


def test_dictionaries_of_floats_are_categories():
    """Arrow and pandas have them, with gaps."""
    values = [None, *np.where(Y[1:], 1.5, 2.5).tolist()]
    for column in (pa.array(values).dictionary_encode(), pd.Categorical(values)):
        frame = pa.table if isinstance(column, pa.Array) else pd.DataFrame
        assert score(frame({"a": column})) > 0.99


def test_a_list_of_categorical_features_adds_to_what_is_detected():
    """A string column can't be numeric, whoever forgets to name it."""
    table = pd.DataFrame({"tickets": np.arange(200) % 3, "kind": CODES})
    for features in (["tickets"], [0], [True, False]):
        model = fitted(table, categorical_features=features)
        assert model._encoder.is_categorical_.all()
        assert model.score(table, Y) == 1.0
    words = table.assign(kind=np.where(Y, "yes", "no"))
    with pytest.raises(ValueError, match="Column 'kind' is numeric, but"):
        fitted(words, categorical_features=None)


def test_at_prediction_nobody_is_told_to_declare_a_column():
    """It is too late for that."""
    model = fitted(NUMBERS).set_params(warm_start=True)
    for values in (["high"] * 3, DAYS[:3], [[1]] * 3):
        other = pd.DataFrame({"a": values})
        for call in (
            lambda X: model.predict(X),
            lambda X: model.fit(X, Y[:3]),
            lambda X: model.partial_fit(X, Y[:3]),
        ):
            with pytest.raises((TypeError, ValueError), match=r"'a'.* num") as error:
                call(other)
            assert "eclare" not in str(error.value)
    with pytest.raises(TypeError, match=r"lists .* but categories were expected"):
        fitted(CODES).predict(other)


def test_other_lazy_frames_are_told_their_own_way():
    """Not every library collects."""
    with pytest.raises(TypeError, match=r"lazy frame \(polars\).*\.collect\(\)"):
        read_columns(pl.LazyFrame({"a": [1.0]}))
    duckdb = pytest.importorskip("duckdb")
    with pytest.raises(TypeError, match=r"lazy frame \(duckdb\).*\.df\(\)"):
        read_columns(duckdb.sql("select 1 as a"))
