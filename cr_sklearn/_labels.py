"""Labels in and out: what estimators of classes share."""

import warnings
from abc import abstractmethod

import numpy as np
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.utils import compute_class_weight
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length

from cr_sklearn._base import BaseChainzRule, of_one_fit, published_at_once
from cr_sklearn._rows import check_class_weight, checked_weight, refuse_overflow
from cr_sklearn.encoding._kinds import kind_of
from cr_sklearn.heads._targets import comparable, read_target
from cr_sklearn.training._callbacks import with_callbacks


class LabelledChainzRule(ClassifierMixin, BaseChainzRule):
    """Skeleton of the estimators whose targets are classes.

    Subclasses say which label has which code, and store them.
    """

    _parameter_constraints = {
        **BaseChainzRule._parameter_constraints,
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }

    def _order_labels(self, classes, order):
        """Labels in the order of their codes.

        Parameters
        ----------
        classes : ndarray of shape (n_classes,)
            Sorted.
        order : list or None
            All labels from lowest to highest, where the type of y declares it.
        """
        return classes

    def _store_labels(self, labels):
        """Store what predictions need beside the network."""
        self.classes_ = labels

    @property
    def _labels(self):
        """Labels in the order of their codes, once fitted."""
        return self.classes_

    @abstractmethod
    def _probabilities(self, outputs):
        """Probabilities for outputs of the network, in the order of ``classes_``."""

    @abstractmethod
    def _probability_jacobian(self, outputs, jacobian):
        """Jacobian (n, n_classes, d) of the probabilities, from that of the outputs."""

    @published_at_once
    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None, groups=None):
        """Fit to rows and their classes.

        Parameters
        ----------
        X : array-like or dataframe of shape (n_samples, n_features)
            Numbers, and in dataframes categories. NaN, None and pandas.NA are
            missing values.
        y : array-like of shape (n_samples,)
            Class labels: whole numbers, strings, booleans, or objects of one sortable
            type. Fractions are labels where their order is declared.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights >= 0. Only their ratios matter; a row of weight 0 counts as absent.
        groups : array-like of shape (n_samples,), default=None
            Rows of a group are never in both parts of an inner fold. Given to ``cv``.

        Returns
        -------
        self : estimator

        Raises
        ------
        TypeError
            If X is sparse, or y or a column mixes types.
        ValueError
            If a parameter or the data is invalid, or if the training diverges. The
            estimator is then as it was before.

        Warns
        -----
        UserWarning
            If there is only one class, which every prediction will be.
        """
        prepared = self._prepare_fit(X, y, sample_weight, groups)
        return self if prepared is None else self._train(prepared)

    @published_at_once
    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Train for one epoch on these rows, at a constant learning rate.

        Rows may come one by one and in any order: the encoding of the columns is
        learned again whenever there are a quarter more, from at most 1024 of all rows
        seen, which the estimator keeps. Of these, four times as many as a call brings
        are trained on again, so that rows that come in order do not make the networks
        forget others. After ``fit`` the encoding stays, and no rows are kept.

        Parameters
        ----------
        X : array-like or dataframe of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        classes : array-like of shape (n_classes,), default=None
            All classes that calls may bring. Needed in the first call. As an ordered
            Categorical they declare their order.
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        self : estimator
        """
        first = not hasattr(self, "_network")
        user_data = {"X": X, "y": y, "sample_weight": sample_weight}
        target = self._validate_labels(y)
        rows = self._validate_rows(X, target.values, sample_weight, reset=first)
        known, declared = self._check_classes(classes, first)
        rows = rows._replace(y=comparable(rows.y, known))
        unknown = np.setdiff1d(rows.y, known)
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
        if first:
            self._optimizer_state = None
        order = declared if target.order is None else target.order
        if first or order is not None:
            labels = self._order_labels(known, order)
        else:
            labels = self._labels
        if not (first or np.array_equal(labels, self._labels)):
            raise ValueError(
                f"y declares the order {labels.tolist()}, but that of the first call "
                f"to partial_fit is {self._labels.tolist()}."
            )
        return self._train(self._prepare_labels(rows, labels, user_data, "partial_fit"))

    @of_one_fit
    def predict(self, X):
        """Class of each row.

        Parameters
        ----------
        X : array-like or dataframe of shape (n_samples, n_features)

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            The most probable ones, or those of ``predict_rule`` where there is one.
        """
        return self._from_outputs(
            X, lambda outputs: self._labels[self._predict_codes(outputs)]
        )

    @of_one_fit
    def predict_proba(self, X, return_sensitivity=False):
        """Class probabilities.

        Parameters
        ----------
        X : array-like or dataframe of shape (n_samples, n_features)
        return_sensitivity : bool, default=False
            Whether to return :meth:`sensitivity` as well, at less than the cost of a
            call of its own. A pipeline hands it on:
            ``pipeline.predict_proba(X, return_sensitivity=True)``.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            Columns in the order of ``classes_``.
        sensitivity : ndarray of shape (n_samples,)
            Only if ``return_sensitivity`` is True.
        """
        return self._from_outputs(X, self._probabilities, return_sensitivity)

    def score(self, X, y, sample_weight=None):
        """Accuracy of the predictions.

        Parameters
        ----------
        X : array-like or dataframe of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            True labels, of any type that ``fit`` takes.
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        score : float
            In [0, 1].

        Raises
        ------
        ValueError
            If lengths differ, weights are negative, not finite or all zero, or labels
            are of another type than the classes.
        """
        predicted = self.predict(X)
        true = read_target(y, known=self.classes_).values
        check_consistent_length(predicted, true, sample_weight)
        kinds = {kind_of(true[0]), kind_of(self.classes_[0])}
        if len(kinds) > 1 and kinds != {"bool", "number"}:
            raise ValueError(
                f"y holds labels such as {true.tolist()[0]!r}, of another type than "
                f"the classes {self.classes_.tolist()}. Convert them."
            )
        weight = checked_weight(sample_weight, len(true))
        hits = comparable(true, predicted) == predicted
        return float(np.average(hits, weights=weight))

    def predict_log_proba(self, X):
        """Logarithms of the class probabilities.

        Parameters
        ----------
        X : array-like or dataframe of shape (n_samples, n_features)

        Returns
        -------
        log_probabilities : ndarray of shape (n_samples, n_classes)
            Columns in the order of ``classes_``.
        """
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        return tags

    def _prepare_fit(self, X, y, sample_weight=None, groups=None):
        """Do what :meth:`fit` does before its networks train; None if none will."""
        mode = "warm_start" if self.warm_start and hasattr(self, "_network") else "fit"
        user_data = {"X": X, "y": y, "sample_weight": sample_weight}
        target = self._validate_labels(y)
        rows = self._validate_rows(
            X, target.values, sample_weight, groups, reset=mode == "fit"
        )
        classes = np.unique(rows.y)
        # It warns of numbers that are hardly labels.
        check_classification_targets(np.searchsorted(classes, rows.y))
        labels = self._order_labels(classes, target.order)
        if mode == "warm_start" and not np.array_equal(labels, self._labels):
            raise ValueError(
                f"warm_start=True needs the classes of the earlier fit, "
                f"{self._labels.tolist()}, but y contains {labels.tolist()}."
            )
        if len(classes) == 1:
            warnings.warn(
                f"y contains one class, {classes.tolist()[0]!r}, among the rows with a "
                "positive weight: every prediction will be that. Give rows of another "
                "class if this is not meant.",
                UserWarning,
                stacklevel=2,
            )
            self._store_labels(labels)
            self._store_constant(rows)
            return None
        return self._prepare_labels(rows, labels, user_data, mode)

    def _validate_labels(self, y):
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is "
                "None."
            )
        if isinstance(self.class_weight, dict):
            check_class_weight(self.class_weight)
        return read_target(y, known=self._known_labels())

    def _known_labels(self):
        """Labels that are classes even if they are fractions."""
        return getattr(self, "classes_", ())

    def _check_classes(self, classes, first):
        if classes is None:
            if first:
                raise ValueError(
                    "classes must be passed on the first call to partial_fit."
                )
            return self.classes_, None
        target = read_target(classes, "classes", known=self._known_labels())
        classes = np.unique(target.values)
        if first:
            if len(classes) < 2:
                raise ValueError(
                    f"classes must hold at least 2 classes, got {classes.tolist()}."
                )
            return classes, target.order
        if not np.array_equal(classes, self.classes_):
            raise ValueError(
                f"classes={classes.tolist()} differs from the classes of the first "
                f"call to partial_fit, {self.classes_.tolist()}."
            )
        return self.classes_, target.order

    def _prepare_labels(self, rows, labels, user_data, mode):
        if self.class_weight is not None:
            target = _codes(labels, rows.y)
            class_weights = self._class_weights(labels, target, rows.y, rows.weight)
            with np.errstate(over="ignore"):
                weight = rows.weight * class_weights[target]
            refuse_overflow(weight, "class_weight")
            rows = rows._replace(weight=weight).with_weight()
            if not len(rows.y):
                raise ValueError(
                    f"class_weight={self.class_weight!r} leaves no row with a positive "
                    "weight."
                )
        self._store_labels(labels)
        target = _codes(labels, rows.y)
        return self._prepare(
            rows, target, classes=labels, user_data=user_data, mode=mode
        )

    def _class_weights(self, labels, target, y, weight):
        if self.class_weight == "balanced":
            # By weighted counts, so that a weight of 2 still equals the row twice.
            counts = np.bincount(target, weights=weight, minlength=len(labels))
            return weight.sum() / (len(labels) * np.where(counts > 0, counts, np.inf))
        return compute_class_weight(self.class_weight, classes=labels, y=y)


def _codes(labels, y):
    by_label = np.argsort(labels)
    return by_label[np.searchsorted(labels, y, sorter=by_label)]
