"""The heads that the CIFAR-10-C benchmark compares."""

from functools import partial

from benchmarks.heads import HEADS

REFERENCE, MATCHED = "chainzrule", "relu"
REGULARISED = ["relu_dropout", "relu_decay"]
# For networks whose step size is not searched. Both regularisers do better at this one
# than at the heads' own, on features and on pixels, by inner folds of the first
# replicate's training images.
STEP = 0.01


def _regularised(name, seed):
    return HEADS[name].make(seed).set_params(estimator__learning_rate_init=STEP)


def _model(name):
    head = HEADS[name]
    if name not in REGULARISED:
        return head
    return head._replace(
        settings=f"{head.settings}, but step size {STEP:g}",
        make=partial(_regularised, name),
    )


MODELS = {name: _model(name) for name in [REFERENCE, MATCHED, *REGULARISED, "lr"]}
LABELS = {name: model.label for name, model in MODELS.items()}
