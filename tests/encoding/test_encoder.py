"""The encoder: every kind of column, and a derivative in the user's units."""

import tracemalloc

import numpy as np
import pandas as pd
import polars as pl
import pytest

from cr_sklearn.encoding._columns import read_columns
from cr_sklearn.encoding._encoder import TabularEncoder
from cr_sklearn.encoding._quantiles import weighted_quantile
from cr_sklearn.formulas import _numpy as xp
from cr_sklearn.formulas._encodings import BOUND, bound, bound_slope


def encode(X, fitted_on=None, weight=None, **params):
    train = read_columns(X if fitted_on is None else fitted_on)
    weight = np.ones(train.n_rows) if weight is None else weight
    encoder = TabularEncoder(**params).fit(train, weight)
    return encoder, *encoder.transform(read_columns(X))


def test_bound_is_smooth_odd_and_bounded():
    """Stacked cubics overflow on unbounded inputs; the slope enters the Jacobian."""
    v = np.array([-1e300, -5.0, -0.1, 0.0, 0.1, 5.0, 1e300])
    assert (np.abs(bound(xp, v)) <= BOUND).all()
    np.testing.assert_allclose(bound(xp, -v), -bound(xp, v))
    near = np.linspace(-8, 8, 50)
    difference = (bound(xp, near + 1e-6) - bound(xp, near - 1e-6)) / 2e-6
    np.testing.assert_allclose(bound_slope(xp, near), difference, rtol=1e-7)


def test_weighted_quantile_counts_a_weight_of_two_as_two_rows():
    """Weights must mean repetition everywhere, also in imputation and scaling."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(31, 3))
    x[rng.random(x.shape) < 0.2] = np.nan
    weight = rng.integers(1, 4, 31)
    levels = (0.25, 0.5, 0.75)
    np.testing.assert_allclose(
        weighted_quantile(x, levels, weight.astype(float)),
        weighted_quantile(np.repeat(x, weight, axis=0), levels, np.ones(weight.sum())),
    )


def test_weighted_quantile_of_equal_weights_is_the_textbook_one():
    """A median that differs from numpy's would surprise everyone."""
    x = np.random.default_rng(0).normal(size=(20, 2))
    for n in (19, 20):
        np.testing.assert_allclose(
            weighted_quantile(x[:n], (0.5,), np.full(n, 0.3))[0],
            np.median(x[:n], axis=0),
        )


def test_numeric_columns_are_centred_scaled_and_imputed_by_the_median():
    """The network expects unit-scale inputs; a missing value is the typical row."""
    x = np.random.default_rng(0).normal(50.0, 10.0, size=(5000, 1))
    x[:500] = np.nan
    encoder, encoded, standardised = encode(x)
    assert encoder.n_encoded_ == 1 + 1 + 32  # value, missing indicator, ramps
    assert abs(np.nanmedian(standardised)) < 1e-12
    assert np.nanstd(standardised) == pytest.approx(1.0, abs=0.03)
    np.testing.assert_array_equal(encoded[:500, 0], 0.0)
    # Centred indicators: the bias of the network need not undo their mean.
    np.testing.assert_allclose(np.unique(encoded[:, 1]), [-0.1, 0.9])


def test_scale_falls_back_to_the_standard_deviation():
    """Mostly zero columns have coinciding quartiles but do carry information."""
    x = np.zeros((100, 1))
    x[:10] = 5.0
    x[0] = 4.0
    encoder, encoded, _ = encode(x)
    assert encoder.scale_[0] == pytest.approx(np.std(x))
    assert np.ptp(encoded) > 1


def test_constant_and_empty_columns_are_left_out():
    """They carry nothing, and their scale would divide by zero."""
    x = np.column_stack([np.full(9, 7.1), np.full(9, np.nan), np.arange(9.0)])
    encoder, encoded, _ = encode(x)
    assert encoder.numeric_features_.tolist() == [2]
    assert encoder.missing_features_.tolist() == []
    other = x + 1000.0
    np.testing.assert_array_equal(
        encoder.transform(read_columns(other))[0].shape, encoded.shape
    )


def test_a_table_of_constants_still_has_an_input():
    """The model is then the class frequencies, not an error."""
    _, encoded, _ = encode(np.ones((5, 2)))
    assert encoded.shape == (5, 1)
    assert not encoded.any()


def test_all_dtypes_of_pandas(mixed_frame):
    """Category, string and boolean columns are categories; nullable ints numbers."""
    frame, _ = mixed_frame
    encoder, encoded, _ = encode(frame)
    names = frame.columns[encoder.is_categorical_].tolist()
    assert names == ["city", "note", "owner", "flag"]
    assert np.isfinite(encoded).all()
    assert encoder.categorical_.missing_bucket_ == {2: True, 3: True, 4: True, 5: False}
    # income, rooms; 2 indicators; city 3+1; note 2+1; owner 2+1; flag 2; ramps
    assert encoded.shape[1] == 2 + 2 + 4 + 3 + 3 + 2 + (8 + 4)


def test_pandas_and_polars_encode_alike(mixed_frame):
    """The library of the frame is the user's choice, not part of the model."""
    frame, _ = mixed_frame
    frame = frame.drop(columns=["empty"])
    _, from_pandas, _ = encode(frame)
    _, from_polars, _ = encode(pl.from_pandas(frame))
    np.testing.assert_allclose(from_pandas, from_polars)


@pytest.mark.parametrize("convert", [lambda frame: frame, pl.from_pandas])
def test_numbers_read_as_a_block_are_those_read_one_by_one(convert):
    """A block has one dtype; what it does to its columns must be nothing."""
    frame = pd.DataFrame(
        {
            "whole": np.array([2**53, -1, 0]),
            "half": np.array([0.1, np.nan, 3.0], dtype=np.float32),
            "nullable": pd.array([1, None, 3], dtype="Int64"),
            "flag": [True, False, True],
            "text": ["a", "b", "c"],
            "tiny": np.array([1, 2, 3], dtype=np.int8),
        }
    )
    columns = read_columns(convert(frame))
    for features in ([0, 1, 2, 3, 5], [5, 1], [0, 2]):
        one_by_one = [columns.numeric([feature]) for feature in features]
        np.testing.assert_array_equal(
            columns.numeric(features), np.concatenate(one_by_one, axis=1)
        )


def test_fitting_makes_no_copy_of_a_large_table():
    """A table that fills half of the memory must leave room for the fit."""
    X = np.random.default_rng(0).normal(size=(10_000, 100)).astype(np.float32)
    columns, weight = read_columns(X), np.ones(len(X))
    tracemalloc.start()
    try:
        TabularEncoder().fit(columns, weight)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < X.nbytes / 2


def test_codes_of_equal_values_are_equal():
    """Categories are told apart by value, as dicts do it, whatever holds them."""
    rng = np.random.default_rng(0)
    numbers = rng.integers(0, 5, 50).astype(float)
    numbers[::7] = np.nan
    for values in (numbers, numbers.astype(object), numbers.astype(str)):
        levels, codes = read_columns(values[:, None]).factorize(0)
        present = codes >= 0
        np.testing.assert_array_equal(levels[codes[present]], values[present])
        assert len(set(levels)) == len(levels)
        if values.dtype.kind != "U":
            np.testing.assert_array_equal(~present, np.isnan(numbers))


def test_unseen_and_missing_categories_share_the_bucket():
    """With missing values in training, "unknown" has learned weights to go to."""
    train = pd.DataFrame({"c": ["a", "b", None, "a"]})
    encoder, encoded, _ = encode(train)
    test = encoder.transform(read_columns(pd.DataFrame({"c": ["new", None]})))[0]
    np.testing.assert_array_equal(test[0], encoded[2])
    np.testing.assert_array_equal(test[1], encoded[2])


def test_an_unseen_category_without_bucket_is_the_average_row():
    """Untrained weights must not decide; zeros are the mean of centred indicators."""
    encoder, encoded, _ = encode(pd.DataFrame({"c": ["a", "b", "b", "a"]}))
    test = encoder.transform(read_columns(pd.DataFrame({"c": ["new"]})))[0]
    np.testing.assert_allclose(test[0], encoded.mean(axis=0))


@pytest.mark.parametrize(
    "given", [[True, False], [0], ["code"]], ids=["mask", "positions", "names"]
)
def test_categorical_features_as_in_hist_gradient_boosting(given):
    """Names and meaning are scikit-learn's, so what users know holds."""
    frame = pd.DataFrame({"code": [1, 2, 3, 1], "size": [1.0, 2.0, 3.0, 4.0]})
    encoder, encoded, _ = encode(frame, categorical_features=given)
    assert encoder.is_categorical_.tolist() == [True, False]
    assert encoded.shape == (4, 1 + 3 + 3)


def test_no_categorical_features_reads_booleans_as_numbers():
    """None means that every column is a number, whatever its dtype."""
    frame = pd.DataFrame({"b": pd.array([True, False, None, True], dtype="boolean")})
    encoder, _, standardised = encode(frame, categorical_features=None)
    assert not encoder.is_categorical_.any()
    assert np.isnan(standardised[2, 0])


def test_object_columns_of_an_array_can_be_declared():
    """NumPy users with strings have no dtype per column to speak for them."""
    x = np.array([["a", 1.0], ["b", 2.0], ["a", None]], dtype=object)
    encoder, encoded, _ = encode(x, categorical_features=[0])
    assert encoder.is_categorical_.tolist() == [True, False]
    assert encoded.shape == (3, 1 + 1 + 2)


def test_weight_equals_repetition():
    """Of the whole encoding: centre, scale, indicator means."""
    frame = pd.DataFrame(
        {"x": [1.0, 5.0, np.nan, 8.0, 2.0], "c": ["a", "b", "b", None, "a"]}
    )
    repeats = np.array([1, 2, 3, 1, 2])
    repeated = frame.loc[frame.index.repeat(repeats)]
    _, weighted, _ = encode(frame, weight=repeats.astype(float))
    _, plain, _ = encode(frame, fitted_on=repeated)
    np.testing.assert_allclose(weighted, plain, atol=1e-14)


def test_derivative_of_the_encoding_agrees_with_differences():
    """The Jacobian in the user's units is the network's times this."""
    rng = np.random.default_rng(0)
    train = rng.normal(3.0, 20.0, size=(40, 2))
    x = rng.normal(3.0, 20.0, size=(30, 2))  # off the knots, which are training values
    encoder, _, standardised = encode(x, fitted_on=train)
    n = encoder.n_encoded_
    unit = np.broadcast_to(np.eye(n), (30, n, n))
    jacobian = encoder.standardised_jacobian(unit, standardised)
    tangents = encoder.tangents(standardised)
    np.testing.assert_array_equal(tangents.swapaxes(1, 2), jacobian)
    jacobian = encoder.user_jacobian(jacobian, standardised)
    for feature in range(2):
        step = 1e-5 * np.eye(2)[feature]
        above, below = (
            encoder.transform(read_columns(moved))[0] for moved in (x + step, x - step)
        )
        np.testing.assert_allclose(
            jacobian[:, :, feature], (above - below) / 2e-5, atol=1e-9
        )


def test_a_missing_value_is_the_average_ramp():
    """Like the median in the column itself, it must say nothing."""
    x = np.arange(40.0)[:, None]
    x[::5] = np.nan
    encoder, encoded, standardised = encode(x)
    np.testing.assert_array_equal(encoded[::5, 2:], 0.0)
    np.testing.assert_allclose(encoded[:, 2:].mean(axis=0), 0.0, atol=1e-12)
    assert not encoder.ramps_.slope(standardised)[::5].any()


def test_entries_without_a_derivative_are_nan():
    """A zero would claim that the prediction does not depend on them."""
    frame = pd.DataFrame({"c": ["a", "b", "a"], "x": [1.0, np.nan, 3.0], "k": 1.0})
    encoder, _, standardised = encode(frame)
    unit = np.ones((3, 1, encoder.n_standardised))
    jacobian = encoder.user_jacobian(unit, standardised)[:, 0]
    np.testing.assert_array_equal(
        np.isnan(jacobian),
        [[True, False, False], [True, True, False], [True, False, False]],
    )
    np.testing.assert_array_equal(jacobian[:, 2], 0.0)


def test_huge_values_encode_to_the_bound_without_warnings():
    """A sensor that reads 1e300 must not take the service down."""
    encoder, _, _ = encode(np.arange(9.0)[:, None])
    encoded, standardised = encoder.transform(read_columns([[1e308], [-1e308]]))
    np.testing.assert_allclose(encoded[:, 0], [BOUND, -BOUND])
    unit = np.ones((2, 1, encoder.n_encoded_))
    np.testing.assert_allclose(
        encoder.standardised_jacobian(unit, standardised), 0.0, atol=1e-200
    )


def test_columns_of_the_largest_numbers_can_be_fitted():
    """Squares overflow there; scale and warnings must not depend on it."""
    x = np.array([[-1e300, 1e308], [0.0, -1e308], [1e300, 0.0], [2e299, 1.0]])
    _, encoded, _ = encode(x)
    assert np.isfinite(encoded).all()
    assert np.ptp(encoded[:, 0]) > 1


@pytest.mark.parametrize(
    "X, params, error, message",
    [
        (
            pd.DataFrame({"a": [1, "x", 2.5]}, dtype=object),
            {},
            TypeError,
            r"Column 'a' mixes values of the types \['number', 'str'\]",
        ),
        (
            pd.DataFrame({"when": pd.to_datetime(["2020-01-01", "2021-01-01"])}),
            {},
            TypeError,
            "Column 'when' holds dates",
        ),
        (
            pd.DataFrame({"a": [1.0, np.inf]}),
            {},
            ValueError,
            "infinity: column 'a', row 1",
        ),
        (
            pd.DataFrame({"a": ["x", "y"]}),
            {"categorical_features": None},
            ValueError,
            "Column 'a' is numeric, but could not convert string to float: 'x'",
        ),
        (
            np.array([["x", 1.0], ["y", 2.0]], dtype=object),
            {},
            ValueError,
            "Column 0 is numeric, but could not convert string to float: 'x'",
        ),
        (np.eye(2), {"categorical_features": [2]}, ValueError, r"\[0, 1\], got \[2\]"),
        (np.eye(2), {"categorical_features": ["a"]}, ValueError, "no column names"),
        (np.eye(2), {"categorical_features": [True]}, ValueError, r"shape \(2,\)"),
        (np.eye(2), {"categorical_features": "all"}, ValueError, "got 'all'"),
        (np.eye(2), {"categorical_features": [0.5]}, ValueError, "dtype float64"),
        (
            pd.DataFrame({"a": ["x", "y"]}),
            {"categorical_features": ["b"]},
            ValueError,
            r"names 'b', which is no column of X. Columns: \['a'\]",
        ),
        (
            np.array([["x"], [1]], dtype=object),
            {"categorical_features": [0]},
            TypeError,
            r"types \['int', 'str'\]",
        ),
        (
            pd.DataFrame({"a": [["x"], ["y"]]}),
            {},
            TypeError,
            "Column 'a' holds lists or structures. Give their parts columns",
        ),
        (pl.LazyFrame({"a": [1]}), {}, TypeError, "collect"),
        (pd.DataFrame({"a": []}), {}, ValueError, "0 sample"),
        (pd.DataFrame(index=[0, 1]), {}, ValueError, "0 feature"),
    ],
)
def test_bad_columns_are_named(X, params, error, message):
    """In a table of eighty columns, "could not convert" alone is useless."""
    with pytest.raises(error, match=message):
        encode(X, **params)


FAR_VALUES = {
    "smallest integer": (np.iinfo("int64").min, 1),
    "fill value": (9.97e36, 30),
    "largest float32": (3.4e38, 30),
    "sentinel": (-1e12, 100),
}


@pytest.mark.parametrize("value, n_rows", FAR_VALUES.values(), ids=FAR_VALUES)
def test_far_values_do_not_remove_a_column(value, n_rows):
    """What is far out says nothing about the bulk."""
    x = np.random.default_rng(0).normal(size=(1000, 1))
    x[:n_rows] = value
    encoder = TabularEncoder().fit(read_columns(x), np.ones(1000))
    assert 0.8 < encoder.scale_[0] < 1.3
    _, standardised = encoder.transform(read_columns(x))
    slopes = encoder.standardised_jacobian(
        np.ones((1000, 1, encoder.n_encoded_)), standardised
    )
    assert np.isfinite(slopes).all()
    assert (np.abs(slopes[n_rows:]) > 0.1).all()


def test_rounding_errors_are_a_constant_and_log_normal_columns_are_not():
    """Both have values that are small beside the largest one."""
    rng = np.random.default_rng(0)
    x = np.c_[1e9 + 1e-7 * rng.normal(size=1000), np.exp(20 * rng.normal(size=1000))]
    encoder = TabularEncoder().fit(read_columns(x), np.ones(1000))
    assert encoder.numeric_features_.tolist() == [1]


def test_a_sentinel_does_not_stretch_a_column_of_zeros():
    """Four fifths of zeros have no quartiles to go by."""
    rng = np.random.default_rng(0)
    x = np.where(np.arange(1000) % 5, 0.0, rng.normal(size=1000))
    scales = []
    for far in (x[0], 1e12):
        x[0] = far
        encoder = TabularEncoder().fit(read_columns(x[:, None]), np.ones(1000))
        scales.append(encoder.scale_[0])
    assert scales[0] == pytest.approx(x[1:].std(), rel=0.02)
    assert scales[1] < 2 * scales[0]


def test_weights_are_counts_in_every_scale():
    """Also where the standard deviation stands in for the quartiles."""
    rng = np.random.default_rng(0)
    x = np.where(np.arange(60) % 5, 0.0, rng.standard_cauchy(size=60))[:, None]
    weight = rng.integers(1, 4, 60)
    one = TabularEncoder().fit(read_columns(x), weight.astype(float))
    rows = np.repeat(x, weight, axis=0)
    two = TabularEncoder().fit(read_columns(rows), np.ones(len(rows)))
    np.testing.assert_allclose(one.scale_, two.scale_)
    np.testing.assert_allclose(one.center_, two.center_)


def test_spreads_that_overflow_are_finite_or_refused():
    """A sensitivity of inf would be the end of every mean."""
    x = np.random.default_rng(0).normal(size=(300, 1))
    x[::3] = 8e307
    encoder = TabularEncoder().fit(read_columns(x), np.ones(300))
    _, standardised = encoder.transform(read_columns(x))
    slopes = encoder.standardised_jacobian(
        np.ones((300, 1, encoder.n_encoded_)), standardised
    )
    assert np.isfinite(slopes).all()
    x[::3], x[1::3] = 1.7e308, -1.7e308
    with pytest.raises(ValueError, match=r"Column 0 .* spread overflows.*NaN"):
        TabularEncoder().fit(read_columns(x), np.ones(300))
