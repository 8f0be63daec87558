r"""Log-likelihood of an interval under a link, with its slopes.

For a distribution function F and a < b these are

.. math:: \log p, \quad \frac{\partial \log p}{\partial a}, \quad
          \frac{\partial \log p}{\partial b}, \qquad p = F(b) - F(a)

without cancellation in either tail, where F(a) and F(b) are both 0 or both 1 in
floating point. ``a`` may be -inf and ``b`` may be +inf, not both. Ends that coincide in
floating point count as ``eps`` apart.
"""

import math

import torch
from torch.nn import functional as F

# Beyond it exp(exp(x)) and exp(x) ** 2 overflow in single precision: the likelihood is
# held there.
_LARGEST_CLOGLOG = 60.0
_LARGEST_PROBIT = 1e15


def _logit(a, b):
    # F(b) - F(a) = F(b) F(-a) (1 - exp(a - b)).
    gap = _gap(a, b)
    log_p = F.logsigmoid(b) + F.logsigmoid(-a) + _log1mexp(gap)
    odds = torch.expm1(gap).reciprocal()
    return log_p, -torch.sigmoid(a) - odds, torch.sigmoid(-b) + odds


def _probit(a, b):
    # By symmetry the interval may lie on the left, where F is small but exact.
    right = a + b > 0.0
    a, b = torch.where(right, -b, a), torch.where(right, -a, b)
    # F(x) = erfcx(-x / sqrt(2)) exp(-x^2 / 2) / 2, and with f(x) the density
    # f(a) / f(b) = exp(shift): no difference of large squares.
    shift = 0.5 * (b - a) * (a + b)
    scaled_a = torch.special.erfcx(-a * math.sqrt(0.5))
    scaled_b = torch.special.erfcx(-b * math.sqrt(0.5))
    rest = -torch.expm1(torch.log(scaled_a / scaled_b) + shift)  # p / F(b)
    rest = rest.clamp(min=torch.finfo(a.dtype).eps)
    log_p = torch.special.log_ndtr(b.clamp(min=-_LARGEST_PROBIT)) + rest.log()
    slope_b = math.sqrt(2.0 / math.pi) / rest / scaled_b
    slope_a = -slope_b * shift.exp()
    return (
        log_p,
        torch.where(right, -slope_b, slope_a),
        torch.where(right, -slope_a, slope_b),
    )


def _cloglog(a, b):
    # F(x) = 1 - exp(-e^x), so p = exp(-e^a) (1 - exp(-delta)), delta = e^b - e^a.
    log_gap = _log1mexp(_gap(a, b))
    a, b = a.clamp(max=_LARGEST_CLOGLOG), b.clamp(max=_LARGEST_CLOGLOG)
    log_delta = b + log_gap
    delta = log_delta.exp()
    small = delta < 1e-4
    series = log_delta - delta / 2.0 + delta * delta / 24.0
    log_rest = torch.where(small, series, torch.log(-torch.expm1(-delta)))
    slope_a = -torch.exp(a - log_rest)
    return log_rest - a.exp(), slope_a, torch.exp(b - delta - log_rest)


def _gap(a, b):
    return (b - a).clamp(min=torch.finfo(a.dtype).eps)


def _log1mexp(x):
    """log(1 - exp(-x)), x > 0."""
    return torch.log(-torch.expm1(-x))


LINKS = {"logit": _logit, "probit": _probit, "cloglog": _cloglog}
