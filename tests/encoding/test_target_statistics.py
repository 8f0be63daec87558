"""Columns of many levels: what their levels tell of the target, and no more."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import log_loss

from cr_sklearn import ChainzRuleClassifier, ChainzRuleOrdinalRegressor
from cr_sklearn.encoding._columns import read_columns
from cr_sklearn.encoding._encoder import TabularEncoder
from cr_sklearn.encoding._target_statistics import folds

N, N_LEVELS = 1500, 150


@pytest.fixture(scope="module")
def table():
    """150 sites, whose log-odds have a deviation of 1.5, and a number."""
    rng = np.random.default_rng(0)
    site = rng.integers(N_LEVELS, size=N)
    x = rng.normal(size=N)
    score = 1.5 * rng.normal(size=N_LEVELS)[site] + x
    y = (rng.random(N) < 1.0 / (1.0 + np.exp(-score))).astype(int)
    return pd.DataFrame({"site": pd.Categorical(site.astype(str)), "x": x}), y


def fit(table, y, seed=0):
    columns, weight = read_columns(table), np.ones(len(y))
    encoder = TabularEncoder().fit(columns, weight)
    fold = folds(np.arange(len(y)), seed)
    target = np.asarray(y, dtype=float)[:, None]
    return encoder, encoder.fit_target(columns, target, weight, fold), fold


def test_a_row_has_no_part_in_its_own_statistics(table):
    """A level of one row would otherwise tell the target of that row."""
    X, y = table
    _, values, fold = fit(X, y)
    changed = y.copy()
    changed[fold == 3] = 1 - changed[fold == 3]
    encoder, others, _ = fit(X, changed)
    raw = [np.argsort(each[fold == 3, 0], kind="stable") for each in (values, others)]
    # Up to the scale, which is that of all rows.
    np.testing.assert_array_equal(*raw)
    assert encoder.categorical_.n_statistics == values.shape[1] == 3


def test_statistics_are_smoothed_log_odds(table):
    """The formula of the docstring, for the rows of a level."""
    X, y = table
    encoder, _, _ = fit(X, y)
    [statistics] = encoder.categorical_.statistics_.values()
    levels = encoder.categorical_.levels_[0]
    n = np.array([(X["site"] == level).sum() for level in levels])
    hits = np.array([y[X["site"] == level].sum() for level in levels])
    p = (hits + 3.0 * y.mean()) / (n + 3.0)
    expected = np.log(p / (1.0 - p))
    found = statistics.table[:-2, 0]
    found = found / np.sqrt(1.0 - (found / 3.0) ** 2)  # before the bound
    slope, start = np.polyfit(expected, found, 1)
    np.testing.assert_allclose(found, start + slope * expected, atol=1e-9)


def test_an_unseen_level_is_the_prior(table):
    """Nothing is known of it: the log-odds beside those of all rows are 0."""
    X, y = table
    encoder, values, _ = fit(X, y)
    new = pd.DataFrame({"site": ["nowhere", None], "x": [0.0, 0.0]})
    _, [unseen, missing] = encoder.categorical_.transform(read_columns(new))
    np.testing.assert_allclose(unseen, missing)
    assert abs(unseen[0] - np.median(values[:, 0])) < 0.3


@pytest.mark.parametrize("per_level", [1, 2])
def test_a_random_name_neither_helps_nor_hurts(per_level):
    """In training it must not tell the target, and new rows must not suffer."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1200, 2))
    y = (x[:, 0] + rng.normal(size=1200) > 0).astype(int)
    name = rng.permutation(np.arange(1200) // per_level).astype(str)
    plain = pd.DataFrame(x, columns=["a", "b"])
    named = plain.assign(name=pd.Categorical(name))
    half = np.arange(1200) < 600
    losses = []
    for table in (plain, named):
        model = ChainzRuleClassifier(random_state=0).fit(table[half], y[half])
        losses.append(log_loss(y[~half], model.predict_proba(table[~half])))
        assert model.oof_score_ < 0.85
    assert losses[1] < losses[0] + 0.02


def test_levels_that_matter_are_used(table):
    """Sites carry most of the signal here, and predictions on new rows show it."""
    X, y = table
    half = np.arange(N) < N // 2
    losses = []
    for names in (["x"], ["site", "x"]):
        model = ChainzRuleClassifier(random_state=0).fit(X.loc[half, names], y[half])
        losses.append(log_loss(y[~half], model.predict_proba(X.loc[~half, names])))
    assert losses[1] < losses[0] - 0.03


def test_sensitivities_count_the_variance_over_levels(table):
    """A function that is linear in what is encoded has them as its deviation."""
    X, y = table
    encoder, _, _ = fit(X, y)
    encoded, _ = encoder.transform(read_columns(X))
    start, stop = len(encoder.numeric_features_), encoder.n_standardised
    gradient = np.zeros((1, 1, stop))
    gradient[0, 0, start:] = np.random.default_rng(1).normal(size=stop - start)
    deviations = encoder.deviation_jacobian(gradient)
    # In training the statistics are those of other folds, and vary a little more.
    expected = (encoded[:, start:stop] @ gradient[0, 0, start:]).std()
    assert np.linalg.norm(deviations) == pytest.approx(expected, rel=0.25)


@pytest.mark.parametrize("kind", [ChainzRuleClassifier, ChainzRuleOrdinalRegressor])
@pytest.mark.parametrize("n_classes", [2, 4])
def test_every_target_has_statistics(kind, n_classes):
    """Each of several classes has them, and each threshold of ordered ones."""
    rng = np.random.default_rng(0)
    site = rng.integers(60, size=400)
    y = (site + rng.integers(30, size=400)) * n_classes // 90
    X = pd.DataFrame({"site": pd.Categorical(site.astype(str))})
    model = kind(max_iter=5, random_state=0).fit(X, y)
    assert model._encoder.categorical_.n_statistics >= 3
    proba = model.predict_proba(X)
    assert np.isfinite(proba).all() and np.isfinite(model.sensitivity(X)).all()


def test_codes_that_only_one_class_has():
    """Their log-odds are finite, and so is all that follows."""
    y = np.repeat([0, 1], 200)
    X = pd.DataFrame({"code": pd.Categorical((np.arange(400) // 4).astype(str))})
    model = ChainzRuleClassifier(max_iter=5, random_state=0).fit(X, y)
    assert model.score(X, y) > 0.9
    assert np.isfinite(model.sensitivity(X)).all()


def test_a_hundred_thousand_levels():
    """Indicators stay few, and a table of them is looked up."""
    rng = np.random.default_rng(0)
    code = rng.integers(100_000, size=120_000)
    X = pd.DataFrame({"code": code, "x": rng.normal(size=len(code))})
    encoder, values, _ = fit(X.astype({"code": "category"}), code % 2)
    assert encoder.n_encoded_ < 1200
    assert np.isfinite(values).all()


def test_two_thousand_columns_of_a_hundred_rows():
    """Wide tables train, and what they say stays finite."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100, 2000))
    y = (X[:, :5].sum(axis=1) > 0).astype(int)
    model = ChainzRuleClassifier(random_state=0).fit(X, y)
    assert np.isfinite(model.predict_proba(X)).all()
    assert model.oof_score_ > 0.4
