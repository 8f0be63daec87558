"""The function of an ensemble in NumPy: outputs and exact Jacobians."""

from typing import NamedTuple

import numpy as np

from cr_sklearn.formulas import _numpy as xp

# So many numbers stay in cache from one operation to the next.
_IN_CACHE = 2**16


class LinearParts(NamedTuple):
    """Sums of what is linear in a network's members, by their weights.

    Attributes
    ----------
    linear : ndarray of shape (n_inputs, n_outputs)
    intercept : ndarray of shape (n_outputs,) or, with thresholds, (K - 1,)
    head : ndarray of shape (units, n_outputs) or None
        From the last hidden layer; None for a linear function.
    """

    linear: np.ndarray
    intercept: np.ndarray
    head: np.ndarray | None

    def read_out(self, x, h):
        """Return outputs for the inputs and the last hidden units."""
        outputs = x @ self.linear + self.intercept
        if self.head is not None:
            outputs += h @ self.head
        return outputs


class EnsembleFunction:
    r"""The weighted sum of a network's members, as one function.

    .. math:: f(x) = A^T x + c + \sum_m w_m V_m^T h_m(x)

    The linear maps of all members are one matrix :math:`A`, their last biases one
    vector :math:`c`. Members whose hidden units do not reach the output, such as linear
    ones after deep ones, have no part in the sum over m. The others stand side by side:
    their units are the columns of one matrix, and a product with the first or the last
    weights is one for all of them.

    Attributes
    ----------
    members : FittedNetwork
        The networks whose sum it is: views of the arrays that predict, so that a change
        of them changes the predictions.
    n_inputs, n_outputs : int
    coefs : list of ndarray
        Weights of hidden layers: (n_inputs, units), (members, n_in, n_out); empty for
        a linear function.
    intercepts : list of ndarray of shape (units,)
    activations : list
        Callables ``(xp, z, n_derivatives) -> tuple``.
    """

    def __init__(self, members):
        coefs = [np.array(coef, order="C") for coef in members.coefs]
        if coefs:
            coefs[0] = _interleaved(coefs[0])
        self.members = members._replace(
            coefs=coefs,
            intercepts=[np.array(bias, order="C") for bias in members.intercepts],
            skip_coef=np.array(members.skip_coef, order="C"),
            polynomial_coefs=[
                _interleaved(coefs) for coefs in members.polynomial_coefs
            ],
            member_weights=np.array(members.member_weights),
        )
        self.n_inputs, self.n_outputs = members.skip_coef.shape[1:]
        self._n_deep = 0
        if coefs:
            reached = np.flatnonzero(coefs[-1].any(axis=(1, 2)))
            self._n_deep = int(reached[-1]) + 1 if reached.size else 0
        self._line_up()

    def _line_up(self):
        """Make views of the deep members, side by side."""
        self.coefs, self.intercepts, self.activations = [], [], []
        if not self._n_deep:
            return
        deep = slice(self._n_deep)
        members = self.members
        first, *others = members.coefs[:-1]
        self.coefs = [side_by_side(first[deep]), *(coef[deep] for coef in others)]
        self.intercepts = [bias[deep].reshape(-1) for bias in members.intercepts[:-1]]
        self.activations = members._replace(
            polynomial_coefs=[coefs[deep] for coefs in members.polynomial_coefs]
        ).activation_functions()

    def linear_parts(self):
        """Sum up what is linear in the members."""
        members, n_deep = self.members, self._n_deep
        weights, head = members.member_weights, None
        if members.coefs:
            last = members.coefs[-1]
            if last[n_deep:].any():  # set by the user
                self._n_deep = n_deep = len(last)
                self._line_up()
            if n_deep:
                head = weights[:n_deep, None, None] * last[:n_deep]
                head = head.reshape(-1, self.n_outputs)
        skip = members.skip_coef
        linear = weights @ skip.reshape(len(skip), -1)
        return LinearParts(
            linear.reshape(skip.shape[1:]), weights @ members.intercepts[-1], head
        )

    def outputs(self, x):
        """Return the value of the function.

        Parameters
        ----------
        x : ndarray of shape (n, n_inputs)

        Returns
        -------
        ndarray of shape (n, n_outputs)
        """
        parts = self.linear_parts()
        h, _ = self._hidden(x, with_slopes=False)
        return parts.read_out(x, h)

    def outputs_and_jacobian(self, x):
        """Return the value and the exact Jacobian, in reverse mode.

        Parameters
        ----------
        x : ndarray of shape (n, n_inputs)

        Returns
        -------
        outputs : ndarray of shape (n, n_outputs)
        jacobian : ndarray of shape (n, n_outputs, n_inputs)
        """
        parts = self.linear_parts()
        h, slopes = self._hidden(x, with_slopes=True)
        if slopes:
            jacobian = self._walk_back(parts.head, slopes)
        else:
            jacobian = np.zeros((len(x), self.n_outputs, self.n_inputs))
        jacobian += parts.linear.T
        return parts.read_out(x, h), jacobian

    def outputs_and_tangents(self, x, tangents):
        """Return the value and the Jacobian times tangents, in forward mode.

        Parameters
        ----------
        x : ndarray of shape (n, n_inputs)
        tangents : ndarray of shape (n, n_tangents, n_inputs)

        Returns
        -------
        outputs : ndarray of shape (n, n_outputs)
        tangents : ndarray of shape (n, n_outputs, n_tangents)
            Tangents of the outputs.
        """
        parts = self.linear_parts()
        h, slopes = self._hidden(x, with_slopes=True)
        n, n_tangents = tangents.shape[:2]
        carried = tangents.reshape(n * n_tangents, self.n_inputs)
        of_outputs = carried @ parts.linear
        for coefs, slope in zip(self.coefs, slopes, strict=True):
            carried = _times(carried, coefs)
            by_row = carried.reshape(n, n_tangents, carried.shape[1])
            by_row *= slope[:, None]
        if slopes:
            of_outputs += carried @ parts.head
        of_outputs = of_outputs.reshape(n, n_tangents, self.n_outputs)
        return parts.read_out(x, h), of_outputs.swapaxes(1, 2)

    def is_forward_cheaper(self, n_tangents):
        """Compare the multiplications of both modes in matrix products.

        Parameters
        ----------
        n_tangents : int
            Directions by which the derivative is wanted.
        """
        if not self.coefs:
            return False
        inner = sum(coefs.size for coefs in self.coefs)
        reverse = self.n_outputs * inner
        n_units = len(self.intercepts[-1])
        forward = n_tangents * (inner + n_units * self.n_outputs)
        return forward < reverse

    def rows_at_once(self, n_tangents=None):
        """Return how many rows at a time stay in cache with what is computed from them.

        Parameters
        ----------
        n_tangents : int or None, default=None
            Directions by which the derivative is wanted, in the cheaper mode. None if
            it is not.
        """
        per_row = max((len(intercept) for intercept in self.intercepts), default=1)
        if n_tangents is not None:
            is_forward = self.is_forward_cheaper(n_tangents)
            copies = n_tangents if is_forward else self.n_outputs
            per_row = copies * max(per_row, self.n_inputs)
        return max(1, _IN_CACHE // max(per_row, 1))

    def _hidden(self, x, with_slopes):
        """Return the last hidden units, (n, units), and slopes of all hidden layers."""
        h, slopes = x, []
        for coefs, intercept, activation in zip(
            self.coefs, self.intercepts, self.activations, strict=True
        ):
            z = _times(h, coefs)
            z += intercept
            h, *slope = activation(xp, z, int(with_slopes))
            slopes += slope
        return h, slopes

    def _walk_back(self, head, slopes):
        """Return the Jacobian of the hidden layers' part, from the outputs back."""
        n, n_outputs = len(slopes[0]), self.n_outputs
        rows = head.T * slopes[-1][:, None]
        for coefs, slope in zip(self.coefs[:0:-1], slopes[-2::-1], strict=True):
            rows = _times(rows.reshape(n * n_outputs, -1), coefs.swapaxes(1, 2))
            rows = rows.reshape(n, n_outputs, -1)
            rows *= slope[:, None]
        rows = rows.reshape(n * n_outputs, -1) @ self.coefs[0].T
        return rows.reshape(n, n_outputs, self.n_inputs)


def _interleaved(coefs):
    """Copy of (members, n, units), in memory (n, members, units)."""
    return np.array(coefs.swapaxes(0, 1), order="C").swapaxes(0, 1)


def side_by_side(coefs):
    """View (members, n, units) as (n, members * units), if interleaved in memory."""
    return coefs.swapaxes(0, 1).reshape(coefs.shape[1], -1)


def _times(h, coefs):
    """Multiply the units of all members by one matrix or by each member's.

    Parameters
    ----------
    h : ndarray of shape (n, n_in) or (n, members * n_in)
    coefs : ndarray of shape (n_in, units) or (members, n_in, n_out)
    """
    if coefs.ndim == 2:
        return h @ coefs
    members, n_in, n_out = coefs.shape
    result = np.empty((len(h), members * n_out))
    np.matmul(
        h.reshape(len(h), members, n_in).swapaxes(0, 1),
        coefs,
        out=result.reshape(len(h), members, n_out).swapaxes(0, 1),
    )
    return result
