"""A binary target by a known smooth rule, at any number of rows."""

import numpy as np
from scipy.special import expit

N_FEATURES = 50
# Rows are drawn by the chunk, so that nothing but the table itself needs memory.
_CHUNK = 2**14


def log_odds(X):
    r"""Log-odds of the target, of which the other columns tell nothing.

    .. math:: 2 \sin(2 x_0) + 2 x_1 x_2 + x_3^2 - 1 + x_4 - x_5 + \tanh(3 x_6)

    Parameters
    ----------
    X : ndarray of shape (n_samples, at least 7)

    Returns
    -------
    ndarray of shape (n_samples,)
    """
    x = X[:, :7].T.astype(np.float64)
    bent = 2.0 * np.sin(2.0 * x[0]) + 2.0 * x[1] * x[2] + x[3] ** 2 - 1.0
    return bent + x[4] - x[5] + np.tanh(3.0 * x[6])


def simulate(n_rows, seed):
    """Draw standard normal columns, and targets by :func:`log_odds`.

    A longer table of the same seed starts with the rows of a shorter one.

    Parameters
    ----------
    n_rows : int
    seed : int

    Returns
    -------
    X : ndarray of shape (n_rows, 50)
        In single precision.
    y : ndarray of shape (n_rows,)
        0 or 1, in 8 bits.
    """
    X = np.empty((n_rows, N_FEATURES), dtype=np.float32)
    y = np.empty(n_rows, dtype=np.int8)
    for number, start in enumerate(range(0, n_rows, _CHUNK)):
        rows = slice(start, min(start + _CHUNK, n_rows))
        # Streams of their own: the number of columns drawn doesn't shift the noise.
        children = np.random.SeedSequence([seed, number]).spawn(2)
        columns, noise = map(np.random.default_rng, children)
        columns.standard_normal(dtype=np.float32, out=X[rows])
        y[rows] = noise.random(len(y[rows])) < expit(log_odds(X[rows]))
    return X, y


def bayes_accuracy(X, y):
    """Accuracy on these rows of who knows the rule."""
    return float(np.mean((log_odds(X) > 0) == y))
