"""Data losses, per member and sample."""

import math

import torch
from torch import nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from cr_sklearn.formulas import _torch as xp
from cr_sklearn.formulas._links import LINKS


class CrossEntropy(nn.Module):
    """Cross-entropy of packed outputs, one value per member and sample.

    With one output it is the logistic loss of ``P(y = 1) = sigmoid(output)``, with
    ``K >= 3`` outputs the multinomial loss of ``softmax(outputs)``.

    Notes
    -----
    Shape: outputs ``(members, batch, n_outputs)``, targets ``(members, batch)`` of
    integers in ``0..K-1``; returns ``(members, batch)``, not reduced, so that the
    caller can weight samples and keep the members apart.

    Examples
    --------
    >>> import torch
    >>> from cr_sklearn.nn import CrossEntropy
    >>> CrossEntropy()(torch.zeros(1, 2, 1), torch.tensor([[0, 1]]))
    tensor([[0.6931, 0.6931]])
    """

    def forward(self, outputs, targets):
        return _Recorded.apply(outputs, targets, self.value_and_slope)

    def value_and_slope(self, outputs, targets):
        """Return losses and their derivatives, not recorded by autograd.

        Torch's own losses take three times as long on small tensors.

        Returns
        -------
        losses : Tensor of shape (members, batch)
        slopes : Tensor of shape (members, batch, n_outputs)
        """
        if outputs.shape[-1] == 1:
            logits = outputs.squeeze(-1)
            targets = targets.to(logits.dtype)
            losses = torch.addcmul(F.softplus(logits), targets, logits, value=-1.0)
            return losses, (torch.sigmoid(logits) - targets).unsqueeze(-1)
        targets = targets.unsqueeze(-1)
        shifted = outputs - outputs.amax(dim=-1, keepdim=True)
        exponentials = shifted.exp()
        total = exponentials.sum(dim=-1, keepdim=True)
        losses = total.log() - shifted.gather(-1, targets)
        slopes = exponentials / total
        slopes.scatter_add_(-1, targets, -torch.ones_like(losses))
        return losses.squeeze(-1), slopes


class CumulativeLink(nn.Module):
    r"""Negative log-likelihood of ordered classes, one value per member and sample.

    .. math:: P(y \le k) = F(\theta_k - f(x)), \qquad
              \ell = -\log\big[F(\theta_y - f) - F(\theta_{y-1} - f)\big]

    with thresholds :math:`\theta_1 < \dots < \theta_{K-1}`, minus and plus infinity
    beyond them, and the inverse link F. For two classes and "logit" it is the logistic
    loss of :class:`CrossEntropy`.

    Source: McCullagh 1980, Regression models for ordinal data, section 2.

    Parameters
    ----------
    link : {"logit", "probit", "cloglog"}, default="logit"
        F is the logistic distribution, the normal one, or 1 - exp(-exp(x)).

    Notes
    -----
    Shape: outputs ``(members, batch, K - 1)``, the margins ``f - theta_k`` of
    :class:`ChainzRuleNetwork` with thresholds, falling in k; targets
    ``(members, batch)`` of ranks in ``0..K-1``; returns ``(members, batch)``.

    Examples
    --------
    >>> import torch
    >>> from cr_sklearn.nn import CumulativeLink
    >>> margins = torch.tensor([[[1.0, -1.0]]])
    >>> CumulativeLink()(margins, torch.tensor([[1]]))
    tensor([[0.7719]])
    """

    def __init__(self, link="logit"):
        super().__init__()
        if link not in LINKS:
            raise ValueError(f"link must be one of {sorted(LINKS)}, got {link!r}.")
        self.link = link

    def extra_repr(self):
        return f"link={self.link!r}"

    def forward(self, outputs, targets):
        return _Recorded.apply(outputs, targets, self.value_and_slope)

    def value_and_slope(self, outputs, targets):
        """Return losses and their derivatives, not recorded by autograd.

        Returns
        -------
        losses : Tensor of shape (members, batch)
        slopes : Tensor of shape (members, batch, K - 1)
        """
        ends = torch.stack([targets, targets + 1], dim=-1)
        # Margins above the first threshold and below the last are infinite.
        padded = F.pad(outputs, (1, 0), value=math.inf)
        padded = F.pad(padded, (0, 1), value=-math.inf)
        a, b = padded.gather(-1, ends).neg_().unbind(-1)
        log_p, slope_a, slope_b = LINKS[self.link].log_interval(xp, a, b)
        slopes = torch.zeros_like(padded)
        slopes.scatter_(-1, ends, torch.stack([slope_a, slope_b], dim=-1))
        return -log_p, slopes[..., 1:-1]


class _Recorded(torch.autograd.Function):
    """Losses by ``value_and_slope`` as an operation of autograd."""

    @staticmethod
    def forward(ctx, outputs, targets, value_and_slope):
        losses, slopes = value_and_slope(outputs, targets)
        ctx.save_for_backward(slopes)
        return losses

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):
        (slopes,) = ctx.saved_tensors
        return grad.unsqueeze(-1) * slopes, None, None
