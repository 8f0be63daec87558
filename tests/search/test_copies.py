"""Rows that are given several times, which no split may tear apart."""

import numpy as np
import pandas as pd
import pytest

from cr_sklearn import ChainzRuleClassifier
from cr_sklearn.encoding._columns import read_columns
from cr_sklearn.search._copies import original_rows


def automatic(**params):
    given = {"hidden_layer_sizes": (8,), "max_iter": 10, "random_state": 0, **params}
    return ChainzRuleClassifier(**given)


def repeated(n_rows=150, n_copies=5, decimals=12):
    """Rows of which three in ten have the other label, and copies of them."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_rows, 4)).round(decimals)
    y = (X[:, 0] > 0) ^ (rng.random(n_rows) < 0.3)
    return np.repeat(X, n_copies, axis=0), np.repeat(y, n_copies)


@pytest.mark.parametrize("decimals", [12, 1])
def test_copies_of_a_row_are_in_one_fold(decimals):
    """A network that has seen a row's copy knows its label: it is not held out."""
    X, y = repeated(decimals=decimals)
    model = automatic(max_iter=10).fit(X, y)
    assert model.oof_score_ < 0.8
    alone = automatic(max_iter=10).fit(X[::5], y[::5])
    assert model.oof_score_ == pytest.approx(alone.oof_score_, abs=0.08)


def test_copies_of_a_row_are_on_one_side_of_early_stopping():
    """A validation loss on rows that were trained on never says stop."""
    X, y = repeated()
    model = ChainzRuleClassifier(
        dreg_strength=0.0001, early_stopping=True, max_iter=60, random_state=0
    ).fit(X, y)
    assert min(model.validation_loss_curve_) > 0.4


COARSE = {
    "answers": lambda rng: rng.integers(0, 4, (300, 4)),
    "one rounded column": lambda rng: rng.normal(size=(300, 1)).round(1),
    "a few copies among answers": lambda rng: np.r_[
        rng.integers(0, 9, (290, 4)), np.zeros((10, 4))
    ],
}


@pytest.mark.parametrize("make", COARSE.values(), ids=COARSE)
def test_rows_that_agree_by_chance_are_not_copies(make):
    """Unseen rows agree with them too; held out together they would look worse."""
    X = make(np.random.default_rng(0)).astype(float)
    target = np.arange(len(X)) % 2
    original = original_rows(read_columns(X), np.zeros(X.shape[1], bool), target)
    np.testing.assert_array_equal(original, np.arange(len(X)))


def test_copies_are_found_among_gaps_and_categories():
    """Missing values agree with each other, and zero with minus zero."""
    frame = pd.DataFrame(
        {
            "x": [1.5003, np.nan, 1.5, np.nan, 0.0, -0.0, 2.0, 3.0],
            "c": ["a", "b", "a", "b", "a", "a", "b", None],
        }
    )
    columns = read_columns(frame)
    original = original_rows(columns, np.array([False, True]), np.zeros(8, int))
    assert original[1] == original[3]
    assert original[4] == original[5]
    assert len(np.unique(original)) == 6
