"""The ablation: each variant lacks what it says, and the table compares it rightly."""

import numpy as np
import pandas as pd
import pytest

from benchmarks import ablation
from benchmarks.variants import OneStrength, WithoutScale, WithoutSkip


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(150, 3))
    return X, (X[:, 0] * X[:, 1] + rng.normal(size=150) > 0).astype(int)


def test_variants_lack_what_they_say(data):
    """A switch that does nothing would make an ingredient look worthless."""
    given = {"max_iter": 10, "random_state": 0}
    no_skip = WithoutSkip(**given).fit(*data)
    deep = no_skip.coefs_[-1].any(axis=(1, 2))
    assert deep.any()
    assert not no_skip.skip_coef_[deep].any()
    assert WithoutScale(**given).fit(*data).estimator_weights_.sum() == pytest.approx(1)
    one = OneStrength(**given).fit(*data)
    used = one._strengths[one.estimator_weights_ > 0]
    assert len(set(used)) == 1
    assert one.estimator_weights_.sum() == pytest.approx(1)
    assert np.count_nonzero(one.estimator_weights_) == 5  # one for each fold


def test_differences_are_those_to_the_default_on_the_same_sets():
    """A change that failed on the hard sets must not gain by it."""
    losses = {"default": [0.5, 0.2, 0.4], "better": [0.4, 0.1, 0.3]}
    rows = pd.DataFrame(
        [
            {
                "dataset": f"set {number}",
                "model": name,
                "repeat": 0,
                "fold": 0,
                "log_loss": loss,
                **dict.fromkeys(["roc_auc", "accuracy", "ece", "fit_seconds"], 0.5),
            }
            for name, values in losses.items()
            for number, loss in enumerate(values)
        ]
    )
    rows.loc[rows["dataset"].eq("set 2") & rows["model"].eq("better"), "log_loss"] = (
        np.nan
    )
    result = ablation.table(rows).set_index("change")
    assert result["n_sets"].tolist() == [2, 2]
    assert result.loc["better", "difference"] == pytest.approx(-0.1)
    assert result.loc["better", ["better", "worse"]].tolist() == [2, 0]
    assert result.loc["default", "difference"] == 0.0
    assert "better" in ablation.markdown(ablation.table(rows), "command")
