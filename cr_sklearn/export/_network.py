"""The function of an ensemble and its Jacobian in reverse mode, as nodes of a graph."""

from cr_sklearn.export import _arrays as xp


def evaluate(network, encoded, n_derivatives):
    """Write down the value of an :class:`EnsembleFunction`.

    Parameters
    ----------
    network : EnsembleFunction
    encoded : GraphArray of shape (n, n_inputs)
    n_derivatives : {0, 1}
        Whether the slopes are wanted too.

    Returns
    -------
    outputs : GraphArray of shape (n, width)
    slopes : list of GraphArray of shape (n, units)
        One for each hidden layer; empty if not wanted.
    """
    parts = network.linear_parts()
    h, slopes = encoded, []
    for coefs, intercept, activation in zip(
        network.coefs, network.intercepts, network.activations, strict=True
    ):
        h, *slope = activation(xp, _times(h, coefs) + intercept, n_derivatives)
        slopes += slope
    outputs = encoded @ parts.linear + parts.intercept
    if parts.head is not None:
        outputs = outputs + h @ parts.head
    return outputs, slopes


def walk_back(network, encoded, slopes):
    """Write down the Jacobian with respect to the encoded columns.

    Parameters
    ----------
    network : EnsembleFunction
    encoded : GraphArray of shape (n, n_inputs)
        For its number of rows.
    slopes : list of GraphArray
        From :func:`evaluate`.

    Returns
    -------
    GraphArray of shape (n, n_outputs, n_inputs)
    """
    parts = network.linear_parts()
    n_outputs, n_inputs = network.n_outputs, network.n_inputs
    linear = parts.linear.T[None]
    if not network.coefs:
        return xp.expand_dims(xp.zeros_column(encoded), 2) + linear
    rows = parts.head.T[None]
    for coefs, slope in zip(network.coefs[::-1], slopes[::-1], strict=True):
        rows = xp.expand_dims(slope, 1) * rows
        # One row for each output, as many as rows of the table.
        n_units, n_before = _n_units(coefs), n_inputs
        if coefs.ndim == 3:
            n_before = coefs.shape[0] * coefs.shape[1]
        rows = _times(rows.reshape(-1, n_units), coefs.swapaxes(-1, -2))
        rows = rows.reshape(-1, n_outputs, n_before)
    return rows + linear


def _n_units(coefs):
    """Count the units that a layer has in all members."""
    return coefs.shape[1] if coefs.ndim == 2 else coefs.shape[0] * coefs.shape[2]


def _times(h, coefs):
    """Multiply (n, n_in) or (n, members * n_in) by one matrix or by each member's."""
    if coefs.ndim == 2:
        return h @ coefs
    members, n_in, n_out = coefs.shape
    h = h.reshape(-1, members, n_in).apply("Transpose", perm=[1, 0, 2]) @ coefs
    return h.apply("Transpose", perm=[1, 0, 2]).reshape(-1, members * n_out)
