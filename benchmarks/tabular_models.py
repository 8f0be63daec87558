"""The models that the tabular suite compares: for columns of any kind.

Columns of dtype ``category`` are categories, all others are numbers. What can't take
them as they are gets its own encoding inside its pipeline, fitted on the training rows.
Every model runs on one thread.
"""

import logging
from functools import partial

from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from benchmarks.models import (
    SVM_DISTRIBUTIONS,
    TUNED,
    XGBOOST_DISTRIBUTIONS,
    Model,
    calibrated_svm,
    random_search,
)
from benchmarks.wrappers import (
    CATEGORIES,
    NUMBERS,
    AutoGluon,
    LabelsAsNumbers,
    TimedCatBoost,
    TimedSearch,
)
from cr_sklearn import ChainzRuleClassifier

# After these times a search tries no further candidate, CatBoost grows no further tree,
# and AutoGluon is to be done. The rest of a fit's limit is left for what was begun and
# for the last refit.
SEARCH_SECONDS, CATBOOST_SECONDS = 40, 40
AUTOGLUON_SECONDS = 60

_TIMED = partial(TimedSearch, seconds=SEARCH_SECONDS)


def _impute():
    return SimpleImputer(strategy="median", add_indicator=True)


def one_hot(model, drop="if_binary"):
    """Scaled numbers, and one column for each category, missing ones among them."""
    return make_pipeline(
        make_column_transformer(
            (make_pipeline(_impute(), StandardScaler()), NUMBERS),
            (
                OneHotEncoder(drop=drop, handle_unknown="ignore", sparse_output=False),
                CATEGORIES,
            ),
        ),
        model,
    )


def _imputed(model):
    """Numbers without gaps; categories stay as they are."""
    encoder = make_column_transformer(
        (_impute(), NUMBERS), remainder="passthrough", verbose_feature_names_out=False
    )
    return make_pipeline(encoder.set_output(transform="pandas"), model)


def _silence_lightning():
    """Its lines about devices and products would hide the progress bar."""
    for name in ("lightning.pytorch", "pytorch_lightning"):
        logging.getLogger(name).setLevel(logging.ERROR)


def _chainzrule(seed):
    return ChainzRuleClassifier(random_state=seed)


def _logistic_regression(seed):
    return one_hot(LogisticRegression(max_iter=1000))


def _svm(seed):
    # Classes may have four training rows.
    return one_hot(calibrated_svm(3))


def _svm_tuned(seed):
    # And two in the inner training rows.
    search = random_search(calibrated_svm(2), SVM_DISTRIBUTIONS, seed, _TIMED)
    return one_hot(search)


def _random_forest(seed):
    encoder = make_column_transformer(
        (_impute(), NUMBERS),
        (
            OrdinalEncoder(
                handle_unknown="use_encoded_value",
                unknown_value=-1,
                encoded_missing_value=-1,
            ),
            CATEGORIES,
        ),
    )
    return make_pipeline(
        encoder, RandomForestClassifier(n_estimators=300, random_state=seed)
    )


def _hist_gradient_boosting(seed):
    return HistGradientBoostingClassifier(
        categorical_features="from_dtype", random_state=seed
    )


def _xgboost_on_numbers(seed):
    from xgboost import XGBClassifier

    return XGBClassifier(enable_categorical=True, n_jobs=1, random_state=seed)


def _xgboost(seed):
    return LabelsAsNumbers(_xgboost_on_numbers(seed))


def _xgboost_tuned(seed):
    model = _xgboost_on_numbers(seed)
    return LabelsAsNumbers(random_search(model, XGBOOST_DISTRIBUTIONS, seed, _TIMED))


def _lightgbm(seed):
    from lightgbm import LGBMClassifier

    return LGBMClassifier(n_jobs=1, random_state=seed, verbose=-1)


def _catboost(seed):
    from catboost import CatBoostClassifier

    model = CatBoostClassifier(
        allow_writing_files=False, random_seed=seed, thread_count=1, verbose=False
    )
    return TimedCatBoost(model, CATBOOST_SECONDS)


def _mlp(seed):
    return one_hot(MLPClassifier(random_state=seed))


def _pytabkit(name, seed, **settings):
    import pytabkit

    _silence_lightning()
    model = getattr(pytabkit, name)(
        device="cpu",
        n_cv=1,
        n_threads=1,
        random_state=seed,
        # What its authors advise for log-loss and AUC: the epoch that is best by it.
        val_metric_name="cross_entropy",
        **settings,
    )
    return _imputed(model)


def _realmlp(seed):
    # Its authors' advice as well: no label smoothing.
    return _pytabkit("RealMLP_TD_Classifier", seed, use_ls=False)


def _tabm(seed):
    return _pytabkit("TabM_D_Classifier", seed)


def _autogluon(seed):
    return AutoGluon(AUTOGLUON_SECONDS, random_state=seed)


SCALED = "median, indicators, scaling, one-hot"
_SEARCH = f"{TUNED}, no new candidate after {SEARCH_SECONDS} s"

MODELS = {
    "chainzrule": Model("ChainzRule", "no arguments", _chainzrule),
    "lr": Model(
        "Logistic regression",
        f"scikit-learn's defaults; {SCALED}",
        _logistic_regression,
    ),
    "svm": Model(
        "SVM",
        f"RBF, scikit-learn's defaults; {SCALED}; probabilities by Platt's method, 3 "
        "folds; labels are those of the probabilities",
        _svm,
    ),
    "svm_tuned": Model(
        "SVM, tuned",
        f"C in 0.01..1000, gamma in 0.0001..1; {_SEARCH}; the rest as SVM, Platt's "
        "method with 2 folds",
        _svm_tuned,
    ),
    "rf": Model(
        "Random forest",
        "300 trees, otherwise scikit-learn's defaults; median, indicators, categories "
        "as whole numbers",
        _random_forest,
    ),
    "hgb": Model(
        "HistGradientBoosting",
        "scikit-learn's defaults, categories and missing values as they are",
        _hist_gradient_boosting,
    ),
    "xgb": Model(
        "XGBoost", "its defaults, categories and missing values as they are", _xgboost
    ),
    "xgb_tuned": Model(
        "XGBoost, tuned",
        f"rounds, step size, depth, child weight, row and column shares, L2; {_SEARCH}",
        _xgboost_tuned,
    ),
    "lightgbm": Model(
        "LightGBM", "its defaults, categories and missing values as they are", _lightgbm
    ),
    "catboost": Model(
        "CatBoost",
        "its defaults, told which columns are categories; with more than 10 classes "
        "those of up to 10 values are one-hot; missing values as they are; no new tree "
        f"after {CATBOOST_SECONDS} s",
        _catboost,
    ),
    "mlp": Model("MLP (scikit-learn)", f"scikit-learn's defaults; {SCALED}", _mlp),
    "realmlp": Model(
        "RealMLP",
        "pytabkit's RealMLP-TD, one model, best epoch by log-loss of 20 % of the "
        "training rows, no label smoothing; median, indicators",
        _realmlp,
    ),
    "tabm": Model(
        "TabM",
        "pytabkit's TabM-D, one model of 32 parts, stopped by log-loss of 20 % of the "
        "training rows; median, indicators",
        _tabm,
    ),
    "autogluon": Model(
        "AutoGluon",
        f"its default preset, {AUTOGLUON_SECONDS} s a fit, best by log-loss",
        _autogluon,
    ),
}
# AutoGluon is in no extra of the project: it asks for other versions of the rest. TabM
# takes minutes for a fit on one thread.
ON_REQUEST = ["tabm", "autogluon"]
DEFAULT = [name for name in MODELS if name not in ON_REQUEST]
SLOW = ["svm_tuned", "xgb_tuned", "catboost", "realmlp", "tabm", "autogluon"]
# Too slow for all splits.
FIRST_FOLD_ONLY = ["realmlp", "tabm", "autogluon"]
# What has to be installed for a model, besides what the estimator itself needs.
LIBRARIES = {
    "xgb": "xgboost",
    "xgb_tuned": "xgboost",
    "lightgbm": "lightgbm",
    "catboost": "catboost",
    "realmlp": "pytabkit",
    "tabm": "pytabkit",
    "autogluon": "autogluon.tabular",
}
