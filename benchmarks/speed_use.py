"""What using the estimator costs: importing, fitting and predicting, against peers.

Each part returns a table of variants with their ratios to a reference; ``GOALS`` says
which ratio is aimed at.
"""

import subprocess
import sys
import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.data import load_pima
from benchmarks.timing import ratios, take_turns
from cr_sklearn import ChainzRuleClassifier

N_PREDICT_ROWS = 10_000
# Calls that make one measurement of a single row.
N_CALLS = 50
GOALS = {
    "fit": {"ChainzRule": 1.0, "ChainzRule, fixed strength": 0.5},
    "predict": {"predict_proba and sensitivity": 2.0},
    "single": {"ChainzRule": 1.0},
    "import": {"cr_sklearn": 1.2},
}


def fit(rounds):
    """One fit on Pima against one of scikit-learn's MLP, each with its defaults.

    The MLP gets imputed and scaled columns for nothing.
    """
    X, y = load_pima()
    complete = _complete(X)
    seconds = take_turns(
        {
            "MLP (scikit-learn)": lambda: _fit_mlp(complete, y),
            "ChainzRule": lambda: ChainzRuleClassifier(random_state=0).fit(X, y),
            "ChainzRule, fixed strength": lambda: ChainzRuleClassifier(
                dreg_strength=0.01, random_state=0
            ).fit(X, y),
        },
        rounds,
    )
    return ratios(seconds, "MLP (scikit-learn)")


def predict(rounds):
    """Probabilities of many rows with and without their sensitivities."""
    X, y = load_pima()
    model = ChainzRuleClassifier(random_state=0).fit(X, y)
    rows = np.random.default_rng(0).integers(len(X), size=N_PREDICT_ROWS)
    many = X.iloc[rows].reset_index(drop=True)

    seconds = take_turns(
        {
            "predict_proba": lambda: model.predict_proba(many),
            "predict_proba and sensitivity": lambda: model.predict_proba(
                many, return_sensitivity=True
            ),
            "jacobian": lambda: model.jacobian(many),
        },
        rounds,
    )
    return ratios(seconds, "predict_proba")


def single(rounds):
    """Probabilities of one row, as a NumPy array, against scikit-learn's MLP."""
    X, y = load_pima()
    complete = _complete(X)
    mlp = _fit_mlp(complete, y)
    model = ChainzRuleClassifier(random_state=0).fit(complete, y)
    row = complete[:1]
    seconds = take_turns(
        {
            "MLP (scikit-learn)": lambda: _repeat(mlp.predict_proba, row),
            "ChainzRule": lambda: _repeat(model.predict_proba, row),
        },
        rounds,
    )
    table = ratios(seconds, "MLP (scikit-learn)")
    table["milliseconds"] /= N_CALLS
    return table


def imports(rounds):
    """A fresh process that imports the package, against one that imports sklearn."""
    seconds = take_turns(
        {
            "sklearn": lambda: _run("import sklearn"),
            "cr_sklearn": lambda: _run("import cr_sklearn"),
            "ChainzRuleClassifier": lambda: _run(
                "from cr_sklearn import ChainzRuleClassifier"
            ),
        },
        rounds,
    )
    return ratios(seconds, "sklearn")


def _repeat(function, row):
    for _ in range(N_CALLS):
        function(row)


def _run(code):
    subprocess.run([sys.executable, "-c", code], check=True)


def _complete(X):
    encoder = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    return encoder.fit_transform(X)


def _fit_mlp(X, y):
    with warnings.catch_warnings():
        # Its default number of epochs does not suffice; that is part of the default.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return MLPClassifier(random_state=0).fit(X, y)
