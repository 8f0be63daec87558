"""Categories: which are kept, and which one a value at prediction is."""

import datetime
import uuid
import warnings
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from cr_sklearn import ChainzRuleClassifier
from cr_sklearn.encoding._columns import read_columns
from cr_sklearn.encoding._encoder import TabularEncoder
from cr_sklearn.encoding._levels import LevelCodes, kept_levels
from cr_sklearn.inference import _derivatives
from cr_sklearn.inspection import input_sensitivity
from cr_sklearn.monitoring import SensitivityMonitor

Y = (np.random.default_rng(0).normal(size=200) > 0).astype(int)
CODES = np.where(Y, "101", "102")
START = datetime.date(2020, 1, 1)


def fitted(column, **given):
    model = ChainzRuleClassifier(max_iter=10, random_state=0, **given)
    return model.fit(
        pd.DataFrame(column if hasattr(column, "columns") else {"a": column}), Y
    )


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
    (["7", "8"], Decimal("7.0"), 0),
    (["7", "8"], np.inf, None),
    ([0.1, 0.5], Decimal("0.1"), 0),
    ([Decimal("0.10"), 2], "0.10", 0),
    ([Decimal("0.10"), 2], 0.1, 0),
    ([2**60, 2**60 + 1], str(2**60 + 1), 1),
    ([False, True], "true", 1),
    (["false", "true"], True, 1),
    ([START], datetime.datetime(2020, 1, 1), 0),
    ([START], "2020-01-01", 0),
    ([START], "2021-01-01", None),
    (["2020-01-01"], START, 0),
    ([uuid.UUID(int=7)], str(uuid.UUID(int=7)), 0),
    ([pd.Interval(0, 1)], "(0, 1]", 0),
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
    (["1", "01"], 1, "1 might be '01', or not"),
    (["0", "1"], True, "True might be '1', or not"),
    ([2**60, 2**60 + 1], 2.0**60, "type float, .* might be 1152921504606846976"),
    ([str(2**60 + 1)], 2.0**60, "type float, .* might be '1152921504606846977'"),
    (["a", "b"], b"a", "type bytes, such as b'a', .* type str, such as 'a'"),
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


def test_a_column_of_unseen_values_is_warned_of_once(monkeypatch):
    """All rows of it are unknown: it was read in another way, or is another column."""
    model = fitted(CODES)
    n_values = 50 * model._encoder.n_encoded_
    monkeypatch.setattr(_derivatives, "_VALUES_AT_ONCE", n_values)
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
    assert encoder.categorical_.kept_[0].tolist() == ["often", "sometimes"]
    encoded, _ = encoder.transform(read_columns(frame))
    assert encoded.shape[1] == 3
    np.testing.assert_allclose(encoded.mean(axis=0), 0.0, atol=1e-12)
    unseen, _ = encoder.transform(read_columns(pd.DataFrame({"a": ["new"]})))
    np.testing.assert_array_equal(unseen[0], encoded[-1])


def test_the_heaviest_levels_are_kept_and_those_of_few_rows_are_not():
    """Little can be learned from three rows; of equal levels the order decides."""
    weights = np.array([2.0, 5.0, 2.0, 2.0, 1.0])
    counts = np.array([4, 5, 4, 3, 1])
    assert kept_levels(weights, counts, 5).tolist() == [*[True] * 3, False, False]
    assert kept_levels(weights, counts, 2).tolist() == [True, True, *[False] * 3]
    assert kept_levels(weights, counts, 4).tolist() == [*[True] * 3, False, False]


def test_columns_share_the_levels_that_there_may_be():
    """Many columns of few levels leave one of many alone; many of many do not."""
    many = {f"a{i}": np.arange(1200) % 300 for i in range(30)}
    few = {name: values % 5 for name, values in many.items()}
    kept = []
    for table in (few | {"a0": many["a0"]}, many):
        frame = pd.DataFrame(table).astype(str).astype("category")
        encoder = TabularEncoder().fit(read_columns(frame), np.ones(1200))
        kept.append(len(encoder.categorical_.kept_[0]))
    assert kept == [300, 128]


def test_many_levels_of_equal_size_still_tell_something():
    """A balanced design of 300 sites must not lose them all to a tie."""
    sites = np.arange(3000) % 300
    table = pd.DataFrame({"site": pd.Categorical(sites.astype(str))})
    label = np.random.default_rng(0).random(300)[sites] > 0.5
    model = ChainzRuleClassifier(max_iter=20, random_state=0).fit(table, label)
    assert model.score(table, label) > 0.85


def test_monitors_and_switches_read_codes_as_the_model_does():
    """A category is unseen for all of them or for none."""
    text = pd.DataFrame({"zip": CODES, "b": np.linspace(-1, 1, 200)})
    numbers = text.astype({"zip": int})
    model = ChainzRuleClassifier(max_iter=10, random_state=0).fit(text, Y)
    monitor = SensitivityMonitor.from_estimator(model, text, min_rows=50)
    reports = [monitor.update(table) for table in (text, numbers)]
    assert reports[0].psi["zip"] == reports[1].psi["zip"]
    assert reports[1].unseen == {"zip": 0}
    expected = input_sensitivity(model, text)
    for given in ({"X": numbers}, {"X": numbers, "reference": text}):
        found = input_sensitivity(model, **given)
        np.testing.assert_array_equal(found.per_unit, expected.per_unit)


def test_a_column_set_to_an_unseen_level_is_not_warned_of():
    """It was set so by the inspection, not by the user."""
    frame = pd.DataFrame({"a": [*CODES[:-1], "unseen"]})
    input_sensitivity(fitted(CODES), frame)


def test_rare_levels_alone_are_suspicious_only_if_they_are_many():
    """A day of few shops is ordinary; ten thousand shops of which none is known not."""
    rng = np.random.default_rng(0)
    shops = np.r_[np.repeat(np.arange(100), 10), np.arange(100, 600)].astype(str)
    labels = rng.integers(2, size=len(shops))
    model = ChainzRuleClassifier(max_iter=2, random_state=0)
    model.fit(pd.DataFrame({"shop": pd.Categorical(shops)}), labels)
    model.predict(pd.DataFrame({"shop": ["new", "newer"] * 50}))
    with pytest.warns(UserWarning, match="No value of column 'shop' was seen in fit"):
        model.predict(pd.DataFrame({"shop": "DE-" + pd.Series(shops[-50:])}))
