"""Bins of the columns that a model uses."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from cr_sklearn.encoding._levels import LevelCodes
from cr_sklearn.monitoring._counts import Counts, count_norms

# Bins of a column, beside those for missing values and unseen categories: at quantiles
# of the reference, or its most frequent categories and one for the others.
N_BINS = 20
# Robust standard deviations from the median, 3 sqrt(3), from which on the bound leaves
# less than an eighth of a derivative: such a value reads as calm without being so.
SQUASHED = 5.2


@dataclass(frozen=True)
class NumericBins:
    """Bin 0 is for missing values, the others between edges, in the user's units."""

    feature: int
    label: str
    edges: np.ndarray

    is_categorical = False

    @classmethod
    def fit(cls, feature, label, values):
        """Learn edges at quantiles of the reference."""
        present = values[~np.isnan(values)]
        levels = np.arange(1, N_BINS) / N_BINS
        edges = np.unique(np.quantile(present, levels)) if len(present) else []
        return cls(feature, label, np.asarray(edges, dtype=float))

    @property
    def n_bins(self):
        return len(self.edges) + 2

    def count(self, values):
        """Count values by bin."""
        bins = np.searchsorted(self.edges, values) + 1
        bins[np.isnan(values)] = 0
        return np.bincount(bins, minlength=self.n_bins)

    def to_dict(self):
        return {**vars(self), "edges": self.edges.tolist()}


@dataclass(frozen=True)
class CategoricalBins:
    """Bin 0 is for missing values, bin 1 for categories that training did not see.

    ``bins`` are those of the encoder's categories, in its order. Where the encoder has
    an indicator for rare categories, they have the last bin, and no category is unseen.
    """

    feature: int
    label: str
    bins: np.ndarray
    has_rare: bool = False

    is_categorical = True

    @classmethod
    def fit(cls, feature, label, categories, has_rare, levels, codes):
        """Learn a bin for each frequent category and one for the others."""
        counts = np.zeros(len(categories), dtype=int)
        frequency = np.bincount(codes[codes >= 0], minlength=len(levels))
        known = LevelCodes(categories, label).of(levels)
        for code, count in zip(known, frequency, strict=True):
            if code is not None:
                counts[code] += count
        place = np.argsort(np.argsort(-counts, kind="stable"))
        return cls(feature, label, 2 + np.minimum(place, N_BINS - 1), has_rare)

    @property
    def n_bins(self):
        return int(self.bins.max()) + 1 + self.has_rare

    def row_bins(self, categories, levels, codes):
        """Return the bin of each row."""
        elsewhere = self.n_bins - 1 if self.has_rare else 1
        known = LevelCodes(categories, self.label).of(levels)
        bins = [elsewhere if code is None else int(self.bins[code]) for code in known]
        # The last one is for missing values, whose code is -1.
        return np.array([*bins, 0])[codes]

    def to_dict(self):
        return {**vars(self), "bins": self.bins.tolist()}


class RowBins:
    """Bins of sensitivities and columns, by which rows become counts.

    Parameters
    ----------
    columns : list of NumericBins and CategoricalBins
    first_norm : int
        Number of the lowest bin of sensitivities.
    """

    def __init__(self, columns, first_norm):
        self.columns, self.first_norm = columns, first_norm
        self.numeric = [bins for bins in columns if not bins.is_categorical]
        self.categorical = [bins for bins in columns if bins.is_categorical]
        ends = np.cumsum([0, *(bins.n_bins for bins in columns)])
        self.slices = [slice(*pair) for pair in pairwise(ends.tolist())]
        self.n_bins = int(ends[-1])

    @classmethod
    def fit(cls, encoder, columns, labels, first_norm):
        """Learn bins for the columns that a model uses, from a reference.

        Parameters
        ----------
        encoder : TabularEncoder
            Fitted.
        columns : FrameColumns or ArrayColumns
            The reference.
        labels : list of str
            Names of all columns.
        first_norm : int
        """
        used = sorted({*encoder.numeric_features_, *encoder.missing_features_})
        values = columns.numeric(used)
        bins = [
            NumericBins.fit(int(feature), labels[feature], values[:, position])
            for position, feature in enumerate(used)
        ]
        for feature, categories in encoder.categorical_.kept_.items():
            found = columns.factorize(feature)
            has_rare = encoder.categorical_.rare_share_[feature] > 0
            bins.append(
                CategoricalBins.fit(
                    feature, labels[feature], categories, has_rare, *found
                )
            )
        return cls(bins, first_norm)

    def count(self, encoder, columns, sensitivity):
        """Count rows.

        Parameters
        ----------
        encoder : TabularEncoder
            That of the model for which the bins were made.
        columns : FrameColumns or ArrayColumns
        sensitivity : ndarray of shape (n,)
        """
        counts, unseen = [], []
        values = columns.numeric([bins.feature for bins in self.numeric])
        counts += [
            bins.count(values[:, position])
            for position, bins in enumerate(self.numeric)
        ]
        is_unseen = np.zeros(columns.n_rows, dtype=bool)
        for bins in self.categorical:
            categories = encoder.categorical_.kept_[bins.feature]
            rows = bins.row_bins(categories, *columns.factorize(bins.feature))
            counts.append(np.bincount(rows, minlength=bins.n_bins))
            unseen.append(counts[-1][1])
            is_unseen |= rows == 1
        return Counts(
            n_rows=columns.n_rows,
            norms=count_norms(sensitivity, self.first_norm),
            norm_sum=float(sensitivity.sum()),
            n_squashed=int(self._is_squashed(encoder, values).sum()),
            n_unseen=int(is_unseen.sum()),
            unseen=np.array(unseen, dtype=int),
            columns=np.concatenate([np.empty(0, dtype=int), *counts]),
        )

    def to_dict(self):
        return {
            "columns": [bins.to_dict() for bins in self.columns],
            "first_norm": self.first_norm,
        }

    @classmethod
    def from_dict(cls, state):
        columns = []
        for column in state["columns"]:
            kind, name = (
                (NumericBins, "edges")
                if "edges" in column
                else (CategoricalBins, "bins")
            )
            columns.append(kind(**{**column, name: np.array(column[name])}))
        return cls(columns, state["first_norm"])

    def _is_squashed(self, encoder, values):
        position = {bins.feature: place for place, bins in enumerate(self.numeric)}
        used = [position[feature] for feature in encoder.numeric_features_]
        with np.errstate(over="ignore"):
            distance = np.abs(values[:, used] - encoder.center_)
            return (distance > SQUASHED * encoder.scale_).any(axis=1)
