"""Scorers that know the order of the classes."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, brier_score_loss, cohen_kappa_score
from sklearn.model_selection import GridSearchCV, cross_val_score, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from cr_sklearn import ChainzRuleOrdinalRegressor
from cr_sklearn.metrics import ordinal_scorer

NAMES = ["mae", "macro_mae", "qwk", "rps", "off_by_one"]
# In alphabetical order these are good, high, low, mid: ranks 2, 3, 0, 1.
LABELS = np.array(["low", "mid", "good", "high"])


class Answers(ClassifierMixin):
    """Fitted classifier with given answers, whatever the rows."""

    def __init__(self, predicted, probabilities=None, classes=None, **fitted):
        self.predicted, self.probabilities = np.asarray(predicted), probabilities
        self.classes_ = np.unique(predicted if classes is None else classes)
        self.__dict__.update(fitted)

    def predict(self, X):
        return self.predicted

    def predict_proba(self, X):
        return self.probabilities


@pytest.fixture
def ranks():
    """True and predicted ranks of 300 rows, and weights."""
    rng = np.random.default_rng(0)
    true = rng.choice(4, 300, p=[0.5, 0.3, 0.15, 0.05])
    predicted = np.clip(true + rng.integers(-1, 3, 300), 0, 3)
    return true, predicted, rng.integers(0, 4, 300).astype(float)


def score(name, true, predicted, weight=None, **given):
    answers = Answers(predicted)
    return ordinal_scorer(name, **given)(answers, None, true, sample_weight=weight)


@pytest.mark.parametrize("weighted", [False, True])
def test_values_are_those_of_the_definitions(ranks, weighted):
    """Each has a name that others use: it must be the same number."""
    true, predicted, weight = ranks
    weight = weight if weighted else None
    distance = np.abs(true - predicted)
    assert score("mae", true, predicted, weight) == pytest.approx(
        -np.average(distance, weights=weight)
    )
    by_class = [
        np.average(
            distance[true == k], weights=None if weight is None else weight[true == k]
        )
        for k in range(4)
    ]
    assert score("macro_mae", true, predicted, weight) == pytest.approx(
        -np.mean(by_class)
    )
    kappa = cohen_kappa_score(
        true, predicted, weights="quadratic", sample_weight=weight
    )
    assert score("qwk", true, predicted, weight) == pytest.approx(kappa)
    assert score("off_by_one", true, predicted, weight) == pytest.approx(
        np.average(distance <= 1, weights=weight)
    )


def test_ranked_probability_score():
    """Probability far from the truth costs more than probability beside it."""
    probabilities = np.array([[0.5, 0.5, 0.0], [0.5, 0.0, 0.5], [1.0, 0.0, 0.0]])
    scorer = ordinal_scorer("rps")
    values = [scorer(Answers([0, 1, 2], row[None]), None, [0]) for row in probabilities]
    np.testing.assert_allclose(values, [-0.25, -0.5, 0.0])
    answers = Answers([0, 1, 2], probabilities)
    weighted = scorer(answers, None, [0, 0, 0], sample_weight=[1.0, 2.0, 1.0])
    assert weighted == pytest.approx(-1.25 / 4)


def test_two_classes_have_the_brier_score():
    """The smallest case is one that everybody knows."""
    true, p = np.array([0, 1, 1]), np.array([0.3, 0.6, 0.9])
    answers = Answers([0, 1, 1], np.column_stack([1 - p, p]))
    assert ordinal_scorer("rps")(answers, None, true) == pytest.approx(
        -brier_score_loss(true, p)
    )


@pytest.mark.parametrize("name", NAMES)
def test_names_of_the_labels_do_not_matter(ranks, name):
    """In alphabetical order every one of these figures is wrong, without an error."""
    true, predicted, weight = ranks
    probabilities = np.random.default_rng(1).dirichlet(np.ones(4), 300)
    alphabetical = np.argsort(LABELS)
    by_rank = ordinal_scorer(name)(
        Answers(predicted, probabilities, classes=range(4)), None, true, weight
    )
    named = Answers(LABELS[predicted], probabilities[:, alphabetical], classes=LABELS)
    by_name = ordinal_scorer(name, categories=LABELS)(named, None, LABELS[true], weight)
    assert by_name == pytest.approx(by_rank)
    named.categories_ = LABELS
    assert ordinal_scorer(name)(named, None, LABELS[true], weight) == by_name
    series = pd.Series(pd.Categorical(LABELS[true], LABELS, ordered=True))
    del named.categories_
    assert ordinal_scorer(name)(named, None, series, weight) == by_name


@pytest.mark.parametrize("name", NAMES)
def test_greater_is_better(name):
    """Searches maximise; a sign forgotten would choose the worst model."""
    true = np.arange(4)
    right, wrong = np.eye(4), np.eye(4)[::-1]
    scorer = ordinal_scorer(name)
    assert scorer(Answers(true, right), None, true) > scorer(
        Answers(true[::-1], wrong), None, true
    )


def test_numbers_count_as_ranks():
    """A gap between the numbers is no gap between the classes."""
    assert score("mae", [1, 2, 10], [2, 2, 2], None) == pytest.approx(-2 / 3)
    categories = [1, 2, 5, 10]
    assert score("mae", [1, 2, 10], [2, 2, 2], categories=categories) == -1.0


def test_a_class_that_only_the_test_rows_have():
    """Folds of rare classes bring such rows; numbers still have an order."""
    fitted = Answers(
        [0, 2, 2], np.eye(3)[[0, 1, 1]][:, :2], categories_=np.array([0, 2])
    )
    assert ordinal_scorer("mae")(fitted, None, [0, 1, 2]) == pytest.approx(-1 / 3)
    assert ordinal_scorer("rps")(fitted, None, [0, 1, 2]) == pytest.approx(-1 / 3)
    named = Answers(["low", "mid"], categories_=LABELS[:2])
    with pytest.raises(
        ValueError, match=r"order.*'good'.*not known.*'mae', categories"
    ):
        ordinal_scorer("mae")(named, None, ["low", "good"])
    series = pd.Series(pd.Categorical(["low", "good"], LABELS, ordered=True))
    # low, mid, good are the classes seen; mid for good is one step.
    assert ordinal_scorer("mae")(named, None, series) == -0.5


def test_kappa_without_anything_to_agree_on_is_nan():
    """0 / 0: one class alone says nothing about agreement."""
    assert np.isnan(score("qwk", [1, 1], [1, 1], categories=[0, 1]))
    assert score("qwk", [0, 0], [1, 1]) == 0.0


@pytest.mark.parametrize("name", NAMES)
def test_in_cross_validation_with_any_classifier(name):
    """Also in processes, by several names at once, in a pipeline in a search."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 2))
    ranks = np.digitize(X[:, 0] + 0.3 * rng.normal(size=120), [-0.7, 0.0, 0.7])
    y, model = LABELS[ranks], LogisticRegression()
    scorer = ordinal_scorer(name, categories=LABELS)
    plain = cross_val_score(model, X, y, scoring=scorer, cv=3)
    by_rank = cross_val_score(model, X, ranks, scoring=ordinal_scorer(name), cv=3)
    # Not the same folds' models to the last digit: logistic regression solves them
    # with the classes in another order.
    np.testing.assert_allclose(plain, by_rank, atol=0.02)
    several = cross_validate(
        model,
        X,
        y,
        scoring={"ours": scorer, "accuracy": "accuracy"},
        cv=3,
        n_jobs=2,
    )
    np.testing.assert_allclose(several["test_ours"], plain)
    ordinal = ChainzRuleOrdinalRegressor(
        categories=LABELS, dreg_strength=0.01, n_estimators=1, max_iter=5
    )
    search = GridSearchCV(
        make_pipeline(StandardScaler(), ordinal),
        {"chainzruleordinalregressor__random_state": [0, 1]},
        scoring=ordinal_scorer(name),
        cv=2,
        error_score="raise",
    ).fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert np.isfinite(ordinal_scorer(name)(search, X, y))


def test_a_scorer_can_be_saved_and_shown():
    """Searches are pickled with their scorers, and print them."""
    scorer = ordinal_scorer("qwk", categories=np.array([2, 1]))
    copy = pickle.loads(pickle.dumps(scorer))
    assert repr(copy) == repr(scorer) == "ordinal_scorer('qwk', categories=[2, 1])"
    assert repr(ordinal_scorer("mae")) == "ordinal_scorer('mae')"


@pytest.mark.parametrize(
    "build, message",
    [
        (lambda: ordinal_scorer("mse"), r"\['mae', .*'off_by_one'\], got 'mse'"),
        (lambda: ordinal_scorer("mae", categories=["a"]), r"2 different.*got \['a'\]"),
        (
            lambda: score("qwk", ["a", "b"], ["b", "b"]),
            r"order of the labels.*is not known. Pass ordinal_scorer\('qwk'",
        ),
        (
            lambda: score("mae", [0, 7], [0, 1], categories=[0, 1]),
            r"y contains \[7\], not among the categories \[0, 1\]",
        ),
        (
            lambda: score("mae", [0, 1], [0, 7], categories=[0, 1]),
            r"predict\(X\) contains \[7\]",
        ),
    ],
)
def test_bad_input(build, message):
    """Names the value and what to do."""
    with pytest.raises(ValueError, match=message):
        build()


def test_accuracy_is_what_score_returns():
    """The contract of a classifier, also of one that knows the order."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 2))
    y = np.digitize(X[:, 0], [-0.5, 0.5])
    model = ChainzRuleOrdinalRegressor(
        dreg_strength=0.01, n_estimators=1, max_iter=5, random_state=0
    ).fit(X, y)
    assert model.score(X, y) == accuracy_score(y, model.predict(X))
