"""What all ChainzRule estimators share: parameters, fit, inference, Jacobians."""

import functools
import warnings
from abc import ABCMeta, abstractmethod
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import (
    _check_sample_weight,
    check_consistent_length,
    check_is_fitted,
    validate_data,
)

from cr_sklearn._callbacks import CallbackSupportMixin, FitProgress
from cr_sklearn._columns import read_columns
from cr_sklearn._encoding import TabularEncoder
from cr_sklearn._inference import FittedNetwork

_MAX_SEED = np.iinfo(np.int32).max
# What "auto" stands for; the reasons are in the classifier's docstring.
_AUTO_STRENGTH = 0.01
_AUTO_BATCH_SIZE = 128
_MAX_EXACT_TANGENTS = 8192


def unchanged_on_error(method):
    """Make a fitting method leave its estimator as it was when it raises."""

    @functools.wraps(method)
    def guarded(self, *args, **kwargs):
        before = dict(self.__dict__)
        try:
            return method(self, *args, **kwargs)
        except BaseException:
            self.__dict__.clear()
            self.__dict__.update(before)
            raise

    return guarded


class BaseChainzRule(CallbackSupportMixin, BaseEstimator, metaclass=ABCMeta):
    """Skeleton of the estimators.

    Subclasses encode the target and turn outputs into predictions; everything from
    the encoded target to the outputs and their Jacobian is here.
    """

    _parameter_constraints = {
        "hidden_layer_sizes": [
            "array-like",
            Interval(Integral, 1, None, closed="left"),
        ],
        "degree": [Interval(Integral, 1, None, closed="left")],
        "dreg_strength": [StrOptions({"auto"}), Interval(Real, 0, None, closed="left")],
        "dreg_stream": [StrOptions({"auto", "exact", "projected"})],
        "activation": [StrOptions({"polynomial", "relu", "gelu", "silu", "tanh"})],
        "n_estimators": [Interval(Integral, 1, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [
            StrOptions({"auto"}),
            Interval(Integral, 1, None, closed="left"),
        ],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "categorical_features": ["array-like", StrOptions({"from_dtype"}), None],
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

    @abstractmethod
    def _n_outputs(self, n_classes):
        """Outputs of the network for so many classes."""

    @abstractmethod
    def _make_criterion(self):
        """Data loss of the network's outputs and encoded targets."""

    def jacobian(self, X):
        """Exact Jacobian of :meth:`decision_function` with respect to the columns.

        Parameters
        ----------
        X : array-like or dataframe of shape (n_samples, n_features)

        Returns
        -------
        jacobian : ndarray of shape (n_samples, n_outputs, n_features)
            Derivative of each output by each column, in output units (logits) per
            unit of the column as given by the user. ``n_outputs`` is 1 for two
            classes. NaN where there is no derivative: for categorical columns and
            for missing values. 0 for columns that were constant in training.
        """
        encoded, standardised = self._encode(X)
        jacobian = self._fitted_network().jacobian(encoded)
        return self._encoder.user_jacobian(jacobian, standardised)

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
        encoded, standardised = self._encode(X)
        jacobian = self._fitted_network().jacobian(encoded)
        jacobian *= self._encoder.input_slope(standardised)[:, None]
        return np.linalg.norm(jacobian, axis=(1, 2))

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
        """
        sensitivity = self.sensitivity(X)
        mean = sensitivity.mean()
        return float(np.quantile(sensitivity, 0.99) / mean) if mean > 0 else np.nan

    def _validate_rows(self, X, y, sample_weight, *, reset):
        """Columns, target and weights of the rows with a positive weight."""
        columns = read_columns(X)
        validate_data(self, columns.native, reset=reset, skip_check_array=True)
        check_consistent_length(columns.native, y)
        weight = _check_sample_weight(
            sample_weight, np.empty(columns.n_rows), dtype=np.float64
        )
        if (weight < 0).any():
            raise ValueError(
                "Negative values in sample_weight: the smallest is "
                f"{weight.min():g}. Weights must be >= 0."
            )
        if not weight.any():  # scikit-learn < 1.9 lets this pass
            raise ValueError(
                "Sample weights must contain at least one non-zero number."
            )
        # A row of weight zero must count as absent: in the encoding, the batches and
        # the set of classes.
        if (weight == 0).any():
            kept = np.flatnonzero(weight)
            columns, y, weight = columns.take(kept), y[kept], weight[kept]
        return columns, y, weight

    def _encode(self, X):
        """Encoded and standardised inputs of a fitted estimator."""
        check_is_fitted(self)
        columns = read_columns(X)
        validate_data(self, columns.native, reset=False, skip_check_array=True)
        return self._encoder.transform(columns)

    def _outputs(self, X):
        """Outputs averaged over the members, (n_samples, n_outputs)."""
        encoded, _ = self._encode(X)
        return self._fitted_network().outputs(encoded)

    def _fitted_network(self):
        return FittedNetwork(
            self.coefs_,
            self.intercepts_,
            self.skip_coef_,
            self.polynomial_coefs_,
            self._activation,
        )

    def _train(self, columns, target, weights, *, n_classes, user_data, mode="fit"):
        """Encode, train, and store the fitted attributes.

        Parameters
        ----------
        columns : FrameColumns or ArrayColumns
        target : ndarray of shape (n,)
            Encoded target.
        weights : (ndarray of shape (n,), ndarray of shape (n,))
            Sample weights for the encoding, and times class weights for the loss.
        n_classes : int
        user_data : dict
            ``X``, ``y`` and ``sample_weight`` as the user gave them, for callbacks.
        mode : {"fit", "warm_start", "partial_fit"}
            The latter two go on from the fitted weights and encoding; partial_fit for
            one epoch, with the optimiser where it was.
        """
        # torch is imported where it is needed: importing the package, or unpickling
        # a model and predicting with it, must not wait for it.
        from cr_sklearn import _training, _weights
        from cr_sklearn._batches import Rows

        go_on = mode != "fit" and hasattr(self, "coefs_")
        random_state = check_random_state(self.random_state)
        seeds = random_state.randint(_MAX_SEED, size=self.n_estimators).tolist()
        if go_on:
            encoder = self._encoder
        else:
            encoder = TabularEncoder(self.categorical_features)
            encoder.fit(columns, weights[0])
        encoded, _ = encoder.transform(columns)
        in_training, held_out = np.arange(len(target)), None
        if self.early_stopping and mode != "partial_fit":
            in_training, held_out = self._hold_out(target, random_state)
        settings = self._training_settings(mode, len(in_training), encoder.n_encoded_)
        network = self._build_network(settings, encoder.n_encoded_, n_classes, seeds)
        if go_on:
            _weights.load(network, self.activation, self._fitted_network())

        def rows(index):
            return Rows.from_arrays(
                encoded[index], target[index], weights[1][index], like=network.skip
            )

        def fitted_attributes():
            fitted = _weights.dump(network, self.activation)
            return {
                "coefs_": fitted.coefs,
                "intercepts_": fitted.intercepts,
                "skip_coef_": fitted.skip_coef,
                "polynomial_coefs_": fitted.polynomial_coefs,
                "dreg_strength_": settings.dreg_strength[0],
                "_activation": self.activation,
                "_encoder": encoder,
            }

        progress = FitProgress(self, settings.max_iter, fitted_attributes, **user_data)
        history = _training.train(
            network,
            self._make_criterion().to(network.skip.device),
            rows(in_training),
            settings,
            seeds,
            validation_rows=None if held_out is None else rows(held_out),
            optimizer_state=self._optimizer_state if mode == "partial_fit" else None,
            progress=progress,
        )
        for name, value in fitted_attributes().items():
            setattr(self, name, value)
        self._store_history(history, go_on)
        progress.end()
        return self

    def _hold_out(self, target, random_state):
        try:
            return train_test_split(
                np.arange(len(target)),
                test_size=self.validation_fraction,
                stratify=target,
                random_state=random_state,
            )
        except ValueError as error:
            raise ValueError(
                f"early_stopping=True with validation_fraction="
                f"{self.validation_fraction!r} can't hold out a stratified part of "
                f"{len(target)} rows: {error}"
            ) from error

    def _training_settings(self, mode, n_rows, n_encoded):
        from cr_sklearn._training import TrainingSettings

        batch_size = self.batch_size
        if batch_size == "auto":
            batch_size = _AUTO_BATCH_SIZE
        batch_size = min(batch_size, n_rows)
        whole = batch_size == n_rows
        stream, dtype = self.dreg_stream, self.dtype
        if stream == "auto":
            exact = whole and n_rows * n_encoded <= _MAX_EXACT_TANGENTS
            stream = "exact" if exact else "projected"
        if dtype == "auto":
            dtype = "float64" if whole else "float32"
        strength = self.dreg_strength
        strength = _AUTO_STRENGTH if strength == "auto" else float(strength)
        once = mode == "partial_fit"
        return TrainingSettings(
            max_iter=1 if once else self.max_iter,
            batch_size=batch_size,
            learning_rate_init=self.learning_rate_init,
            schedule="constant" if once else "cosine",
            weight_decay=self.weight_decay,
            dreg_strength=[strength] * self.n_estimators,
            dreg_stream=stream,
            dtype=dtype,
            first_epoch=getattr(self, "n_iter_", 0) if mode != "fit" else 0,
            tol=self.tol,
            n_iter_no_change=self.n_iter_no_change,
            verbose=int(self.verbose),
        )

    def _build_network(self, settings, n_encoded, n_classes, seeds):
        from cr_sklearn._training import check_device, initial_network

        hidden = np.atleast_1d(self.hidden_layer_sizes)
        if hidden.ndim != 1 or (hidden <= 0).any() or (hidden % 1 != 0).any():
            raise ValueError(
                "hidden_layer_sizes must hold integers > 0, got "
                f"{self.hidden_layer_sizes!r}."
            )
        return initial_network(
            n_encoded,
            hidden.astype(int).tolist(),
            self._n_outputs(n_classes),
            activation=self.activation,
            degree=self.degree,
            dropout=self.dropout,
            seeds=seeds,
            dtype=settings.dtype,
            device=check_device(self.device),
        )

    def _store_history(self, history, go_on):
        earlier = self if go_on else None
        self.loss_curve_ = [*getattr(earlier, "loss_curve_", []), *history.loss]
        self.dreg_curve_ = [*getattr(earlier, "dreg_curve_", []), *history.dreg]
        self.validation_loss_curve_ = (
            history.validation_loss if self.early_stopping else None
        )
        self.n_iter_ = len(self.loss_curve_)
        self.interrupted_ = history.interrupted
        self._optimizer_state = history.optimizer_state
        if history.interrupted:
            warnings.warn(
                f"Training was interrupted after {len(history.loss)} epochs. The best "
                "weights up to then are kept.",
                ConvergenceWarning,
                stacklevel=2,
            )
