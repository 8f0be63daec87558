"""Fitted networks in NumPy: outputs and exact Jacobians without torch."""

from typing import NamedTuple

import numpy as np
from scipy.special import erf, expit

# Rows are processed in chunks of about this many activations, to stay in cache.
_CHUNK = 2**18


class FittedNetwork(NamedTuple):
    """Weights of a trained :class:`~cr_sklearn.nn.PackedNetwork`.

    Attributes
    ----------
    coefs : list of ndarray of shape (members, n_in, n_out)
        Of each layer, the output's last; empty for a linear model.
    intercepts : list of ndarray of shape (members, n_out)
        With thresholds the last is (members, K - 1), and so are then the outputs.
    skip_coef : ndarray of shape (members, n_features, n_outputs)
        Direct linear map from input to output.
    polynomial_coefs : list of ndarray of shape (members, degree, n_units)
        Of each hidden layer; empty for other activations.
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
        """Return a part of the members, with weights as they are.

        Parameters
        ----------
        members : ndarray of int
        """
        return FittedNetwork(
            [coef[members] for coef in self.coefs],
            [intercept[members] for intercept in self.intercepts],
            self.skip_coef[members],
            [coefs[members] for coefs in self.polynomial_coefs],
            self.activation,
            self.member_weights[members],
        )

    @classmethod
    def merge(cls, parts, positions, member_weights):
        """Bring the members of several networks into one.

        Parameters
        ----------
        parts : list of FittedNetwork
            The last has the shape of the result. Others may be linear: they get the
            same hidden layers with zeros, where no gradient will reach them.
        positions : list of ndarray of int
            Of each part's members in the result.
        member_weights : ndarray of shape (members,)
        """
        *others, last = parts
        shaped = [*(part._with_layers_like(last) for part in others), last]

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

    def _with_layers_like(self, other):
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

    def outputs(self, x):
        """Weighted sum of the members' outputs.

        Parameters
        ----------
        x : ndarray of shape (n, n_features)

        Returns
        -------
        ndarray of shape (n, n_outputs)
        """
        return np.concatenate([self._outputs_chunk(c) for c in self._chunks(x, 1)])

    def jacobian(self, x):
        """Exact Jacobian of :meth:`outputs`, in reverse mode.

        Returns
        -------
        ndarray of shape (n, n_outputs, n_features)
        """
        n_outputs = self.skip_coef.shape[2]
        parts = [self._jacobian_chunk(chunk) for chunk in self._chunks(x, n_outputs)]
        return np.concatenate(parts)

    def _chunks(self, x, copies):
        width = max(weights.shape[2] for weights in [*self.coefs, self.skip_coef])
        per_row = copies * len(self.skip_coef) * max(width, x.shape[1])
        n_chunks = max(1, -(-len(x) * per_row // _CHUNK))
        return np.array_split(x, min(n_chunks, len(x)))

    def _outputs_chunk(self, x):
        h = x
        for layer in range(len(self.coefs) - 1):
            h, _ = self._activate(layer, h @ self.coefs[layer] + self._bias(layer))
        outputs = x @ self._linear() + self.member_weights @ self.intercepts[-1]
        if self.coefs:
            outputs += self._over_members(h[:, :, None], self.coefs[-1])[:, 0]
        return outputs

    def _jacobian_chunk(self, x):
        linear = self._linear().T
        if not self.coefs:
            return np.broadcast_to(linear, (len(x), *linear.shape)).copy()
        h, slopes = x, []
        for layer in range(len(self.coefs) - 1):
            z = h @ self.coefs[layer] + self._bias(layer)
            h, slope = self._activate(layer, z, with_slope=True)
            slopes.append(slope)
        # (members, n, n_outputs, n_L): rows of the Jacobian, walked back to the input.
        rows = self.coefs[-1].swapaxes(1, 2)[:, None] * slopes[-1][:, :, None]
        for layer in range(len(slopes) - 1, 0, -1):
            rows = rows @ self.coefs[layer].swapaxes(1, 2)[:, None]
            rows = rows * slopes[layer - 1][:, :, None]
        return self._over_members(rows, self.coefs[0].swapaxes(1, 2)) + linear

    def _linear(self):
        """Weighted sum of the members' linear maps, (n_features, n_outputs)."""
        return np.tensordot(self.member_weights, self.skip_coef, 1)

    def _over_members(self, rows, maps):
        """Weighted sum of ``rows[m] @ maps[m]``, as one matrix product.

        Parameters
        ----------
        rows : ndarray of shape (members, n, k, n_in)
        maps : ndarray of shape (members, n_in, n_out)

        Returns
        -------
        ndarray of shape (n, k, n_out)
        """
        members, n, k, n_in = rows.shape
        weighted = rows * self.member_weights[:, None, None, None]
        stacked = weighted.transpose(1, 2, 0, 3).reshape(n * k, members * n_in)
        return (stacked @ maps.reshape(members * n_in, -1)).reshape(n, k, -1)

    def _bias(self, layer):
        return self.intercepts[layer][:, None]

    def _activate(self, layer, z, with_slope=False):
        if self.activation == "polynomial":
            return _polynomial(self.polynomial_coefs[layer], z, with_slope)
        return _FIXED[self.activation](z, with_slope)


def tail_ratio(sensitivity):
    """99 % quantile by mean; NaN if all sensitivities are zero."""
    mean = sensitivity.mean()
    return float(np.quantile(sensitivity, 0.99) / mean) if mean > 0 else np.nan


def _polynomial(coefs, z, with_slope):
    a = coefs[:, :, None]
    quotient, quotient_slope = a[:, -1], 0.0
    for k in range(coefs.shape[1] - 2, -1, -1):
        if with_slope:
            quotient_slope = quotient_slope * z + quotient
        quotient = quotient * z + a[:, k]
    slope = quotient + quotient_slope * z if with_slope else None
    return quotient * z, slope


def _relu(z, with_slope):
    return np.maximum(z, 0.0), (z > 0).astype(z.dtype) if with_slope else None


def _gelu(z, with_slope):
    cdf = 0.5 * (1.0 + erf(z / np.sqrt(2.0)))
    if not with_slope:
        return z * cdf, None
    return z * cdf, cdf + z * np.exp(-0.5 * z * z) / np.sqrt(2.0 * np.pi)


def _silu(z, with_slope):
    gate = expit(z)
    value = z * gate
    return value, gate + value * (1.0 - gate) if with_slope else None


def _tanh(z, with_slope):
    value = np.tanh(z)
    return value, 1.0 - value * value if with_slope else None


_FIXED = {"relu": _relu, "gelu": _gelu, "silu": _silu, "tanh": _tanh}
