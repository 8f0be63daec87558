"""Columns that take a few values, and nothing between them."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from cr_sklearn.formulas import _numpy as xp
from cr_sklearn.formulas._encodings import bound

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
    mean : ndarray of shape (n_levels,)
        What the encoding takes off the column.
    """

    column: np.ndarray
    value: np.ndarray
    share: np.ndarray
    first: np.ndarray
    mean: np.ndarray

    @property
    def n_switches(self):
        return len(self.first) - 1

    @classmethod
    def of(cls, encoder, pairs):
        """Collect the features of a fitted encoder.

        Parameters
        ----------
        encoder : TabularEncoder
        pairs : ndarray of shape (n_two_valued, 2)
            The two values of each of its ``two_valued_`` columns, in ascending order.
        """
        n_numeric, n_missing = len(encoder.scale_), len(encoder.missing_features_)
        features = []
        for position, ends in zip(encoder.two_valued_, pairs, strict=True):
            values = (ends - encoder.center_[position]) / encoder.scale_[position]
            share = -values[0]  # the mean is at 0, and the distance is 1
            shares = np.array([1.0 - share, share])
            features.append((np.full(2, position), bound(xp, values), shares))
        for place, share in enumerate(encoder.indicator_mean_[:n_missing], n_numeric):
            shares = np.array([1.0 - share, share])
            features.append((np.full(2, place), np.array([0.0, 1.0]), shares))
        categorical = encoder.categorical_
        places = n_numeric + n_missing + np.arange(len(categorical.share_))
        ends = pairwise(categorical.first_)
        for (start, stop), few in zip(ends, categorical.few(), strict=True):
            if not few:
                continue
            shares = categorical.share_[start:stop]
            features.append((places[start:stop], np.ones(len(shares)), shares))
        first = np.cumsum([0, *(len(shares) for *_, shares in features)])
        nothing = np.empty(0, dtype=int), np.empty(0), np.empty(0)
        parts = zip(nothing, *features, strict=True)
        column, value, share = (np.concatenate(part) for part in parts)
        taken_off = np.zeros(n_numeric + len(encoder.indicator_mean_))
        taken_off[n_numeric:] = encoder.indicator_mean_
        return cls(column, value, share, first, taken_off[column])

    def levels(self, encoded):
        """Find the level that rows have of each feature, from 0; -1 for none.

        Parameters
        ----------
        encoded : ndarray of shape (n, n_encoded)
            From :meth:`TabularEncoder.transform`.

        Returns
        -------
        ndarray of int16 of shape (n, n_features)
        """
        there = encoded[:, self.column] + self.mean
        there = np.abs(there - self.value) < _NEAR
        found = np.empty((len(encoded), self.n_switches), dtype=np.int16)
        for feature, (start, stop) in enumerate(pairwise(self.first)):
            has = there[:, start:stop]
            found[:, feature] = np.where(has.any(axis=1), has.argmax(axis=1), -1)
        return found
