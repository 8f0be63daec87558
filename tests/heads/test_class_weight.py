"""Weights of classes."""

import numpy as np
import pytest

from cr_sklearn import ChainzRuleClassifier


def automatic(**params):
    given = {"hidden_layer_sizes": (8,), "max_iter": 10, "random_state": 0, **params}
    return ChainzRuleClassifier(**given)


def test_class_weights_are_sample_weights():
    """Both are documented as factors of the same loss."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(160, 3))
    y = (X[:, 0] + rng.normal(size=160) > 0).astype(int)
    weighted = automatic(class_weight={0: 1, 1: 3}).fit(X, y)
    given = automatic().fit(X, y, sample_weight=1.0 + 2.0 * y)
    np.testing.assert_allclose(weighted.predict_proba(X), given.predict_proba(X))
    assert weighted.oof_score_ == pytest.approx(given.oof_score_)


def test_a_class_of_weight_zero_is_known_and_never_expected(noisy):
    """Scorers ask for its column."""
    X, y = noisy
    y = np.where(np.arange(len(y)) % 3, y, 2)
    model = automatic(class_weight={0: 1, 1: 1, 2: 0}).fit(X, y)
    assert model.predict_proba(X).shape == (len(y), 3)
    assert model.predict_proba(X)[:, 2].max() < 0.1
