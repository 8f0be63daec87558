"""Training rows as tensors, and their batches, with a random stream for each group."""

import math
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.nn import functional as F

# Random tangents of a batch, dealt out to its rows: the penalty is their mean all the
# same, and one for each row would cost as much as the rows themselves.
_N_TANGENTS = 16
# Positions and targets of so many rows are put in order at a time: in one go for small
# tables, where calls cost more than rows, and in little memory for large ones.
_ROWS_IN_ORDER = 2**17


class Rows(NamedTuple):
    """Tensors of the training or validation rows.

    ``x`` (n, d) encoded inputs, as a tensor or as
    :class:`~cr_sklearn._table_inputs.TableInputs`; ``y`` (n,) encoded targets,
    ``weight`` (n,) sample weights of mean 1.
    """

    x: Any
    y: torch.Tensor
    weight: torch.Tensor

    @classmethod
    def from_arrays(cls, x, y, weight, *, like):
        """Move arrays once, to the dtype and device of the tensor ``like``."""
        dtype, device = like.dtype, like.device
        if isinstance(x, np.ndarray):
            x = torch.as_tensor(x, dtype=dtype, device=device)
        return cls(
            x,
            torch.as_tensor(y, device=device),
            torch.as_tensor(weight / weight.mean(), dtype=dtype, device=device),
        )

    @classmethod
    def join(cls, parts):
        """Rows of several tables in one; narrow ones get columns of zeros."""
        width = max(part.x.shape[1] for part in parts)
        return cls(
            torch.cat([F.pad(part.x, (0, width - part.x.shape[1])) for part in parts]),
            torch.cat([part.y for part in parts]),
            torch.cat([part.weight for part in parts]),
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
    groups : RowGroups
        Smaller sets of rows are filled up with rows of weight zero, so that all groups
        have the same batches.
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
        groups,
        projected=False,
        first_epoch=0,
    ):
        self.rows = rows
        seeds = groups.seeds
        self._per_group = members // len(seeds)
        self._shared = groups.rows is None
        if self._shared:
            everything = torch.arange(rows.x.shape[0], device=rows.x.device)
            self._index = everything.expand(len(seeds), -1)
            self._weight = rows.weight.expand(len(seeds), -1)
        else:
            self._index, self._weight = _fill_up(groups.rows, rows.weight)
        self._widths = groups.widths or [rows.x.shape[1]] * len(seeds)
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
        signs = self._draw_signs()
        if self._n_batches == 1:
            shared = self._shared
            inputs = self.rows.x.unsqueeze(0) if shared else self._take(self._index)
            targets, weight = self._by_member(self._targets(self._index), self._weight)
            yield Batch(inputs, self._as_inputs(signs)[0], targets, weight)
            return
        order = torch.stack(
            [torch.randperm(self.n_rows, generator=g) for g in self._order]
        ).to(self.rows.weight.device)
        batches = order.tensor_split(self._n_batches, dim=1)
        at_once = max(1, _ROWS_IN_ORDER // order[:, : batches[0].shape[1]].numel())
        for start in range(0, self._n_batches, at_once):
            some = slice(start, start + at_once)
            sizes = [part.shape[1] for part in batches[some]]
            part = torch.cat(batches[some], dim=1)
            index = self._index.gather(1, part)
            tensors = [
                index,
                *self._by_member(self._targets(index), self._weight.gather(1, part)),
            ]
            split = (tensor.split(sizes, dim=1) for tensor in tensors)
            tangents = self._as_inputs(signs[some])
            for tangent, rows, *rest in zip(tangents, *split, strict=True):
                yield Batch(self._take(rows), tangent, *rest)

    def _take(self, index):
        # Faster than x[index].
        x = self.rows.x
        return x.index_select(0, index.flatten()).view(*index.shape, x.shape[1])

    def _targets(self, index):
        return self.rows.y.index_select(0, index.flatten()).view_as(index)

    def _by_member(self, *tensors):
        if self._per_group == 1:
            return tensors
        return [values.repeat_interleave(self._per_group, dim=0) for values in tensors]

    def _draw_signs(self):
        """Tangents of each batch, (groups, k, d), as small integers."""
        if self._signs is None:
            return [None] * self._n_batches
        shape = self._n_batches, min(_N_TANGENTS, self.n_rows // self._n_batches)
        n_inputs = self.rows.x.shape[1]
        signs = [
            F.pad(_draw_signs(generator, (*shape, width)), (0, n_inputs - width))
            for generator, width in zip(self._signs, self._widths, strict=True)
        ]
        return torch.stack(signs, dim=1)

    def _as_inputs(self, signs):
        weight = self.rows.weight
        return signs if self._signs is None else signs.to(weight.device, weight.dtype)


def _fill_up(group_rows, weight):
    """Positions and weights (groups, n_rows); the weights of a group have mean 1."""
    n_rows = max(map(len, group_rows))
    # Of 32 bits: the largest arrays of a long training after the table itself.
    index = np.zeros((len(group_rows), n_rows), dtype=np.int32)
    present = np.zeros(index.shape, dtype=bool)
    for group, rows in enumerate(group_rows):
        index[group, : len(rows)] = rows
        present[group, : len(rows)] = True
    index = torch.as_tensor(index, device=weight.device)
    weights = weight.index_select(0, index.flatten()).view_as(index)
    weights = weights * torch.as_tensor(present, device=weight.device)
    return index, weights / weights.mean(dim=1, keepdim=True)


def _draw_signs(generator, shape):
    """Entries -1 and 1, from packed bits: faster than a random number for each."""
    n_signs = math.prod(shape)
    words = torch.empty(-(-n_signs // 64), dtype=torch.int64)
    words.random_(-(2**63), None, generator=generator)
    shifts = torch.arange(8, dtype=torch.uint8)
    bits = (words.view(torch.uint8).unsqueeze(1) >> shifts) & 1
    return (bits.flatten()[:n_signs].view(torch.int8) * 2 - 1).view(shape)
