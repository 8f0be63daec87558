"""The estimators' one skeleton: fit, partial_fit, predict, Jacobians."""

from abc import ABCMeta, abstractmethod
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator, _fit_context
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import (
    check_consistent_length,
    check_is_fitted,
    validate_data,
)

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
from cr_sklearn.training._callbacks import (
    CallbackSupportMixin,
    FitProgress,
    with_callbacks,
)
from cr_sklearn.training._copies import original_rows
from cr_sklearn.training._isolation import TrainingInterrupted, isolated_torch
from cr_sklearn.training._partial_fit import Start, first_call, later_call
from cr_sklearn.training._settings import TrainingHistory, TrainingOptions

_MAX_SEED = np.iinfo(np.int32).max


class BaseChainzRule(CallbackSupportMixin, BaseEstimator, metaclass=ABCMeta):
    """Skeleton of the estimators.

    Subclasses list the parameters, and make the head that knows their kind of target.
    """

    _parameter_constraints = {
        "hidden_layer_sizes": [
            "array-like",
            Interval(Integral, 1, None, closed="left"),
        ],
        "degree": [Interval(Integral, 1, None, closed="left")],
        "dreg_strength": [StrOptions({"auto"}), Interval(Real, 0, None, closed="left")],
        "cv": [StrOptions({"auto"}), "cv_object"],
        "activation": [StrOptions({"polynomial", "relu", "gelu", "silu", "tanh"})],
        "n_estimators": [
            StrOptions({"auto"}),
            Interval(Integral, 1, None, closed="left"),
        ],
        "max_iter": [
            Interval(Integral, 1, None, closed="left"),
            StrOptions({"auto"}),
        ],
        "batch_size": [
            StrOptions({"auto"}),
            Interval(Integral, 1, None, closed="left"),
        ],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "categorical_features": ["array-like", StrOptions({"from_dtype"}), None],
        "n_bins": [Interval(Integral, 0, None, closed="left")],
        "device": [str],
        "dtype": [StrOptions({"auto", "float32", "float64"})],
        "random_state": ["random_state"],
        "warm_start": ["boolean"],
        "verbose": ["verbose"],
    }

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

    @abstractmethod
    def _make_head(self):
        """Return a :class:`~cr_sklearn.heads._head.Head` by the parameters."""

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
        goes_on = self.warm_start and hasattr(self, "_network")
        head = self._make_head()
        rows = self._validate(X, y, head, sample_weight, groups, reset=not goes_on)
        rows = head.fit(rows, self._head if goes_on else None)
        if head.is_constant:
            return self._store_constant(head, rows)
        with isolated_torch(self.device):
            random_state = check_random_state(self.random_state)
            # Drawn also without folds, so that networks do not depend on it.
            fold_seed = random_state.randint(_MAX_SEED)
            start = self._fitted_start() if goes_on else Start(self._encode(rows))
            rows, held_out, search = self._split(
                head, rows, start, fold_seed, random_state
            )
            user_data = {"X": X, "y": y, "sample_weight": sample_weight}
            training = self._build(
                head, rows, start, search, held_out, random_state, user_data
            )
            training.run()
            self._store(head, start, training)
            if search:
                self._choose(head, rows, search, training)
            self._finish(training)
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
        is_first = not hasattr(self, "_network")
        head = self._make_head()
        rows = self._validate(X, y, head, sample_weight, reset=is_first)
        rows = head.resume(rows, None if is_first else self._head, **declared)
        with isolated_torch(self.device):
            random_state = check_random_state(self.random_state)
            seed = random_state.randint(_MAX_SEED)
            if is_first:
                start = first_call(self._encode(rows), rows, seed)
            else:
                start = later_call(self._fitted_start(is_partial=True), rows, seed)
            user_data = {"X": X, "y": y, "sample_weight": sample_weight}
            training = self._build(
                head, rows, start, None, None, random_state, user_data
            )
            training.run()
            self._store(head, start, training)
            self._finish(training)
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
        """Exact Jacobian of the outputs with respect to the columns.

        The outputs are those of ``decision_function``; of an ordinal model the latent.

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
        r"""How strongly each prediction leans on its inputs.

        The Frobenius norm :math:`\lVert \partial f(x) / \partial x \rVert_F` of the
        Jacobian of the outputs (logits) with respect to the standardised inputs:
        numeric columns in units of their robust standard deviation, and the
        indicators of categories and missing values in their own.

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
                self._encoder, self._network, encoded, standardised
            )
            return (sensitivity,)

        [sensitivity] = self._by_batch(X, norms, with_jacobian=True)
        return sensitivity

    def tail_ratio(self, X):
        r"""Tail ratio of the sensitivities of a batch.

        .. math:: \tau = \mathrm{quantile}_{0.99}(s) / \mathrm{mean}(s), \qquad
                  s_i = \lVert \partial f(x_i) / \partial x \rVert_F

        Source: arXiv 2605.24340. NOTE[DIFF] The paper does not say which gradient is
        meant; here it is that of the logits, as in :meth:`sensitivity`. For logistic
        regression it is exactly 1.

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
        Resampled from rows of Pima, 95 % of batches of 100 rows lie within 1.50 and
        2.40, of 2000 within 2.23 and 2.35: compare batches of like size, or use
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

    # Steps of a fit.

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

    def _encode(self, rows):
        """Learn the encoding of the columns."""
        encoder = TabularEncoder(self.categorical_features, self.n_bins)
        return encoder.fit(rows.columns, rows.weight)

    def _fitted_start(self, is_partial=False):
        """Return the fitted model as the start of another training."""
        return Start(
            self._encoder,
            self._network.members,
            self._optimizer_state if is_partial else None,
            self._sample if is_partial else None,
            is_partial=is_partial,
        )

    def _split(self, head, rows, start, fold_seed, random_state):
        """Hold rows out: for early stopping, and in the inner folds of a search."""
        from cr_sklearn.training._build import hold_out, make_search

        held_out = search = None
        searches = self.dreg_strength == "auto" and start.network is None
        if self.early_stopping or searches:
            original = original_rows(
                rows.columns, start.encoder.is_categorical_, rows.target
            )
            rows = rows._replace(original=original)
        if self.early_stopping:
            rows, held_out = hold_out(self, head, rows, random_state)
        if searches:
            search = make_search(self, head, rows, fold_seed)
        return rows, held_out, search

    def _build(self, head, rows, start, search, held_out, random_state, user_data):
        """Build the networks, and announce the fit to callbacks."""
        from cr_sklearn.training._build import build

        def fitted_attributes():
            return {
                **head.fitted_attributes(),
                "_head": head,
                **self._state_of(start, training),
            }

        progress = FitProgress(self, fitted_attributes, **user_data)
        training = build(
            self,
            head,
            rows,
            start,
            search=search,
            validation_rows=held_out,
            random_state=random_state,
            progress=progress,
        )
        progress.begin(training.n_epochs)
        return training

    def _state_of(self, start, training):
        """Attributes of the networks as they are."""
        weights = None
        if start.network is not None:
            weights = start.network.member_weights
            if not start.is_partial:  # their scale was that of the earlier rows
                weights = weights / weights.sum()
        return {
            "_encoder": start.encoder,
            "_strengths": training.strengths,
            "dreg_strength_": _geometric_mean(training.strengths),
            "_network": training.snapshot(weights).function(),
        }

    def _store(self, head, start, training):
        """Store the trained networks and how they were trained."""
        self._forget_held_out()
        goes_on = start.network is not None
        self._is_chosen = goes_on and self._is_chosen
        vars(self).update(self._state_of(start, training))
        self._store_head(head)
        self._store_history(training.history, goes_on)
        self._sample = start.sample
        # Kept for the next of many small batches; a fit ends with steps of length zero.
        self._optimizer_state = (
            training.history.optimizer_state if start.is_partial else None
        )

    def _choose(self, head, rows, search, training):
        """Keep the networks of the strengths that predict well out of fold."""
        network = self._network.members

        def sensitivities(networks, positions):
            encoded, standardised = self._encoder.transform(
                rows.columns.take(positions)
            )
            return [
                outputs_and_sensitivity(
                    self._encoder, one.function(), encoded, standardised
                )[1]
                for one in networks
            ]

        choice = search.choose(
            network,
            search.outputs(training.packs, training.rows.x),
            head.make_criterion(),
            rows,
            sensitivities,
        )
        outputs, shift = choice.outputs, head.correct(choice.outputs, rows, choice.rows)
        network = network.take(choice.members)._replace(member_weights=choice.weights)
        if shift is not None:
            outputs = outputs + shift
            *hidden, last = network.intercepts
            last = last + shift / choice.weights.sum()
            network = network._replace(intercepts=[*hidden, last])
        self._network, self._is_chosen = network.function(), True
        self._strengths = self._strengths[choice.members]
        self.dreg_strength_ = choice.dreg_strength
        self.dreg_path_ = choice.path
        self.oof_score_ = head.oof_score(outputs, rows, choice.rows)

    def _finish(self, training):
        """Tell callbacks, and end in KeyboardInterrupt after Ctrl-C.

        Raises
        ------
        TrainingInterrupted
            When all that was trained is stored.
        """
        training.progress.end()
        if training.history.interrupted:
            raise TrainingInterrupted(
                f"Ctrl-C after {self.n_iter_} epochs. The estimator keeps the best "
                "weights up to then and can predict; interrupted_ is True."
            )

    def _store_constant(self, head, rows):
        """Store a network of zeros, which answers the only target that there is."""
        self._encoder = self._encode(rows)
        self._network = FittedNetwork(
            coefs=[],
            intercepts=[head.constant_outputs()],
            skip_coef=np.zeros((1, self._encoder.n_encoded_, 1)),
            polynomial_coefs=[],
            activation=self.activation,
            member_weights=np.ones(1),
        ).function()
        self._store_head(head)
        self._strengths, self.dreg_strength_ = np.zeros(1), 0.0
        self._is_chosen, self._sample, self._optimizer_state = False, None, None
        self._forget_held_out()
        self._store_history(TrainingHistory(), goes_on=False)
        return self

    def _store_head(self, head):
        self._head = head
        vars(self).update(head.fitted_attributes())

    def _forget_held_out(self):
        """Drop what rows held out from other networks told."""
        for name in ("dreg_path_", "oof_score_"):
            self.__dict__.pop(name, None)

    def _store_history(self, history, goes_on):
        earlier = self if goes_on else None
        self.loss_curve_ = [*getattr(earlier, "loss_curve_", []), *history.loss]
        self.dreg_curve_ = [*getattr(earlier, "dreg_curve_", []), *history.dreg]
        validation = None
        if self.early_stopping:
            # As long as the others, with NaN for epochs without such rows.
            n_before = len(self.loss_curve_) - len(history.loss)
            before = getattr(earlier, "validation_loss_curve_", None)
            validation = [*(before or [np.nan] * n_before), *history.validation_loss]
            validation += [np.nan] * (len(self.loss_curve_) - len(validation))
        self.validation_loss_curve_ = validation
        self.n_iter_ = len(self.loss_curve_)
        self._n_iter_all = history.n_iter_all
        self.interrupted_ = history.interrupted

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
            Of the outputs of a batch of rows, (n, width) -> (n, ...).
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
                    self._encoder, self._network, encoded, standardised
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
        seen = SeenLevels() if self._encoder.categories_ else None
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


def _geometric_mean(strengths):
    """Geometric mean, of which a single value is the limit, zero included."""
    if (strengths == strengths[0]).all():
        return float(strengths[0])
    return float(np.exp(np.log(strengths).mean()))
