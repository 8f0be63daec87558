"""Classifiers on frozen features, under identical conditions.

The networks are our own in width, depth, number and training, and differ in activation
and regulariser alone. Each has one setting, chosen among four values by log-loss on
five inner folds: ours by itself (``dreg_strength="auto"``), the others by a grid
search.
"""

from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, ShuffleSplit, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from benchmarks.models import Model
from benchmarks.variants import Regularized
from cr_sklearn import ChainzRuleClassifier, ChainzRuleOrdinalRegressor

N_FOLDS = 5
GRIDS = {
    "relu": {"learning_rate_init": [0.0003, 0.001, 0.003, 0.01]},
    "relu_dropout": {"dropout": [0.1, 0.2, 0.4, 0.6]},
    "relu_decay": {"weight_decay": [0.1, 1.0, 10.0, 100.0]},
    "lr_tuned": {"logisticregression__C": [0.001, 0.01, 0.1, 1.0]},
    "svm": {"svc__C": [0.3, 1.0, 3.0, 10.0]},
}


def _folds(seed):
    return StratifiedKFold(N_FOLDS, shuffle=True, random_state=seed)


def _chainzrule(seed):
    return ChainzRuleClassifier(n_bins=0, random_state=seed)


def _ordinal(seed):
    return ChainzRuleOrdinalRegressor(
        n_bins=0, predict_rule="argmax", random_state=seed
    )


def _relu(name, **settings):
    def make(seed):
        network = Regularized(n_bins=0, random_state=seed, **settings)
        return GridSearchCV(
            network, GRIDS[name], scoring="neg_log_loss", cv=_folds(seed)
        )

    return make


def _logistic_regression(seed):
    return LogisticRegression(max_iter=1000)


def _logistic_regression_tuned(seed):
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    return GridSearchCV(
        model, GRIDS["lr_tuned"], scoring="neg_log_loss", cv=_folds(seed)
    )


def _svm(seed):
    # One validation part: five folds would take most of the whole benchmark's time.
    part = ShuffleSplit(1, test_size=0.2, random_state=seed)
    return GridSearchCV(make_pipeline(StandardScaler(), SVC()), GRIDS["svm"], cv=part)


def _choice(name, what):
    values = ", ".join(f"{value:g}" for value in next(iter(GRIDS[name].values())))
    return f"{what} of {values}"


_INNER = f"by log-loss on {N_FOLDS} inner folds"

HEADS = {
    "chainzrule": Model("ChainzRule", "no arguments but n_bins=0", _chainzrule),
    "relu": Model(
        "MLP (ReLU)",
        "our network and training with ReLU, without DREG, 8 networks; "
        f"{_choice('relu', 'step size')} {_INNER}",
        _relu("relu"),
    ),
    "relu_dropout": Model(
        "MLP + dropout",
        f"as MLP, step size 0.003; {_choice('relu_dropout', 'rate')} {_INNER}",
        _relu("relu_dropout", learning_rate_init=0.003),
    ),
    "relu_decay": Model(
        "MLP + weight decay",
        f"as MLP, step size 0.003; {_choice('relu_decay', 'decoupled decay')} {_INNER}",
        _relu("relu_decay", learning_rate_init=0.003),
    ),
    "lr": Model(
        "Logistic regression",
        "scikit-learn's defaults on the features as they are",
        _logistic_regression,
    ),
    "lr_tuned": Model(
        "Logistic regression, tuned",
        f"scaled features; {_choice('lr_tuned', 'C')} {_INNER}",
        _logistic_regression_tuned,
    ),
    "svm": Model(
        "SVM",
        f"RBF, scaled features; {_choice('svm', 'C')} by accuracy on a fifth of the "
        "training rows; no probabilities",
        _svm,
    ),
}
# For ordered classes, beside the heads of any.
ORDINAL_HEAD = Model(
    "ChainzRule ordinal",
    'no arguments but n_bins=0 and predict_rule="argmax"',
    _ordinal,
)
