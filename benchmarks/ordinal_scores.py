"""Scores of ordered classes: of a model's own labels, and of labels by each rule."""

from typing import Any, NamedTuple

import numpy as np
from sklearn.metrics import accuracy_score, log_loss

from benchmarks.evaluation import Scoring
from cr_sklearn.metrics import ordinal_scorer

# Those of labels; True where a scorer has a minus to be better when greater.
_OF_LABELS = {"mae": True, "macro_mae": True, "qwk": False}


class Answers(NamedTuple):
    """What a model has answered, for scorers that ask an estimator."""

    classes_: Any
    labels: Any
    probabilities: Any = None

    def predict(self, X):
        return self.labels

    def predict_proba(self, X):
        return self.probabilities


def _median(probabilities):
    return (probabilities.cumsum(axis=1)[:, :-1] < 0.5).sum(axis=1)


def _argmax(probabilities):
    return probabilities.argmax(axis=1)


def _mean(probabilities):
    mean = probabilities @ np.arange(probabilities.shape[1])
    return np.rint(mean).astype(int)


# Ranks by the probabilities of the classes, as ChainzRuleOrdinalRegressor has them.
RULES = {"median": _median, "argmax": _argmax, "mean": _mean}
RULE_METRICS = ["mae", "qwk", "accuracy"]


def by_rule(metric, rule):
    """Column of a metric of the labels that a rule reads off the probabilities."""
    return f"{metric}_{rule}"


def score_ranks(model, X, y, labels, probabilities):
    """Scores of labels that are numbers in rank order.

    MAE is in ranks. Without probabilities there is neither RPS nor log-loss, and
    nothing by rules.
    """
    classes = model.classes_
    scores = {**_label_scores(classes, y, labels), "rps": np.nan, "log_loss": np.nan}
    if probabilities is None:
        by_rules = [by_rule(metric, rule) for rule in RULES for metric in RULE_METRICS]
        return {**scores, **dict.fromkeys(by_rules, np.nan)}
    scores["rps"] = -ordinal_scorer("rps")(
        Answers(classes, labels, probabilities), X, y
    )
    scores["log_loss"] = log_loss(y, probabilities, labels=classes)
    for name, rule in RULES.items():
        of_rule = _label_scores(classes, y, classes[rule(probabilities)])
        scores |= {by_rule(metric, name): of_rule[metric] for metric in RULE_METRICS}
    return scores


def _label_scores(classes, y, labels):
    answers = Answers(classes, labels)
    scores = {
        metric: (-1 if negative else 1) * ordinal_scorer(metric)(answers, y, y)
        for metric, negative in _OF_LABELS.items()
    }
    return {**scores, "accuracy": accuracy_score(y, labels)}


RANKS = Scoring(
    [
        *_OF_LABELS,
        "rps",
        "accuracy",
        "log_loss",
        *(by_rule(metric, rule) for rule in RULES for metric in RULE_METRICS),
    ],
    score_ranks,
)
