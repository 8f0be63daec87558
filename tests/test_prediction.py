"""Predicting: in batches, from any kind of table, with sensitivities beside."""

import pickle
import tracemalloc

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from cr_sklearn import ChainzRuleClassifier
from cr_sklearn.encoding._columns import read_columns
from cr_sklearn.formulas import _numpy
from cr_sklearn.inference import _derivatives, _ensemble

METHODS = ["predict", "predict_proba", "decision_function", "jacobian", "sensitivity"]
TABLES = {
    "numpy": lambda frame: frame[["income"]].to_numpy(),
    "pandas": lambda frame: frame,
    "polars": pl.from_pandas,
    "pyarrow": lambda frame: pa.Table.from_pandas(frame, preserve_index=False),
}


def small(**params):
    given = {"n_estimators": 2, "max_iter": 5, "dreg_strength": 0.01, **params}
    return ChainzRuleClassifier(**{"random_state": 0, **given})


def encode_at_once(monkeypatch, model, n_rows):
    """Let predictions encode so many rows at a time."""
    n_values = n_rows * model._encoder.n_encoded_
    monkeypatch.setattr(_derivatives, "_VALUES_AT_ONCE", n_values)


def peak_beside_the_result(method, X):
    """Bytes at the peak of a call, less those of what it returns."""
    method(X)
    tracemalloc.start()
    try:
        result = method(X)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return peak - result.nbytes


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("kind", TABLES)
def test_results_do_not_depend_on_the_batch(kind, n_classes, mixed_frame, monkeypatch):
    """Batches are about memory; a seam in the predictions would be a bug."""
    frame, _ = mixed_frame
    X = TABLES[kind](frame.drop(columns=["empty"]))
    y = np.random.default_rng(0).integers(n_classes, size=len(frame))
    model = small().fit(X, y)
    whole = {name: getattr(model, name)(X) for name in METHODS}
    monkeypatch.setattr(_ensemble, "_IN_CACHE", 500)
    for size in (1, 7, 119, 120):
        encode_at_once(monkeypatch, model, size)
        for name, expected in whole.items():
            found = getattr(model, name)(X)
            assert found.dtype == expected.dtype
            if expected.dtype.kind == "f":
                np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)
            else:
                np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("name", METHODS)
def test_memory_beside_the_result_does_not_grow(name, moons, monkeypatch):
    """A night's batch job has a hundred million rows and a few gigabytes."""
    model = small().fit(*moons)
    encode_at_once(monkeypatch, model, 500)
    rng = np.random.default_rng(0)
    few, many = (
        peak_beside_the_result(getattr(model, name), rng.normal(size=(n, 2)))
        for n in (10_000, 40_000)
    )
    assert many < 1.1 * few


def test_memory_is_bounded_for_frames_too(mixed_frame):
    """They are cut before they are read."""
    frame, y = mixed_frame
    model = small().fit(frame, y)
    rows = np.random.default_rng(0).integers(len(frame), size=120_000)
    large = frame.iloc[rows].reset_index(drop=True)
    few, many = (
        peak_beside_the_result(model.predict_proba, large[:n])
        for n in (40_000, 120_000)
    )
    assert many < 1.1 * few


@pytest.mark.parametrize("kind", ["numpy", "pandas", "polars"])
def test_infinity_is_found_in_its_row_of_the_table(kind, mixed_frame, monkeypatch):
    """The row within a batch would send the user to the wrong place."""
    frame, y = mixed_frame
    X = frame[["income"]].assign(more=1.0 * np.arange(len(frame)))
    X = X.to_numpy() if kind == "numpy" else X
    model = small().fit(X, y)
    encode_at_once(monkeypatch, model, 50)
    bad = np.array(X)
    bad[117, 1] = -np.inf
    if kind != "numpy":
        bad = pd.DataFrame(bad, columns=X.columns)
        bad = pl.from_pandas(bad) if kind == "polars" else bad
    label = "1" if kind == "numpy" else "'more'"
    for method in (model.predict, model.jacobian):
        with pytest.raises(ValueError, match=f"infinity: column {label}, row 117"):
            method(bad)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_sensitivities_beside_probabilities_are_the_same(n_classes, monkeypatch):
    """One pass for both is a matter of cost."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(90, 3)), rng.integers(n_classes, size=90)
    model = small().fit(X, y)
    encode_at_once(monkeypatch, model, 40)
    probabilities, sensitivity = model.predict_proba(X, return_sensitivity=True)
    np.testing.assert_allclose(probabilities, model.predict_proba(X), rtol=1e-12)
    np.testing.assert_array_equal(sensitivity, model.sensitivity(X))


def test_many_classes_of_few_columns_have_the_same_derivatives(mixed_frame):
    """Tangents of the columns are then carried forward instead of rows back."""
    frame, _ = mixed_frame
    X = frame[["income", "owner"]]
    y = np.random.default_rng(0).permutation(np.arange(len(X)) % 20)
    model = small(n_bins=3, max_iter=20).fit(X, y)
    encoder, network = model._encoder, model._network
    assert network.is_forward_cheaper(encoder.n_standardised)
    encoded, standardised = encoder.transform(read_columns(X))
    _, jacobian = network.outputs_and_jacobian(encoded)
    jacobian = encoder.standardised_jacobian(jacobian, standardised)
    by_deviation = model._head.contrast(_numpy, encoder.deviation_jacobian(jacobian))
    np.testing.assert_allclose(
        model.sensitivity(X), np.linalg.norm(by_deviation, axis=(1, 2)), rtol=1e-10
    )
    np.testing.assert_allclose(
        model.jacobian(X), encoder.user_jacobian(jacobian, standardised), atol=1e-12
    )


def test_a_pipeline_hands_the_question_for_sensitivities_on(moons):
    """Most models in use are the last step of one."""
    X, y = moons
    pipeline = make_pipeline(StandardScaler(), small()).fit(X, y)
    probabilities, sensitivity = pipeline.predict_proba(X, return_sensitivity=True)
    np.testing.assert_allclose(probabilities, pipeline.predict_proba(X), rtol=1e-12)
    np.testing.assert_allclose(
        sensitivity, pipeline[-1].sensitivity(pipeline[0].transform(X))
    )


@pytest.mark.parametrize(
    "convert",
    [np.ndarray.tolist, np.asfortranarray, np.float32, lambda X: X.astype(object)],
    ids=["list", "Fortran", "float32", "object"],
)
def test_arrays_of_any_kind_predict_alike(convert):
    """Plain float arrays take a shorter way; it must lead to the same place."""
    rng = np.random.default_rng(0)
    X = rng.integers(-4, 5, size=(60, 3)).astype(float)
    y = rng.integers(2, size=60)
    model = small().fit(X, y)
    np.testing.assert_allclose(
        model.predict_proba(convert(X)), model.predict_proba(X), rtol=1e-12
    )
    np.testing.assert_array_equal(model.predict(X.astype(int)), model.predict(X))


def test_an_array_for_a_model_of_named_columns_is_warned_of():
    """The short way must not skip it: the order of the columns is a guess then."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 2)), rng.integers(2, size=60)
    model = small().fit(pd.DataFrame(X, columns=["a", "b"]), y)
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        model.predict_proba(X)


def test_a_file_holds_the_weights_once(moons):
    """What is made ready for predictions is made from them."""
    model = small(hidden_layer_sizes=(64, 64), n_estimators=8, max_iter=1).fit(*moons)
    weights = [*model.coefs_, *model.intercepts_, *model.polynomial_coefs_]
    weights.append(model.skip_coef_)
    assert len(pickle.dumps(model)) < 1.2 * sum(array.nbytes for array in weights)


def test_a_loaded_model_can_be_trained_on(moons):
    """What a file leaves out must not be what a warm start needs."""
    X, y = moons
    model = small(warm_start=True).fit(X, y)
    loaded = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(loaded.fit(X, y).coefs_[0], model.fit(X, y).coefs_[0])
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    before = loaded.predict_proba(X)
    assert not np.allclose(loaded.partial_fit(X, y).predict_proba(X), before)
