"""Data losses, per member and sample."""

from torch import nn
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
        if outputs.shape[-1] == 1:
            logits = outputs.squeeze(-1)
            return F.softplus(logits) - targets.to(logits.dtype) * logits
        losses = F.cross_entropy(
            outputs.flatten(0, 1), targets.flatten(), reduction="none"
        )
        return losses.view(targets.shape)
