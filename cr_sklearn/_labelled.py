"""Estimators whose target are labels."""

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import check_consistent_length

from cr_sklearn._base import BaseChainzRule
from cr_sklearn._rows import checked_weight
from cr_sklearn._state import of_one_fit
from cr_sklearn.encoding._kinds import kind_of
from cr_sklearn.heads._targets import comparable, read_target


class LabelledChainzRule(ClassifierMixin, BaseChainzRule):
    """Skeleton of the estimators whose heads are of labels."""

    _parameter_constraints = {
        **BaseChainzRule._parameter_constraints,
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }

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
        return self._partial_fit(X, y, sample_weight, classes=classes)

    @of_one_fit
    def predict_proba(self, X, return_sensitivity=False):
        """Predict class probabilities.

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
        return self._from_outputs(
            X, lambda outputs: self._head.predict_proba(outputs), return_sensitivity
        )

    def score(self, X, y, sample_weight=None):
        """Return the accuracy of the predictions.

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
        """Predict logarithms of the class probabilities.

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
