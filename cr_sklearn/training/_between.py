"""Places between the values of columns that take a few, for the penalty."""

import math
from typing import NamedTuple

import torch


class Moves(NamedTuple):
    """Rows on their way to another level, and the directions in which they are moved.

    Attributes
    ----------
    column : Tensor of int64 of shape (groups, n, 2 k)
        Encoded columns of the level that a row has and of the one that it moves to.
    change : Tensor of shape (groups, n, 2 k)
        What is added to them.
    direction : Tensor of shape (groups, n, 2 k)
        Random directions of the penalty in them.
    """

    column: torch.Tensor
    change: torch.Tensor
    direction: torch.Tensor

    @property
    def shape(self):
        return self.column.shape

    def split(self, n_rows):
        """Cut into parts of as many rows each."""
        parts = (tensor.split(n_rows, dim=1) for tensor in self)
        return [Moves(*part) for part in zip(*parts, strict=True)]


class LevelRows(NamedTuple):
    """Levels that rows have, and where those are in the encoded row.

    Attributes
    ----------
    levels : Tensor of int16 of shape (n, n_switches)
        -1 for none.
    column, value, weight : Tensor of shape (n_levels,)
        Encoded column, value and weight in the penalty.
    first, count : Tensor of int64 of shape (n_switches,)
        Place of the first level of each switch, and their number.
    """

    levels: torch.Tensor
    column: torch.Tensor
    value: torch.Tensor
    weight: torch.Tensor
    first: torch.Tensor
    count: torch.Tensor

    @classmethod
    def of(cls, switches, levels, template):
        """Move arrays to the dtype and device of a tensor."""
        device = template.device
        first, count = switches.first[:-1], switches.first[1:] - switches.first[:-1]
        others = (count - 1).repeat(count)
        met = switches.share + (1.0 - switches.share) / others
        numbers = {"dtype": template.dtype, "device": device}
        return cls(
            torch.as_tensor(levels, device=device),
            torch.as_tensor(switches.column, device=device),
            torch.as_tensor(switches.value, **numbers),
            torch.as_tensor(1.0 / met, **numbers),
            torch.as_tensor(first, device=device),
            torch.as_tensor(count, device=device),
        )

    def and_also(self, others):
        """Return these rows and others."""
        return self._replace(levels=torch.cat([self.levels, others.levels]))

    @property
    def columns(self):
        """Encoded columns of all levels."""
        return self.column.unique()

    def draw(self, index, generators, n_moved):
        """Move rows.

        Parameters
        ----------
        index : Tensor of int64 of shape (groups, n)
        generators : list of torch.Generator
        n_moved : int
            Switches of each row.
        """
        n_switches = len(self.first)
        k = min(n_moved, n_switches)
        random = torch.stack(
            [
                torch.rand(index.shape[1], 1 + 4 * k, generator=generator)
                for generator in generators
            ]
        ).to(index.device)
        order = torch.randperm(n_switches, generator=generators[0]).to(index.device)
        start = (random[..., :1] * n_switches).long().clamp_(max=n_switches - 1)
        switch = order[(start + torch.arange(k, device=index.device)) % n_switches]
        share, other = random[..., 1 : 1 + k], random[..., 1 + k : 1 + 2 * k]
        sign = (random[..., 1 + 2 * k :] < 0.5).to(self.value.dtype) * 2 - 1
        count, first = self.count[switch], self.first[switch]
        own = self.levels[index.unsqueeze(2), switch].long()
        is_any = own >= 0
        own = own.clamp_(min=0)
        step = 1 + (other * (count - 1)).long().clamp_(max=count - 2)
        other = first + (own + step) % count
        own = first + own
        share = share.to(self.value.dtype)
        level = torch.cat([own, other], dim=2)
        value = self.value[level]
        change = value * torch.cat([-share * is_any, share], dim=2)
        column = self.column[level]
        weight = (self.weight[level] * (n_switches / k)).sqrt_() * sign
        # Of two levels in one column, one direction.
        weight[..., k:].masked_fill_(column[..., :k] == column[..., k:], 0.0)
        return Moves(column, change, weight)
