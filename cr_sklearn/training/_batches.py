"""Training rows as tensors, and their batches, with a random stream for each group."""

import math
from typing import Any, NamedTuple

import numpy as np
import torch

from cr_sklearn.training._between import SwitchRows

# Random tangents of a batch, dealt out to its rows: the penalty is their mean all the
# same, and one for each row would cost as much as the rows themselves.
N_PROBES = 16
# Of the rows of a batch, those that the projected penalty is evaluated at.
PENALISED_SHARE = 0.25
# Positions and targets of so many rows are put in order at a time: in one go for small
# tables, where calls cost more than rows, and in little memory for large ones.
_ROWS_IN_ORDER = 2**17


# Rows that tell how large they are.
_ROWS_OF_NORM = 2**14


class EncodedRows(NamedTuple):
    """Tensors of the training or validation rows.

    ``x`` (n, d) encoded inputs, as a tensor or as
    :class:`~cr_sklearn.training._encoded_rows.TableInputs`; ``y`` (n,) encoded targets,
    ``weight`` (n,) sample weights of mean 1; ``switches`` for columns of few values,
    None where there are none.
    """

    x: Any
    y: torch.Tensor
    weight: torch.Tensor
    switches: SwitchRows | None = None

    @classmethod
    def from_arrays(cls, x, y, weight, *, template, switches=None):
        """Move arrays once, to the dtype and device of the tensor ``template``."""
        dtype, device = template.dtype, template.device
        if isinstance(x, np.ndarray):
            x = torch.as_tensor(x, dtype=dtype, device=device)
        return cls(
            x,
            torch.as_tensor(y, device=device),
            torch.as_tensor(weight / weight.mean(), dtype=dtype, device=device),
            switches,
        )

    def square_norm(self):
        """Return the mean squared norm of the rows, by some where there are many."""
        some = torch.arange(min(len(self.y), _ROWS_OF_NORM), device=self.y.device)
        x, weight = self.x.index_select(0, some), self.weight[some]
        return float(weight @ (x * x).sum(dim=1) / weight.sum())

    def and_also(self, others):
        """Return these rows and others; only these where they are no tensor."""
        if not isinstance(self.x, torch.Tensor):
            return self
        switches = self.switches
        if switches is not None:
            switches = switches.and_also(others.switches)
        pairs = zip(self[:3], others[:3], strict=True)
        return EncodedRows(*(torch.cat(both) for both in pairs), switches)


class Batch(NamedTuple):
    """One step's input.

    ``x`` (groups, batch, d), with one group when all see the same rows; random tangents
    ``probes`` (groups, k, d), None unless the derivative stream is projected; ``y`` and
    ``weight`` (members, batch). ``between`` (groups, k, d) are the first k rows, moved
    between the values of their switches: there the penalty is evaluated instead. None
    where there are no switches. ``n_penalised`` rows, the last ones or those moved,
    are penalised; None for all.
    """

    x: torch.Tensor
    probes: torch.Tensor | None
    y: torch.Tensor
    weight: torch.Tensor
    between: torch.Tensor | None = None
    n_penalised: int | None = None


def member_generators(seeds, purpose, first_epoch=0):
    """Make one torch generator per member, on the CPU.

    Parameters
    ----------
    seeds : sequence of int
        One per member.
    purpose : {"init", "order", "probes", "between"}
        Streams of different purposes never overlap, so that drawing more of one
        leaves the others as they are.
    first_epoch : int, default=0
        Epochs trained before, so that training that goes on does not repeat them.
    """
    purposes = ("init", "order", "probes", "between")
    keys = [purposes.index(purpose), first_epoch]
    states = [
        np.random.SeedSequence([int(seed), *keys]).generate_state(1, np.uint64)[0]
        for seed in seeds
    ]
    # manual_seed takes the range of a signed 64-bit integer.
    return [torch.Generator().manual_seed(int(state) >> 1) for state in states]


class PackedBatches:
    """Iterable over the batches of one epoch, in each group's own order.

    A group is the members that see the same rows in the same order. Its batches depend
    on its own seed and rows alone, whatever it is packed with, as long as the largest
    set of rows is the same. Batches of an epoch differ by at most one row in size. If
    one batch holds all rows, they come in their own order and the epoch has no
    randomness but tangents.

    Parameters
    ----------
    rows : EncodedRows
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
        device = rows.weight.device
        self._per_group = members // len(groups.seeds)
        self._index = self._counts = None
        self.n_rows = rows.x.shape[0]
        if groups.rows is not None:
            self.n_rows = groups.rows.shape[1]
            self._index = torch.as_tensor(groups.rows, device=device)
            self._counts = torch.as_tensor(groups.counts, device=device).unsqueeze(1)
            # So that the weights of a group have mean 1.
            self._scale = torch.stack(
                [
                    (rows.weight.index_select(0, group[:count]).sum() / self.n_rows)
                    for group, count in zip(self._index, groups.counts, strict=True)
                ]
            ).unsqueeze(1)
        self._n_batches = -(-self.n_rows // batch_size)
        self._order = member_generators(groups.seeds, "order", first_epoch)
        self._probes = None
        if projected:
            self._probes = member_generators(groups.seeds, "probes", first_epoch)
        self._between = None
        if projected and rows.switches is not None:
            self._between = member_generators(groups.seeds, "between", first_epoch)
            self._is_numeric = rows.weight.new_ones(rows.x.shape[1])
            self._is_numeric[rows.switches.column] = 0.0

    def __len__(self):
        return self._n_batches

    def __iter__(self):
        """Draw the order of rows and the tangents for the whole epoch at once."""
        n_batches, device = self._n_batches, self.rows.weight.device
        probes = None if self._probes is None else self._draw_probes()
        order = torch.arange(self.n_rows, dtype=torch.int32).expand(
            len(self._order), -1
        )
        if n_batches > 1:
            order = torch.empty(order.shape, dtype=order.dtype)
            for generator, group in zip(self._order, order, strict=True):
                torch.randperm(self.n_rows, generator=generator, out=group)
        batches = order.tensor_split(n_batches, dim=1)
        at_once = max(1, _ROWS_IN_ORDER // batches[0].numel())
        for start in range(0, n_batches, at_once):
            some = range(start, min(start + at_once, n_batches))
            part = torch.cat([batches[step] for step in some], dim=1).to(device)
            sizes = [batches[step].shape[1] for step in some]
            tensors = (
                tensor.split(sizes, dim=1) for tensor in self._in_order(part.long())
            )
            tangents = moves = [None] * len(some)
            if probes is not None:
                tangents = probes.of(some).to(device, self.rows.weight.dtype)
            if self._between is not None:
                moves = self._draw_moves(part.long(), sizes, tangents)
            for tangent, move, rows, *rest in zip(
                tangents, moves, *tensors, strict=True
            ):
                x, between = self._take(rows), None
                if move is not None:
                    between = move.of(x[:, -self._n_moved :])
                n_penalised = self._n_moved if tangent is not None else None
                yield Batch(x, tangent, *rest, between, n_penalised)

    @property
    def _n_moved(self):
        # A single batch has its rows in their own order.
        share = PENALISED_SHARE if self._n_batches > 1 else 1.0
        return math.ceil(share * (self.n_rows // self._n_batches))

    def _draw_moves(self, order, sizes, tangents):
        """Move the first rows of each batch, and turn their tangents in place."""
        ends = np.cumsum(sizes)
        moved = [order[:, end - self._n_moved : end] for end in ends]
        index = torch.cat(moved, dim=1)
        if self._index is not None:
            index = self._index.gather(1, index)
        moves = self.rows.switches.draw(index, self._between)
        moves = list(moves.by_batch(self._n_moved))
        tangents *= self._is_numeric
        for tangent, move in zip(tangents, moves, strict=True):
            tangent.scatter_add_(2, move.column, move.direction)
        return moves

    def _take(self, index):
        x = self.rows.x
        if self._index is None and self._n_batches == 1:
            return x.index_select(0, index[0]).unsqueeze(0)
        # Faster than x[index].
        return x.index_select(0, index.flatten()).view(*index.shape, x.shape[1])

    def _in_order(self, order):
        """Put rows (groups, n), targets and weights (members, n) in order."""
        _, y, weight, _ = self.rows
        index = order if self._index is None else self._index.gather(1, order)
        targets = y.index_select(0, index.flatten()).view_as(index)
        weights = weight.index_select(0, index.flatten()).view_as(index)
        if self._index is not None:
            weights = weights * (order < self._counts) / self._scale
        if self._per_group == 1:
            return index, targets, weights
        return index, *(
            values.repeat_interleave(self._per_group, dim=0)
            for values in (targets, weights)
        )

    def _draw_probes(self):
        n_tangents = min(N_PROBES, self._n_moved)
        if self._between is not None:
            n_tangents = self._n_moved
        return _Probes(self._probes, self._n_batches, n_tangents, self.rows.x.shape[1])


class _Probes:
    """Random tangents of all batches of an epoch, as packed bits.

    Parameters
    ----------
    generators : list of torch.Generator
        One per group.
    n_batches, n_tangents, n_inputs : int
    """

    def __init__(self, generators, n_batches, n_tangents, n_inputs):
        self._shape = n_tangents, n_inputs
        self._bits, n_entries = [], n_batches * n_tangents * n_inputs
        for generator in generators:
            # Faster than a random number for each.
            words = torch.empty(-(-n_entries // 64), dtype=torch.int64)
            words.random_(-(2**63), None, generator=generator)
            self._bits.append(words.view(torch.uint8))

    def of(self, steps):
        """Unpack the entries of consecutive batches, (batches, groups, k, d)."""
        shifts = torch.arange(8, dtype=torch.uint8)
        per_batch = math.prod(self._shape)
        first, last = steps[0] * per_batch, (steps[-1] + 1) * per_batch
        probes = []
        for bits in self._bits:
            bytes_ = bits[first // 8 : -(-last // 8)]
            flat = ((bytes_.unsqueeze(1) >> shifts) & 1).flatten()
            flat = flat[first % 8 :][: last - first].view(torch.int8) * 2 - 1
            probes.append(flat.view(len(steps), *self._shape))
        return torch.stack(probes, dim=1)
