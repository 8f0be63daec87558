"""The latent of an ordinal model and its thresholds."""

import numpy as np

from cr_sklearn._unwrap import unwrap
from cr_sklearn.formulas import _numpy as xp
from cr_sklearn.heads._cumulative import class_probabilities
from cr_sklearn.inspection._plot._axes import GREY, several_axes

_N_BINS, _N_POINTS = 60, 401


class OrdinalDisplay:
    """Latents of the rows by class, and what each latent is taken for.

    Above, the distribution of the latent for the rows of each class; below, the
    probabilities of the classes at each latent. The dotted lines are the thresholds.

    Parameters
    ----------
    latent : ndarray of shape (n_samples,)
    y : ndarray of shape (n_samples,)
        Labels.
    thresholds : ndarray of shape (n_classes - 1,)
    categories : ndarray of shape (n_classes,)
        From lowest to highest.
    link : {"logit", "probit", "cloglog"}, default="logit"

    Attributes
    ----------
    ax_ : ndarray of shape (2,) of matplotlib Axes
        Axes of the rows and of the probabilities.
    figure_ : matplotlib Figure

    Examples
    --------
    >>> import numpy as np
    >>> from cr_sklearn import ChainzRuleOrdinalRegressor
    >>> from cr_sklearn.inspection import OrdinalDisplay
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 2))
    >>> y = np.digitize(X[:, 0] + rng.logistic(size=200), [-1.0, 1.0])
    >>> model = ChainzRuleOrdinalRegressor(random_state=0).fit(X, y)
    >>> display = OrdinalDisplay.from_estimator(model, X, y)
    >>> bool((display.thresholds == model.thresholds_).all())
    True
    """

    def __init__(self, latent, y, thresholds, categories, *, link="logit"):
        self.latent = latent
        self.y = y
        self.thresholds = thresholds
        self.categories = categories
        self.link = link

    @classmethod
    def from_estimator(cls, estimator, X, y, *, ax=None):
        """Predict the latent of rows, and draw them.

        Parameters
        ----------
        estimator : ChainzRuleOrdinalRegressor
            Fitted.
        X : array-like or dataframe of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            Their labels.
        ax : matplotlib Axes or sequence of two, default=None
            None makes a new figure; one is divided.

        Returns
        -------
        OrdinalDisplay

        Raises
        ------
        TypeError
            If the estimator has no latent.
        ValueError
            If y has another length than X or labels that the estimator does not know.
        """
        unwrapped = unwrap(estimator)
        estimator, X = unwrapped.estimator, unwrapped.transform(X)
        if not hasattr(estimator, "predict_latent"):
            raise TypeError(
                "estimator must be a ChainzRuleOrdinalRegressor, which has a latent, "
                f"got {estimator!r}."
            )
        return cls.from_predictions(
            y,
            estimator.predict_latent(X),
            thresholds=estimator.thresholds_,
            categories=estimator.categories_,
            link=estimator._head.link,
            ax=ax,
        )

    @classmethod
    def from_predictions(
        cls, y, latent, *, thresholds, categories, link="logit", ax=None
    ):
        """Draw latents that were predicted before.

        Parameters
        ----------
        y : array-like of shape (n_samples,)
            Labels of the rows.
        latent : array-like of shape (n_samples,)
            Their ``predict_latent``.
        thresholds : array-like of shape (n_classes - 1,)
            ``thresholds_`` of the estimator.
        categories : array-like of shape (n_classes,)
            ``categories_`` of the estimator.
        link : {"logit", "probit", "cloglog"}, default="logit"
        ax : matplotlib Axes or sequence of two, default=None

        Returns
        -------
        OrdinalDisplay

        Raises
        ------
        ValueError
            If lengths differ, or y has labels that are not among the categories.
        """
        y, latent = np.asarray(y), np.asarray(latent, dtype=float)
        thresholds, categories = np.asarray(thresholds), np.asarray(categories)
        if y.shape != latent.shape or y.ndim != 1:
            raise ValueError(
                "y and latent must have the same shape (n_samples,), got "
                f"{y.shape} and {latent.shape}."
            )
        if thresholds.shape != (len(categories) - 1,):
            raise ValueError(
                f"thresholds must have shape ({len(categories) - 1},) for "
                f"{len(categories)} categories, got {thresholds.shape}."
            )
        unknown = sorted(set(y.tolist()) - set(categories.tolist()))
        if unknown:
            raise ValueError(
                f"y contains {unknown}, which are not among the categories "
                f"{categories.tolist()}."
            )
        return cls(latent, y, thresholds, categories, link=link).plot(ax)

    def plot(self, ax=None):
        """Draw rows and probabilities.

        Parameters
        ----------
        ax : matplotlib Axes or sequence of two, default=None
            None makes a new figure; one is divided.

        Returns
        -------
        OrdinalDisplay

        Raises
        ------
        ImportError
            Without matplotlib.
        ValueError
            If ax has another number of axes.
        """
        n_classes = len(self.categories)
        axes = several_axes(
            ax,
            2,
            self,
            size=(6.5, 3.2 + 0.45 * n_classes),
            nrows=2,
            sharex=True,
            height_ratios=[0.45 * n_classes, 2.2],
        )
        import matplotlib as mpl

        # From lowest to highest in one range of colours.
        colours = mpl.colormaps["viridis"](np.linspace(0.0, 0.9, n_classes))
        low = min(self.latent.min(), self.thresholds[0])
        high = max(self.latent.max(), self.thresholds[-1])
        low, high = low - 0.05 * (high - low), high + 0.05 * (high - low)
        self._draw_rows(axes[0], np.linspace(low, high, _N_BINS + 1), colours)
        at = np.linspace(low, high, _N_POINTS)
        shares = class_probabilities(xp, self.link, at[:, None] - self.thresholds)
        for share, label, colour in zip(
            shares.T, self.categories, colours, strict=True
        ):
            axes[1].plot(at, share, color=colour, lw=1.8)
            peak = share.argmax()
            axes[1].annotate(
                str(label),
                (at[peak], share[peak]),
                (0, 3),
                textcoords="offset points",
                ha="center",
                fontsize="small",
                color=colour,
            )
        axes[1].set_ylim(0.0, 1.1)
        axes[1].set_ylabel("Probability")
        axes[1].set_xlabel("Latent (dotted: thresholds between the classes)")
        for one in axes:
            for threshold in self.thresholds:
                one.axvline(threshold, color=GREY, lw=1.0, ls=":", zorder=0)
        self.ax_, self.figure_ = axes, axes[0].figure
        return self

    def _draw_rows(self, ax, edges, colours):
        """Draw a histogram for each class, the highest on top, all of one height."""
        for position, (label, colour) in enumerate(
            zip(self.categories, colours, strict=True)
        ):
            counts, _ = np.histogram(self.latent[self.y == label], edges)
            heights = 0.85 * counts / max(counts.max(), 1)
            ax.stairs(
                position + heights, edges, baseline=position, fill=True, color=colour
            )
        ax.set_yticks(
            np.arange(len(self.categories)) + 0.3,
            [f"{label} ({(self.y == label).sum()})" for label in self.categories],
        )
        ax.tick_params(axis="y", length=0)
        ax.set_ylim(0.0, len(self.categories))
        ax.set_ylabel("True class (rows)")
