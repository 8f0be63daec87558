"""The ablation: each variant lacks what it says, and the table compares it rightly."""

import numpy as np
import pandas as pd
import pytest

from benchmarks import ablation
from benchmarks.variants import (
    AllToTheEnd,
    Annealed,
    Hermite,
    OneStrength,
    OneToTheEnd,
    OutputPenalty,
    WithoutLinear,
    WithoutScale,
    WithoutSkip,
)
from cr_sklearn import ChainzRuleClassifier
from cr_sklearn.training import _loop as _training


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


def test_no_linear_candidates_means_none(data):
    """The option must reach the search."""
    model = WithoutLinear(max_iter=3, random_state=0).fit(*data)
    assert not model.dreg_path_["linear"].any()


def mean_norms(model, X):
    """Hidden units' and outputs' sensitivity, mean over the rows."""
    hidden = sum(np.square(coef).sum() for coef in model.coefs_[:-1])
    return hidden, model.sensitivity(X).mean()


def test_variants_of_the_penalty_change_what_it_shrinks(data):
    """Hidden layers are free where the output alone is penalised; rising is late."""
    given = {"max_iter": 20, "random_state": 0, "dreg_strength": 0.3}
    hidden, _ = mean_norms(ChainzRuleClassifier(**given).fit(*data), data[0])
    free, output = mean_norms(OutputPenalty(**given).fit(*data), data[0])
    plain = ChainzRuleClassifier(**{**given, "dreg_strength": 0.0}).fit(*data)
    assert free > 1.5 * hidden
    assert output < 0.5 * mean_norms(plain, data[0])[1]
    given["dreg_strength"] = 0.01
    early = [
        build(**given).fit(*data).dreg_curve_[5]
        for build in (Annealed, ChainzRuleClassifier)
    ]
    assert early[0] > 2.0 * early[1]


def test_hermite_basis_changes_the_way_and_not_the_model(data):
    """With all steps of length zero the polynomials are the same."""
    given = {"random_state": 0, "dreg_strength": 0.01, "max_iter": 5}
    still = {"learning_rate_init": 1e-12, **given}
    models = [build(**still).fit(*data) for build in (Hermite, ChainzRuleClassifier)]
    proba = [model.predict_proba(data[0]) for model in models]
    np.testing.assert_allclose(*proba, atol=1e-6)
    moved = [build(**given).fit(*data) for build in (Hermite, ChainzRuleClassifier)]
    coefs = [model.polynomial_coefs_[0] for model in moved]
    assert np.abs(coefs[0] - coefs[1]).max() > 0.01


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
                "status": "ok",
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
    assert result.loc[["default", "better"], "n_sets"].tolist() == [3, 2]
    assert result.loc["better", "difference"] == pytest.approx(-0.1)
    assert result.loc["better", ["better", "worse"]].tolist() == [2, 0]
    assert result.loc["default", "difference"] == 0.0
    page = ablation.markdown(ablation.table(rows), "command")
    assert "Without a score: better on 1." in page


@pytest.mark.parametrize(
    "build, n_parts", [(AllToTheEnd, {20}), (OneToTheEnd, {20, 5})]
)
def test_variants_of_the_choice_train_so_many(monkeypatch, data, build, n_parts):
    """The options must reach the packs."""
    seen, original = [], _training.train

    def train(network, *rest, **given):
        if network.activations:
            seen.append(network.members)
        return original(network, *rest, **given)

    monkeypatch.setattr(_training, "train", train)
    build(max_iter=5, random_state=0).fit(*data)
    assert set(seen) == n_parts
