"""Rows that partial_fit has seen: a sample from which the encoding goes on to learn."""

from typing import NamedTuple

import numpy as np

from cr_sklearn._rows import TrainingPart
from cr_sklearn.encoding._columns import ArrayColumns
from cr_sklearn.encoding._encoder import TabularEncoder

# Rows that are kept of all that were seen.
_SIZE = 1024
# Of the least squares by which weights move to another encoding, beside its mean
# square: columns that the sample does not tell apart share what they had.
_RIDGE = 1e-6


class SampledColumns(ArrayColumns):
    """Rows of several tables, each column as numbers or as objects.

    Parameters
    ----------
    values : ndarray of object of shape (n_rows, n_features)
    labels : list of str
        Names of the columns, for messages.
    """

    def __init__(self, values, labels):
        super().__init__(values)
        self._labels = labels

    def _take(self, rows):
        return SampledColumns(self.native[rows], self._labels)

    def label(self, feature):
        """Name of a column, for messages."""
        return self._labels[feature]


class RowSample(NamedTuple):
    """Rows drawn evenly from all that were seen, at most 1024.

    ``n_seen`` rows were seen, and ``n_learned`` when the encoding was last fitted.
    """

    columns: SampledColumns
    target: np.ndarray
    weight: np.ndarray
    n_seen: int
    n_learned: int

    @classmethod
    def first(cls, part, seed):
        """Return a sample of the first rows, to which an encoder was fitted."""
        empty = SampledColumns(np.empty((0, part.columns.n_features), dtype=object), [])
        sample = cls(empty, part.target[:0], part.weight[:0], 0, 0).add(part, seed)
        return sample._replace(n_learned=sample.n_seen)

    def add(self, part, seed):
        """Return a sample of the rows seen so far and those of a TrainingPart."""
        columns = part.columns
        own, n_kept = self.columns.native, len(self.weight)
        seen = self.n_seen + np.arange(columns.n_rows)
        kept = np.arange(min(n_kept + columns.n_rows, _SIZE))
        # Each later row takes the place of a random one (reservoir sampling).
        rng = np.random.default_rng([seed, self.n_seen])
        places = rng.integers(seen + 1)
        late = (seen >= _SIZE) & (places < _SIZE)
        kept[places[late]] = n_kept + np.flatnonzero(late)
        new = kept[kept >= n_kept] - n_kept
        added = columns.take(new)
        values = np.empty((len(new), columns.n_features), dtype=object)
        for feature in range(columns.n_features):
            values[:, feature] = added.objects(feature)
        labels = [columns.label(feature) for feature in range(columns.n_features)]
        kept = kept[kept < n_kept]
        return self._replace(
            columns=SampledColumns(np.concatenate([own[kept], values]), labels),
            target=np.concatenate([self.target[kept], part.target[new]]),
            weight=np.concatenate([self.weight[kept], part.weight[new]]),
            n_seen=self.n_seen + columns.n_rows,
        )

    def draw(self, n_rows, seed):
        """Return a TrainingPart of at most so many of the rows."""
        rng = np.random.default_rng([seed, self.n_seen])
        n_kept = len(self.target)
        rows = rng.choice(n_kept, min(n_rows, n_kept), replace=False)
        return TrainingPart(self.columns, self.target, self.weight).take(rows)

    def encoder(self, like):
        """Fit an encoder to the sample, of an earlier one's parameters and kinds.

        Returns
        -------
        encoder : TabularEncoder
        sample : RowSample
            This one, from which it has learned.
        """
        encoder = TabularEncoder(like.is_categorical_, like.n_bins)
        encoder.fit(self.columns, self.weight)
        return encoder, self._replace(n_learned=self.n_seen)


def move_weights(members, columns, before, after):
    """Weights with which another encoding gives nearly the same functions.

    The encoding before is a linear map of the one after by least squares on the rows.

    Parameters
    ----------
    members : FittedNetwork
    columns : SampledColumns
    before, after : TabularEncoder

    Returns
    -------
    FittedNetwork
    """
    target, _ = before.transform(columns)
    given, _ = after.transform(columns)
    center, shift = given.mean(axis=0), target.mean(axis=0)
    given, target = given - center, target - shift
    penalty = _RIDGE * len(given) * np.eye(given.shape[1])
    linear = np.linalg.solve(given.T @ given + penalty, given.T @ target)
    constant = shift - center @ linear

    def moved(weights, biases):
        return linear @ weights, biases + constant @ weights

    intercepts = list(members.intercepts)
    skip, intercepts[-1] = moved(members.skip_coef, intercepts[-1])
    coefs = list(members.coefs)
    if coefs:
        coefs[0], intercepts[0] = moved(coefs[0], intercepts[0])
    return members._replace(coefs=coefs, intercepts=intercepts, skip_coef=skip)
