"""Rows of a fit: validated, and split into those that train and those held out."""

from typing import Any, NamedTuple

import numpy as np


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
