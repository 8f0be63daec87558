"""Rows as the watched model reads them, and how that model is known again."""

import hashlib

import numpy as np

from cr_sklearn._unwrap import unwrap


def read_rows(estimator, X, sensitivity=None):
    """Read what the estimator inside gets, and compute sensitivities if needed.

    Returns
    -------
    final : BaseChainzRule
    columns : FrameColumns or ArrayColumns
    sensitivity : ndarray of shape (n_samples,)
    """
    unwrapped = unwrap(estimator)
    final, X = unwrapped.estimator, unwrapped.transform(X)
    columns = final._read(X)
    if sensitivity is None:
        return final, columns, final.sensitivity(X)
    sensitivity = np.asarray(sensitivity, dtype=float)
    if sensitivity.shape != (columns.n_rows,):
        raise ValueError(
            f"sensitivity must have shape ({columns.n_rows},), one for each row of X, "
            f"got {sensitivity.shape}."
        )
    valid = np.isfinite(sensitivity) & (sensitivity >= 0)
    if not valid.all():
        raise ValueError(
            "sensitivity must hold finite numbers >= 0, got "
            f"{sensitivity[~valid][0]} in row {int(np.argmin(valid))}."
        )
    return final, columns, sensitivity


def fingerprint(estimator):
    """Return a digest of the fitted arrays, by which a model is known again."""
    digest = hashlib.sha256()
    for arrays in (
        estimator.coefs_,
        estimator.intercepts_,
        [estimator.skip_coef_, estimator.estimator_weights_],
        [estimator._encoder.center_, estimator._encoder.scale_],
    ):
        for array in arrays:
            digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
