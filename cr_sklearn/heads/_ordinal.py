"""Classes with an order: one latent and thresholds on it."""

import copy

import numpy as np

from cr_sklearn.formulas import _numpy as numpy_namespace
from cr_sklearn.heads._cumulative import (
    class_probabilities,
    class_probability_slopes,
    cumulative_probabilities,
    margins_shift,
    thresholds_of,
)
from cr_sklearn.heads._labels import LabelHead
from cr_sklearn.heads._targets import checked_order, is_numeric

# Thresholds start where half of the rows have their own frequencies of the classes and
# half have equal ones, so that classes without rows have a start as well; and twice as
# far from zero, as a latent that tells the classes apart spreads them.
_UNIFORM = 0.5
_SPREAD = 2.0


def _median(xp, link, margins):
    reached = cumulative_probabilities(xp, link, margins)
    return xp.sum_(xp.as_integer(reached < 0.5), axis=1)


def _argmax(xp, link, margins):
    return xp.argmax(class_probabilities(xp, link, margins), axis=1)


def _mean(xp, link, margins):
    # The mean of a rank is the sum of the chances to be above each threshold.
    above = 1.0 - cumulative_probabilities(xp, link, margins)
    return xp.as_integer(xp.rint(xp.sum_(above, axis=1)))


PREDICT_RULES = {"median": _median, "argmax": _argmax, "mean": _mean}


class OrdinalHead(LabelHead):
    """Cumulative link of a latent.

    Parameters
    ----------
    link : {"logit", "probit", "cloglog"}
    categories : array-like of shape (n_classes,) or None
        All labels from lowest to highest; None takes the order that y declares.
    predict_rule : {"median", "argmax", "mean"}
    class_weight, known
        See :class:`LabelHead`.
    """

    response_method = "predict_latent"
    latent_name = "latent"

    def __init__(self, link, categories, predict_rule, class_weight=None, known=()):
        if categories is not None:
            categories = known = checked_order(categories)
        super().__init__(class_weight, known)
        self.link = link
        self.predict_rule = predict_rule
        self._categories = categories

    def __getstate__(self):
        state = {"link": self.link, "predict_rule": self.predict_rule}
        return super().__getstate__() | state

    def with_rule(self, predict_rule):
        """Return a head that predicts by another rule.

        Raises
        ------
        ValueError
            If there is no such rule.
        """
        if predict_rule not in PREDICT_RULES:
            raise ValueError(
                f"predict_rule must be one of {sorted(PREDICT_RULES)}, got "
                f"{predict_rule!r}."
            )
        if predict_rule == self.predict_rule:
            return self
        head = copy.copy(self)
        head.predict_rule = predict_rule
        return head

    def in_order(self, classes, declared):
        order = declared if self._categories is None else self._categories
        if order is None:
            if is_numeric(classes) or len(classes) == 1:
                return classes
            raise ValueError(
                f"The order of the labels {classes.tolist()} is not known. Pass "
                "categories=[...] from lowest to highest, or y as an ordered pandas "
                "Categorical or a polars Enum."
            )
        rank = {label: position for position, label in enumerate(order)}
        unknown = [label for label in classes.tolist() if label not in rank]
        if unknown:
            message = (
                f"y contains {unknown}, which are not among the categories {order}."
            )
            if classes.dtype.kind in "iu" and classes.max() < len(order):
                message += (
                    " If scikit-learn has re-coded the labels by their alphabetical "
                    "order, as BaggingClassifier, VotingClassifier, "
                    "StackingClassifier, CalibratedClassifierCV with temperature, "
                    "cross_val_predict of probabilities and "
                    "BalancedBaggingClassifier do, encode y by rank "
                    'beforehand, 0 for the lowest, and leave categories="auto".'
                )
            raise ValueError(message)
        return classes[np.argsort([rank[label] for label in classes.tolist()])]

    def fitted_attributes(self):
        return {"categories_": self.labels, **super().fitted_attributes()}

    def output_layer(self, target, weight):
        n_classes = len(self.labels)
        shares = np.bincount(target, weights=weight, minlength=n_classes) / weight.sum()
        shares = (1.0 - _UNIFORM) * shares + _UNIFORM / n_classes
        return {
            "n_outputs": 1,
            "thresholds": _SPREAD * thresholds_of(self.link, shares),
        }

    def shares(self, target):
        return (target[:, None] >= np.arange(1, len(self.labels))).astype(float)

    def make_criterion(self):
        from cr_sklearn.nn import CumulativeLink

        return CumulativeLink(self.link)

    def constant_outputs(self):
        return np.zeros((1, 0))

    def shift(self, outputs, weight, shares):
        return margins_shift(self.link, outputs, weight, shares)

    def codes(self, xp, outputs):
        return PREDICT_RULES[self.predict_rule](xp, self.link, outputs)

    def probabilities(self, xp, outputs):
        ranked = class_probabilities(xp, self.link, outputs)
        return xp.take(ranked, np.argsort(self.labels), axis=1)

    def probability_jacobian(self, outputs, jacobian):
        slopes = class_probability_slopes(self.link, outputs)
        return slopes[:, np.argsort(self.labels), None] * jacobian

    def cumulative(self, outputs):
        """Return probabilities (n, n_classes) of each label or a lower one."""
        return cumulative_probabilities(numpy_namespace, self.link, outputs)

    def expected(self, outputs, scores):
        """Return the expected score of each row, for scores in rank order."""
        return class_probabilities(numpy_namespace, self.link, outputs) @ scores

    def latent(self, outputs):
        # Of the margins the first: only differences are measured.
        return outputs[:, :1]
