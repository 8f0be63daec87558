"""The estimators' one skeleton: fit, partial_fit, predict, Jacobians."""

from abc import ABCMeta, abstractmethod

import numpy as np
from sklearn.base import BaseEstimator, _fit_context
from sklearn.utils import column_or_1d
from sklearn.utils.validation import (
    check_consistent_length,
    check_is_fitted,
    validate_data,
)

from cr_sklearn._parameters import PARAMETER_CONSTRAINTS
from cr_sklearn._rows import TrainingRows, checked_weight
from cr_sklearn._state import (
    FORMAT,
    check_format,
    of_one_fit,
    published_at_once,
    weights_property,
)
from cr_sklearn.encoding._columns import ArrayColumns, read_columns
from cr_sklearn.encoding._encoder import TabularEncoder
from cr_sklearn.encoding._levels import SeenLevels
from cr_sklearn.inference._derivatives import (
    by_batch,
    outputs_and_jacobian,
    outputs_and_sensitivity,
)
from cr_sklearn.inference._fitted_network import FittedNetwork
from cr_sklearn.inference._tail_ratio import tail_ratio
from cr_sklearn.training._callbacks import CallbackSupportMixin, with_callbacks
from cr_sklearn.training._isolation import isolated_torch
from cr_sklearn.training._settings import TrainingOptions


class BaseChainzRule(CallbackSupportMixin, BaseEstimator, metaclass=ABCMeta):
    """Skeleton of the estimators.

    Subclasses list the parameters, and make the head that knows their kind of target.
    """

    _parameter_constraints = PARAMETER_CONSTRAINTS

    # scikit-learn shows the docstring's tooltips only where it has a page to link to.
    _doc_link_module = "cr_sklearn"
    _doc_link_template = "https://arxiv.org/abs/2605.24340"

    @abstractmethod
    def __init__(self, **params):
        """Subclasses list the parameters, as scikit-learn requires."""

    coefs_ = weights_property("coefs_", "coefs", "Weights of the layers.")
    intercepts_ = weights_property("intercepts_", "intercepts", "Biases.")
    skip_coef_ = weights_property("skip_coef_", "skip_coef", "Linear maps.")
    polynomial_coefs_ = weights_property(
        "polynomial_coefs_", "polynomial_coefs", "Coefficients of the activations."
    )
    estimator_weights_ = weights_property(
        "estimator_weights_", "member_weights", "Weights of the networks in their sum."
    )

    # What experiments vary and users need not.
    _options = TrainingOptions()
    _encoder_class = TabularEncoder

    @abstractmethod
    def _make_head(self):
        """Return a :class:`~cr_sklearn.heads._head.Head` by the parameters."""

    @published_at_once
    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None, groups=None):
        """Fit to rows and their target.

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
        from cr_sklearn.training._fit import Fit

        goes_on = self.warm_start and hasattr(self, "_network")
        head = self._make_head()
        rows = self._validate(X, y, head, sample_weight, groups, reset=not goes_on)
        rows = head.fit(rows, self._head if goes_on else None)
        with isolated_torch(self.device):
            user_data = {"X": X, "y": y, "sample_weight": sample_weight}
            fit = Fit(self, head, rows, user_data)
            if head.is_constant:
                return self._store(fit.constant_attributes())
            fit.encode(goes_on)
            fit.split()
            fit.train()
            self._store(fit.attributes())
            fit.end()
        return self

    def partial_fit(self, X, y, sample_weight=None):
        """Train for one epoch on these rows, at a constant learning rate.

        Parameters
        ----------
        X : array-like or dataframe of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        self : estimator
        """
        return self._partial_fit(X, y, sample_weight)

    @published_at_once
    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def _partial_fit(self, X, y, sample_weight, **declared):
        from cr_sklearn.training._fit import Fit

        is_first = not hasattr(self, "_network")
        head = self._make_head()
        rows = self._validate(X, y, head, sample_weight, reset=is_first)
        rows = head.resume(rows, None if is_first else self._head, **declared)
        with isolated_torch(self.device):
            user_data = {"X": X, "y": y, "sample_weight": sample_weight}
            fit = Fit(self, head, rows, user_data)
            fit.encode_more(is_first)
            fit.train()
            self._store(fit.attributes())
            fit.end()
        return self

    @of_one_fit
    def predict(self, X):
        """Predict the target of each row.

        Parameters
        ----------
        X : array-like or dataframe of shape (n_samples, n_features)

        Returns
        -------
        y : ndarray of shape (n_samples,)
            Labels: the most probable ones, or those of ``predict_rule`` where there is
            one.
        """
        return self._from_outputs(X, lambda outputs: self._fitted_head.predict(outputs))

    @of_one_fit
    def jacobian(self, X):
        """Return the exact Jacobian of the outputs with respect to the columns.

        The outputs are those of ``decision_function``; of an ordinal model the latent.
        They are differentiable everywhere, at the values of integer columns too: the
        slopes to the left and to the right are the same.

        Parameters
        ----------
        X : array-like or dataframe of shape (n_samples, n_features)

        Returns
        -------
        jacobian : ndarray of shape (n_samples, n_outputs, n_features)
            Derivative of each output by each column, in output units (logits) per
            unit of the column as given by the user. ``n_outputs`` is 1 for two
            classes and for ordered ones. NaN where there is no derivative: for
            categorical columns and for missing values. 0 for columns that were constant
            in training.
        """

        def in_users_units(encoded, standardised):
            _, jacobian = outputs_and_jacobian(
                self._encoder, self._network, encoded, standardised
            )
            return (self._encoder.user_jacobian(jacobian, standardised),)

        [jacobian] = self._by_batch(X, in_users_units, with_jacobian=True)
        return jacobian

    @of_one_fit
    def sensitivity(self, X):
        r"""Measure how strongly each prediction leans on its inputs.

        The norm of the Jacobian of the outputs f, per standard deviation of each
        column. With one output (two classes, or ordered ones) it is

        .. math:: s(x)^2 = \sum_{numeric\ j} \sigma_j^2
                  \Big( \frac{\partial f}{\partial x_j} \Big)^2
                  + \sum_{categorical\ j} \sum_c p_c \Big( g_c
                  - \sum_d p_d\, g_d \Big)^2,

        where :math:`\sigma_j` is the standard deviation of the column in training, of
        which values beyond the quantiles of 1 % and 99 % count as at them, g the
        derivatives by the indicators of the levels, and p the shares of these: the
        second part is the variance of a linear f over the levels, as the first is over
        the values. Whether a value is missing counts as a column of zeros and ones.

        What K > 2 logits have in common changes no prediction. Theirs is the same
        norm of their differences,

        .. math:: s(x)^2 = \frac{2}{K} \sum_{k < l} s_{kl}(x)^2,

        with :math:`s_{kl}` the norm for :math:`f_k - f_l`: a third class that never
        occurs changes nothing.

        NOTE[DIFF] The paper has numeric inputs alone and does not say in which units.

        Parameters
        ----------
        X : array-like or dataframe of shape (n_samples, n_features)

        Returns
        -------
        sensitivity : ndarray of shape (n_samples,)
            Logits per standard deviation.

        Notes
        -----
        Inputs far outside the training data are bounded before the network, so that
        their sensitivity tends to zero: it reads as calm there without being so.
        """

        def norms(encoded, standardised):
            _, sensitivity = outputs_and_sensitivity(
                self._head, self._encoder, self._network, encoded, standardised
            )
            return (sensitivity,)

        [sensitivity] = self._by_batch(X, norms, with_jacobian=True)
        return sensitivity

    def tail_ratio(self, X):
        r"""Return the tail ratio of the sensitivities of a batch.

        .. math:: \tau = \mathrm{quantile}_{0.99}(s) / \mathrm{mean}(s), \qquad
                  s_i = s(x_i)

        of :meth:`sensitivity`.

        Source: arXiv 2605.24340. NOTE[DIFF] The paper does not say which gradient is
        meant; here it is that of the logits. For logistic regression it is exactly 1.

        Parameters
        ----------
        X : array-like or dataframe of shape (n_samples, n_features)

        Returns
        -------
        tau : float
            Depends on the number of rows, can't be averaged over batches, and does
            not move when all sensitivities double. NaN if all of them are zero.

        Notes
        -----
        Resampled from rows of Pima, 95 % of batches of 100 rows lie within 1.40 and
        1.67, of 2000 within 1.53 and 1.63: compare batches of like size, or use
        :class:`cr_sklearn.monitoring.SensitivityMonitor`, which knows the band. tau
        tells noisy batches from others, not wrong predictions from right ones
        (docs/tail_ratio.md).
        """
        return tail_ratio(self.sensitivity(X))

    def __getstate__(self):
        # A file holds the weights once, in types that need no trust.
        state = {**super().__getstate__(), "_format": FORMAT}
        if "_network" in state:
            state["_network"] = state["_network"].members._asdict()
        return state

    def __setstate__(self, state):
        state = dict(state)
        check_format(type(self).__name__, state.pop("_format", None))
        super().__setstate__(state)
        if "_network" in state:
            self._network = FittedNetwork(**state["_network"]).function()

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        return tags

    def _validate(self, X, y, head, sample_weight, groups=None, *, reset):
        """Read rows with a positive weight; their target is as the user gave it."""
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is "
                "None."
            )
        y = head.read(y)
        columns = read_columns(X)
        # Of a fitted model it is too late to declare a column.
        columns.is_fitted = not reset
        validate_data(self, columns.native, reset=reset, skip_check_array=True)
        if groups is not None:
            groups = column_or_1d(groups)
        check_consistent_length(columns.native, y, groups)
        weight = checked_weight(sample_weight, columns.n_rows)
        n_rows = len(weight)
        rows = TrainingRows(columns, y, weight, groups, np.arange(n_rows), n_rows)
        return rows.with_weight()

    def _store(self, attributes):
        """Take over fitted attributes."""
        # What rows held out from other networks told.
        for name in ("dreg_path_", "oof_score_"):
            self.__dict__.pop(name, None)
        vars(self).update(attributes)
        return self

    # Predictions in batches of rows.

    @property
    def _fitted_head(self):
        """Head of the fit, with those parameters that may be set later."""
        return self._head

    def _outputs(self, X):
        """Return the weighted sum of the networks' outputs, (n_samples, width)."""
        return self._from_outputs(X, np.asarray)

    def _from_outputs(self, X, function, return_sensitivity=False, warn_of_unseen=True):
        """Apply a function to the outputs; with sensitivities if asked for.

        Parameters
        ----------
        X : array-like or dataframe of shape (n_samples, n_features)
        function : callable
            Outputs of a batch of rows -> array by row, (n, width) -> (n, ...).
        return_sensitivity, warn_of_unseen : bool

        Returns
        -------
        ndarray of shape (n_samples, ...)
        sensitivity : ndarray of shape (n_samples,)
            Only if ``return_sensitivity`` is True.
        """
        if return_sensitivity:

            def compute(encoded, standardised):
                outputs, sensitivity = outputs_and_sensitivity(
                    self._head, self._encoder, self._network, encoded, standardised
                )
                return function(outputs), sensitivity

            return self._by_batch(X, compute, with_jacobian=True)

        def compute(encoded, standardised):
            return (function(self._network.outputs(encoded)),)

        [result] = self._by_batch(X, compute, False, warn_of_unseen)
        return result

    def _by_batch(self, X, compute, with_jacobian, warn_of_unseen=True):
        """Compute arrays by row, see :func:`by_batch`; warn of unseen categories."""
        columns = self._read(X)
        seen = SeenLevels() if self._encoder.categorical_.levels_ else None
        results = by_batch(
            columns,
            self._encoder,
            self._network,
            compute,
            with_jacobian=with_jacobian,
            seen=seen,
        )
        if seen is not None and warn_of_unseen:
            seen.warn(columns, self._encoder)
        return results

    def _read(self, X):
        """Read the columns of a table that is like that of the fit."""
        # Tags and names are asked for only where they can matter: that takes longer
        # than predicting a row.
        if not hasattr(self, "_network"):
            check_is_fitted(self)
        columns = read_columns(X)
        columns.is_fitted = True
        if (
            not isinstance(columns, ArrayColumns)
            or columns.n_features != self.n_features_in_
            or hasattr(self, "feature_names_in_")
        ):
            validate_data(self, columns.native, reset=False, skip_check_array=True)
        return columns
