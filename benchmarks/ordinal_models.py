"""The models that the ordinal benchmark compares; labels are numbers in rank order.

Columns are those of the tabular suite, and so are the encodings of the peers and their
settings. Every model runs on one thread.
"""

from benchmarks import tabular_models
from benchmarks.models import Model
from benchmarks.ordinal_heads import Coral, Corn
from benchmarks.ordinal_wrappers import RoundedRegressor, StatsmodelsOrdered
from benchmarks.tabular_models import SCALED, one_hot
from benchmarks.wrappers import LabelsAsNumbers
from cr_sklearn import ChainzRuleOrdinalRegressor

REFERENCE = "ordinal"


def _ordinal(seed):
    return ChainzRuleOrdinalRegressor(random_state=seed)


def _probit(seed):
    return ChainzRuleOrdinalRegressor(link="probit", random_state=seed)


def _cloglog(seed):
    return ChainzRuleOrdinalRegressor(link="cloglog", random_state=seed)


def _coral(seed):
    return Coral(random_state=seed)


def _corn(seed):
    return Corn(random_state=seed)


def _mord(name):
    import mord

    return one_hot(LabelsAsNumbers(getattr(mord, name)()))


def _mord_at(seed):
    return _mord("LogisticAT")


def _mord_it(seed):
    return _mord("LogisticIT")


def _skordinal_logistic(seed):
    from skordinal.classifiers import OrdinalDecomposition

    return one_hot(OrdinalDecomposition())


def _skordinal_network(seed):
    from skordinal.classifiers import NNPOM

    return one_hot(NNPOM(random_state=seed))


def _skordinal_svm(seed):
    from skordinal.classifiers import REDSVM

    return one_hot(REDSVM())


def _statsmodels(seed):
    # It refuses columns that sum to a constant.
    return one_hot(StatsmodelsOrdered(), drop="first")


def _xgboost_rounded(seed):
    from xgboost import XGBRegressor

    return RoundedRegressor(
        XGBRegressor(enable_categorical=True, n_jobs=1, random_state=seed)
    )


_OUR_NETWORK = "our network, encoding and training"

MODELS = {
    REFERENCE: Model("ChainzRule ordinal", "no arguments", _ordinal),
    "chainzrule": tabular_models.MODELS["chainzrule"]._replace(
        label="ChainzRule classifier"
    ),
    "coral": Model("CORAL", f"{_OUR_NETWORK} with the head of CORAL", _coral),
    "corn": Model("CORN", f"{_OUR_NETWORK} with the head of CORN", _corn),
    "mord_at": Model(
        "mord LogisticAT", f"all thresholds, mord's defaults; {SCALED}", _mord_at
    ),
    "mord_it": Model(
        "mord LogisticIT", f"immediate thresholds, mord's defaults; {SCALED}", _mord_it
    ),
    "skordinal_logistic": Model(
        "skordinal OrdinalDecomposition",
        f"its defaults: logistic regressions by Frank and Hall; {SCALED}",
        _skordinal_logistic,
    ),
    "skordinal_network": Model(
        "skordinal NNPOM",
        f"its defaults: a network with proportional odds; {SCALED}",
        _skordinal_network,
    ),
    "skordinal_svm": Model(
        "skordinal REDSVM",
        f"its defaults: reduction to an SVM, RBF; no probabilities; {SCALED}",
        _skordinal_svm,
    ),
    "statsmodels": Model(
        "statsmodels OrderedModel",
        "logit, maximum likelihood by BFGS, at most 500 iterations; label of the "
        f"likeliest class; {SCALED} without the first category",
        _statsmodels,
    ),
    "xgb_rounded": Model(
        "XGBoost regression, rounded",
        "its defaults on the ranks, rounded to the nearest; no probabilities; "
        "categories and missing values as they are",
        _xgboost_rounded,
    ),
    "xgb": tabular_models.MODELS["xgb"]._replace(label="XGBoost classifier"),
    "catboost": tabular_models.MODELS["catboost"]._replace(label="CatBoost classifier"),
    "rf": tabular_models.MODELS["rf"],
    "lr": tabular_models.MODELS["lr"],
    "probit": Model("ChainzRule ordinal, probit", 'link="probit"', _probit),
    "cloglog": Model("ChainzRule ordinal, cloglog", 'link="cloglog"', _cloglog),
}
# Reported beside the default link, not among the peers.
LINKS = {"ordinal": "logit", "probit": "probit", "cloglog": "cloglog"}
SLOW = ["catboost", "skordinal_network", "statsmodels"]
LIBRARIES = {
    "mord_at": "mord",
    "mord_it": "mord",
    "skordinal_logistic": "skordinal",
    "skordinal_network": "skordinal",
    "skordinal_svm": "skordinal",
    "statsmodels": "statsmodels",
    "xgb_rounded": "xgboost",
    "xgb": "xgboost",
    "catboost": "catboost",
}
