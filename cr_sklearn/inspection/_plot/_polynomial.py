"""The activations that a network has learned."""

from typing import NamedTuple

import numpy as np

from cr_sklearn._unwrap import unwrap
from cr_sklearn.formulas import _numpy as xp
from cr_sklearn.inspection._layers import hidden_layers, members_of
from cr_sklearn.inspection._plot._axes import (
    GREY,
    LIGHT_GREY,
    PALETTE,
    several_axes,
)

# Curves go from this quantile of what reached the unit to the opposite one.
_OUTER = 0.01
_N_POINTS = 101


class UnitCurves(NamedTuple):
    """Learned activations of the units of a hidden layer.

    Attributes
    ----------
    z, value : ndarray of shape (n_units, n_points)
        Inputs of the unit, over the range of the data, and what it makes of them: both
        from the median input on.
    effect : ndarray of shape (n_units,)
        How far the unit moves the output: the mean norm of the output's derivative by
        it, times its standard deviation over the rows.
    """

    z: np.ndarray
    value: np.ndarray
    effect: np.ndarray


class PolynomialDisplay:
    """The learned activations, over the range of the data that reached them.

    Each curve is a unit and ends where the 1 % of rows with the lowest and the highest
    inputs begin. A unit that is straight there is linear for these rows.

    Parameters
    ----------
    layers : list of UnitCurves
        Units of each hidden layer, of all networks with hidden layers.

    Attributes
    ----------
    ax_ : ndarray of matplotlib Axes
        One for each hidden layer.
    figure_ : matplotlib Figure

    See Also
    --------
    layer_sensitivity : Jacobian norms of the layers.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from cr_sklearn import ChainzRuleClassifier
    >>> from cr_sklearn.inspection import PolynomialDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> model = ChainzRuleClassifier(dreg_strength=0.01, random_state=0).fit(X, y)
    >>> display = PolynomialDisplay.from_estimator(model, X)
    >>> len(display.ax_)  # hidden layers
    2
    """

    def __init__(self, layers):
        self.layers = layers

    @classmethod
    def from_estimator(cls, estimator, X, *, n_units=6, ax=None):
        """Pass rows through the networks, and draw what their units do.

        Parameters
        ----------
        estimator : ChainzRuleClassifier or ChainzRuleOrdinalRegressor
            Fitted.
        X : array-like or dataframe of shape (n_samples, n_features)
        n_units, ax
            See :meth:`plot`.

        Returns
        -------
        PolynomialDisplay

        Raises
        ------
        TypeError
            If the estimator is none of ours.
        ValueError
            If it has no hidden layer that reaches the output.
        """
        unwrapped = unwrap(estimator)
        estimator, X = unwrapped.estimator, unwrapped.transform(X)
        return cls(_unit_curves(estimator, X)).plot(ax, n_units=n_units)

    def plot(self, ax=None, *, n_units=6):
        """Draw a panel for each hidden layer.

        Parameters
        ----------
        ax : matplotlib Axes or sequence of them, default=None
            None makes a new figure; one is divided.
        n_units : int, default=6
            Units of each layer in colour: those that move the output furthest.

        Returns
        -------
        PolynomialDisplay

        Raises
        ------
        ImportError
            Without matplotlib.
        ValueError
            If ax has another number of axes.
        """
        n_layers = len(self.layers)
        axes = several_axes(
            ax, n_layers, self, size=(4.5 * n_layers, 4.0), ncols=n_layers
        )
        for number, (one, layer) in enumerate(zip(axes, self.layers, strict=True), 1):
            order = np.argsort(-layer.effect, kind="stable")
            most, others = order[:n_units], order[n_units:]
            one.plot(layer.z[others].T, layer.value[others].T, color=LIGHT_GREY, lw=0.5)
            for position, unit in enumerate(most):
                colour = PALETTE[position % len(PALETTE)]
                one.plot(layer.z[unit], layer.value[unit], color=colour, lw=2.0)
            one.axline((0.0, 0.0), slope=1.0, color=GREY, lw=1.0, ls=":")
            share = layer.effect[most].sum() / layer.effect.sum()
            one.set_title(
                f"Hidden layer {number}\nin colour: {len(most)} of {len(order)} units, "
                f"{share:.0%} of the effect",
                fontsize="medium",
            )
            one.set_xlabel("Input of the unit, from its median on")
        axes[0].set_ylabel("Change of its output (dotted: unchanged)")
        self.ax_, self.figure_ = axes, axes[0].figure
        return self


def _unit_curves(estimator, X):
    heads = estimator.coefs_[-1] if estimator.coefs_ else np.zeros((0, 1))
    deep = np.flatnonzero(heads.any(axis=tuple(range(1, heads.ndim))))
    if not len(deep):
        raise ValueError(
            "The estimator has no hidden layer that reaches the output: all of its "
            "networks are linear."
        )
    members = [members_of(estimator)[position] for position in deep]
    [encoded] = estimator._by_batch(
        X, lambda encoded, standardised: (encoded,), with_jacobian=False
    )
    by_member = [_member_curves(member, encoded) for member in members]
    return [
        UnitCurves(*map(np.concatenate, zip(*parts, strict=True)))
        for parts in zip(*by_member, strict=True)
    ]


def _member_curves(member, encoded):
    layers = list(hidden_layers(member, encoded))
    gradients = member.member_weights[0] * member.coefs[-1][0].T
    gradients = np.broadcast_to(gradients, (len(encoded), *gradients.shape))
    curves = []
    for layer, activation in zip(
        reversed(layers), reversed(member.activation_functions()), strict=True
    ):
        norms = np.sqrt(np.einsum("nki,nki->ni", gradients, gradients))
        low, high = np.quantile(layer.pre_activations, [_OUTER, 1.0 - _OUTER], axis=0)
        z = np.linspace(low, high, _N_POINTS)
        middle = np.median(layer.pre_activations, axis=0)
        value = activation(xp, z, 0)[0] - activation(xp, middle, 0)[0]
        curves.append(
            UnitCurves(
                (z - middle).T,
                value.T,
                norms.mean(axis=0) * layer.activations.std(axis=0),
            )
        )
        gradients = (gradients * layer.slopes[:, None]) @ layer.coefs.T
    return curves[::-1]
