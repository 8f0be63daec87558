"""The models that benchmarks compare, by name.

Every model runs on one thread: benchmarks are parallel over fits. Whatever needs
complete inputs gets medians and missing-value indicators inside its pipeline.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import RandomizedSearchCV, StratifiedKFold
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from benchmarks.variants import Regularized
from cr_sklearn import ChainzRuleClassifier

# Budget of every "tuned" model, so that none of them gets more than another.
N_CANDIDATES = 16
N_INNER_FOLDS = 3
SVM_DISTRIBUTIONS = {
    "estimator__C": np.logspace(-2, 3, 11),
    "estimator__gamma": np.logspace(-4, 0, 9),
}
XGBOOST_DISTRIBUTIONS = {
    "n_estimators": [50, 100, 200, 300],
    "learning_rate": np.logspace(-2, -0.5, 7),
    "max_depth": [1, 2, 3, 4, 6, 8],
    "min_child_weight": [1, 2, 5, 10, 20],
    "subsample": [0.5, 0.6, 0.7, 0.8, 0.9, 1.0],
    "colsample_bytree": [0.5, 0.6, 0.7, 0.8, 0.9, 1.0],
    "reg_lambda": np.logspace(-1, 2, 7),
}
TUNED = (
    f"random search, {N_CANDIDATES} candidates, {N_INNER_FOLDS} inner folds, best by "
    "log-loss"
)


class Model(NamedTuple):
    """A model as reports call it, its settings in words, and ``make(seed)``."""

    label: str
    settings: str
    make: Callable


def select(names, among=None):
    """Return the models of these names, in the order of ``among`` (:data:`MODELS`).

    Raises
    ------
    ValueError
        If a name is unknown.
    """
    known = MODELS if among is None else among
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise ValueError(
            f"Unknown models: {', '.join(unknown)}. Known are: {', '.join(known)}."
        )
    return {name: model for name, model in known.items() if name in names}


def _impute():
    return SimpleImputer(strategy="median", add_indicator=True)


def _scaled(model):
    return make_pipeline(_impute(), StandardScaler(), model)


def random_search(model, distributions, seed, search=RandomizedSearchCV):
    """Random search by inner cross-validation, refitted on all training rows."""
    return search(
        model,
        {name: np.asarray(values).tolist() for name, values in distributions.items()},
        n_iter=N_CANDIDATES,
        scoring="neg_log_loss",
        cv=StratifiedKFold(N_INNER_FOLDS, shuffle=True, random_state=seed),
        random_state=seed,
    )


def _own_network(**settings):
    return lambda seed: ChainzRuleClassifier(random_state=seed, **settings)


def _logistic_regression(seed):
    return _scaled(LogisticRegression(max_iter=1000))


def calibrated_svm(n_folds):
    return CalibratedClassifierCV(
        SVC(), method="sigmoid", cv=StratifiedKFold(n_folds), ensemble=False
    )


def _svm(seed):
    return _scaled(calibrated_svm(5))


def _svm_tuned(seed):
    return _scaled(random_search(calibrated_svm(3), SVM_DISTRIBUTIONS, seed))


def _random_forest(seed):
    return make_pipeline(
        _impute(), RandomForestClassifier(n_estimators=300, random_state=seed)
    )


def _xgboost(seed):
    from xgboost import XGBClassifier

    return XGBClassifier(n_jobs=1, random_state=seed)


def _xgboost_tuned(seed):
    return random_search(_xgboost(seed), XGBOOST_DISTRIBUTIONS, seed)


def _hist_gradient_boosting(seed):
    return HistGradientBoostingClassifier(random_state=seed)


def _mlp(seed):
    return _scaled(MLPClassifier(random_state=seed))


# Plain networks of the papers' kind, at the step size that suits them better.
_PLAIN = {
    "activation": "relu",
    "dreg_strength": 0,
    "learning_rate_init": 0.01,
    "n_bins": 0,
}


def _regularized(**settings):
    return lambda seed: Regularized(random_state=seed, **_PLAIN, **settings)


_RELU = (
    "our network and training with ReLU, without DREG and ramps, 8 networks on all "
    "rows, step size 0.01"
)

MODELS = {
    "chainzrule": Model("ChainzRule", "no arguments", _own_network()),
    "lr": Model(
        "Logistic regression",
        "scikit-learn's defaults; median, indicators, scaling",
        _logistic_regression,
    ),
    "svm": Model(
        "SVM",
        "RBF, scikit-learn's defaults; median, indicators, scaling; probabilities by "
        "Platt's method, 5 folds; labels are those of the probabilities",
        _svm,
    ),
    "svm_tuned": Model(
        "SVM, tuned",
        f"C in 0.01..1000, gamma in 0.0001..1; {TUNED}; the rest as SVM, Platt's "
        "method with 3 folds",
        _svm_tuned,
    ),
    "rf": Model(
        "Random forest",
        "300 trees, otherwise scikit-learn's defaults; median, indicators",
        _random_forest,
    ),
    "xgb": Model("XGBoost", "its defaults, missing values as they are", _xgboost),
    "xgb_tuned": Model(
        "XGBoost, tuned",
        f"rounds, step size, depth, child weight, row and column shares, L2; {TUNED}",
        _xgboost_tuned,
    ),
    "hgb": Model(
        "HistGradientBoosting",
        "scikit-learn's defaults, missing values as they are",
        _hist_gradient_boosting,
    ),
    "mlp": Model(
        "MLP (scikit-learn)",
        "scikit-learn's defaults; median, indicators, scaling",
        _mlp,
    ),
    "relu": Model("ReLU", _RELU, _own_network(**_PLAIN)),
    "relu_dropout": Model(
        "ReLU + dropout",
        f"{_RELU} but dropout 0.2",
        _regularized(dropout=0.2),
    ),
    "relu_decay": Model(
        "ReLU + weight decay",
        f"{_RELU} but decoupled weight decay 0.1",
        _regularized(weight_decay=0.1),
    ),
}
