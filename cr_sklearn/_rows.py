"""Rows of a fit: validated, encoded by their target, and split."""

from typing import Any, NamedTuple

import numpy as np
from sklearn.utils.validation import _check_sample_weight


def checked_weight(sample_weight, n_rows):
    """Return sample weights, as float64 and one for each row.

    Raises
    ------
    ValueError
        If they are of another number, not finite, negative, or all zero.
    """
    # It adds them up, infinities of both signs too.
    with np.errstate(invalid="ignore", over="ignore"):
        weight = _check_sample_weight(sample_weight, np.empty(n_rows), dtype=np.float64)
    if (weight < 0).any():
        raise ValueError(
            f"Negative values in sample_weight: the smallest is {weight.min():g}. "
            "Weights must be >= 0."
        )
    if not weight.any():  # scikit-learn < 1.9 lets this pass
        raise ValueError("Sample weights must contain at least one non-zero number.")
    refuse_overflow(weight, "sample_weight")
    return weight


def refuse_overflow(weight, name):
    """Raise ValueError if weights add up to more than floating point holds."""
    with np.errstate(over="ignore"):
        total = weight.sum()
    if not np.isfinite(total):
        raise ValueError(
            f"{name} gives rows weights up to {weight.max():g}, whose sum overflows. "
            "Divide them: only their ratios matter."
        )


class TrainingRows(NamedTuple):
    """Rows of a table with their target and weight.

    Attributes
    ----------
    columns : FrameColumns or ArrayColumns
    target : ndarray of shape (n,)
        As the user gave it, then in the codes of a head.
    weight : ndarray of shape (n,)
    groups : ndarray of shape (n,) or None
    position : ndarray of shape (n,) or None
        Place of each row among the ``n_given`` rows that the user gave.
    n_given : int
    original : ndarray of int of shape (n,) or None
        The same number for copies of a row, where that is known.
    """

    columns: Any
    target: np.ndarray
    weight: np.ndarray
    groups: Any = None
    position: Any = None
    n_given: int = 0
    original: Any = None

    def with_weight(self):
        """Return the rows whose weight is not zero."""
        rows = np.flatnonzero(self.weight)
        return self if len(rows) == len(self.weight) else self.take(rows)

    def without_copies(self):
        """Find the rows that are no copies of others.

        Returns
        -------
        first : ndarray of int of shape (n_distinct,)
            Their positions.
        copy_of : ndarray of int of shape (n,)
            Position in ``first`` of the row that each row is a copy of, or is.
        """
        _, first, copy_of = np.unique(
            self.original, return_index=True, return_inverse=True
        )
        return first, copy_of

    def take(self, rows):
        """Return some of the rows."""
        groups, position, original = (
            None if values is None else values[rows]
            for values in (self.groups, self.position, self.original)
        )
        return TrainingRows(
            self.columns.take(rows),
            self.target[rows],
            self.weight[rows],
            groups,
            position,
            self.n_given,
            original,
        )


class RowGroups(NamedTuple):
    """Groups of members that see the same rows in the same order.

    With ``g`` groups the first ``members / g`` members are in the first, and so on.

    Attributes
    ----------
    seeds : list of int
        One per group, for order and tangents.
    rows : ndarray of int32 of shape (groups, n), or None
        Positions of the rows that each group trains on; None for all.
    counts : ndarray of shape (groups,), or None
        How many of these are meant: smaller sets are filled up.
    """

    seeds: Any
    rows: Any = None
    counts: Any = None

    @classmethod
    def of(cls, seeds, sets):
        """Make a group of each of these sets of rows."""
        counts = np.array([len(rows) for rows in sets])
        filled = np.zeros((len(sets), counts.max()), dtype=np.int32)
        for group, rows in zip(filled, sets, strict=True):
            group[: len(rows)] = rows
        return cls(seeds, filled, counts)
