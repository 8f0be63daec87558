"""Rows of a fit: validated, and split into those that train and those held out."""

from typing import Any, NamedTuple

import numpy as np
from sklearn.utils.validation import _check_sample_weight


def checked_weight(sample_weight, n_rows):
    """Sample weights, as float64 and one for each row.

    Raises
    ------
    ValueError
        If they are of another number, not finite, negative, or all zero.
    """
    with np.errstate(invalid="ignore"):  # it adds up infinities of both signs
        weight = _check_sample_weight(sample_weight, np.empty(n_rows), dtype=np.float64)
    if (weight < 0).any():
        raise ValueError(
            f"Negative values in sample_weight: the smallest is {weight.min():g}. "
            "Weights must be >= 0."
        )
    if not weight.any():  # scikit-learn < 1.9 lets this pass
        raise ValueError("Sample weights must contain at least one non-zero number.")
    return weight


class TrainingRows(NamedTuple):
    """Validated rows with a positive weight.

    ``kept`` are their positions among the ``n_given`` rows that the user gave.
    """

    columns: Any
    y: np.ndarray
    weight: np.ndarray
    groups: Any
    kept: np.ndarray
    n_given: int

    def with_weight(self):
        """Return the rows whose weight is not zero."""
        rows = np.flatnonzero(self.weight)
        return self if len(rows) == len(self.weight) else self.take(rows)

    def take(self, rows):
        """Return some of the rows."""
        groups = None if self.groups is None else self.groups[rows]
        return TrainingRows(
            self.columns.take(rows),
            self.y[rows],
            self.weight[rows],
            groups,
            self.kept[rows],
            self.n_given,
        )


class TrainingPart(NamedTuple):
    """Columns, encoded target and loss weight of rows that train or are held out."""

    columns: Any
    target: np.ndarray
    weight: np.ndarray

    def take(self, rows):
        """Return some of the rows."""
        return TrainingPart(
            self.columns.take(rows), self.target[rows], self.weight[rows]
        )
