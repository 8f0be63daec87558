"""Torch as the namespace of formulas."""

import torch
from torch.nn import functional as F

addcmul, argmax, clip = torch.addcmul, torch.argmax, torch.clamp
multiply, where = torch.mul, torch.where
exp, expm1, log, tanh = torch.exp, torch.expm1, torch.log, torch.tanh
sigmoid, softmax, logsigmoid = torch.sigmoid, torch.softmax, F.logsigmoid
erfcx, log_ndtr = torch.special.erfcx, torch.special.log_ndtr
normal_cdf = torch.special.ndtr


def horner(q, z, a=None, out=None):
    """Return ``a + q z``."""
    return torch.mul(q, z, out=out) if a is None else addcmul(a, q, z)


def broadcast_to(values, like):
    """Repeat values to the shape of another tensor."""
    return values.expand_as(like)


def as_float(condition, like):
    """Return 1.0 where a condition holds, else 0.0, in the dtype of another tensor."""
    return condition.to(like.dtype)


def maximum(x, low, out=None):
    """Return x, at least a number."""
    return torch.clamp(x, min=low, out=out)


def minimum(x, high):
    """Return x, at most a number."""
    return torch.clamp(x, max=high)


def hypot_1(x):
    """Return ``sqrt(1 + x^2)``, for numbers whose squares do not overflow."""
    return (x * x).add_(1.0).sqrt_()


def eps(x):
    """Return the rounding error of 1 in the dtype of x."""
    return torch.finfo(x.dtype).eps
