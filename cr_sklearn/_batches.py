"""Training rows as tensors, and their batches: one random stream per member."""

from typing import NamedTuple

import numpy as np
import torch

# Random bits are drawn for this many tangent entries at a time, per member.
_SIGN_BUFFER = 2**18


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
    """One step's input: ``x`` with its random tangents, ``y`` with its weights.

    ``signs`` is None unless the derivative stream is projected; ``x`` lacks the
    member axis when all members see the same rows.
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
    """Iterable over the batches of one epoch, in each member's own order.

    A member's batches depend on its own seed and rows alone, whatever it is packed
    with, as long as the largest set of rows is the same. Batches of an epoch differ by
    at most one row in size. If one batch holds all rows, they come in their own order
    and the epoch has no randomness but tangents.

    Parameters
    ----------
    rows : Rows
    batch_size : int
        Rows per batch, at most.
    seeds : sequence of int
        One per member.
    member_rows : sequence of ndarray of int, or None
        Rows that each member trains on; None gives all rows to all. Smaller sets are
        filled up with rows of weight zero, so that all have the same batches.
    n_sign_dims : int or None
        Length of the random tangents; None draws none.
    first_epoch : int, default=0
        See :func:`member_generators`.
    """

    def __init__(
        self,
        rows,
        batch_size,
        seeds,
        member_rows=None,
        n_sign_dims=None,
        first_epoch=0,
    ):
        self.rows = rows
        self.members = len(seeds)
        self._shared = member_rows is None
        if self._shared:
            everything = torch.arange(rows.x.shape[0], device=rows.x.device)
            self._index = everything.expand(self.members, -1)
            self._weight = rows.weight.expand(self.members, -1)
        else:
            self._index, self._weight = _fill_up(member_rows, rows.weight)
        self.n_rows = self._index.shape[1]
        self._n_batches = -(-self.n_rows // batch_size)
        self._order = member_generators(seeds, "order", first_epoch)
        self._signs = None
        if n_sign_dims is not None:
            rows_per_draw = max(batch_size, _SIGN_BUFFER // max(n_sign_dims, 1))
            self._signs = _SignStream(
                member_generators(seeds, "signs", first_epoch),
                n_sign_dims,
                rows_per_draw,
            )

    def __len__(self):
        return self._n_batches

    def __iter__(self):
        x, y, _ = self.rows
        if self._n_batches == 1:
            inputs = x if self._shared else self._take(self._index)
            signs = self._draw_signs(self.n_rows)
            yield Batch(inputs, signs, y[self._index], self._weight)
            return
        order = torch.stack(
            [torch.randperm(self.n_rows, generator=g) for g in self._order]
        ).to(x.device)
        # For the whole epoch at once, but for the inputs, which are large.
        index, weight = self._index.gather(1, order), self._weight.gather(1, order)
        parts = (
            tensor.tensor_split(self._n_batches, dim=1)
            for tensor in (index, y[index], weight)
        )
        for rows, targets, weights in zip(*parts, strict=True):
            signs = self._draw_signs(rows.shape[1])
            yield Batch(self._take(rows), signs, targets, weights)

    def _take(self, index):
        # Faster than x[index].
        x = self.rows.x
        return x.index_select(0, index.flatten()).view(*index.shape, x.shape[1])

    def _draw_signs(self, n_rows):
        if self._signs is None:
            return None
        return self._signs.draw(n_rows).to(self.rows.x)


def _fill_up(member_rows, weight):
    """Positions and weights (members, n_rows); the weights of a member have mean 1."""
    n_rows = max(map(len, member_rows))
    index = np.zeros((len(member_rows), n_rows), dtype=np.int64)
    present = np.zeros(index.shape, dtype=bool)
    for member, rows in enumerate(member_rows):
        index[member, : len(rows)] = rows
        present[member, : len(rows)] = True
    index = torch.as_tensor(index, device=weight.device)
    weights = weight[index] * torch.as_tensor(present, device=weight.device)
    return index, weights / weights.mean(dim=1, keepdim=True)


class _SignStream:
    """Random +-1 entries, drawn once as packed bits and then used over and over.

    Drawing them for each step would cost more than the step. Rows come in another order
    each epoch, and the supply is no multiple of the batches, so that a row meets other
    signs each time.
    """

    def __init__(self, generators, n_dims, n_rows):
        self._signs = torch.stack(
            [_draw_signs(generator, n_rows, n_dims) for generator in generators]
        )
        self._used = 0

    def draw(self, n_rows):
        """Return int8 signs of shape (members, n_rows, n_dims)."""
        if self._used + n_rows > self._signs.shape[1]:
            self._used = 0
        signs = self._signs[:, self._used : self._used + n_rows]
        self._used += n_rows
        return signs


def _draw_signs(generator, n_rows, n_dims):
    n_signs = n_rows * n_dims
    words = torch.empty(-(-n_signs // 64), dtype=torch.int64)
    words.random_(-(2**63), None, generator=generator)
    shifts = torch.arange(8, dtype=torch.uint8)
    bits = (words.view(torch.uint8).unsqueeze(1) >> shifts) & 1
    return (bits.flatten()[:n_signs].view(torch.int8) * 2 - 1).view(n_rows, n_dims)
