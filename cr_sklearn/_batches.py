"""Training rows as tensors, and their batches, with a random stream for each group."""

import math
from typing import NamedTuple

import numpy as np
import torch

# Random tangents of a batch, dealt out to its rows: the penalty is their mean all the
# same, and one for each row would cost as much as the rows themselves.
_N_TANGENTS = 16


class Rows(NamedTuple):
    """Tensors of the training or validation rows.

    ``x`` (n, d) encoded inputs, ``y`` (n,) encoded targets, ``weight`` (n,) sample
    weights of mean 1.
    """

    x: torch.Tensor
    y: torch.Tensor
    weight: torch.Tensor

    @classmethod
    def from_arrays(cls, x, y, weight, *, like):
        """Move arrays once, to the dtype and device of the tensor ``like``."""
        dtype, device = like.dtype, like.device
        return cls(
            torch.as_tensor(x, dtype=dtype, device=device),
            torch.as_tensor(y, device=device),
            torch.as_tensor(weight / weight.mean(), dtype=dtype, device=device),
        )


class Batch(NamedTuple):
    """One step's input.

    ``x`` (groups, batch, d), with one group when all see the same rows; random tangents
    ``signs`` (groups, k, d), None unless the derivative stream is projected; ``y`` and
    ``weight`` (members, batch).
    """

    x: torch.Tensor
    signs: torch.Tensor | None
    y: torch.Tensor
    weight: torch.Tensor


def member_generators(seeds, purpose, first_epoch=0):
    """One torch generator per member, on the CPU.

    Parameters
    ----------
    seeds : sequence of int
        One per member.
    purpose : {"init", "order", "signs", "dropout"}
        Streams of different purposes never overlap, so that drawing more of one
        leaves the others as they are.
    first_epoch : int, default=0
        Epochs trained before, so that training that goes on does not repeat them.
    """
    purposes = ("init", "order", "signs", "dropout")
    keys = [purposes.index(purpose), first_epoch]
    states = [
        np.random.SeedSequence([int(seed), *keys]).generate_state(1, np.uint64)[0]
        for seed in seeds
    ]
    # manual_seed takes the range of a signed 64-bit integer.
    return [torch.Generator().manual_seed(int(state >> 1)) for state in states]


class PackedBatches:
    """Iterable over the batches of one epoch, in each group's own order.

    A group is the members that see the same rows in the same order. Its batches depend
    on its own seed and rows alone, whatever it is packed with, as long as the largest
    set of rows is the same. Batches of an epoch differ by at most one row in size. If
    one batch holds all rows, they come in their own order and the epoch has no
    randomness but tangents.

    Parameters
    ----------
    rows : Rows
    batch_size : int
        Rows per batch, at most.
    members : int
        A multiple of the number of groups.
    seeds : sequence of int
        One per group.
    group_rows : sequence of ndarray of int, or None
        Rows that each group trains on; None gives all rows to all. Smaller sets are
        filled up with rows of weight zero, so that all have the same batches.
    projected : bool, default=False
        Whether to draw tangents.
    first_epoch : int, default=0
        See :func:`member_generators`.
    """

    def __init__(
        self,
        rows,
        batch_size,
        members,
        seeds,
        group_rows=None,
        projected=False,
        first_epoch=0,
    ):
        self.rows = rows
        self._per_group = members // len(seeds)
        self._shared = group_rows is None
        if self._shared:
            everything = torch.arange(rows.x.shape[0], device=rows.x.device)
            self._index = everything.expand(len(seeds), -1)
            self._weight = rows.weight.expand(len(seeds), -1)
        else:
            self._index, self._weight = _fill_up(group_rows, rows.weight)
        self.n_rows = self._index.shape[1]
        self._n_batches = -(-self.n_rows // batch_size)
        self._order = member_generators(seeds, "order", first_epoch)
        self._signs = (
            member_generators(seeds, "signs", first_epoch) if projected else None
        )

    def __len__(self):
        return self._n_batches

    def __iter__(self):
        """Draw the order of rows and the tangents for the whole epoch at once."""
        x, y, _ = self.rows
        signs = self._draw_signs()
        if self._n_batches == 1:
            inputs = x.unsqueeze(0) if self._shared else self._take(self._index)
            y, weight = map(self._by_member, (y[self._index], self._weight))
            yield Batch(inputs, signs[0], y, weight)
            return
        order = torch.stack(
            [torch.randperm(self.n_rows, generator=g) for g in self._order]
        ).to(x.device)
        index = self._index.gather(1, order)
        y, weight = map(self._by_member, (y[index], self._weight.gather(1, order)))
        parts = (
            tensor.tensor_split(self._n_batches, dim=1) for tensor in (index, y, weight)
        )
        for step, (rows, targets, weights) in enumerate(zip(*parts, strict=True)):
            yield Batch(self._take(rows), signs[step], targets, weights)

    def _take(self, index):
        # Faster than x[index].
        x = self.rows.x
        return x.index_select(0, index.flatten()).view(*index.shape, x.shape[1])

    def _by_member(self, values):
        if self._per_group == 1:
            return values
        return values.repeat_interleave(self._per_group, dim=0)

    def _draw_signs(self):
        """Tangents of each batch, (groups, k, d)."""
        if self._signs is None:
            return [None] * self._n_batches
        x = self.rows.x
        batch = self.n_rows // self._n_batches
        shape = self._n_batches, min(_N_TANGENTS, batch), x.shape[1]
        signs = [_draw_signs(generator, shape) for generator in self._signs]
        return torch.stack(signs, dim=1).to(x)


def _fill_up(group_rows, weight):
    """Positions and weights (groups, n_rows); the weights of a group have mean 1."""
    n_rows = max(map(len, group_rows))
    index = np.zeros((len(group_rows), n_rows), dtype=np.int64)
    present = np.zeros(index.shape, dtype=bool)
    for group, rows in enumerate(group_rows):
        index[group, : len(rows)] = rows
        present[group, : len(rows)] = True
    index = torch.as_tensor(index, device=weight.device)
    weights = weight[index] * torch.as_tensor(present, device=weight.device)
    return index, weights / weights.mean(dim=1, keepdim=True)


def _draw_signs(generator, shape):
    """Entries -1 and 1, from packed bits: faster than a random number for each."""
    n_signs = math.prod(shape)
    words = torch.empty(-(-n_signs // 64), dtype=torch.int64)
    words.random_(-(2**63), None, generator=generator)
    shifts = torch.arange(8, dtype=torch.uint8)
    bits = (words.view(torch.uint8).unsqueeze(1) >> shifts) & 1
    return (bits.flatten()[:n_signs].view(torch.int8) * 2 - 1).view(shape)
