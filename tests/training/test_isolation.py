"""A library call leaves the process as it found it."""

import os
import random
import subprocess
import sys
import warnings

import joblib
import numpy as np
import pytest
import torch

from cr_sklearn import ChainzRuleClassifier


def test_global_state_is_untouched(moons, monkeypatch, tmp_path, capfd):
    """Seeds, dtypes, threads, directory and filters belong to the user."""
    X, y = moons
    monkeypatch.chdir(tmp_path)

    def state():
        return {
            "numpy": str(np.random.get_state()),  # noqa: NPY002
            "torch": torch.get_rng_state().tolist(),
            "random": random.getstate(),
            "dtype": torch.get_default_dtype(),
            "threads": torch.get_num_threads(),
            "interop": torch.get_num_interop_threads(),
            "grad": torch.is_grad_enabled(),
            "deterministic": torch.are_deterministic_algorithms_enabled(),
            "cwd": os.getcwd(),
            "files": os.listdir(),
            "filters": list(warnings.filters),
            "errstate": np.geterr(),
            "environment": dict(os.environ),
        }

    before = state()
    model = ChainzRuleClassifier(
        n_estimators=2, max_iter=3, early_stopping=True, random_state=0
    ).fit(X, y)
    model.jacobian(X)
    model.partial_fit(X, y)
    after = state()
    for name, value in before.items():
        if name == "environment":
            # pytest writes the test's phase there
            value.pop("PYTEST_CURRENT_TEST", None)
            after[name].pop("PYTEST_CURRENT_TEST", None)
        assert after[name] == value, name
    captured = capfd.readouterr()
    assert captured.out == captured.err == ""


def test_verbose_shows_progress(moons, capfd):
    """Long training must show that it moves, when asked."""
    ChainzRuleClassifier(n_estimators=1, max_iter=3, verbose=2).fit(*moons)
    captured = capfd.readouterr()
    shown = captured.out + captured.err
    assert "3/3" in shown
    assert "Epoch 3: train_loss = " in shown
    assert "dreg = " in shown


@pytest.mark.parametrize(
    "statement",
    [
        "import cr_sklearn",
        "from cr_sklearn import ChainzRuleClassifier",
        "from cr_sklearn import ChainzRuleOrdinalRegressor",
        "from cr_sklearn.metrics import ordinal_scorer",
    ],
)
def test_import_does_not_load_torch(statement):
    """Torch takes seconds to import; reading --help must not."""
    code = f"{statement}; import sys; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def fitted(X, y, **given):
    return ChainzRuleClassifier(**{"max_iter": 3, "random_state": 0, **given}).fit(X, y)


SETTINGS = {
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "default device": lambda: torch.device("meta"),
    "autocast": lambda: torch.autocast("cpu"),
}


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS)
def test_a_fit_does_not_depend_on_torchs_settings_around_it(setting, moons):
    """Notebooks set them for other models."""
    X, y = moons
    expected = fitted(X, y).predict_proba(X)
    with setting():
        model = fitted(X, y)
    np.testing.assert_array_equal(model.predict_proba(X), expected)


def test_a_fit_does_not_depend_on_torchs_default_dtype(moons):
    """Random numbers of another dtype are other ones."""
    X, y = moons
    expected = fitted(X, y).predict_proba(X)
    torch.set_default_dtype(torch.float64)
    try:
        model = fitted(X, y)
    finally:
        torch.set_default_dtype(torch.float32)
    np.testing.assert_array_equal(model.predict_proba(X), expected)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_fit_in_a_forked_child_ends():
    """Servers load models, then fork; threads of torch do not come along."""
    code = """
import os, numpy as np, torch
from cr_sklearn import ChainzRuleClassifier

torch.set_num_threads(2)
torch.ones(1000, 1000) @ torch.ones(1000, 1000)
X = np.random.default_rng(0).normal(size=(200, 3))
model = ChainzRuleClassifier(max_iter=3, random_state=0)
expected = model.fit(X, X[:, 0] > 0).predict_proba(X)
child = os.fork()
if child == 0:
    same = (model.fit(X, X[:, 0] > 0).predict_proba(X) == expected).all()
    os._exit(0 if same and torch.get_num_threads() == 2 else 1)
assert os.waitpid(child, 0)[1] == 0
"""
    environment = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"}
    subprocess.run(
        [sys.executable, "-c", code], check=True, timeout=120, env=environment
    )


SCALARS = {
    "batch_size": np.uint16(32),
    "max_iter": np.uint8(3),
    "n_bins": np.uint8(200),
    "cv": np.uint8(3),
    "hidden_layer_sizes": np.uint8(200),
    "learning_rate_init": np.float16(0.02),
    "early_stopping": np.True_,
}


@pytest.mark.parametrize("name, value", SCALARS.items(), ids=SCALARS)
def test_numpy_scalars_are_the_numbers_they_hold(name, value, moons):
    """Grids come from np.arange; small integers overflow where Python's do not."""
    X, y = moons
    given, plain = fitted(X, y, **{name: value}), fitted(X, y, **{name: value.item()})
    many = np.tile(X, (3, 1))
    np.testing.assert_array_equal(given.predict_proba(many), plain.predict_proba(many))
    assert given.get_params()[name] is value


def test_a_model_of_a_mapped_file_trains_on(moons, tmp_path):
    """Its arrays can't be written to; torch would warn of it."""
    X, y = np.repeat(moons[0], 30, axis=1), moons[1]
    model = ChainzRuleClassifier(warm_start=True, max_iter=2, random_state=0)
    joblib.dump(model.partial_fit(X, y, classes=[0, 1]), tmp_path / "model")
    loaded = joblib.load(tmp_path / "model", mmap_mode="r")
    loaded.partial_fit(X, y)
    loaded.fit(X, y)
    assert loaded.n_iter_ == 4
