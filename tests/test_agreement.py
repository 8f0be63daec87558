"""The comparison of sensitivities with permutation importance and SHAP."""

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("shap", reason="comes with the extra benchmarks")

from benchmarks import agreement
from cr_sklearn import ChainzRuleClassifier


def test_equal_orders_agree_fully_and_reversed_ones_not_at_all():
    """Only the order of the columns is compared, not the units of the measures."""
    order = np.arange(1.0, 7.0)
    importances = {
        "sensitivity": order,
        "permutation": order**3,
        "SHAP": -order,
    }
    result = agreement.compare(importances)
    assert result["spearman sensitivity-permutation"] == pytest.approx(1.0)
    assert result["top sensitivity-permutation"] == 3
    assert result["spearman sensitivity-SHAP"] == pytest.approx(-1.0)
    assert result["top sensitivity-SHAP"] == 0


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_shap_values_of_categories_and_missing_values_reach_the_model():
    """SHAP sees codes; the model must see the levels that they stand for."""
    rng = np.random.default_rng(0)
    city = rng.choice(["Bern", "Oslo", "Rome"], 120)
    X = pd.DataFrame(
        {
            "noise": np.where(rng.random(120) < 0.1, np.nan, rng.normal(size=120)),
            "city": pd.Categorical(city),
        }
    )
    model = ChainzRuleClassifier(dreg_strength=0.01, n_estimators=2, random_state=0)
    model.fit(X, city == "Oslo")
    noise, of_city = agreement.mean_shap(model, X, X[:20])
    assert of_city > 10 * noise
