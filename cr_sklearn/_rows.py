"""Rows of a fit: validated, and split into those that train and those held out."""

from typing import Any, NamedTuple

import numpy as np
from sklearn.utils.validation import _check_sample_weight

from cr_sklearn.encoding._kinds import kind_of


def checked_weight(sample_weight, n_rows):
    """Sample weights, as float64 and one for each row.

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


def check_class_weight(class_weight):
    """Raise ValueError if the weight of a class is not finite, or negative."""
    for label, weight in class_weight.items():
        is_number = kind_of(weight) in ("number", "bool")
        if not (is_number and 0 <= weight < np.inf):
            raise ValueError(
                f"Weights in class_weight must be finite and >= 0, got {weight} for "
                f"class {label!r}."
            )


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
