"""Bad input: a typed error that names the value, and an estimator left as it was."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.exceptions import NotFittedError

from cr_sklearn import ChainzRuleClassifier

X = np.random.default_rng(0).normal(size=(20, 2))
Y = np.tile([0, 1], 10)


def small(**params):
    given = {"n_estimators": 1, "max_iter": 2, "dreg_strength": 0.01, **params}
    return ChainzRuleClassifier(**{"random_state": 0, **given})


def with_entry(value):
    changed = X.copy()
    changed[3, 1] = value
    return changed


BAD_DATA = {
    "NaN in y": (X, np.where(Y == 1, np.nan, 0.0), None, ValueError, "y.*NaN"),
    "None in y": (X, np.array([None, "a"] * 10), None, ValueError, "y.*missing"),
    "NaN among labels": (
        X,
        np.array([np.nan, "a"] * 10, dtype=object),
        None,
        ValueError,
        "y.*(NaN|missing)",
    ),
    "continuous y": (X, X[:, 0], None, ValueError, "Unknown label type"),
    "two columns in y": (X, np.c_[Y, Y], None, ValueError, "1d array"),
    "no y": (X, None, None, ValueError, "requires y to be passed"),
    "inf in X": (with_entry(np.inf), Y, None, ValueError, "X contains infinity"),
    "other length": (X, Y[:-1], None, ValueError, r"inconsistent.*\[20, 19\]"),
    "zero rows": (X[:0], Y[:0], None, ValueError, "0 sample"),
    "vector": (X[:, 0], Y, None, ValueError, "2D array"),
    "complex": (X + 1j, Y, None, ValueError, "Complex data"),
    "sparse": (sparse.csr_matrix(X), Y, None, TypeError, r"csr_matrix.*X.toarray\(\)"),
    "mixed objects": (
        np.where(np.arange(40).reshape(20, 2) == 3, "x", X.astype(object)),
        Y,
        None,
        ValueError,
        "could not convert string to float: 'x'",
    ),
    "weights all zero": (
        X,
        Y,
        np.zeros(20),
        ValueError,
        "at least one non-zero",
    ),
    "negative weight": (X, Y, np.r_[-2.0, np.ones(19)], ValueError, "smallest is -2"),
    "NaN weight": (X, Y, np.r_[np.nan, np.ones(19)], ValueError, "NaN"),
}


@pytest.mark.parametrize("case", BAD_DATA)
def test_bad_data(case):
    """The message says which argument, and a fitted model survives the attempt."""
    bad_X, bad_y, weight, error, message = BAD_DATA[case]
    model = small().fit(X, Y)
    before = dict(vars(model))
    with pytest.raises(error, match=message):
        model.fit(bad_X, bad_y, sample_weight=weight)
    assert vars(model).keys() == before.keys()
    assert all(vars(model)[name] is value for name, value in before.items())


BAD_PARAMETERS = {
    "degree": [0, 2.5, "three"],
    "dreg_strength": [-0.1, "strong", np.nan],
    "activation": ["step"],
    "hidden_layer_sizes": [0, (4, 0), (2.5,), -3],
    "n_estimators": [0],
    "max_iter": [0],
    "batch_size": [0, "large"],
    "learning_rate_init": [0.0, -1.0],
    "validation_fraction": [0.0, 1.0],
    "n_iter_no_change": [0],
    "tol": [-1.0],
    "class_weight": ["even", {0: 0.0, 1: 0.0}],
    "categorical_features": ["all"],
    "device": ["abacus", 3],
    "n_bins": [-1, 2.5],
    "cv": [1, "five"],
    "dtype": ["float16"],
    "random_state": ["seed"],
}


@pytest.mark.parametrize(
    "name, value",
    [(name, value) for name, values in BAD_PARAMETERS.items() for value in values],
)
def test_bad_parameter(name, value):
    """Name and value are in the message; nothing is fitted half."""
    model = small(**{name: value})
    before = set(vars(model))
    with pytest.raises(ValueError, match=name) as caught:
        model.fit(X, Y)
    assert str(value) in str(caught.value)
    assert set(vars(model)) == before


def test_a_diverging_fit_leaves_the_earlier_one():
    """Better yesterday's model than a broken one."""
    model = small().fit(X, Y)
    expected = model.predict_proba(X)
    model.set_params(learning_rate_init=1e300)
    with pytest.raises(ValueError, match=r"learning_rate_init=1e\+300.*dreg_strength"):
        model.fit(X, Y)
    np.testing.assert_array_equal(model.predict_proba(X), expected)


def test_partial_fit_needs_to_know_its_classes():
    """A stream's first batch rarely shows all of them."""
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        small().partial_fit(X, Y)
    with pytest.raises(ValueError, match=r"at least 2 classes, got \[1\]"):
        small().partial_fit(X, Y, classes=[1])
    model = small().partial_fit(X, Y, classes=[0, 1])
    with pytest.raises(ValueError, match=r"y contains \[7\].*\[0, 1\]"):
        model.partial_fit(X, np.where(Y == 1, 7, 0))
    with pytest.raises(ValueError, match=r"classes=\[0, 2\] differs"):
        model.partial_fit(X, Y, classes=[0, 2])


@pytest.mark.parametrize(
    "method",
    [
        "predict",
        "predict_proba",
        "predict_log_proba",
        "decision_function",
        "jacobian",
        "sensitivity",
        "tail_ratio",
    ],
)
def test_before_fit(method):
    """NotFittedError is what pipelines and users look for."""
    with pytest.raises(NotFittedError, match="not fitted yet"):
        getattr(small(), method)(X)


@pytest.mark.parametrize(
    "bad_X, error, message",
    [
        (X[:, :1], ValueError, "X has 1 features, but ChainzRuleClassifier"),
        (with_entry(np.inf), ValueError, "infinity"),
        (X[:0], ValueError, "0 sample"),
        (X[0], ValueError, "2D array"),
        (sparse.csr_matrix(X), TypeError, "toarray"),
    ],
    ids=["columns", "inf", "empty", "vector", "sparse"],
)
def test_bad_data_at_prediction(bad_X, error, message):
    """Predicting on what the model was not fitted for is the commonest mistake."""
    model = small().fit(X, Y)
    for method in (model.predict, model.jacobian, model.sensitivity):
        with pytest.raises(error, match=message):
            method(bad_X)


def test_text_where_numbers_were():
    """A column that changed its type since training is named."""
    model = small().fit(pd.DataFrame(X, columns=["a", "b"]), Y)
    with pytest.raises(
        ValueError, match="Column 'b' was numeric in fit, but could not"
    ):
        model.predict(pd.DataFrame({"a": [1.0], "b": ["high"]}))


def test_early_stopping_with_too_few_rows_of_a_class():
    """The split can't be stratified; the message says which parameter asked."""
    y = np.r_[np.zeros(19), 1.0]
    with pytest.raises(ValueError, match=r"early_stopping=True.*validation_fraction"):
        small(early_stopping=True).fit(X, y)
