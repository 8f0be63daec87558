"""Outputs of a fitted model and their derivatives, for encoded rows."""

import numpy as np

from cr_sklearn.formulas import _numpy as xp

# Values that are encoded at a time (4 MB): memory beside the result is bounded.
_VALUES_AT_ONCE = 2**19


def outputs_and_jacobian(encoder, network, encoded, standardised):
    """Return outputs, and their Jacobian by the standardised inputs.

    Parameters
    ----------
    encoder : TabularEncoder
    network : EnsembleFunction
    encoded, standardised : ndarray
        From ``encoder.transform``.

    Returns
    -------
    outputs : ndarray of shape (n, width)
    jacobian : ndarray of shape (n, n_outputs, n_standardised)
    """
    if network.is_forward_cheaper(encoder.n_standardised):
        tangents = encoder.tangents(standardised)
        return network.outputs_and_tangents(encoded, tangents)
    outputs, jacobian = network.outputs_and_jacobian(encoded)
    return outputs, encoder.standardised_jacobian(jacobian, standardised)


def outputs_and_sensitivity(head, encoder, network, encoded, standardised):
    """Return outputs, and the norm of their Jacobian per standard deviation, by row."""
    outputs, jacobian = outputs_and_jacobian(encoder, network, encoded, standardised)
    jacobian = head.contrast(xp, encoder.deviation_jacobian(jacobian))
    return outputs, np.sqrt(np.einsum("nki,nki->n", jacobian, jacobian))


def by_batch(columns, encoder, network, compute, *, with_jacobian, seen=None):
    """Compute arrays by row; rows are encoded and go through the network in parts.

    Parameters
    ----------
    columns : FrameColumns or ArrayColumns
    encoder : TabularEncoder
    network : EnsembleFunction
    compute : callable
        ``(encoded, standardised) -> tuple of ndarray of shape (n, ...)``.
    with_jacobian : bool
        Whether it takes Jacobians of the network.
    seen : SeenLevels or None, default=None
        Is told which categories are known.

    Returns
    -------
    tuple of ndarray of shape (n_rows, ...)
    """
    at_once = network.rows_at_once(encoder.n_standardised if with_jacobian else None)
    results, done = None, 0
    for batch in columns.batches(max(1, _VALUES_AT_ONCE // encoder.n_encoded_)):
        encoded, standardised = encoder.transform(batch, seen)
        for start in range(0, batch.n_rows, at_once):
            rows = slice(start, start + at_once)
            parts = compute(encoded[rows], standardised[rows])
            n_new = len(parts[0])
            if n_new == columns.n_rows:
                return parts
            if results is None:
                results = tuple(
                    np.empty((columns.n_rows, *part.shape[1:]), part.dtype)
                    for part in parts
                )
            for result, part in zip(results, parts, strict=True):
                result[done : done + n_new] = part
            done += n_new
    return results
