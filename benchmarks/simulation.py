"""Two or more ordered classes by a known smooth rule, at any number of rows."""

import numpy as np
from scipy.special import expit

N_FEATURES = 50
# Rows are drawn by the chunk, so that nothing but the table itself needs memory.
_CHUNK = 2**14


def log_odds(X):
    r"""Log-odds of the upper of two classes; the other columns tell nothing of it.

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


def simulate(n_rows, seed, n_features=N_FEATURES, thresholds=(0.0,)):
    """Draw standard normal columns, and ranks by proportional odds.

    The log-odds of a rank above k are :func:`log_odds` less the threshold k. A longer
    table of the same seed and columns starts with the rows of a shorter one.

    Parameters
    ----------
    n_rows : int
    seed : int
    n_features : int, default=50
        At least 7.
    thresholds : sequence of float, default=(0.0,)
        Rising, one less than there are classes.

    Returns
    -------
    X : ndarray of shape (n_rows, n_features)
        In single precision.
    y : ndarray of shape (n_rows,)
        Ranks from 0, in 8 bits.
    """
    X = np.empty((n_rows, n_features), dtype=np.float32)
    y = np.empty(n_rows, dtype=np.int8)
    for number, start in enumerate(range(0, n_rows, _CHUNK)):
        rows = slice(start, min(start + _CHUNK, n_rows))
        # Streams of their own: the number of columns drawn doesn't shift the noise.
        children = np.random.SeedSequence([seed, number]).spawn(2)
        columns, noise = map(np.random.default_rng, children)
        columns.standard_normal(dtype=np.float32, out=X[rows])
        margins = log_odds(X[rows])[:, None] - np.asarray(thresholds)
        y[rows] = (noise.random((len(margins), 1)) < expit(margins)).sum(axis=1)
    return X, y


def bayes_accuracy(X, y):
    """Accuracy on these rows of two classes of who knows the rule."""
    return float(np.mean((log_odds(X) > 0) == y))


def bayes_mae(X, y, thresholds):
    """MAE on these rows of who knows the rule, and predicts the median rank."""
    median = (log_odds(X)[:, None] > np.asarray(thresholds)).sum(axis=1)
    return float(np.abs(median - y).mean())
