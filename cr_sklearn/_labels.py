"""Labels in and out: what estimators of classes share."""

from abc import abstractmethod

import narwhals.stable.v2 as nw
import numpy as np
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.utils import assert_all_finite, column_or_1d, compute_class_weight
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.multiclass import check_classification_targets

from cr_sklearn._base import BaseChainzRule, of_one_fit, published_at_once
from cr_sklearn._callbacks import with_callbacks
from cr_sklearn._kinds import is_missing


class LabelledChainzRule(ClassifierMixin, BaseChainzRule):
    """Skeleton of the estimators whose targets are classes.

    Subclasses say which label has which code, and store them.
    """

    _parameter_constraints = {
        **BaseChainzRule._parameter_constraints,
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }

    def _order_labels(self, classes, y):
        """Labels in the order of their codes.

        Parameters
        ----------
        classes : ndarray of shape (n_classes,)
            Sorted.
        y : array-like
            As the user gave it: its type may know an order.
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
            Class labels, of a sortable type.
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
            If X is sparse, or a column mixes types.
        ValueError
            If a parameter or the data is invalid, if there is only one class, or if
            the training diverges. The estimator is then as it was before.
        """
        return self._train(self._prepare_fit(X, y, sample_weight, groups))

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
            All classes that calls may bring. Needed in the first call.
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        self : estimator
        """
        first = not hasattr(self, "_network")
        user_data = {"X": X, "y": y, "sample_weight": sample_weight}
        labels = self._validate_labels(y)
        rows = self._validate_rows(X, labels, sample_weight, reset=first)
        known = self._check_classes(classes, first)
        unknown = np.setdiff1d(rows.y, known)
        if unknown.size:
            raise ValueError(
                f"y contains {unknown.tolist()}, which are not among the classes of "
                f"the first call to partial_fit: {known.tolist()}."
            )
        if first:
            self._optimizer_state = None
        labels = self._order_labels(known, y) if first else self._labels
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
        """Everything that :meth:`fit` does before its networks train."""
        mode = "warm_start" if self.warm_start and hasattr(self, "_network") else "fit"
        user_data = {"X": X, "y": y, "sample_weight": sample_weight}
        labels = self._validate_labels(y)
        rows = self._validate_rows(
            X, labels, sample_weight, groups, reset=mode == "fit"
        )
        classes = np.unique(rows.y)
        if len(classes) < 2:
            raise ValueError(
                "At least 2 classes are needed among the rows with a positive "
                f"weight, but y contains 1 class: {classes.tolist()}."
            )
        labels = self._order_labels(classes, y)
        if mode == "warm_start" and not np.array_equal(labels, self._labels):
            raise ValueError(
                f"warm_start=True needs the classes of the earlier fit, "
                f"{self._labels.tolist()}, but y contains {labels.tolist()}."
            )
        return self._prepare_labels(rows, labels, user_data, mode)

    def _validate_labels(self, y):
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is "
                "None."
            )
        y = column_or_1d(y, warn=True)
        if y.dtype.kind == "f":
            assert_all_finite(y, input_name="y")
        elif y.dtype.kind == "O" and (missing := is_missing(y)).any():
            raise ValueError(
                "Input y contains missing values, the first in row "
                f"{missing.argmax()}. Drop these rows."
            )
        self._check_label_type(y)
        return y

    def _check_label_type(self, y):
        check_classification_targets(y)

    def _check_classes(self, classes, first):
        if classes is None:
            if first:
                raise ValueError(
                    "classes must be passed on the first call to partial_fit."
                )
            return self.classes_
        classes = np.unique(column_or_1d(classes))
        if first:
            if len(classes) < 2:
                raise ValueError(
                    f"classes must hold at least 2 classes, got {classes.tolist()}."
                )
            return classes
        if not np.array_equal(classes, self.classes_):
            raise ValueError(
                f"classes={classes.tolist()} differs from the classes of the first "
                f"call to partial_fit, {self.classes_.tolist()}."
            )
        return self.classes_

    def _prepare_labels(self, rows, labels, user_data, mode):
        if self.class_weight is not None:
            target = _codes(labels, rows.y)
            class_weights = self._class_weights(labels, target, rows.y, rows.weight)
            rows = rows._replace(weight=rows.weight * class_weights[target])
            rows = rows.with_weight()
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


def declared_order(y):
    """Categories of an ordered pandas Categorical or polars Enum, in their order.

    Unused ones are among them. None where the type of ``y`` knows no order.
    """
    dtype = getattr(y, "dtype", None)
    if getattr(dtype, "ordered", False):  # of a pandas Series or Categorical
        return list(dtype.categories)
    series = nw.from_native(y, series_only=True, pass_through=True)
    if isinstance(series, nw.Series) and series.dtype == nw.Enum:
        return list(series.dtype.categories)
    return None


def checked_order(categories):
    """Categories as a list, if they are at least 2 and all different.

    Raises
    ------
    ValueError
    """
    # Arrays as lists of Python's own types, which are readable in messages.
    order = getattr(categories, "tolist", lambda: list(categories))()
    try:
        repeated = len(set(order)) < len(order)
    except TypeError:  # lists in it
        repeated = True
    if repeated or len(order) < 2:
        raise ValueError(
            f"categories must hold at least 2 different labels, got {order!r}."
        )
    return order


def is_numeric(labels):
    """Whether labels have an order of their own: numbers and booleans."""
    return labels.dtype.kind in "biuf"
