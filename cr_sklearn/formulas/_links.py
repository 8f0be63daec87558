r"""Links of cumulative probabilities: distribution functions F of a latent.

Each has F, 1 - F without cancellation, the density of F, the quantiles of F, and the
log-likelihood of an interval with its slopes,

.. math:: \log p, \quad \frac{\partial \log p}{\partial a}, \quad
          \frac{\partial \log p}{\partial b}, \qquad p = F(b) - F(a)

without cancellation in either tail, where F(a) and F(b) are both 0 or both 1 in
floating point. ``a`` may be -inf and ``b`` may be +inf, not both. Ends that coincide in
floating point count as ``eps`` apart. Quantiles are of NumPy arrays, likelihoods of
torch tensors.
"""

import math

import numpy as np
from scipy.special import logit, ndtri

# exp(exp(x)) of more is infinite in any case.
LARGEST = 700.0
# Beyond it exp(exp(x)) and exp(x) ** 2 overflow in single precision: the likelihood is
# held there.
_LARGEST_CLOGLOG = 60.0
_LARGEST_PROBIT = 1e15


class Logit:
    """The logistic distribution."""

    quantile = staticmethod(logit)

    @staticmethod
    def cdf(xp, x):
        return xp.sigmoid(x)

    @staticmethod
    def sf(xp, x):
        return xp.sigmoid(-x)

    @staticmethod
    def pdf(xp, x):
        return xp.sigmoid(x) * xp.sigmoid(-x)

    @staticmethod
    def log_interval(xp, a, b):
        # F(b) - F(a) = F(b) F(-a) (1 - exp(a - b)).
        gap = _gap(xp, a, b)
        log_p = xp.logsigmoid(b) + xp.logsigmoid(-a) + _log1mexp(xp, gap)
        odds = 1.0 / xp.expm1(gap)
        return log_p, -xp.sigmoid(a) - odds, xp.sigmoid(-b) + odds


class Probit:
    """The standard normal distribution."""

    quantile = staticmethod(ndtri)

    @staticmethod
    def cdf(xp, x):
        return xp.normal_cdf(x)

    @staticmethod
    def sf(xp, x):
        return xp.normal_cdf(-x)

    @staticmethod
    def pdf(xp, x):
        return xp.exp(-0.5 * x * x) / math.sqrt(2.0 * math.pi)

    @staticmethod
    def log_interval(xp, a, b):
        # By symmetry the interval may lie on the left, where F is small but exact.
        right = a + b > 0.0
        a, b = xp.where(right, -b, a), xp.where(right, -a, b)
        # F(x) = erfcx(-x / sqrt(2)) exp(-x^2 / 2) / 2, and with f(x) the density
        # f(a) / f(b) = exp(shift): no difference of large squares.
        shift = 0.5 * (b - a) * (a + b)
        scaled_a = xp.erfcx(-a * math.sqrt(0.5))
        scaled_b = xp.erfcx(-b * math.sqrt(0.5))
        rest = -xp.expm1(xp.log(scaled_a / scaled_b) + shift)  # p / F(b)
        rest = xp.maximum(rest, xp.eps(a))
        log_p = xp.log_ndtr(xp.maximum(b, -_LARGEST_PROBIT)) + xp.log(rest)
        slope_b = math.sqrt(2.0 / math.pi) / rest / scaled_b
        slope_a = -slope_b * xp.exp(shift)
        return (
            log_p,
            xp.where(right, -slope_b, slope_a),
            xp.where(right, -slope_a, slope_b),
        )


class Cloglog:
    """``1 - exp(-exp(x))``, the distribution of proportional hazards."""

    @staticmethod
    def quantile(p):
        return np.log(-np.log1p(-p))

    @staticmethod
    def cdf(xp, x):
        return -xp.expm1(-xp.exp(xp.minimum(x, LARGEST)))

    @staticmethod
    def sf(xp, x):
        return xp.exp(-xp.exp(xp.minimum(x, LARGEST)))

    @staticmethod
    def pdf(xp, x):
        x = xp.minimum(x, LARGEST)
        return xp.exp(x - xp.exp(x))

    @staticmethod
    def log_interval(xp, a, b):
        # p = exp(-e^a) (1 - exp(-delta)), delta = e^b - e^a.
        log_gap = _log1mexp(xp, _gap(xp, a, b))
        a, b = xp.minimum(a, _LARGEST_CLOGLOG), xp.minimum(b, _LARGEST_CLOGLOG)
        log_delta = b + log_gap
        delta = xp.exp(log_delta)
        series = log_delta - delta / 2.0 + delta * delta / 24.0
        log_rest = xp.where(delta < 1e-4, series, xp.log(-xp.expm1(-delta)))
        slope_a = -xp.exp(a - log_rest)
        return log_rest - xp.exp(a), slope_a, xp.exp(b - delta - log_rest)


LINKS = {"logit": Logit, "probit": Probit, "cloglog": Cloglog}


def _gap(xp, a, b):
    return xp.maximum(b - a, xp.eps(a))


def _log1mexp(xp, x):
    """Return ``log(1 - exp(-x))``, x > 0."""
    return xp.log(-xp.expm1(-x))
