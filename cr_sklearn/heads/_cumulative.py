"""Probabilities of ordered classes in NumPy, by the links of cr_sklearn.nn."""

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, logit, ndtr, ndtri

# exp(exp(x)) of more is infinite in any case.
_LARGEST = 700.0


def _cloglog(x):
    return -np.expm1(-np.exp(np.minimum(x, _LARGEST)))


def _cloglog_above(x):
    return np.exp(-np.exp(np.minimum(x, _LARGEST)))


def _cloglog_density(x):
    x = np.minimum(x, _LARGEST)
    return np.exp(x - np.exp(x))


# F(x), 1 - F(x) without cancellation, the quantiles of F, and its density.
_LINKS = {
    "logit": (expit, lambda x: expit(-x), logit, lambda x: expit(x) * expit(-x)),
    "probit": (
        ndtr,
        lambda x: ndtr(-x),
        ndtri,
        lambda x: np.exp(-0.5 * x * x) / np.sqrt(2.0 * np.pi),
    ),
    "cloglog": (
        _cloglog,
        _cloglog_above,
        lambda p: np.log(-np.log1p(-p)),
        _cloglog_density,
    ),
}


def cumulative_probabilities(link, margins):
    r"""Return :math:`P(y \le k) = F(\theta_k - f)`, the last one 1.

    Parameters
    ----------
    link : {"logit", "probit", "cloglog"}
    margins : ndarray of shape (n, K - 1)
        ``f - theta_k``, falling in k.

    Returns
    -------
    ndarray of shape (n, K)
    """
    below, _, _, _ = _LINKS[link]
    return np.pad(below(-margins), ((0, 0), (0, 1)), constant_values=1.0)


def class_probabilities(link, margins):
    """Probabilities (n, K) of the classes, exact in both tails and never negative."""
    below, above, _, _ = _LINKS[link]
    ends = np.pad(-margins, ((0, 0), (1, 0)), constant_values=-np.inf)
    ends = np.pad(ends, ((0, 0), (0, 1)), constant_values=np.inf)
    low, high = ends[:, :-1], ends[:, 1:]
    return np.where(low > 0.0, above(low) - above(high), below(high) - below(low))


def class_probability_slopes(link, margins):
    """Derivatives (n, K) of the classes' probabilities by the latent f."""
    _, _, _, density = _LINKS[link]
    # None at the outer ends, where probabilities are 0 and 1.
    at_thresholds = np.pad(density(-margins), ((0, 0), (1, 1)))
    return at_thresholds[:, :-1] - at_thresholds[:, 1:]


def margins_shift(link, margins, weight, shares):
    """Return what to add to the margins so that the classes get these shares.

    Parameters
    ----------
    link : {"logit", "probit", "cloglog"}
    margins : ndarray of shape (n, K - 1)
    weight : ndarray of shape (n,)
    shares : ndarray of shape (K,)
        Positive weighted means that the probabilities are to have.

    Returns
    -------
    ndarray of shape (K - 1,)
        Shifted margins still fall in k, since each meets a larger share.
    """
    below, _, _, _ = _LINKS[link]
    weight = weight / weight.sum()
    ends = np.abs(margins).max() + _LARGEST
    reached = np.cumsum(shares)[:-1] / shares.sum()

    def excess(shift, own, share):
        return weight @ below(-own - shift) - share

    return np.array(
        [
            brentq(excess, -ends, ends, args)
            for args in zip(margins.T, reached, strict=True)
        ]
    )


def thresholds_of(link, shares):
    """Thresholds (K - 1,) at which classes have these shares where f is 0."""
    _, _, quantile, _ = _LINKS[link]
    return quantile(np.cumsum(shares)[:-1])
