"""MNIST by width: what is compared is comparable, and counted as it is said to be."""

import numpy as np
import pandas as pd
import pytest

from benchmarks import claims_layerwise, mnist, mnist_report, mnist_tables
from benchmarks.mnist_networks import (
    CENTER,
    FAMILIES,
    SCALE,
    STEPS,
    VALUES,
    Candidate,
    choose,
    step_candidates,
    value_candidates,
)

PLAN = mnist.Plan((2, 4), 2, 120, 40)


@pytest.fixture(scope="module")
def pixels():
    """Ten kinds of noisy images with a border that is always bright."""
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(10), 20)
    X = rng.integers(0, 100, size=(200, 25)) + 100 * (np.arange(25) % 10 == y[:, None])
    X[:, :5] = 0
    return X.astype(np.uint8), y


def test_networks_have_no_skip_and_one_unit_for_all_pixels(pixels):
    """A linear map would give every width the same accuracy to start from."""
    X, y = pixels
    model = Candidate("chainzrule", 3, 0.01, 0.001)(0).fit(X, y)
    assert not model.skip_coef_.any()
    assert set(model._encoder.center_) == {CENTER}
    assert set(model._encoder.scale_) == {SCALE}
    # 20 pixels that vary, two layers of three cubics, ten outputs.
    assert mnist.n_parameters(model) == 20 * 3 + 3 * 3 + 3 * 10 + 3 + 3 + 10 + 2 * 3 * 3


def test_gradients_are_measured_on_all_images(pixels, monkeypatch):
    """Parts of the images must not change the quantiles."""
    X, y = pixels
    model = Candidate("relu", 3, 0.01, None)(0).fit(X, y)
    given = model, X, y, model.predict(X), model.predict_proba(X)
    whole = mnist.score_test(*given)
    monkeypatch.setattr(mnist, "_IMAGES_AT_ONCE", 7)
    assert mnist.score_test(*given) == pytest.approx(whole)
    sensitivity = model.sensitivity(X)
    assert whole["logit_max"] == pytest.approx(sensitivity.max())
    assert whole["logit_tau"] == pytest.approx(model.tail_ratio(X))
    assert set(whole) == set(mnist_tables.METRICS)


def test_settings_are_chosen_without_test_images():
    """A choice by what is tested on would favour whatever has more to choose."""
    y_train = np.repeat(np.arange(10), 20)
    [validation], tests = mnist.splits(y_train, 50, PLAN)
    used = np.concatenate([validation.train, validation.test])
    assert len(validation.test) == 40
    assert used.max() < 200
    for split in tests:
        assert set(split.train) == set(used)
        assert split.test.tolist() == list(range(200, 250))


def test_every_family_has_the_same_step_sizes_and_the_best_goes_on():
    """Unequal budgets would be an advantage."""
    candidates = step_candidates([2, 4])
    for family in FAMILIES:
        steps = [c.step for c in candidates if (c.family, c.width) == (family, 4)]
        assert steps == list(STEPS)
    accuracy = {c.name: 0.5 + c.step for c in candidates}
    chosen = choose(candidates, accuracy)
    assert len(chosen) == 2 * len(FAMILIES)
    assert {c.step for c in chosen} == {max(STEPS)}
    others = value_candidates(chosen)
    for family in FAMILIES:
        tried = [c.value for c in chosen + others if (c.family, c.width) == (family, 2)]
        assert sorted(tried, key=str) == sorted(set(tried), key=str)
        regulariser = FAMILIES[family].regulariser
        assert set(tried) == set(VALUES[regulariser])
    with pytest.raises(ValueError, match="step"):
        choose(others, accuracy)


def test_parameters_are_those_of_the_first_crossing():
    """Curves are read by the logarithm, and never beyond their ends."""
    n, accuracy = np.array([1e2, 1e4, 1e6]), np.array([0.8, 0.9, 0.85])
    assert mnist_tables.parameters_at(0.85, n, accuracy) == pytest.approx(1e3)
    assert np.isnan(mnist_tables.parameters_at(0.95, n, accuracy))
    assert np.isnan(mnist_tables.parameters_at(0.7, n, accuracy))


@pytest.fixture
def rows():
    """Fits of every family: the reference needs a quarter of the parameters."""
    rng = np.random.default_rng(0)
    chosen = [Candidate(f, w, 0.01, None) for w in (2, 4, 8) for f in FAMILIES]
    lines = []
    for one in chosen:
        for seed in range(3):
            factor = 1 if one.family == "chainzrule" else 4
            norms = {name: 2.0 * factor for name in mnist_tables.NORMS}
            noise = 1e-4 * rng.normal()
            lines.append(
                {
                    "model": one.name,
                    "repeat": seed,
                    "fold": 0,
                    "fraction": 1.0,
                    "n_train": 100,
                    "n_test": 10,
                    "n_parameters": 100.0 * factor * one.width**2,
                    "accuracy": 0.9 + 0.02 * np.log2(one.width) + noise,
                    "log_loss": 0.1 * factor,
                    **{key: value * (1 + noise) for key, value in norms.items()},
                }
            )
    return mnist_report.Result(pd.DataFrame(lines), chosen, PLAN)


def test_ratios_are_those_of_the_reference(rows):
    """A ratio upside down would turn the verdict around."""
    table = mnist_tables.parameters(rows.main_rows, levels=(0.93, 0.95, 0.99))
    assert table["level"].tolist() == [0.93, 0.95]
    np.testing.assert_allclose(table["ratio"], 4.0, rtol=0.02)
    compared = mnist_tables.pairs(rows.main_rows).set_index(["metric", "model"])
    peak = compared.loc[("loss_peak", "relu")]
    assert peak["ratio"] == pytest.approx(0.25, rel=1e-3)
    assert peak["change"] == pytest.approx(-0.75, rel=1e-3)
    assert peak[["lower", "n_pairs", "n_seeds"]].tolist() == [9, 9, 3]
    tables = {"mnist_parameters": table, "mnist_pairs": compared.reset_index()}
    verdicts = [claim.find(tables.get).verdict for claim in claims_layerwise.CLAIMS[:3]]
    assert verdicts == ["partly", "reproduced", "reproduced"]


def test_seeds_that_lack_a_network_are_left_out(rows):
    """Means over other widths could not be compared."""
    part = rows._replace(rows=rows.rows.iloc[:-1])
    assert set(part.main_rows["repeat"]) == {0, 1}
    assert part._replace(rows=part.rows.query("repeat == 0")).main_rows.empty


@pytest.mark.data
def test_the_unit_of_the_pixels_is_that_of_the_training_images():
    """The constants are facts about the data."""
    pixels = mnist.load_mnist().train
    assert pixels.mean() == pytest.approx(CENTER, abs=0.05)
    assert pixels.std() == pytest.approx(SCALE, abs=0.05)
