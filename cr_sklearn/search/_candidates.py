"""Candidates of ``dreg_strength="auto"``: a table of what their networks differ in."""

from typing import NamedTuple

# The range that data sets of 100 to 10,000 rows were seen to prefer.
STRENGTHS = (0.0002, 0.0015, 0.01, 0.08)
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


def candidates(hidden_layer_sizes, linear=True):
    """Return the table of candidates.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int
        Those of the estimator. Without hidden layers all candidates are linear.
    linear : bool, default=True
        Whether there are linear networks beside those with hidden layers.
    """
    table = [Candidate(strength, hidden_layer_sizes) for strength in STRENGTHS]
    if hidden_layer_sizes and linear:
        table += [
            Candidate(strength, (), _LINEAR_BATCHES, _LINEAR_STEP)
            for strength in LINEAR_STRENGTHS
        ]
    return table
