"""Targets that are labels: their codes, weights of classes, probabilities."""

import json
import warnings
from abc import abstractmethod

import numpy as np
from sklearn.utils import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets

from cr_sklearn._rows import refuse_overflow
from cr_sklearn.encoding._kinds import kind_of
from cr_sklearn.formulas import _numpy as numpy_namespace
from cr_sklearn.heads._head import Head, Response
from cr_sklearn.heads._targets import comparable, read_target

# Classes of fewer rows get their share of the probabilities by a shift of the outputs.
_RARE = 10


class LabelHead(Head):
    """Head of a target of labels.

    Parameters
    ----------
    class_weight : dict, "balanced" or None, default=None
    known : iterable, default=()
        Labels that are classes even if they are fractions.

    Attributes
    ----------
    labels : ndarray of shape (n_classes,)
        In the order of their codes.
    latent_name : str
        Name of the outputs in a figure; subclasses have it.
    """

    graph_outputs = ("label", "probabilities")

    def __init__(self, class_weight=None, known=()):
        self.class_weight = class_weight
        self._known = known
        self._declared = None
        if isinstance(class_weight, dict):
            _check_class_weight(class_weight)

    def __getstate__(self):
        return {"labels": self.labels}

    @property
    def classes(self):
        """Sorted labels."""
        return np.sort(self.labels)

    @property
    def is_constant(self):
        """True if there is only one class."""
        return len(self.labels) == 1

    def in_order(self, classes, declared):
        """Return labels in the order of their codes.

        Parameters
        ----------
        classes : ndarray of shape (n_classes,)
            Sorted.
        declared : list or None
            All labels from lowest to highest, where the type of y declares it.
        """
        return classes

    def read(self, y):
        target = read_target(y, known=self._known)
        self._declared = target.order
        return target.values

    def fit(self, rows, earlier=None):
        classes = np.unique(rows.target)
        # It warns of numbers that are hardly labels.
        check_classification_targets(np.searchsorted(classes, rows.target))
        self.labels = self.in_order(classes, self._declared)
        if earlier is not None and not np.array_equal(self.labels, earlier.labels):
            raise ValueError(
                f"warm_start=True needs the classes of the earlier fit, "
                f"{earlier.labels.tolist()}, but y contains {self.labels.tolist()}."
            )
        if self.is_constant:
            warnings.warn(
                f"y contains one class, {classes.tolist()[0]!r}, among the rows with a "
                "positive weight: every prediction will be that. Give rows of another "
                "class if this is not meant.",
                UserWarning,
                stacklevel=2,
            )
            return rows._replace(target=np.zeros(len(rows.target), dtype=int))
        return self._encode(rows)

    def resume(self, rows, earlier=None, classes=None):
        known, declared = self._read_classes(classes, earlier)
        rows = rows._replace(target=comparable(rows.target, known))
        unknown = np.setdiff1d(rows.target, known)
        if len(known) == 1:
            raise ValueError(
                f"The model was fitted to one class, {known.tolist()[0]!r}, and can't "
                "train on. Fit anew to rows of 2 classes at least."
            )
        if unknown.size:
            raise ValueError(
                f"y contains {unknown.tolist()}, which are not among the classes of "
                f"the first call to partial_fit: {known.tolist()}."
            )
        order = declared if self._declared is None else self._declared
        if earlier is None or order is not None:
            self.labels = self.in_order(known, order)
        else:
            self.labels = earlier.labels
        if not (earlier is None or np.array_equal(self.labels, earlier.labels)):
            raise ValueError(
                f"y declares the order {self.labels.tolist()}, but that of the first "
                f"call to partial_fit is {earlier.labels.tolist()}."
            )
        return self._encode(rows)

    def fitted_attributes(self):
        return {"classes_": self.classes}

    def decode(self, target):
        return self.labels[target]

    def strata(self, target):
        return target

    def check_fold(self, target):
        absent = np.setdiff1d(np.arange(len(self.labels)), target)
        if absent.size:
            return f"trains on no row of the classes {self.labels[absent].tolist()}"
        return None

    @abstractmethod
    def shift(self, outputs, weight, shares):
        """Return what to add to the outputs so that classes get these shares.

        Parameters
        ----------
        outputs : ndarray of shape (n, width)
        weight : ndarray of shape (n,)
        shares : ndarray of shape (n_classes,)
            Positive.
        """

    def correct(self, outputs, rows, held_out):
        n_rows = self._distinct_rows(rows)
        if n_rows.min() >= _RARE:
            return None
        # A handful of rows has no say in the weights of the candidates, and a single
        # one no part: without this, probabilities of its class would be wrong by a
        # factor.
        shares = np.bincount(rows.target, rows.weight, minlength=len(n_rows))
        shares = np.maximum(shares, 0.5 * rows.weight.mean())
        return self.shift(outputs, rows.weight[held_out], shares)

    def oof_score(self, outputs, rows, held_out):
        codes = self.codes(numpy_namespace, outputs)
        weight = rows.weight[held_out]
        hits = codes == rows.target[held_out]
        # The single row of a class is held out by no fold, and would not be found.
        is_single = np.isin(rows.target, np.flatnonzero(self._distinct_rows(rows) == 1))
        return float(hits @ weight / (weight.sum() + rows.weight[is_single].sum()))

    @abstractmethod
    def codes(self, xp, outputs):
        """Return positions of the predicted labels."""

    @abstractmethod
    def probabilities(self, xp, outputs):
        """Return probabilities (n, n_classes) in the order of ``classes_``."""

    @abstractmethod
    def probability_jacobian(self, outputs, jacobian):
        """Return the Jacobian (n, n_classes, d) of the probabilities."""

    def predict(self, outputs):
        return self.labels[self.codes(numpy_namespace, outputs)]

    def predict_proba(self, outputs):
        """Return probabilities of outputs in NumPy."""
        return self.probabilities(numpy_namespace, outputs)

    @property
    def responses(self):
        def reported(by_class):
            return by_class[:, 1:] if by_class.shape[1] == 2 else by_class

        return super().responses | {
            "predict_proba": Response(
                lambda outputs: reported(self.predict_proba(outputs)),
                lambda outputs, jacobian: reported(
                    self.probability_jacobian(outputs, jacobian)
                ),
                # What one probability gains others lose: twice the square.
                lambda xp, by_class: by_class / np.sqrt(min(by_class.shape[1], 2)),
            )
        }

    def response_name(self, response_method):
        if response_method == "predict_proba":
            if len(self.labels) == 2:
                return f"probability of {self.classes[1]}"
            return "probabilities"
        return self.latent_name

    def graph(self, xp, outputs):
        label = xp.take(self.labels, self.codes(xp, outputs))
        return label, self.probabilities(xp, outputs)

    def graph_widths(self):
        return [None, len(self.labels)]

    def graph_properties(self):
        return {"classes": json.dumps(self.classes.tolist())}

    def _distinct_rows(self, rows):
        """Count the rows of each class, copies once."""
        first, _ = rows.without_copies()
        return np.bincount(rows.target[first], minlength=len(self.labels))

    def _read_classes(self, classes, earlier):
        """Read the classes that partial_fit may bring, and their order if declared."""
        if classes is None:
            if earlier is None:
                raise ValueError(
                    "classes must be passed on the first call to partial_fit."
                )
            return earlier.classes, None
        target = read_target(classes, "classes", known=self._known)
        classes = np.unique(target.values)
        if earlier is None:
            if len(classes) < 2:
                raise ValueError(
                    f"classes must hold at least 2 classes, got {classes.tolist()}."
                )
        elif not np.array_equal(classes, earlier.classes):
            raise ValueError(
                f"classes={classes.tolist()} differs from the classes of the first "
                f"call to partial_fit, {earlier.classes.tolist()}."
            )
        return classes, target.order

    def _encode(self, rows):
        """Replace labels by codes, and weigh the classes."""
        y = rows.target
        rows = rows._replace(target=_positions(self.labels, y))
        if self.class_weight is None:
            return rows
        with np.errstate(over="ignore"):
            weight = rows.weight * self._weights_of_classes(rows, y)[rows.target]
        refuse_overflow(weight, "class_weight")
        rows = rows._replace(weight=weight).with_weight()
        if not len(rows.target):
            raise ValueError(
                f"class_weight={self.class_weight!r} leaves no row with a positive "
                "weight."
            )
        return rows

    def _weights_of_classes(self, rows, y):
        n_classes, weight = len(self.labels), rows.weight
        if self.class_weight == "balanced":
            # By weighted counts, so that a weight of 2 still equals the row twice.
            counts = np.bincount(rows.target, weights=weight, minlength=n_classes)
            return weight.sum() / (n_classes * np.where(counts > 0, counts, np.inf))
        return compute_class_weight(self.class_weight, classes=self.labels, y=y)


def _positions(labels, y):
    order = np.argsort(labels)
    return order[np.searchsorted(labels, y, sorter=order)]


def _check_class_weight(class_weight):
    """Raise ValueError if the weight of a class is not finite, or negative."""
    for label, weight in class_weight.items():
        is_number = kind_of(weight) in ("number", "bool")
        if not (is_number and 0 <= weight < np.inf):
            raise ValueError(
                f"Weights in class_weight must be finite and >= 0, got {weight} for "
                f"class {label!r}."
            )
