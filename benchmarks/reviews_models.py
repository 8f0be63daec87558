"""The models that read reviews, by the features that they read.

The networks are ours in width, depth, number and training; they differ in activation,
regulariser and head. What is chosen is one of four values, by log-loss on a fifth of
the training rows: the step size of the networks that say so, the penalty of the bag of
words, the strength of the large networks.
"""

from sklearn.dummy import DummyClassifier
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import GridSearchCV, StratifiedShuffleSplit
from sklearn.pipeline import Pipeline, make_pipeline

from benchmarks.models import Model
from cr_sklearn import ChainzRuleClassifier, ChainzRuleOrdinalRegressor

# Ours as it comes, with its step size chosen, and as one large network.
REFERENCE, STEP_REFERENCE, LARGE_REFERENCE = "ordinal", "ordinal_step", "large"
STEP_SIZES = [0.0006, 0.002, 0.006, 0.02]
WORD_PENALTIES = [3e-6, 1e-5, 3e-5, 1e-4]
# The penalty is a sum over units: of fifty times as many it needs to be weaker.
LARGE_STRENGTHS = [0.0001, 0.0005, 0.002, 0.01]
# With 384 columns 3.2 million parameters. Step size and epochs are those at which both
# activations learn, seen on a validation part of the first fold's training rows.
LARGE_LAYERS, LARGE_EPOCHS, LARGE_STEP = (1600, 1600), 10, 0.005


def _chosen(model, name, values, seed):
    part = StratifiedShuffleSplit(1, test_size=0.2, random_state=seed)
    return GridSearchCV(model, {name: values}, scoring="neg_log_loss", cv=part)


def _ours(estimator=ChainzRuleOrdinalRegressor, **settings):
    return lambda seed: estimator(n_bins=0, random_state=seed, **settings)


def _with_step(**settings):
    network = _ours(**settings)
    return lambda seed: _chosen(network(seed), "learning_rate_init", STEP_SIZES, seed)


def _large(**settings):
    network = _ours(
        hidden_layer_sizes=LARGE_LAYERS,
        n_estimators=1,
        max_iter=LARGE_EPOCHS,
        learning_rate_init=LARGE_STEP,
        **settings,
    )
    return lambda seed: _chosen(network(seed), "dreg_strength", LARGE_STRENGTHS, seed)


def _bag_of_words(seed):
    model = make_pipeline(
        TfidfTransformer(sublinear_tf=True),
        SGDClassifier(loss="log_loss", random_state=seed),
    )
    name = "sgdclassifier__alpha"
    return _chosen(model, name, WORD_PENALTIES, seed, GridSearchCV)


def _majority(seed):
    return DummyClassifier()


def _one_of(name, values):
    listed = ", ".join(f"{value:g}" for value in values)
    return f"{name} of {listed} by log-loss on a fifth of the training rows"


_STEP = _one_of("step size", STEP_SIZES)
_RELU = {"activation": "relu"}
_NO_DREG = {"dreg_strength": 0.0}
_DENSE = {
    REFERENCE: Model("ChainzRule ordinal", "no arguments but n_bins=0", _ours()),
    "relu_dreg": Model("ReLU + DREG", "the same with ReLU", _ours(**_RELU)),
    STEP_REFERENCE: Model(
        "ChainzRule ordinal, step chosen", f"the same; {_STEP}", _with_step()
    ),
    "relu_dreg_step": Model(
        "ReLU + DREG, step chosen",
        f"the same with ReLU; {_STEP}",
        _with_step(**_RELU),
    ),
    "cubic_step": Model(
        "Cubic without DREG, step chosen",
        f"the same without DREG, 8 networks; {_STEP}",
        _with_step(**_NO_DREG),
    ),
    "relu_step": Model(
        "ReLU without DREG, step chosen",
        f"the same with ReLU without DREG, 8 networks; {_STEP}",
        _with_step(**_RELU, **_NO_DREG),
    ),
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
            f"class against the rest by SGD; {_one_of('alpha', WORD_PENALTIES)}",
            _bag_of_words,
        ),
        "majority": Model("Largest class", "frequencies of the classes", _majority),
    },
}
_ONE = (
    f"one network with layers of {LARGE_LAYERS[0]} and {LARGE_LAYERS[1]}, "
    f"{LARGE_EPOCHS} epochs, step size {LARGE_STEP}; "
    f"{_one_of('strength', LARGE_STRENGTHS)}"
)
LARGE_MODELS = {
    LARGE_REFERENCE: Model("Large ChainzRule ordinal", _ONE, _large()),
    "large_relu": Model("Large ReLU + DREG", "the same with ReLU", _large(**_RELU)),
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
