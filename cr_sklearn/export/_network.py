"""A folded network and its Jacobian in reverse mode, as nodes of a graph."""

import numpy as np
from onnx import TensorProto

from cr_sklearn.inference._network import FIXED_ACTIVATIONS, Polynomial


def evaluate(graph, network, encoded, with_slopes):
    """Write down the value of a :class:`FoldedNetwork`.

    Parameters
    ----------
    graph : Graph
    network : FoldedNetwork
    encoded : str
        (n, n_inputs)
    with_slopes : bool
        Whether the slopes are wanted too.

    Returns
    -------
    outputs : str
        (n, n_outputs), or margins (n, K - 1).
    slopes : list of str
        (n, units) of each hidden layer; empty if not wanted.
    """
    add, fold = graph.add, network.fold()
    h, slopes = encoded, []
    for coefs, intercept, activation in zip(
        network.coefs, network.intercepts, network.activations, strict=True
    ):
        z = add("Add", _times(graph, h, coefs), intercept)
        if isinstance(activation, Polynomial):
            h, slope = _polynomial(graph, activation, z, with_slopes)
        else:
            h, slope = _FIXED[activation](graph, z, with_slopes)
        if with_slopes:
            slopes.append(slope)
    outputs = add("Add", add("MatMul", encoded, fold.linear), fold.intercept)
    if fold.head is not None:
        outputs = add("Add", outputs, add("MatMul", h, fold.head))
    return outputs, slopes


def walk_back(graph, network, encoded, slopes):
    """Write down the Jacobian by the encoded columns, in reverse mode.

    Parameters
    ----------
    graph : Graph
    network : FoldedNetwork
    encoded : str
        (n, n_inputs); for its number of rows.
    slopes : list of str
        From :func:`evaluate`.

    Returns
    -------
    str
        (n, n_outputs, n_inputs)
    """
    add, fold = graph.add, network.fold()
    n_outputs, n_inputs = network.n_outputs, network.n_inputs
    linear = fold.linear.T[None]
    if not network.coefs:
        rows = add("Shape", encoded, start=0, end=1)
        shape = graph.concat([rows, np.array(linear.shape[1:])], 0)
        return add("Expand", linear, shape)
    rows = fold.head.T[None]
    for coefs, slope in zip(network.coefs[::-1], slopes[::-1], strict=True):
        rows = add("Mul", rows, add("Unsqueeze", slope, np.array([1])))
        # One row for each output, as many as rows of the table.
        n_units, transposed = _n_units(coefs), coefs.swapaxes(-1, -2)
        rows = _times(graph, add("Reshape", rows, np.array([-1, n_units])), transposed)
        n_before = n_inputs if coefs.ndim == 2 else coefs.shape[0] * coefs.shape[1]
        rows = add("Reshape", rows, np.array([-1, n_outputs, n_before]))
    return add("Add", rows, linear)


def _n_units(coefs):
    """Units that a layer has in all members."""
    return coefs.shape[1] if coefs.ndim == 2 else coefs.shape[0] * coefs.shape[2]


def _times(graph, h, coefs):
    """(n, n_in) or (n, members * n_in), times one matrix or each member's own."""
    add = graph.add
    if coefs.ndim == 2:
        return add("MatMul", h, coefs)
    members, n_in, n_out = coefs.shape
    h = add("Reshape", h, np.array([-1, members, n_in]))
    h = add("MatMul", add("Transpose", h, perm=[1, 0, 2]), coefs)
    h = add("Transpose", h, perm=[1, 0, 2])
    return add("Reshape", h, np.array([-1, members * n_out]))


def _polynomial(graph, polynomial, z, with_slope):
    """Value and slope by Horner's scheme."""
    add = graph.add
    # With q = value / z so far, the derivative is q + z q'.
    value, q = add("Mul", z, polynomial.highest), polynomial.highest
    slope = None
    for coef in polynomial.lower:
        slope = q if slope is None else add("Add", q, add("Mul", z, slope))
        q = add("Add", value, coef)
        value = add("Mul", z, q)
    if not with_slope:
        return value, None
    if slope is None:
        # Of degree 1: the same for all rows, but one for each of them.
        return value, add("Add", add("Mul", z, 0.0), q)
    return value, add("Add", q, add("Mul", z, slope))


def _relu(graph, z, with_slope):
    slope = graph.as_double(graph.add("Greater", z, 0.0)) if with_slope else None
    return graph.add("Relu", z), slope


def _gelu(graph, z, with_slope):
    add = graph.add
    cdf = normal_cdf(graph, z)
    value = add("Mul", z, cdf)
    if not with_slope:
        return value, None
    density = add("Exp", add("Mul", add("Mul", z, z), -0.5))
    density = add("Mul", density, 1.0 / np.sqrt(2.0 * np.pi))
    return value, add("Add", cdf, add("Mul", z, density))


def _silu(graph, z, with_slope):
    add = graph.add
    gate = add("Sigmoid", z)
    value = add("Mul", z, gate)
    if not with_slope:
        return value, None
    return value, add("Add", gate, add("Mul", value, add("Sub", 1.0, gate)))


def _tanh(graph, z, with_slope):
    add = graph.add
    value = add("Tanh", z)
    slope = add("Sub", 1.0, add("Mul", value, value)) if with_slope else None
    return value, slope


_FIXED = {
    FIXED_ACTIVATIONS["relu"]: _relu,
    FIXED_ACTIVATIONS["gelu"]: _gelu,
    FIXED_ACTIVATIONS["silu"]: _silu,
    FIXED_ACTIVATIONS["tanh"]: _tanh,
}


def normal_cdf(graph, z):
    """Standard normal distribution function.

    ONNX Runtime has the error function in single precision alone: seven digits.
    """
    add = graph.add
    scaled = add("Cast", add("Div", z, np.sqrt(2.0)), to=TensorProto.FLOAT)
    erf = graph.as_double(add("Erf", scaled))
    return add("Mul", add("Add", erf, 1.0), 0.5)
