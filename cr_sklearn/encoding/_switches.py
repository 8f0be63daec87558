"""Columns that take a few values, and nothing between them."""

from typing import NamedTuple

import numpy as np

# Encoded values that are so near are the same.
_NEAR = 1e-9


class Switches(NamedTuple):
    """Features that switch between levels: two values of a number, or categories.

    Each level has a place in the encoded row: an indicator, or one of two values of one
    column. Levels of a feature lie side by side.

    Attributes
    ----------
    column : ndarray of int of shape (n_levels,)
        Encoded column of each level.
    value : ndarray of shape (n_levels,)
        How far the column is from where it would be without the level.
    share : ndarray of shape (n_levels,)
        Share of the training rows that have it.
    first : ndarray of int of shape (n_features + 1,)
        Where the levels of each feature begin, and their number.
    """

    column: np.ndarray
    value: np.ndarray
    share: np.ndarray
    first: np.ndarray

    @property
    def n_switches(self):
        return len(self.first) - 1

    @classmethod
    def of_columns(cls, columns):
        """Collect features.

        Parameters
        ----------
        columns : list of tuple
            ``(column, value, share)`` of each feature, arrays of its levels.
        """
        first = np.cumsum([0, *(len(one[0]) for one in columns)])
        nothing = np.empty(0, dtype=int), np.empty(0), np.empty(0)
        parts = zip(nothing, *columns, strict=True)
        return cls(*(np.concatenate(part) for part in parts), first)

    def levels(self, encoded, indicator_mean):
        """Find the level that each row has, from 0 for each feature; -1 for none.

        Parameters
        ----------
        encoded : ndarray of shape (n, n_encoded)
        indicator_mean : ndarray of shape (n_encoded,)
            What was taken off each column.

        Returns
        -------
        ndarray of int16 of shape (n, n_features)
        """
        there = encoded[:, self.column] + indicator_mean[self.column]
        there = np.abs(there - self.value) < _NEAR
        found = np.empty((len(encoded), self.n_switches), dtype=np.int16)
        for feature, (start, stop) in enumerate(
            zip(self.first[:-1], self.first[1:], strict=True)
        ):
            has = there[:, start:stop]
            found[:, feature] = np.where(has.any(axis=1), has.argmax(axis=1), -1)
        return found
