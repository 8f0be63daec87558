"""The fitted state: one truth, finished at once, and kept by Ctrl-C."""

import copy
import pickle

import numpy as np
import pytest
from sklearn.datasets import make_moons
from sklearn.model_selection import GridSearchCV, cross_val_score

from cr_sklearn import ChainzRuleClassifier, ChainzRuleOrdinalRegressor
from cr_sklearn.training._optimizer import FlatAdamW

ESTIMATORS = [ChainzRuleClassifier, ChainzRuleOrdinalRegressor]
WEIGHTS = [
    "coefs_",
    "intercepts_",
    "polynomial_coefs_",
    "skip_coef_",
    "estimator_weights_",
]


def small(kind=ChainzRuleClassifier, **given):
    return kind(max_iter=3, random_state=0, **{"dreg_strength": 0.01, **given})


@pytest.fixture(scope="module")
def moons():
    return make_moons(150, noise=0.2, random_state=0)


def changed(change, kind, X, y):
    model = small(kind, dreg_strength="auto").fit(X, y)
    before = model.predict_proba(X)
    change(model)
    assert not np.allclose(model.predict_proba(X), before)
    return model


def clear(name):
    def change(model):
        arrays = getattr(model, name)
        for array in arrays if isinstance(arrays, tuple) else [arrays]:
            array[:] = 0.0

    return change


def prune(model):
    model.coefs_ = [np.where(np.abs(c) > 0.1, c, 0.0) for c in model.coefs_]


def wake_a_linear_network(model):
    model.coefs_[-1][-1] = 1.0
    for biases in model.intercepts_[:-1]:
        biases[-1] = 1.0
    for coefs in model.polynomial_coefs_:
        coefs[-1] = 1.0


def weigh_one(model):
    weights = np.zeros(len(model.estimator_weights_))
    weights[0] = 1.0
    model.estimator_weights_ = weights


def shift_the_skip(model):
    model.skip_coef_ = model.skip_coef_ + 1.0


CHANGES = {name: clear(name) for name in WEIGHTS}
CHANGES |= {"one network": weigh_one, "other skip": shift_the_skip}
CHANGES |= {"pruned": prune, "linear network woken": wake_a_linear_network}


@pytest.mark.parametrize("kind", ESTIMATORS)
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_weights_are_those_that_predict(kind, change, moons):
    """A change without effect on the predictions, or on some copies, would be a lie."""
    X, y = moons
    model = changed(change, kind, X, y)
    expected = model.predict_proba(X), model.jacobian(X)
    for twin in copy.deepcopy(model), pickle.loads(pickle.dumps(model)):
        np.testing.assert_allclose(twin.predict_proba(X), expected[0], atol=1e-12)
        np.testing.assert_allclose(twin.jacobian(X), expected[1], atol=1e-12)


def test_weights_of_another_shape_are_refused(moons):
    """What happens to broadcast is not what was meant."""
    model = small().fit(*moons)
    with pytest.raises(ValueError, match="must have the shapes that it has"):
        model.estimator_weights_ = np.zeros(3)
    with pytest.raises(TypeError):
        model.coefs_[0] = 0.0


def test_an_unfitted_estimator_has_no_weights():
    """Tools ask with hasattr."""
    assert not hasattr(ChainzRuleClassifier(), "coefs_")
    with pytest.raises(AttributeError, match="no weights before a fit"):
        _ = ChainzRuleClassifier().coefs_


@pytest.mark.parametrize(
    "method", ["predict", "predict_proba", "jacobian", "sensitivity", "tail_ratio"]
)
def test_a_prediction_under_way_is_that_of_one_fit(method, moons, monkeypatch):
    """A server predicts in one thread while another brings in a new fit."""
    X, y = moons
    model = small().fit(X, y)
    expected = getattr(model, method)(X)
    transform = type(model._encoder).transform

    def transform_while_refitted(encoder, *args):
        monkeypatch.undo()
        model.fit(np.c_[X, X], np.array(["a", "b", "c"])[np.arange(len(y)) % 3])
        return transform(encoder, *args)

    monkeypatch.setattr(type(model._encoder), "transform", transform_while_refitted)
    np.testing.assert_array_equal(getattr(model, method)(X), expected)
    assert model.classes_.tolist() == ["a", "b", "c"]


def test_a_fit_under_way_leaves_the_earlier_one_in_place(moons, monkeypatch):
    """Half of a fit is no fit."""
    X, y = moons
    model = small().fit(X, y)
    before, seen = model.predict_proba(X), []
    original = FlatAdamW.step

    def step(self, *args):
        seen.append(model.predict_proba(X))
        original(self, *args)

    monkeypatch.setattr(FlatAdamW, "step", step)
    model.fit(-X, y)
    assert seen
    assert all((probabilities == before).all() for probabilities in seen)
    assert not np.array_equal(model.predict_proba(X), before)


def interrupt_at(monkeypatch, step_number):
    """Press Ctrl-C in a step of the optimiser, counted over all fits."""
    original, count = FlatAdamW.step, 0

    def step(self, *args):
        nonlocal count
        count += 1
        if count == step_number:
            raise KeyboardInterrupt
        original(self, *args)

    monkeypatch.setattr(FlatAdamW, "step", step)


@pytest.mark.parametrize("strength", ["auto", 0.01])
@pytest.mark.parametrize("step_number", [1, 2, 5, 8])
def test_ctrl_c_ends_the_fit_and_keeps_what_it_has(
    strength, step_number, moons, monkeypatch
):
    """Wherever it strikes, the estimator predicts and says what it is."""
    X, y = moons
    interrupt_at(monkeypatch, step_number)
    model = small(dreg_strength=strength)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)
    assert model.interrupted_
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1.0)
    assert not model.fit(X, y).interrupted_


def test_ctrl_c_counts_the_epochs_of_earlier_fits_too(moons, monkeypatch):
    """They are in the curves, and in what the estimator has learned."""
    X, y = moons
    model = small(dreg_strength=0.01, warm_start=True).fit(X, y)
    interrupt_at(monkeypatch, 1)
    with pytest.raises(KeyboardInterrupt, match=f"after {model.n_iter_} epochs"):
        model.fit(X, y)


@pytest.mark.parametrize("run", ["search", "scores"])
def test_ctrl_c_ends_the_loop_around_the_fit(run, moons, monkeypatch):
    """A score of a fit that was cut short must not stand among the others."""
    interrupt_at(monkeypatch, 20)
    with pytest.raises(KeyboardInterrupt):
        if run == "search":
            GridSearchCV(small(), {"degree": [2, 3]}, cv=3).fit(*moons)
        else:
            cross_val_score(small(), *moons, cv=5)
