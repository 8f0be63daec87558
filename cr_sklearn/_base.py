"""What all ChainzRule estimators share: parameters, validation, Jacobians."""

import functools
from abc import ABCMeta, abstractmethod
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import column_or_1d
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import (
    _check_sample_weight,
    check_consistent_length,
    check_is_fitted,
    validate_data,
)

from cr_sklearn._callbacks import CallbackSupportMixin
from cr_sklearn._columns import read_columns
from cr_sklearn._fitting import FitMixin, TrainingRows
from cr_sklearn._inference import tail_ratio


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


class BaseChainzRule(FitMixin, CallbackSupportMixin, BaseEstimator, metaclass=ABCMeta):
    """Skeleton of the estimators.

    Subclasses encode the target and turn outputs into predictions.
    """

    _parameter_constraints = {
        "hidden_layer_sizes": [
            "array-like",
            Interval(Integral, 1, None, closed="left"),
        ],
        "degree": [Interval(Integral, 1, None, closed="left")],
        "dreg_strength": [StrOptions({"auto"}), Interval(Real, 0, None, closed="left")],
        "dreg_stream": [StrOptions({"auto", "exact", "projected"})],
        "cv": ["cv_object"],
        "activation": [StrOptions({"polynomial", "relu", "gelu", "silu", "tanh"})],
        "n_estimators": [Interval(Integral, 1, None, closed="left")],
        "max_iter": [
            Interval(Integral, 1, None, closed="left"),
            StrOptions({"auto"}),
        ],
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
        return self._sensitivity(self._fitted_network(), encoded, standardised)

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
        return tail_ratio(self.sensitivity(X))

    def _validate_rows(self, X, y, sample_weight, groups=None, *, reset):
        columns = read_columns(X)
        validate_data(self, columns.native, reset=reset, skip_check_array=True)
        if groups is not None:
            groups = column_or_1d(groups)
        check_consistent_length(columns.native, y, groups)
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
        # A row of weight zero must count as absent: in the encoding, the batches, the
        # folds and the set of classes.
        kept = np.flatnonzero(weight)
        if len(kept) < len(weight):
            columns, y, weight = columns.take(kept), y[kept], weight[kept]
            groups = None if groups is None else groups[kept]
        return TrainingRows(columns, y, weight, groups, kept)

    def _encode(self, X):
        """Encoded and standardised inputs of a fitted estimator."""
        check_is_fitted(self)
        columns = read_columns(X)
        validate_data(self, columns.native, reset=False, skip_check_array=True)
        return self._encoder.transform(columns)

    def _outputs(self, X):
        """Weighted sum of the members' outputs, (n_samples, n_outputs)."""
        encoded, _ = self._encode(X)
        return self._fitted_network().outputs(encoded)

    def _sensitivity(self, network, encoded, standardised):
        jacobian = network.jacobian(encoded)
        jacobian = self._encoder.standardised_jacobian(jacobian, standardised)
        return np.linalg.norm(jacobian, axis=(1, 2))
