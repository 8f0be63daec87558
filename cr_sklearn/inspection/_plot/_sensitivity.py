"""Display of the sensitivity to each column."""

import numpy as np

from cr_sklearn._unwrap import unwrap
from cr_sklearn.inspection._plot._axes import BLUE, GREY, RED, one_axes
from cr_sklearn.inspection._sensitivity import input_sensitivity

# A swarm of more points is a blot.
_MAX_SWARM_ROWS = 1000
# Places along the axis in which points of a swarm stand above each other.
_SWARM_BINS = 80
# Squashed shares from this on are written beside the bar.
_NOTED_SHARE = 0.01


class SensitivityDisplay:
    """Sensitivity of predictions to each column, globally or row by row.

    Create it with :meth:`from_estimator`, or from a result of
    :func:`input_sensitivity`.

    Parameters
    ----------
    result : :class:`~sklearn.utils.Bunch`
        From :func:`input_sensitivity`.
    response_name : str, default="output"
        Name of what changes, for the axis.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure

    See Also
    --------
    input_sensitivity : What is drawn.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from cr_sklearn import ChainzRuleClassifier
    >>> from cr_sklearn.inspection import SensitivityDisplay
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> model = ChainzRuleClassifier(random_state=0).fit(X, y == 2)
    >>> display = SensitivityDisplay.from_estimator(model, X, kind="swarm")
    >>> display.ax_.get_yticklabels()[0].get_text()
    'petal length (cm)'
    """

    def __init__(self, result, *, response_name="output"):
        self.result = result
        self.response_name = response_name

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        *,
        response_method="auto",
        reference=None,
        kind="bar",
        max_features=15,
        ax=None,
    ):
        """Measure, and draw.

        Parameters
        ----------
        estimator, X, response_method, reference
            See :func:`input_sensitivity`.
        kind, max_features, ax
            See :meth:`plot`.

        Returns
        -------
        SensitivityDisplay
        """
        result = input_sensitivity(
            estimator, X, response_method=response_method, reference=reference
        )
        head = unwrap(estimator).estimator._head
        return cls(result, response_name=head.response_name(response_method)).plot(
            ax, kind=kind, max_features=max_features
        )

    def plot(self, ax=None, *, kind="bar", max_features=15):
        """Draw the columns, the one that matters most on top.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            None makes a new figure.
        kind : {"bar", "swarm"}, default="bar"
            Means over the rows, or a point for each of at most 1000 rows. Points tell
            by their colour whether a higher value raises or lowers the output.
        max_features : int, default=15
            Columns drawn, at most.

        Returns
        -------
        SensitivityDisplay

        Raises
        ------
        ValueError
            If kind is neither.
        ImportError
            Without matplotlib.
        """
        if kind not in ("bar", "swarm"):
            raise ValueError(f"kind must be 'bar' or 'swarm', got {kind!r}.")
        result = self.result
        # NaN counts as least.
        means = np.nan_to_num(result.per_deviation_mean)
        shown = np.argsort(-means, kind="stable")[:max_features]
        ax = one_axes(ax, self, size=(6.5, 1.2 + 0.32 * len(shown)))
        draw = self._draw_bars if kind == "bar" else self._draw_swarm
        draw(ax, shown)
        ax.set_yticks(range(len(shown)), result.feature_names[shown].astype(str))
        ax.set_ylim(len(shown) - 0.4, -0.6)
        ax.set_xlim(left=0.0)
        change = "Mean change" if kind == "bar" else "Change"
        ax.set_xlabel(f"{change} of the {self.response_name} per standard deviation")
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _draw_bars(self, ax, shown):
        result = self.result
        kinds = result.is_switched[shown]
        means = np.nan_to_num(result.per_deviation_mean[shown])
        places = np.arange(len(shown))
        for is_switched, colour, label in (
            (False, BLUE, "numeric column: exact derivative"),
            (True, GREY, "category or two values: switched"),
        ):
            of_kind = kinds == is_switched
            if of_kind.any():
                ax.barh(places[of_kind], means[of_kind], color=colour, label=label)
        for place, feature in enumerate(shown):
            share = result.squashed[feature]
            if share >= _NOTED_SHARE:
                ax.annotate(
                    f"{share:.0%} of rows squashed",
                    (means[place], place),
                    (4, 0),
                    textcoords="offset points",
                    va="center",
                    fontsize="small",
                    color=GREY,
                )
        if kinds.any():
            ax.legend(frameon=False, loc="lower right")

    def _draw_swarm(self, ax, shown):
        result = self.result
        n_rows = len(result.per_deviation)
        rows = np.arange(0, n_rows, -(-n_rows // _MAX_SWARM_ROWS))
        values = result.per_deviation[np.ix_(rows, shown)]
        # Kinds of points, by their position in the list below.
        kinds = np.full(values.shape, 3)
        if result.jacobian.shape[1] == 1:
            kinds = np.where(result.jacobian[rows][:, 0, shown] < 0, 1, 0)
        is_category = np.isnan(result.jacobian[..., shown]).all(axis=(0, 1))
        kinds[:, result.is_switched[shown] & is_category] = 2
        heights = np.arange(len(shown)) + np.column_stack(
            [_swarm_offsets(column) for column in values.T]
        )
        for kind, (label, colour) in enumerate(
            [
                ("a higher value raises it", RED),
                ("a higher value lowers it", BLUE),
                ("a category, switched", GREY),
                (None, GREY),
            ]
        ):
            drawn = (kinds == kind) & ~np.isnan(values)
            if drawn.any():
                ax.scatter(
                    values[drawn],
                    heights[drawn],
                    s=7,
                    lw=0,
                    alpha=0.7,
                    color=colour,
                    label=label,
                )
        if (kinds < 3).any():
            ax.legend(frameon=False, loc="lower right", markerscale=2.0)


def _swarm_offsets(values):
    """Return heights within (-0.4, 0.4) that keep points of similar values apart."""
    present = np.flatnonzero(~np.isnan(values))
    offsets = np.zeros(len(values))
    if not len(present):
        return offsets
    top = max(values[present].max(), np.finfo(float).tiny)
    bins = np.minimum(
        (values[present] / top * _SWARM_BINS).astype(int), _SWARM_BINS - 1
    )
    order = np.argsort(bins, kind="stable")
    counts = np.bincount(bins, minlength=_SWARM_BINS)
    rank = np.empty(len(present))
    rank[order] = np.arange(len(present)) - np.repeat(
        np.cumsum(counts) - counts, counts
    )
    # To both sides in turn: 0, 1, -1, 2, -2, ...
    side = np.where(rank % 2 == 1, 1.0, -1.0) * np.ceil(rank / 2)
    offsets[present] = 0.8 * side / max(counts.max(), 12)
    return offsets
