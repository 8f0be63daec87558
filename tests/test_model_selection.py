"""Packed cross-validation and grid search: scikit-learn's results, in fewer runs."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.datasets import make_classification
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    ShuffleSplit,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from cr_sklearn import ChainzRuleClassifier, _joint
from cr_sklearn.model_selection import PackedGridSearchCV, packed_cross_validate

# Rounding in float32, carried through some dozens of steps.
TOLERANCE = {"rtol": 1e-4, "atol": 1e-5}
SCORES = ["neg_log_loss", "roc_auc"]


@pytest.fixture(scope="module")
def table():
    """Folds of this table differ in their categories and in the values of x4."""
    X, y = make_classification(120, 4, n_informative=3, n_redundant=0, random_state=0)
    X = pd.DataFrame(X, columns=list("abcd"))
    X["few"] = np.random.default_rng(0).integers(6, size=len(X))
    X["kind"] = pd.Categorical(["rare"] + ["p", "q", "r"] * 39 + ["p", "q"])
    return X, y


def small(**given):
    return ChainzRuleClassifier(
        **{
            "hidden_layer_sizes": (5,),
            "dreg_strength": 0.01,
            "n_estimators": 2,
            "max_iter": 4,
            "random_state": 0,
            **given,
        }
    )


def runs(monkeypatch):
    """Sizes of the packed runs, as they are trained."""
    sizes, original = [], _joint.train_fits

    def train_fits(fits):
        sizes.append(len(fits))
        return original(fits)

    monkeypatch.setattr(_joint, "train_fits", train_fits)
    return sizes


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"dreg_strength": "auto", "max_iter": 6},
        {"dreg_strength": "auto", "max_iter": 6, "cv": 3, "n_bins": 0},
        {"dreg_strength": 0.0},
        {"dreg_stream": "exact"},
        {"batch_size": 1000},
        {"dropout": 0.2, "weight_decay": 0.01},
        {"activation": "gelu", "hidden_layer_sizes": ()},
        {"early_stopping": True},
    ],
    ids=str,
)
def test_scores_are_those_of_the_ordinary_loop(table, given):
    """Packing is for speed; a score that depends on it would be no score."""
    expected = cross_validate(small(**given), *table, cv=4, scoring=SCORES)
    results = packed_cross_validate(small(**given), *table, cv=4, scoring=SCORES)
    assert set(results) == set(expected)
    for score in SCORES:
        np.testing.assert_allclose(
            results[f"test_{score}"], expected[f"test_{score}"], **TOLERANCE
        )
    assert (results["fit_time"] > 1e-4).all()


def test_fits_of_all_folds_train_in_one_run(table, monkeypatch):
    """Unequal encodings must not send folds into runs of their own."""
    sizes = runs(monkeypatch)
    packed_cross_validate(small(), *table, cv=4)
    assert sizes == [4]


def test_runs_are_bounded(table, monkeypatch):
    """A thousand fits at once would not fit into memory."""
    monkeypatch.setattr(_joint, "_MAX_ACTIVATIONS", 2 * 2 * 48 * 5)
    sizes = runs(monkeypatch)
    packed_cross_validate(small(), *table, cv=4)
    assert sizes == [2, 2]
    monkeypatch.setattr(_joint, "_MAX_BYTES", 0)
    sizes.clear()
    packed_cross_validate(small(), *table, cv=4)
    assert sizes == [1] * 4


def test_everything_cross_validate_can_return_is_there(table):
    """Code written for cross_validate must not notice."""
    options = {
        "return_train_score": True,
        "return_estimator": True,
        "return_indices": True,
        "params": {"sample_weight": np.linspace(0.5, 2.0, 120)},
        "cv": 3,
    }
    expected = cross_validate(small(), *table, **options)
    results = packed_cross_validate(small(), *table, **options)
    np.testing.assert_allclose(
        results["train_score"], expected["train_score"], **TOLERANCE
    )
    for one, two in zip(results["estimator"], expected["estimator"], strict=True):
        assert type(one) is ChainzRuleClassifier
        assert set(vars(one)) == set(vars(two))
        np.testing.assert_allclose(
            one.predict_proba(table[0]), two.predict_proba(table[0]), **TOLERANCE
        )
        np.testing.assert_allclose(one.loss_curve_, two.loss_curve_, rtol=1e-4)
    for part in ("train", "test"):
        for one, two in zip(
            results["indices"][part], expected["indices"][part], strict=True
        ):
            np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("groups", [False, True])
def test_random_splits_are_drawn_once(table, groups):
    """The second of two runs over a random splitter would see other folds."""
    given = {"cv": ShuffleSplit(3, random_state=np.random.RandomState(0))}
    if groups:
        given = {"cv": GroupKFold(3), "groups": np.arange(120) // 10}
    results = packed_cross_validate(small(), *table, return_indices=True, **given)
    splits = list(zip(*results["indices"].values(), strict=True))
    expected = cross_validate(small(), *table, cv=splits)
    np.testing.assert_allclose(
        results["test_score"], expected["test_score"], **TOLERANCE
    )


def test_several_processes_give_the_same(table):
    """n_jobs is for speed alone."""
    one = packed_cross_validate(small(), *table, cv=4)
    two = packed_cross_validate(small(), *table, cv=4, n_jobs=2)
    np.testing.assert_allclose(one["test_score"], two["test_score"], **TOLERANCE)


@pytest.mark.parametrize("name", ["dreg_strength", "weight_decay"])
def test_grid_search_is_that_of_scikit_learn(table, monkeypatch, name):
    """All candidates of packable parameters train in one run."""
    grid = {name: [0.0, 0.05], "learning_rate_init": [0.01, 0.03], "random_state": [1]}
    expected = GridSearchCV(small(), grid, cv=3, scoring="neg_log_loss").fit(*table)
    sizes = runs(monkeypatch)
    search = PackedGridSearchCV(small(), grid, cv=3, scoring="neg_log_loss")
    assert search.fit(*table) is search
    # Without penalty there is no derivative stream, and the refit comes last.
    assert sizes == ([6, 6, 1] if name == "dreg_strength" else [12, 1])
    assert set(search.cv_results_) == set(expected.cv_results_)
    assert set(vars(search)) == set(vars(expected))
    assert search.best_params_ == expected.best_params_
    for key, values in expected.cv_results_.items():
        if key.startswith(("split", "mean_test")):
            np.testing.assert_allclose(search.cv_results_[key], values, **TOLERANCE)
    assert (search.cv_results_["mean_fit_time"] > 1e-4).all()
    assert type(search.best_estimator_) is ChainzRuleClassifier
    assert search.score(*table) == pytest.approx(expected.score(*table), abs=1e-6)


def test_other_parameters_have_runs_of_their_own(table, monkeypatch):
    """They change the shape of the networks or their steps."""
    grid = {"hidden_layer_sizes": [(5,), (4, 4)], "max_iter": [2, 3]}
    expected = GridSearchCV(small(), grid, cv=2).fit(*table)
    sizes = runs(monkeypatch)
    search = PackedGridSearchCV(small(), grid, cv=2).fit(*table)
    assert sizes == [2, 2, 2, 2, 1]
    np.testing.assert_allclose(
        search.cv_results_["mean_test_score"],
        expected.cv_results_["mean_test_score"],
        **TOLERANCE,
    )


class Fitted(TransformerMixin, BaseEstimator):
    """Remembers the rows it was fitted on."""

    seen = []

    def fit(self, X, y=None):
        self.seen.append(X.index)
        return self

    def transform(self, X):
        return X


def test_steps_before_are_fitted_inside_each_fold(table):
    """Columns of a test fold must not reach the scaler."""
    X, y = table[0][list("abcd")], table[1]
    model = make_pipeline(Fitted(), StandardScaler(), small())
    Fitted.seen.clear()
    results = packed_cross_validate(model, X, y, cv=3, return_indices=True)
    trained = 2 * results["indices"]["train"]
    for rows, expected in zip(Fitted.seen, trained, strict=True):
        np.testing.assert_array_equal(rows, expected)
    expected = cross_validate(model, X, y, cv=3)["test_score"]
    np.testing.assert_allclose(results["test_score"], expected, **TOLERANCE)
    grid = {"chainzruleclassifier__dreg_strength": [0.01, 0.1]}
    search = PackedGridSearchCV(model, grid, cv=3).fit(X, y)
    assert type(search.best_estimator_[-1]) is ChainzRuleClassifier
    assert type(model[-1]) is ChainzRuleClassifier


def test_the_estimator_stays_as_it_was(table):
    """It is the user's, to be fitted or cloned afterwards."""
    model = small()
    before = dict(vars(model))
    packed_cross_validate(model, *table, cv=2)
    assert vars(model) == before
    assert type(clone(model)) is ChainzRuleClassifier


def test_a_fit_that_fails_costs_no_other(table):
    """As in scikit-learn: its score is NaN, and the warning says why."""
    grid = {"learning_rate_init": [1e300, 0.02]}
    search = PackedGridSearchCV(small(), grid, cv=2)
    with (
        pytest.warns(FitFailedWarning, match=r"learning_rate_init=1e\+300"),
        pytest.warns(UserWarning, match="non-finite"),
    ):
        search.fit(*table)
    scores = search.cv_results_["mean_test_score"]
    assert np.isnan(scores[0])
    expected = GridSearchCV(small(), {"learning_rate_init": [0.02]}, cv=2).fit(*table)
    np.testing.assert_allclose(
        scores[1], expected.cv_results_["mean_test_score"][0], **TOLERANCE
    )


def test_errors_are_those_of_the_ordinary_loop(table):
    """An error from inside the packing would not tell what is wrong."""
    with pytest.raises(ValueError, match="'degree' parameter"):
        packed_cross_validate(small(degree=0), *table, error_score="raise")
    with pytest.raises(ValueError, match=r"All the 5 fits failed[\s\S]*'degree'"):
        packed_cross_validate(small(degree=0), *table)


def test_other_estimators_are_left_to_scikit_learn(table):
    """Comparisons can be written with one function."""
    X, y = table[0][list("abcd")], table[1]
    model = LogisticRegression()
    expected = cross_validate(model, X, y)["test_score"]
    results = packed_cross_validate(model, X, y)["test_score"]
    np.testing.assert_array_equal(results, expected)
    search = PackedGridSearchCV(model, {"C": [0.1, 1.0]}).fit(X, y)
    assert search.best_params_["C"] in (0.1, 1.0)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("strength", ["auto", 0.01])
def test_packs_on_cuda_agree_with_the_cpu(table, strength):
    """The device is a matter of speed there as well."""
    given = {"dreg_strength": strength, "dtype": "float64"}
    expected = packed_cross_validate(small(**given), *table, cv=3, scoring=SCORES)
    given["device"] = "cuda"
    results = packed_cross_validate(small(**given), *table, cv=3, scoring=SCORES)
    for score in SCORES:
        np.testing.assert_allclose(
            results[f"test_{score}"], expected[f"test_{score}"], rtol=1e-5
        )


def test_nothing_is_printed_unless_asked(table, capsys):
    """A bar over the fits is for those who ask."""
    packed_cross_validate(small(), *table, cv=2)
    assert capsys.readouterr() == ("", "")
    packed_cross_validate(small(), *table, cv=2, verbose=1)
    assert "2/2" in capsys.readouterr().err
