"""Tables that break estimators: wide, tiny, imbalanced, many classes, mostly gaps."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from cr_sklearn import ChainzRuleClassifier


def fit_and_score(X, y, n_train, **params):
    """Log-loss on the rows after ``n_train``, and the model."""
    params = {"max_iter": 30, "random_state": 0, **params}
    X = X if isinstance(X, pd.DataFrame) else np.asarray(X)
    take = X.iloc if isinstance(X, pd.DataFrame) else X
    model = ChainzRuleClassifier(**params).fit(take[:n_train], y[:n_train])
    probabilities = model.predict_proba(take[n_train:])
    assert np.isfinite(probabilities).all()
    return log_loss(y[n_train:], probabilities, labels=model.classes_), model


def prior_loss(y, n_train):
    classes, counts = np.unique(y[:n_train], return_counts=True)
    prior = np.tile(counts / n_train, (len(y) - n_train, 1))
    return log_loss(y[n_train:], prior, labels=classes)


def test_a_category_per_few_rows():
    """Identifiers are in every real table; they must neither crash nor mislead."""
    rng = np.random.default_rng(0)
    n = 400
    signal = rng.normal(size=n)
    frame = pd.DataFrame(
        {"id": pd.Categorical(rng.integers(0, 200, n)), "signal": signal}
    )
    y = (signal + 0.5 * rng.normal(size=n) > 0).astype(int)
    loss, _ = fit_and_score(frame, y, 300)
    assert loss < 0.75 * prior_loss(y, 300)


def test_two_thousand_sparse_columns():
    """More columns than rows: bags of words, genes."""
    rng = np.random.default_rng(0)
    X = (rng.random((200, 2000)) < 0.02).astype(float)
    X[:, :20] = rng.random((200, 20)) < 0.5
    y = (X[:, :20].sum(axis=1) > 10).astype(int)
    loss, model = fit_and_score(X, y, 150, max_iter="auto")
    assert loss < prior_loss(y, 150)
    assert model.sensitivity(X[:2]).shape == (2,)


def test_one_positive_in_forty():
    """Fraud and faults: ranking must work where accuracy says nothing."""
    rng = np.random.default_rng(0)
    y = (np.arange(600) % 40 == 0).astype(int)
    X = rng.normal(size=(600, 5))
    X[:, 0] += 2.5 * y
    order = rng.permutation(600)
    X, y = X[order], y[order]
    loss, model = fit_and_score(X, y, 400)
    assert loss < prior_loss(y, 400)
    assert roc_auc_score(y[400:], model.predict_proba(X[400:])[:, 1]) > 0.85


@pytest.mark.parametrize("n", [6, 20, 60])
def test_tiny_tables(n):
    """A handful of rows is how every project starts."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n + 100, 3))
    y = (X[:, 0] > 0).astype(int)
    y[:2] = 0, 1
    loss, _ = fit_and_score(X, y, n)
    assert loss < prior_loss(y, n)


def test_twenty_five_classes():
    """Letters, species: probabilities sum to 1 and beat the frequencies clearly."""
    rng = np.random.default_rng(0)
    y = np.arange(750) % 25
    X = np.column_stack([y % 5, y // 5]) + 0.3 * rng.normal(size=(750, 2))
    loss, model = fit_and_score(X, y, 500)
    assert model.predict_proba(X[:3]).shape == (3, 25)
    assert loss < 0.6 * prior_loss(y, 500)


def test_rows_that_are_mostly_missing():
    """What is there counts; a row without anything is the average row."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 6))
    y = (X.sum(axis=1) > 0).astype(int)
    X[rng.random(X.shape) < 0.7] = np.nan
    loss, model = fit_and_score(X, y, 300)
    assert loss < prior_loss(y, 300)
    nothing = model.predict_proba(np.full((1, 6), np.nan))
    assert 0.2 < nothing[0, 1] < 0.8
