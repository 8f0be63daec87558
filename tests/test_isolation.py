"""A library call leaves the process as it found it."""

import os
import random
import subprocess
import sys
import warnings

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
        n_estimators=2, max_iter=3, dropout=0.2, early_stopping=True, random_state=0
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
