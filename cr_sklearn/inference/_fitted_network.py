"""Weights of trained networks in NumPy."""

from functools import partial
from typing import NamedTuple

import numpy as np

from cr_sklearn.formulas._activations import FIXED_ACTIVATIONS, polynomial
from cr_sklearn.inference._ensemble import EnsembleFunction, side_by_side


class FittedNetwork(NamedTuple):
    """Weights of a trained :class:`~cr_sklearn.nn.ChainzRuleNetwork`.

    Attributes
    ----------
    coefs : list of ndarray of shape (members, n_in, n_out)
        Weights of each layer, the output's last; empty for a linear model.
    intercepts : list of ndarray of shape (members, n_out)
        With thresholds the last is (members, K - 1), and so are then the outputs.
    skip_coef : ndarray of shape (members, n_features, n_outputs)
        Direct linear map from input to output.
    polynomial_coefs : list of ndarray of shape (members, degree, n_units)
        Coefficients of each hidden layer; empty for other activations.
    activation : str
    member_weights : ndarray of shape (members,)
        Weights of the members in the sum that is the ensemble's output.
    """

    coefs: list
    intercepts: list
    skip_coef: np.ndarray
    polynomial_coefs: list
    activation: str
    member_weights: np.ndarray

    def take(self, members):
        """Return a part of the members, with weights as they are."""
        return FittedNetwork(
            [coef[members] for coef in self.coefs],
            [intercept[members] for intercept in self.intercepts],
            self.skip_coef[members],
            [coefs[members] for coefs in self.polynomial_coefs],
            self.activation,
            self.member_weights[members],
        )

    def activation_functions(self):
        """Return the activation of each hidden layer.

        Returns
        -------
        list of callable
            ``(xp, z, n_derivatives) -> tuple``, as in
            :mod:`cr_sklearn.formulas._activations`. The last axis of z is the units of
            all members side by side.
        """
        if self.activation == "polynomial":
            return [
                partial(polynomial, coefficients=list(side_by_side(c)))
                for c in self.polynomial_coefs
            ]
        return [FIXED_ACTIVATIONS[self.activation]] * max(0, len(self.coefs) - 1)

    @classmethod
    def merge(cls, parts, positions, member_weights):
        """Bring the members of several networks into one.

        Parameters
        ----------
        parts : list of FittedNetwork
            The last has the shape of the result. Others may be linear: they get the
            same hidden layers with zeros, where no gradient will reach them.
        positions : list of ndarray of int
            Places of each part's members in the result.
        member_weights : ndarray of shape (members,)
        """
        *others, last = parts
        shaped = [*(part._with_layers_of(last) for part in others), last]

        def joined(name):
            lists = zip(*(getattr(part, name) for part in shaped), strict=True)
            return [np.concatenate(arrays) for arrays in lists]

        network = cls(
            joined("coefs"),
            joined("intercepts"),
            np.concatenate([part.skip_coef for part in shaped]),
            joined("polynomial_coefs"),
            last.activation,
            np.concatenate([part.member_weights for part in shaped]),
        )
        network = network.take(np.argsort(np.concatenate(positions)))
        return network._replace(member_weights=member_weights)

    def _with_layers_of(self, other):
        if self.coefs:
            return self

        def zeros(arrays):
            return [
                np.zeros((len(self.skip_coef), *array.shape[1:])) for array in arrays
            ]

        return self._replace(
            coefs=zeros(other.coefs),
            intercepts=[*zeros(other.intercepts[:-1]), self.intercepts[-1]],
            polynomial_coefs=zeros(other.polynomial_coefs),
        )

    def function(self):
        """Return the function of the network, ready to be evaluated."""
        return EnsembleFunction(self)
