"""Data that several test files share, and what tests need to run."""

import os

import numpy as np
import pandas as pd
import pytest


def pytest_addoption(parser):
    """Let a developer make more generated calls than CI has time for."""
    parser.addoption(
        "--generated-calls",
        type=int,
        default=1,
        help="how many times as many calls test_generated_calls.py makes",
    )


def pytest_collection_modifyitems(items):
    """Skip, visibly, what needs data that the project does not ship."""
    if os.environ.get("CR_SKLEARN_DATA"):
        return
    for item in items:
        if item.get_closest_marker("data"):
            item.add_marker(pytest.mark.skip(reason="CR_SKLEARN_DATA is not set"))


@pytest.fixture(scope="session")
def moons():
    """Two interleaved half circles with noise, 200 rows: a linear model can't."""
    from sklearn.datasets import make_moons

    return make_moons(200, noise=0.2, random_state=0)


@pytest.fixture(scope="session")
def noisy():
    """120 rows in which two of six columns matter and a fifth of labels is flipped."""
    from sklearn.datasets import make_classification

    return make_classification(
        120, n_features=6, n_informative=2, n_redundant=0, flip_y=0.2, random_state=0
    )


@pytest.fixture
def mixed_frame():
    """A pandas frame with every kind of column the encoder knows, and its target."""
    rng = np.random.default_rng(0)
    n = 120
    income = rng.lognormal(3.0, 1.0, n)
    city = rng.choice(["Bern", "Oslo", "Rome"], n)
    target = np.where((income > 20) ^ (city == "Rome"), "yes", "no")
    income[::7] = np.nan
    frame = pd.DataFrame(
        {
            "income": income,
            "rooms": pd.array(rng.integers(1, 6, n), dtype="Int64"),
            "city": pd.Categorical(city),
            "note": pd.array(rng.choice(["a", "b"], n), dtype="string"),
            "owner": pd.array(rng.random(n) > 0.5, dtype="boolean"),
            "flag": rng.random(n) > 0.5,
            "constant": 1.5,
            "empty": np.full(n, np.nan),
        }
    )
    frame.loc[3, "rooms"] = pd.NA
    frame.loc[4, "city"] = None
    frame.loc[5, "note"] = pd.NA
    frame.loc[6, "owner"] = pd.NA
    return frame, target
