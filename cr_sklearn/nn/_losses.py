"""Data losses, per member and sample."""

import torch
from torch import nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F


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
        """Losses and their derivatives by the outputs, not recorded by autograd.

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
