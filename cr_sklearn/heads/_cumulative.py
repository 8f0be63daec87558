"""Probabilities of ordered classes, from the margins of a latent over thresholds."""

import numpy as np
from scipy.optimize import brentq

from cr_sklearn.formulas import _numpy as numpy_namespace
from cr_sklearn.formulas._links import LARGEST, LINKS


def cumulative_probabilities(xp, link, margins):
    r"""Return :math:`P(y \le k) = F(\theta_k - f)`, the last one 1.

    Parameters
    ----------
    xp : module
        Array namespace.
    link : {"logit", "probit", "cloglog"}
    margins : array of shape (n, K - 1)
        ``f - theta_k``, falling in k.

    Returns
    -------
    array of shape (n, K)
    """
    _, last = _ends(xp, margins)
    return xp.concat([LINKS[link].cdf(xp, -margins), last], axis=1)


def class_probabilities(xp, link, margins):
    """Return probabilities (n, K), exact in both tails and never negative."""
    first, last = _ends(xp, margins)
    below, above = LINKS[link].cdf(xp, -margins), LINKS[link].sf(xp, -margins)
    below_low, below_high = (
        xp.concat([first, below], axis=1),
        xp.concat([below, last], axis=1),
    )
    above_low, above_high = (
        xp.concat([last, above], axis=1),
        xp.concat([above, first], axis=1),
    )
    is_upper = xp.concat([first, margins], axis=1) < 0.0
    ranked = xp.where(is_upper, above_low - above_high, below_high - below_low)
    # An error function of single precision may fall by a digit where it should rise.
    return xp.maximum(ranked, 0.0)


def _ends(xp, margins):
    """Return F beyond the outer thresholds: columns of 0 and of 1."""
    first = xp.zeros_column(margins)
    return first, first + 1.0


def class_probability_slopes(link, margins):
    """Return derivatives (n, K) of class probabilities with respect to the latent."""
    density = LINKS[link].pdf(numpy_namespace, -margins)
    # None at the outer ends, where probabilities are 0 and 1.
    at_thresholds = np.pad(density, ((0, 0), (1, 1)))
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
    weight = weight / weight.sum()
    ends = np.abs(margins).max() + LARGEST
    reached = np.cumsum(shares)[:-1] / shares.sum()

    def excess(shift, margin, share):
        reached = LINKS[link].cdf(numpy_namespace, -margin - shift)
        return weight @ reached - share

    return np.array(
        [
            brentq(excess, -ends, ends, args)
            for args in zip(margins.T, reached, strict=True)
        ]
    )


def thresholds_of(link, shares):
    """Return thresholds (K - 1,) at which classes have these shares where f is 0."""
    return LINKS[link].quantile(np.cumsum(shares)[:-1])
