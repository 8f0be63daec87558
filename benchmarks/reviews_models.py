"""The models that read reviews, by the features that they read.

The networks are ours in width, depth, number and training; they differ in activation,
regulariser and head. Each has one setting, chosen among four values by log-loss on five
inner folds: ours by itself (``dreg_strength="auto"``), that without DREG and the bag of
words by a grid search.
"""

from sklearn.dummy import DummyClassifier
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import Pipeline, make_pipeline

from benchmarks.models import Model
from cr_sklearn import ChainzRuleClassifier, ChainzRuleOrdinalRegressor
from cr_sklearn.model_selection import PackedGridSearchCV

REFERENCE, LARGE_REFERENCE = "ordinal", "large"
N_INNER_FOLDS = 5
STEP_SIZES = [0.0003, 0.001, 0.003, 0.01]
WORD_PENALTIES = [3e-6, 1e-5, 3e-5, 1e-4]
# With 384 columns 3.2 million parameters.
LARGE_LAYERS = (1600, 1600)
LARGE_STRENGTH = 0.01


def _folds(seed):
    return StratifiedKFold(N_INNER_FOLDS, shuffle=True, random_state=seed)


def _ours(estimator=ChainzRuleOrdinalRegressor, **settings):
    return lambda seed: estimator(n_bins=0, random_state=seed, **settings)


def _without_dreg(activation):
    def make(seed):
        network = ChainzRuleOrdinalRegressor(
            activation=activation, dreg_strength=0.0, n_bins=0, random_state=seed
        )
        return PackedGridSearchCV(
            network,
            {"learning_rate_init": STEP_SIZES},
            scoring="neg_log_loss",
            cv=_folds(seed),
        )

    return make


def _bag_of_words(seed):
    model = make_pipeline(
        TfidfTransformer(sublinear_tf=True),
        SGDClassifier(loss="log_loss", random_state=seed),
    )
    return GridSearchCV(
        model,
        {"sgdclassifier__alpha": WORD_PENALTIES},
        scoring="neg_log_loss",
        cv=_folds(seed),
    )


def _majority(seed):
    return DummyClassifier()


def _large(**settings):
    return _ours(
        hidden_layer_sizes=LARGE_LAYERS,
        n_estimators=1,
        dreg_strength=LARGE_STRENGTH,
        **settings,
    )


def _listed(values):
    return ", ".join(f"{value:g}" for value in values)


_INNER = f"by log-loss on {N_INNER_FOLDS} inner folds"
_NO_DREG = f"without DREG, 8 networks; step size of {_listed(STEP_SIZES)} {_INNER}"
_DENSE = {
    REFERENCE: Model("ChainzRule ordinal", "no arguments but n_bins=0", _ours()),
    "relu_dreg": Model("ReLU + DREG", "the same with ReLU", _ours(activation="relu")),
    "no_dreg": Model("Cubic", f"the same {_NO_DREG}", _without_dreg("polynomial")),
    "relu": Model("ReLU", f"the same with ReLU, {_NO_DREG}", _without_dreg("relu")),
    "linear": Model(
        "Linear ordinal", "the same without hidden layers", _ours(hidden_layer_sizes=())
    ),
    "classifier": Model(
        "ChainzRule classifier",
        "no arguments but n_bins=0",
        _ours(ChainzRuleClassifier),
    ),
}
MODELS = {
    "minilm": _DENSE,
    "glove": _DENSE,
    "words": {
        "bag": Model(
            "Bag of words",
            "hashed words and pairs of words, tf-idf, logistic regressions of one "
            f"class against the rest by SGD; alpha of {_listed(WORD_PENALTIES)} "
            f"{_INNER}",
            _bag_of_words,
        ),
        "majority": Model("Largest class", "frequencies of the classes", _majority),
    },
}
_ONE = f"one network with layers of {_listed(LARGE_LAYERS)}"
LARGE_MODELS = {
    LARGE_REFERENCE: Model(
        "Large ChainzRule ordinal", f"{_ONE}, strength {LARGE_STRENGTH:g}", _large()
    ),
    "large_relu": Model(
        "Large ReLU + DREG", "the same with ReLU", _large(activation="relu")
    ),
}


def n_parameters(model):
    """Numbers that a fitted model has learnt, of all its networks."""
    model = getattr(model, "best_estimator_", model)
    if isinstance(model, Pipeline):
        model = model[-1]
    if isinstance(model, DummyClassifier):
        return len(model.class_prior_)
    if isinstance(model, SGDClassifier):
        return model.coef_.size + model.intercept_.size
    arrays = [
        *model.coefs_,
        *model.intercepts_,
        model.skip_coef_,
        *model.polynomial_coefs_,
    ]
    return sum(array.size for array in arrays)
