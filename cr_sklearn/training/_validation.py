"""Rows on which networks in training are judged."""

from typing import Any, NamedTuple

import torch

# Rows of a group that go through the networks at a time.
_ROWS_AT_ONCE = 1024


class Validation(NamedTuple):
    """Rows held out from each group of members.

    Attributes
    ----------
    x : Tensor or TableInputs of shape (n, d)
    index : Tensor of int64 of shape (groups, n_held_out)
        Rows of each group; smaller sets are filled up with rows of weight zero.
    y : Tensor of shape (groups, n_held_out)
    weight : Tensor of shape (groups, n_held_out)
        Those of a group sum to 1.
    """

    x: Any
    index: torch.Tensor
    y: torch.Tensor
    weight: torch.Tensor

    @classmethod
    def of(cls, rows, sets=None):
        """Make a group of each set of rows.

        Parameters
        ----------
        rows : EncodedRows
        sets : sequence of ndarray of int or None
            None makes one group of all.
        """
        device = rows.weight.device
        if sets is None:
            index = torch.arange(len(rows.y), device=device).unsqueeze(0)
            weight = rows.weight.unsqueeze(0)
        else:
            parts = [torch.as_tensor(part, dtype=torch.int64) for part in sets]
            index = torch.nn.utils.rnn.pad_sequence(parts, batch_first=True).to(device)
            counts = torch.tensor([[len(part)] for part in parts], device=device)
            there = torch.arange(index.shape[1], device=device) < counts
            weight = rows.weight[index] * there
        weight = weight / weight.sum(dim=1, keepdim=True)
        return cls(rows.x, index, rows.y[index], weight)

    def losses(self, network, criterion):
        """Return the weighted mean loss of each member on the rows of its group."""
        losses = 0.0
        per_group = network.members // len(self.index)
        parts = (part.split(_ROWS_AT_ONCE, dim=1) for part in self[1:])
        with torch.no_grad():
            for index, y, weight in zip(*parts, strict=True):
                x = self.x.index_select(0, index.flatten()).unflatten(0, index.shape)
                y, weight = (
                    each.repeat_interleave(per_group, dim=0) for each in (y, weight)
                )
                losses = losses + (weight * criterion(network(x), y)).sum(dim=1)
        return losses
