"""Places between the values of columns that take a few: where the penalty is evaluated.

A network that is penalised at the two values of a column alone can be flat at both and
rise between them: the Jacobian then says nothing of what a switch does.
"""

import math
from typing import NamedTuple

import numpy as np
import torch

# Places in the middle between two values are (1 + this) / (1 - this) times as frequent
# as places near them.
_CENTRED = 0.5


class Moves(NamedTuple):
    """Rows on their way to another level, and the directions in which they are moved.

    Each has two entries for a row, of the level that it has and of the one it moves to.

    Attributes
    ----------
    column : Tensor of int64 of shape (groups, n, 2)
        Encoded columns.
    change : Tensor of shape (groups, n, 2)
        What is added to them.
    direction : Tensor of shape (groups, n, 2)
        The random tangent's entries there.
    """

    column: torch.Tensor
    change: torch.Tensor
    direction: torch.Tensor

    def by_batch(self, n_rows):
        """Yield the moves of each batch, of as many rows each."""
        for parts in zip(*(part.split(n_rows, dim=1) for part in self), strict=True):
            yield Moves(*parts)

    def of(self, x):
        """Return rows (groups or 1, n, d) where they are moved to, (groups, n, d)."""
        return x.expand(len(self.column), -1, -1).scatter_add(
            2, self.column, self.change
        )


class SwitchRows(NamedTuple):
    r"""Levels that rows have of their switches, and their places in the encoded rows.

    A row moves in one switch, drawn at random, a random share t of the way from its own
    level a to another one b that is drawn evenly; the rest of it stays. Its tangent v
    has no entries in other switches, and here independent ones whose squares make up
    for the rows that move elsewhere, so that in the mean over rows

    .. math:: E \lVert S v \rVert^2 = \sum_{numeric\, j} \lVert S_j(x) \rVert^2
              + \sum_{levels\, c} \int_0^1
              \lVert S_c(x + t (e_b - e_a)) \rVert^2 dt,

    the second over rows that come from or go to level c. Of all ways through which f
    can go from one value to another, this integral is smallest for the straight one,
    whose slope is the switch. Shares t are drawn somewhat more often near 1/2 than near
    0 and 1, where weak penalties would leave cubics too flat.

    Attributes
    ----------
    levels : Tensor of int16 of shape (n, n_switches)
        From 0 for each switch; -1 for none.
    column, value, weight : Tensor of shape (n_levels,)
        Encoded column, value there, and square of the tangent's entry.
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
    def from_arrays(cls, switches, levels, template):
        """Move arrays to the dtype and device of a tensor.

        Parameters
        ----------
        switches : Switches
        levels : ndarray of int16 of shape (n, n_switches)
        template : Tensor
        """
        first, count = switches.first[:-1], np.diff(switches.first)
        # Of the rows that move in the switch, those that meet the level.
        met = switches.share + (1.0 - switches.share) / (count - 1).repeat(count)
        device, dtype = template.device, template.dtype
        return cls(
            torch.as_tensor(levels, device=device),
            torch.as_tensor(switches.column, device=device),
            torch.as_tensor(switches.value, dtype=dtype, device=device),
            torch.as_tensor(len(first) / met, dtype=dtype, device=device),
            torch.as_tensor(first, device=device),
            torch.as_tensor(count, device=device),
        )

    def and_also(self, others):
        """Return these rows and others."""
        return self._replace(levels=torch.cat([self.levels, others.levels]))

    def draw(self, index, generators):
        """Draw the moves of rows.

        Parameters
        ----------
        index : Tensor of int64 of shape (groups, n)
        generators : list of torch.Generator
            One for each group.
        """
        random = [
            torch.rand(index.shape[1], 5, generator=generator)
            for generator in generators
        ]
        random = torch.stack(random, dim=1).to(self.value).transpose(0, 1)
        switch, other, share, *signs = random.unbind(2)
        share = share + _CENTRED / math.tau * torch.sin(math.tau * share)
        switch = _integer(switch, len(self.first))
        own = self.levels[index, switch].long()
        # What has no level moves from where it is.
        leaves = share * (own >= 0)
        own = own.clamp_(min=0)
        count, first = self.count[switch], self.first[switch]
        other = (own + 1 + _integer(other, count - 1)) % count
        level = torch.stack([first + own, first + other], dim=2)
        column = self.column[level]
        change = self.value[level] * torch.stack([-leaves, share], dim=2)
        direction = torch.stack(signs, dim=2).sub_(0.5).sign_()
        direction *= self.weight[level].sqrt_()
        # Two values of one column have one tangent.
        direction[..., 1].masked_fill_(column[..., 0] == column[..., 1], 0.0)
        return Moves(column, change, direction)


def _integer(uniform, count):
    """Turn random numbers in [0, 1) into integers below ``count``."""
    # Rounding may give the count itself.
    return (uniform * count).long().clamp(max=count - 1)
