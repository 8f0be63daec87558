"""Axes to draw on, and colours that the displays share."""

import numpy as np
from sklearn.utils._optional_dependencies import check_matplotlib_support

# Distinct in print and for most colour-blind readers (Okabe and Ito).
PALETTE = ("#0072b2", "#c1272d", "#e69f00", "#009e73", "#56b4e9", "#cc79a7")
BLUE, RED = PALETTE[:2]
GREY, LIGHT_GREY = "#7f7f7f", "#d0d0d0"


def one_axes(ax, caller, size=(6.0, 4.0)):
    """Return the axes passed, or those of a new figure.

    Parameters
    ----------
    ax : Axes or None
    caller : object
        Named where matplotlib is missing.
    size : tuple of float
        Size of the new figure, in inches.

    Raises
    ------
    ImportError
        Without matplotlib.
    """
    check_matplotlib_support(f"{type(caller).__name__}.plot")
    if ax is None:
        import matplotlib.pyplot as plt

        _, ax = plt.subplots(figsize=size, layout="constrained")
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def several_axes(ax, n_axes, caller, size, **grid):
    """Make axes in a column or row, in a new figure or in the place of another.

    Parameters
    ----------
    ax : Axes, sequence of Axes or None
        A sequence is taken as it is.
    n_axes : int
    caller : object
    size : tuple of float
        Size of the new figure, in inches.
    **grid
        ``nrows`` and ``ncols``, ``sharex`` and the like.

    Returns
    -------
    ndarray of Axes of shape (n_axes,)

    Raises
    ------
    ImportError
        Without matplotlib.
    ValueError
        If another number of axes is given.
    """
    check_matplotlib_support(f"{type(caller).__name__}.plot")
    if ax is None:
        import matplotlib.pyplot as plt

        _, axes = plt.subplots(
            figsize=size, layout="constrained", squeeze=False, **grid
        )
    elif np.ndim(ax) == 0:
        # The new ones share the place of this one.
        ax.set_axis_off()
        place = ax.get_subplotspec()
        if place is None:
            raise ValueError(
                f"{type(caller).__name__} draws {n_axes} axes and can't divide an ax "
                f"that is in no grid. Give {n_axes} axes, or ax=None."
            )
        parts = place.subgridspec(
            grid.pop("nrows", 1),
            grid.pop("ncols", 1),
            height_ratios=grid.pop("height_ratios", None),
        )
        axes = parts.subplots(squeeze=False, **grid)
    else:
        axes = np.asarray(ax, dtype=object)
        if axes.size != n_axes:
            raise ValueError(
                f"{type(caller).__name__} draws {n_axes} axes, got {axes.size}."
            )
    axes = axes.ravel()
    for one in axes:
        one.spines[["top", "right"]].set_visible(False)
    return axes
