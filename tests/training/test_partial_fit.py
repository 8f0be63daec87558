"""partial_fit: rows may come one by one, in order, and by other columns at first."""

import copy

import numpy as np
import pandas as pd
import pytest

from cr_sklearn import ChainzRuleClassifier, ChainzRuleOrdinalRegressor
from cr_sklearn._rows import TrainingRows
from cr_sklearn.encoding._columns import read_columns
from cr_sklearn.encoding._encoder import TabularEncoder
from cr_sklearn.training._partial_fit import RowSample, move_weights


def streamed(X, y, size, kind=ChainzRuleClassifier, **given):
    model = kind(random_state=0, **given)
    for start in range(0, len(y), size):
        part = slice(start, start + size)
        rows = X.iloc[part] if isinstance(X, pd.DataFrame) else X[part]
        model.partial_fit(rows, y[part], classes=np.unique(y) if start == 0 else None)
    return model


@pytest.fixture(scope="module")
def half_spaces():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2000, 3))
    y = (X[:, 0] > 0).astype(int)
    return X[:600], y[:600], X[600:], y[600:]


@pytest.mark.parametrize("kind", [ChainzRuleClassifier, ChainzRuleOrdinalRegressor])
def test_rows_one_by_one(kind, half_spaces):
    """Streams bring one row at a time, and the first says nothing about columns."""
    X, y, fresh, expected = half_spaces
    model = streamed(X, y, 1, kind)
    assert model.score(fresh, expected) > 0.93
    assert np.abs(model.jacobian(fresh)[:, 0, 0]).mean() > 1.0


def test_rows_in_the_order_of_a_column(half_spaces):
    """Logs are sorted by time, and what matters moves with it."""
    X, y, fresh, expected = half_spaces
    order = np.argsort(X[:, 0])
    model = streamed(X[order], y[order], 10)
    assert model.score(fresh, expected) > 0.8


def test_a_column_that_is_constant_at_first(half_spaces):
    """What the first batch does not show is learned later."""
    X, y, fresh, expected = half_spaces
    X = X.copy()
    X[:30, 0] = 0.0
    assert streamed(X, y, 30).score(fresh, expected) > 0.93


def test_categories_and_gaps_that_come_later():
    """Indicators grow with the rows."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "number": np.where(np.arange(600) % 5, rng.normal(size=600), np.nan),
            "kind": pd.Categorical(np.array(list("abcd"))[np.arange(600) // 150]),
        }
    )
    y = np.isin(table["kind"], ["b", "d"]).astype(int)
    model = streamed(table, y, 10)
    assert model.score(table, y) > 0.9
    assert np.isnan(model.jacobian(table)[:, 0, 1]).all()


def test_a_call_that_fails_leaves_the_sample_as_it_was(half_spaces):
    """It is part of the estimator's state."""
    X, y, *_ = half_spaces
    model = streamed(X, y, 100)
    before = copy.deepcopy(model._sample)
    with pytest.raises(ValueError, match="not among the classes"):
        model.partial_fit(X, y + 5)
    assert model._sample.n_seen == before.n_seen
    np.testing.assert_array_equal(model._sample.columns.native, before.columns.native)


def test_after_fit_the_encoding_stays(half_spaces):
    """It was learned from a table, of which no rows are kept."""
    X, y, *_ = half_spaces
    model = ChainzRuleClassifier(max_iter=2, random_state=0).fit(X, y)
    encoder = model._encoder
    model.partial_fit(X[:5], y[:5])
    assert model._encoder is encoder
    assert model._sample is None


def test_the_sample_is_drawn_evenly_from_all_rows():
    """An encoding of the first rows, or of the last, would be one of some of them."""
    X = np.arange(20_000.0)[:, None]
    batches = [
        TrainingRows(read_columns(part), np.zeros(len(part), int), np.ones(len(part)))
        for part in np.split(X, [3, 500, 3000, 3001])
    ]
    sample = RowSample.first(batches[0], 0)
    for batch in batches[1:]:
        sample = sample.add(batch, 0)
    values = sample.columns.native[:, 0].astype(float)
    assert sample.n_seen == 20_000
    assert len(np.unique(values)) == 1024
    # Quantiles of 1024 draws lie within four of their standard errors.
    shares = np.quantile(values, [0.1, 0.5, 0.9]) / 20_000
    np.testing.assert_allclose(shares, [0.1, 0.5, 0.9], atol=4 * 0.5 / 32)


def test_networks_keep_their_function_when_the_encoding_changes(half_spaces):
    """What was learned must not be lost with every doubling."""
    X, y, *_ = half_spaces
    model = ChainzRuleClassifier(dreg_strength=0.01, max_iter=5, random_state=0)
    model.fit(X[:100], y[:100])
    columns = read_columns(X)
    after = TabularEncoder().fit(columns, np.ones(len(X)))
    members = model._network.members
    moved = move_weights(members, columns, model._encoder, after).function()
    encoded, _ = after.transform(columns)
    error = moved.outputs(encoded)[:, 0] - model.decision_function(X)
    assert np.abs(error).mean() < 0.1 * model.decision_function(X).std()
