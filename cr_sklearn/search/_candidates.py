"""Candidates of ``dreg_strength="auto"``: a table of what their networks differ in."""

import math
from typing import NamedTuple

# The weakest strength for 2,000 rows, how it falls with more of them, and how many
# times as strong the next one is.
_WEAKEST, _FALL, _STEP = 2e-4, 0.3, 7.5
# Strengths for at most 2,000 rows; one fewer for each doubling of these.
_MOST, _FEW_ROWS = 4, 2000
# Of networks without hidden layers: where columns act one by one, a strength that rules
# out interactions would weaken the columns themselves as well.
LINEAR_STRENGTHS = (0.0003, 0.003)
# A linear network is a convex problem: fewer and longer steps do.
_LINEAR_BATCHES, _LINEAR_STEP = 4, 10.0


class Candidate(NamedTuple):
    """Settings by which the networks of a candidate differ from others.

    Attributes
    ----------
    dreg_strength : float
    hidden_layer_sizes : tuple of int
    batch_size, learning_rate_init : float, default=1
        Times those of the estimator.
    """

    dreg_strength: float
    hidden_layer_sizes: tuple
    batch_size: int = 1
    learning_rate_init: float = 1.0

    @property
    def shape(self):
        """Key that networks share if they can be packed together."""
        return self._replace(dreg_strength=None)


def strengths(n_rows):
    """Return the strengths that are tried, from the weakest.

    With more rows the data needs less of a penalty, and the choice matters less.
    """
    doublings = max(0.0, math.log2(n_rows / _FEW_ROWS))
    weakest = _WEAKEST * 2.0 ** (-_FALL * doublings)
    n_strengths = max(1, round(_MOST - doublings))
    return [weakest * _STEP**k for k in range(n_strengths)]


def candidates(hidden_layer_sizes, n_rows, linear=True):
    """Return the table of candidates.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int
        Those of the estimator. Without hidden layers all candidates are linear.
    n_rows : int
    linear : bool, default=True
        Whether there are linear networks beside those with hidden layers.
    """
    table = [Candidate(strength, hidden_layer_sizes) for strength in strengths(n_rows)]
    if hidden_layer_sizes and linear:
        table += [
            Candidate(strength, (), _LINEAR_BATCHES, _LINEAR_STEP)
            for strength in LINEAR_STRENGTHS
        ]
    return table
