"""Displays of a training, and of the search for the strength."""

import numpy as np

from cr_sklearn._unwrap import unwrap
from cr_sklearn.inspection._plot._axes import BLUE, GREY, RED, several_axes


class TrainingDisplay:
    """Loss, penalty and tail ratio by epoch, below each other.

    Parameters
    ----------
    loss_curve, dreg_curve : list of float
        As the fitted attributes of an estimator.
    validation_loss_curve : list of float or None, default=None
    tail_ratio_curve : list of float or None, default=None
        As :class:`SensitivityRecorder` has it.
    n_iter_all : int or None, default=None
        Epochs after which networks of the less promising strengths stopped. Loss and
        penalty are means over those that go on.

    Attributes
    ----------
    ax_ : ndarray of matplotlib Axes
        Axes of loss, penalty, and tail ratio if there is one.
    figure_ : matplotlib Figure

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from cr_sklearn import ChainzRuleClassifier
    >>> from cr_sklearn.inspection import TrainingDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> model = ChainzRuleClassifier(random_state=0).fit(X, y)
    >>> display = TrainingDisplay.from_estimator(model)
    >>> len(display.ax_)
    2
    """

    def __init__(
        self,
        loss_curve,
        dreg_curve,
        *,
        validation_loss_curve=None,
        tail_ratio_curve=None,
        n_iter_all=None,
    ):
        self.loss_curve = loss_curve
        self.dreg_curve = dreg_curve
        self.validation_loss_curve = validation_loss_curve
        self.tail_ratio_curve = tail_ratio_curve
        self.n_iter_all = n_iter_all

    @classmethod
    def from_estimator(cls, estimator, *, recorder=None, ax=None):
        """Draw the curves of a fitted estimator.

        Parameters
        ----------
        estimator : ChainzRuleClassifier or ChainzRuleOrdinalRegressor
            Fitted.
        recorder : SensitivityRecorder, default=None
            That was a callback of the fit. Without, the tail ratio is not known.
        ax : matplotlib Axes or sequence of them, default=None
            None makes a new figure.

        Returns
        -------
        TrainingDisplay

        Raises
        ------
        TypeError
            If the estimator is none of ours.
        ValueError
            If the recorder was not part of a fit.
        """
        estimator = unwrap(estimator).estimator
        if recorder is not None and not hasattr(recorder, "tail_ratio_curve_"):
            raise ValueError(
                "The recorder has recorded nothing. Fit with "
                "estimator.set_callbacks(recorder), in scikit-learn 1.9 or later."
            )
        return cls(
            estimator.loss_curve_,
            estimator.dreg_curve_,
            validation_loss_curve=estimator.validation_loss_curve_,
            tail_ratio_curve=recorder and recorder.tail_ratio_curve_,
            n_iter_all=estimator._n_iter_all,
        ).plot(ax)

    def plot(self, ax=None):
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes or sequence of them, default=None
            None makes a new figure; one is divided.

        Returns
        -------
        TrainingDisplay

        Raises
        ------
        ImportError
            Without matplotlib.
        ValueError
            If ax has another number of axes.
        """
        n_axes = 2 if self.tail_ratio_curve is None else 3
        axes = several_axes(
            ax, n_axes, self, size=(6.0, 2.0 * n_axes), nrows=n_axes, sharex=True
        )
        pause = self.n_iter_all
        _by_epoch(axes[0], self.loss_curve, BLUE, pause, "training rows")
        if self.validation_loss_curve is not None:
            _by_epoch(axes[0], self.validation_loss_curve, RED, None, "rows held out")
            axes[0].legend(frameon=False)
        axes[0].set_ylabel("Loss")
        _by_epoch(axes[1], self.dreg_curve, BLUE, pause)
        axes[1].set_ylabel("DREG penalty")
        if self.tail_ratio_curve is not None:
            _by_epoch(axes[2], self.tail_ratio_curve, BLUE)
            axes[2].set_ylabel(r"Tail ratio $\tau$")
        if self.n_iter_all is not None:
            _mark_the_choice(axes, self.n_iter_all + 0.5)
        axes[-1].set_xlabel("Epoch")
        axes[-1].xaxis.get_major_locator().set_params(integer=True)
        self.ax_, self.figure_ = axes, axes[0].figure
        return self


def _mark_the_choice(axes, epoch):
    for one in axes:
        one.axvline(epoch, color=GREY, lw=1.0, ls=":")
    for text, side, align in (
        ("all strengths ", -3, "right"),
        ("the two best", 3, "left"),
    ):
        axes[0].annotate(
            text,
            (epoch, 1.0),
            (side, 0),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            ha=align,
            va="top",
            fontsize="small",
            color=GREY,
        )


def _by_epoch(ax, curve, colour, pause=None, label=None):
    epochs = np.arange(1, len(curve) + 1)
    parts = [slice(None)] if pause is None else [slice(pause), slice(pause, None)]
    for part in parts:
        ax.plot(epochs[part], curve[part], "o-", ms=3, color=colour, label=label)
        label = None


class DregPathDisplay:
    """Loss and tail ratio out of fold, by the strength of DREG.

    Parameters
    ----------
    dreg_path : dict of ndarray of shape (n_candidates,)
        ``dreg_path_`` of an estimator.

    Attributes
    ----------
    ax_ : ndarray of shape (2,) of matplotlib Axes
        Axes of loss and tail ratio.
    figure_ : matplotlib Figure

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from cr_sklearn import ChainzRuleClassifier
    >>> from cr_sklearn.inspection import DregPathDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> model = ChainzRuleClassifier(random_state=0).fit(X, y)
    >>> display = DregPathDisplay.from_estimator(model)
    >>> display.ax_[0].get_xscale()
    'log'
    """

    def __init__(self, dreg_path):
        self.dreg_path = dreg_path

    @classmethod
    def from_estimator(cls, estimator, *, ax=None):
        """Draw the path of a fitted estimator.

        Parameters
        ----------
        estimator : ChainzRuleClassifier or ChainzRuleOrdinalRegressor
            Fitted with ``dreg_strength="auto"``.
        ax : matplotlib Axes or sequence of two, default=None
            None makes a new figure; one is divided.

        Returns
        -------
        DregPathDisplay

        Raises
        ------
        TypeError
            If the estimator is none of ours.
        ValueError
            If it was fitted without inner folds.
        """
        estimator = unwrap(estimator).estimator
        if not hasattr(estimator, "dreg_path_"):
            raise ValueError(
                "The estimator has no dreg_path_: it was fitted without inner folds. "
                'Fit it with dreg_strength="auto", and cv=2 or more if it has fewer '
                "than 15 rows."
            )
        return cls(estimator.dreg_path_).plot(ax)

    def plot(self, ax=None):
        """Draw the path.

        Parameters
        ----------
        ax : matplotlib Axes or sequence of two, default=None
            None makes a new figure; one is divided.

        Returns
        -------
        DregPathDisplay

        Raises
        ------
        ImportError
            Without matplotlib.
        ValueError
            If ax has another number of axes.
        """
        path = self.dreg_path
        axes = several_axes(ax, 2, self, size=(6.0, 5.0), nrows=2, sharex=True)
        share = path["weight"] / path["weight"].sum()
        for is_linear, label, colour in (
            (False, "networks with hidden layers", BLUE),
            (True, "linear networks", GREY),
        ):
            candidates = np.flatnonzero(path["linear"] == is_linear)
            if not len(candidates):
                continue
            strength = path["dreg_strength"][candidates]
            for one, name in zip(axes, ("log_loss", "tail_ratio"), strict=True):
                values = path[name][candidates]
                one.plot(strength, values, "-", color=colour, lw=1.2, label=label)
                one.scatter(strength, values, s=22, color=colour, zorder=3)
            for candidate in candidates[share[candidates] > 0]:
                axes[0].annotate(
                    f"weight {share[candidate]:.0%}",
                    (path["dreg_strength"][candidate], path["log_loss"][candidate]),
                    (0, 7),
                    textcoords="offset points",
                    ha="center",
                    fontsize="small",
                    color=colour,
                )
        axes[0].set_xscale("log")
        for one in axes:
            one.margins(x=0.08, y=0.2)
        axes[0].set_ylabel("Log-loss of rows held out")
        axes[0].legend(frameon=False)
        axes[1].set_ylabel(r"Tail ratio $\tau$")
        axes[1].set_xlabel(r"Strength $\lambda$ of DREG")
        self.ax_, self.figure_ = axes, axes[0].figure
        return self
