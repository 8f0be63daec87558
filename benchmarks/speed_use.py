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

    def mlp():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            MLPClassifier(random_state=0).fit(complete, y)

    seconds = take_turns(
        {
            "MLP (scikit-learn)": mlp,
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
    X, model, _, _ = _fitted()
    rows = np.random.default_rng(0).integers(len(X), size=N_PREDICT_ROWS)
    many = X.iloc[rows].reset_index(drop=True)

    def both():
        model.predict_proba(many)
        model.sensitivity(many)

    seconds = take_turns(
        {
            "predict_proba": lambda: model.predict_proba(many),
            "predict_proba and sensitivity": both,
            "jacobian": lambda: model.jacobian(many),
        },
        rounds,
    )
    return ratios(seconds, "predict_proba")


def single(rounds):
    """Probabilities of one row, as a NumPy array, against scikit-learn's MLP."""
    _, _, model, mlp = _fitted()
    row = _complete(load_pima()[0])[:1]
    seconds = take_turns(
        {
            "MLP (scikit-learn)": lambda: _repeat(mlp.predict_proba, row),
            "ChainzRule": lambda: _repeat(model.predict_proba, row),
        },
        rounds,
    )
    table = ratios(seconds, "MLP (scikit-learn)")
    table["milliseconds"] /= _REPEATS
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


_REPEATS = 50


def _repeat(function, row):
    for _ in range(_REPEATS):
        function(row)


def _run(code):
    subprocess.run([sys.executable, "-c", code], check=True)


def _complete(X):
    encoder = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    return encoder.fit_transform(X)


def _fitted():
    """The table, a model of it, and a model and an MLP of its complete array."""
    X, y = load_pima()
    complete = _complete(X)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        mlp = MLPClassifier(random_state=0).fit(complete, y)
    model = ChainzRuleClassifier(random_state=0)
    return (
        X,
        model.fit(X, y),
        ChainzRuleClassifier(random_state=0).fit(complete, y),
        mlp,
    )
