"""Training in many calls: a sample of the rows seen, from which the encoding learns."""

from typing import Any, NamedTuple

import numpy as np

from cr_sklearn._rows import TrainingRows
from cr_sklearn.encoding._columns import ArrayColumns

# Rows that are kept of all that were seen.
_SIZE = 1024
# Of the least squares by which weights move to another encoding, beside its mean
# square: columns that the sample does not tell apart share what they had.
_RIDGE = 1e-6
# The encoding learns again when so many times the rows have been seen, and each row
# brings so many of those seen before: fewer let rows in order take over.
_MORE, _AGAIN = 1.25, 4


class Start(NamedTuple):
    """From where a training goes.

    Attributes
    ----------
    encoder : TabularEncoder
        Fitted.
    network : FittedNetwork or None
        To go on from; None draws new networks.
    optimizer_state : list of dict or None
    sample : RowSample or None
        Rows that partial_fit has seen, the new ones among them.
    again : TrainingRows or None
        Rows seen before that are trained on beside the new ones.
    statistics : ndarray of shape (n, n_statistics) or None
        Out-of-fold statistics of the training rows, in place of those that the encoder
        gives. None where there are none.
    is_partial : bool
        Whether it is a call of partial_fit: one epoch at a constant learning rate.
    """

    encoder: Any
    network: Any = None
    optimizer_state: Any = None
    sample: Any = None
    again: Any = None
    statistics: Any = None
    is_partial: bool = False


def first_call(encoder, rows, seed):
    """Start from an encoder that was fitted to the rows of the first call."""
    return Start(encoder, sample=RowSample.first(rows, seed), is_partial=True)


def later_call(earlier, rows, seed):
    """Go on with more rows; the encoding learns again where there are enough.

    Parameters
    ----------
    earlier : Start
        The fitted model, with the sample and the state of the optimiser so far.
    rows : TrainingRows
    seed : int
    """
    if earlier.sample is None:  # after fit
        return earlier
    # Rows that come in order would make the networks forget others.
    again = earlier.sample.draw(_AGAIN * len(rows.target), seed)
    sample = earlier.sample.add(rows, seed)
    start = earlier._replace(sample=sample, again=again)
    if sample.n_seen < _MORE * sample.n_learned:
        return start
    encoder, sample = sample.encoder(earlier.encoder)
    network = move_weights(earlier.network, sample.columns, earlier.encoder, encoder)
    state = earlier.optimizer_state
    if encoder.n_encoded_ != earlier.encoder.n_encoded_:
        state = None
    return Start(encoder, network, state, sample, again, is_partial=True)


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
    def first(cls, rows, seed):
        """Return a sample of the first rows, to which an encoder was fitted."""
        empty = SampledColumns(np.empty((0, rows.columns.n_features), dtype=object), [])
        sample = cls(empty, rows.target[:0], rows.weight[:0], 0, 0).add(rows, seed)
        return sample._replace(n_learned=sample.n_seen)

    def add(self, rows, seed):
        """Return a sample of the rows seen so far and of new ones."""
        columns, n_kept = rows.columns, len(self.weight)
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
            columns=SampledColumns(
                np.concatenate([self.columns.native[kept], values]), labels
            ),
            target=np.concatenate([self.target[kept], rows.target[new]]),
            weight=np.concatenate([self.weight[kept], rows.weight[new]]),
            n_seen=self.n_seen + columns.n_rows,
        )

    def draw(self, n_rows, seed):
        """Return at most so many of the rows, as TrainingRows."""
        rng = np.random.default_rng([seed, self.n_seen])
        n_kept = len(self.target)
        rows = rng.choice(n_kept, min(n_rows, n_kept), replace=False)
        return TrainingRows(self.columns, self.target, self.weight).take(rows)

    def encoder(self, earlier):
        """Fit an encoder to the sample, with parameters and kinds of an earlier one.

        Returns
        -------
        encoder : TabularEncoder
        sample : RowSample
            This one, from which it has learned.
        """
        encoder = type(earlier)(earlier.is_categorical_, earlier.n_bins)
        encoder.fit(self.columns, self.weight)
        return encoder, self._replace(n_learned=self.n_seen)


def move_weights(members, columns, before, after):
    """Move weights to another encoding, so that functions stay nearly the same.

    The encoding before is a linear map of the one after by least squares on the rows.
    """
    target, _ = before.transform(columns)
    x, _ = after.transform(columns)
    center, shift = x.mean(axis=0), target.mean(axis=0)
    x, target = x - center, target - shift
    penalty = _RIDGE * len(x) * np.eye(x.shape[1])
    linear = np.linalg.solve(x.T @ x + penalty, x.T @ target)
    constant = shift - center @ linear

    def moved(weights, biases):
        return linear @ weights, biases + constant @ weights

    intercepts = list(members.intercepts)
    skip, intercepts[-1] = moved(members.skip_coef, intercepts[-1])
    coefs = list(members.coefs)
    if coefs:
        coefs[0], intercepts[0] = moved(coefs[0], intercepts[0])
    return members._replace(coefs=coefs, intercepts=intercepts, skip_coef=skip)
