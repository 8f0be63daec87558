"""Display of the sensitivity to all columns together, and of its tail."""

import numpy as np

from cr_sklearn._unwrap import unwrap
from cr_sklearn.inference._tail_ratio import tail_ratio
from cr_sklearn.inspection._plot._axes import PALETTE, one_axes


class TailRatioDisplay:
    r"""Distribution of sensitivities, with mean, 99 % quantile and their ratio tau.

    Drawn twice on one ax, it compares two sets of rows.

    Parameters
    ----------
    sensitivity : ndarray of shape (n_samples,)
        From ``estimator.sensitivity``.
    name : str, default=None
        Name of these rows, for the legend.

    Attributes
    ----------
    tail_ratio : float
        :math:`\tau`, the 99 % quantile by the mean.
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from cr_sklearn import ChainzRuleClassifier
    >>> from cr_sklearn.inspection import TailRatioDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> model = ChainzRuleClassifier(random_state=0).fit(X, y)
    >>> display = TailRatioDisplay.from_estimator(model, X, name="training")
    >>> display.tail_ratio == model.tail_ratio(X)
    True
    """

    def __init__(self, sensitivity, *, name=None):
        self.sensitivity = sensitivity
        self.name = name
        self.tail_ratio = tail_ratio(sensitivity)

    @classmethod
    def from_estimator(cls, estimator, X, *, name=None, ax=None):
        """Measure the sensitivities of rows, and draw them.

        Parameters
        ----------
        estimator : ChainzRuleClassifier or ChainzRuleOrdinalRegressor
            Fitted.
        X : array-like or dataframe of shape (n_samples, n_features)
        name : str, default=None
        ax : matplotlib Axes, default=None

        Returns
        -------
        TailRatioDisplay

        Raises
        ------
        TypeError
            If the estimator is none of ours.
        """
        unwrapped = unwrap(estimator)
        estimator, X = unwrapped.estimator, unwrapped.transform(X)
        return cls.from_predictions(estimator.sensitivity(X), name=name, ax=ax)

    @classmethod
    def from_predictions(cls, sensitivity, *, name=None, ax=None):
        """Draw sensitivities that ``predict_proba`` returned with the probabilities.

        Parameters
        ----------
        sensitivity : array-like of shape (n_samples,)
        name : str, default=None
        ax : matplotlib Axes, default=None

        Returns
        -------
        TailRatioDisplay

        Raises
        ------
        ValueError
            If they are no finite numbers >= 0 of one dimension.
        """
        sensitivity = np.asarray(sensitivity, dtype=float)
        if sensitivity.ndim != 1 or not sensitivity.size:
            raise ValueError(
                "sensitivity must have shape (n_samples,) with at least one sample, "
                f"got {sensitivity.shape}."
            )
        wrong = ~(np.isfinite(sensitivity) & (sensitivity >= 0.0))
        if wrong.any():
            raise ValueError(
                "sensitivity must hold finite norms >= 0, got "
                f"{sensitivity[wrong.argmax()]:g} in row {wrong.argmax()}."
            )
        return cls(sensitivity, name=name).plot(ax)

    def plot(self, ax=None):
        """Draw the distribution.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            None makes a new figure.

        Returns
        -------
        TailRatioDisplay

        Raises
        ------
        ImportError
            Without matplotlib.
        """
        ax = one_axes(ax, self)
        _, earlier = ax.get_legend_handles_labels()
        colour = PALETTE[len(earlier) % len(PALETTE)]
        mean, tail = self.sensitivity.mean(), np.quantile(self.sensitivity, 0.99)
        name = "" if self.name is None else f"{self.name}: "
        ax.hist(
            self.sensitivity,
            bins=30,
            density=True,
            histtype="stepfilled",
            color=colour,
            alpha=0.3,
            label=(
                f"{name}mean {mean:.2f} (solid), 99 % quantile {tail:.2f} (dashed), "
                f"$\\tau$ = {self.tail_ratio:.2f}"
            ),
        )
        ax.axvline(mean, color=colour, lw=1.4)
        ax.axvline(tail, color=colour, lw=1.4, ls="--")
        ax.set_xlim(left=0.0)
        ax.set_xlabel("Sensitivity of the output per standard deviation, all columns")
        ax.set_ylabel("Density of rows")
        # Above the axes, where it hides nothing.
        ax.legend(frameon=False, loc="lower left", bbox_to_anchor=(0.0, 1.0))
        self.ax_, self.figure_ = ax, ax.figure
        return self
