"""Columns that are not what they look like: told apart, warned of, or refused."""

import datetime
import uuid
import warnings
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from cr_sklearn import ChainzRuleClassifier
from cr_sklearn._columns import read_columns
from cr_sklearn._encoding import TabularEncoder
from cr_sklearn._levels import LevelCodes, kept_levels

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


@pytest.mark.parametrize("kind", ["Int64", "UInt64", "polars"])
def test_large_integers_with_gaps_stay_apart(kind):
    """As floats, neighbours above 2**53 are one."""
    values = [None, *(2**60 + Y[1:]).tolist()]
    if kind == "polars":
        table = pl.DataFrame({"a": values})
    else:
        table = pd.DataFrame({"a": pd.array(values, dtype=kind)})
    assert score(table, categorical_features=["a"]) > 0.99


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
    model = fitted(NUMBERS)
    for values in (["high"] * 3, DAYS[:3]):
        with pytest.raises((TypeError, ValueError), match="Column 'a' ") as error:
            model.predict(pd.DataFrame({"a": values}))
        assert "eclare" not in str(error.value)


def test_codes_that_change_their_type_are_matched():
    """A CSV brings back "101" as 101, and as 101.0 where the column has gaps."""
    text = pd.DataFrame({"zip": CODES})
    model = ChainzRuleClassifier(max_iter=10, random_state=0).fit(text, Y)
    for kind in (int, float, object):
        assert model.score(text.astype(kind), Y) == 1.0
    numbers = fitted(text.astype(int), categorical_features=["zip"])
    for other in (text, text.astype(int).astype(float).astype(str)):
        assert numbers.score(other, Y) == 1.0


MATCHES = [
    (["7", "8"], 7, 0),
    (["7", "8"], 9.0, None),
    (["7", "8"], True, None),
    (["False", "True"], np.True_, 1),
    ([7, 8], "8", 1),
    ([7, 8], "8.0", 1),
    ([7.5, 8.0], "7.5", 0),
    ([7, 8], "9", None),
    ([False, True], "True", 1),
    ([False, True], 1, 1),
    (["a", "b"], "c", None),
]


@pytest.mark.parametrize("categories, value, code", MATCHES, ids=str)
def test_values_of_another_type_are_what_is_written_alike(categories, value, code):
    """And no other."""
    codes = LevelCodes(np.array(categories, dtype=object), "'a'")
    assert codes.of([value]) == [code]


AMBIGUOUS = [
    (["007", "8"], 7, "type int, such as 7, .* type str, such as '007'"),
    ([7, 8], "007", "'007' might be 7, or not"),
    ([7, 8], "seven", "type str, such as 'seven', .* type int, such as 7"),
    (["7", "8"], START, "type date, such as .* type str, such as '7'"),
    ([False, True], "yes", "type str, such as 'yes', .* type bool"),
]


@pytest.mark.parametrize("categories, value, message", AMBIGUOUS, ids=str)
def test_values_that_may_mean_another_are_refused(categories, value, message):
    """A guess would be silently wrong."""
    codes = LevelCodes(np.array(categories, dtype=object), "'a'")
    with pytest.raises(TypeError, match=f"Column 'a' holds values of .*{message}"):
        codes.of([value])


def test_a_column_of_unseen_values_is_warned_of_once():
    """All rows of it are unknown: it was read in another way, or is another column."""
    model = fitted(CODES, batch_size_predict=50)
    other = pd.DataFrame({"a": ["x", "y"] * 100})
    with pytest.warns(UserWarning, match=r"No value of column 'a'.*\['x', 'y'\]") as w:
        model.predict(other)
    assert len(w) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.predict(other.iloc[:1])  # a single request is ordinary
        model.predict(other.assign(a=[*["x"] * 199, "101"]))


def test_rare_levels_share_an_indicator():
    """Time and memory must not grow with the number of names."""
    names = [*["often"] * 50, *["sometimes"] * 20, *map(str, range(1000, 1300))]
    frame = pd.DataFrame({"a": pd.Categorical(names)})
    encoder = TabularEncoder().fit(read_columns(frame), np.ones(len(frame)))
    assert encoder.categories_[0].tolist() == ["often", "sometimes"]
    encoded, _ = encoder.transform(read_columns(frame))
    assert encoded.shape[1] == 3
    np.testing.assert_allclose(encoded.mean(axis=0), 0.0, atol=1e-12)
    unseen, _ = encoder.transform(read_columns(pd.DataFrame({"a": ["new"]})))
    np.testing.assert_array_equal(unseen[0], encoded[-1])


def test_the_heaviest_levels_are_kept_and_those_of_single_rows_are_not():
    """Nothing can be learned from one row; of equal levels the order decides."""
    weights = np.array([2.0, 5.0, 2.0, 2.0, 1.0])
    counts = np.array([2, 5, 2, 1, 1])
    assert kept_levels(weights, counts, 5).all()
    assert kept_levels(weights, counts, 2).tolist() == [True, True, *[False] * 3]
    assert kept_levels(weights, counts, 4).tolist() == [*[True] * 3, False, False]


def test_many_levels_of_equal_size_still_tell_something():
    """A balanced design of 150 sites must not lose them all to a tie."""
    sites = np.arange(3000) % 150
    table = pd.DataFrame({"site": pd.Categorical(sites.astype(str))})
    label = rng.random(150)[sites] > 0.5
    model = ChainzRuleClassifier(max_iter=20, random_state=0).fit(table, label)
    assert model.score(table, label) > 0.9


def test_other_lazy_frames_are_told_their_own_way():
    """Not every library collects."""
    with pytest.raises(TypeError, match=r"lazy frame \(polars\).*\.collect\(\)"):
        read_columns(pl.LazyFrame({"a": [1.0]}))
    duckdb = pytest.importorskip("duckdb")
    with pytest.raises(TypeError, match=r"lazy frame \(duckdb\).*\.df\(\)"):
        read_columns(duckdb.sql("select 1 as a"))
