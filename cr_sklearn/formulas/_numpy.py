"""NumPy as the namespace of formulas."""

import numpy as np
from scipy.special import expit, ndtr
from scipy.special import softmax as softmax

argmax, expand_dims, rint, where = np.argmax, np.expand_dims, np.rint, np.where
exp, expm1, log, tanh = np.exp, np.expm1, np.log, np.tanh
maximum, minimum, multiply = np.maximum, np.minimum, np.multiply
sigmoid, normal_cdf = expit, ndtr


def addcmul(c, a, b):
    """Return ``c + a b``."""
    result = a * b
    result += c
    return result


def horner(q, z, a=None, out=None):
    """Return ``a + q z``. Overwrites a q of the shape of z."""
    q = np.multiply(q, z, out=q if q.shape == z.shape else out)
    if a is not None:
        q += a
    return q


def broadcast_to(values, like):
    """Repeat values to the shape of another array."""
    return np.broadcast_to(values, like.shape)


def as_float(condition, like):
    """Return 1.0 where a condition holds, else 0.0, in the dtype of another array."""
    return condition.astype(like.dtype)


def as_integer(values):
    """Convert to integers."""
    return values.astype(int)


def clip(x, low, high):
    """Return x between two bounds; NaN stays NaN. May overwrite x."""
    np.maximum(x, low, out=x)
    return np.minimum(x, high, out=x)


def hypot_1(x):
    """Return ``sqrt(1 + x^2)``, without overflow of the square."""
    return np.hypot(1.0, x)


def concat(arrays, axis):
    """Join arrays."""
    return np.concatenate(arrays, axis=axis)


def sum_(x, axis):
    """Sum along an axis."""
    return x.sum(axis=axis)


def zeros_column(like):
    """Return a column of zeros, as many as another matrix has rows."""
    return np.zeros((len(like), 1))


def take(values, index, axis=0):
    """Pick values by position."""
    return np.take(values, index, axis=axis)
