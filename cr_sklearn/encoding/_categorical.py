"""Categorical columns: indicators of their levels, and statistics of many levels."""

import numpy as np

from cr_sklearn.encoding._kinds import warn_of_doubtful_levels
from cr_sklearn.encoding._levels import LevelCodes, in_order, kept_levels, level_limit
from cr_sklearn.encoding._target_statistics import FEW_LEVELS, fit_statistics
from cr_sklearn.formulas._encodings import by_level

# Codes of what is no level of training; they count places from the end.
_MISSING, _UNSEEN = -1, -2


class CategoricalColumns:
    """Encoding of the categorical columns of a table.

    Attributes
    ----------
    levels_ : dict of int to ndarray
        All levels of each column that varies, sorted.
    kept_ : dict of int to ndarray
        Those that have an indicator of their own, in the same order; of the columns
        that have indicators.
    rare_share_ : dict of int to float
        Share that the other levels have of the values in training. Where it is not 0
        the column has an indicator for them, and for unseen ones.
    missing_bucket_ : dict of int to bool
        Whether the column has an indicator for missing values.
    first_ : ndarray of int of shape (n_columns + 1,)
        Where the indicators of each column in ``kept_`` begin, and their number.
    share_ : ndarray of shape (n_indicators,)
        Shares of the training rows.
    is_frequent_ : ndarray of bool of shape (n_indicators,)
        False for the rarer levels of a column of many.
    statistics_ : dict of int to ColumnStatistics
    """

    def fit(self, columns, features, declared, weight):
        """Learn the levels.

        Parameters
        ----------
        columns : FrameColumns or ArrayColumns
        features : list of int
            The categorical ones.
        declared : ndarray of bool of shape (n_features,)
            Columns that no warning is needed about.
        weight : ndarray of shape (n,)
        """
        self.levels_, self.kept_, self.statistics_ = {}, {}, {}
        self.rare_share_, self.missing_bucket_ = {}, {}
        self._place, self._lookup = {}, {}
        shares, frequent = [np.empty(0)], [np.empty(0, dtype=bool)]
        limit = level_limit(columns, features)
        for feature in features:
            label = columns.label(feature)
            levels, codes = in_order(*columns.factorize(feature), label)
            present = codes >= 0
            counts = np.bincount(codes[present], minlength=len(levels))
            if not declared[feature]:
                warn_of_doubtful_levels(label, levels, counts)
            by_level = np.bincount(codes[present], weight[present], len(levels))
            is_many = len(levels) > FEW_LEVELS
            kept = np.ones(len(levels), dtype=bool)
            if is_many:
                kept = kept_levels(by_level, counts, limit)
            has_missing = not present.all()
            if has_missing and not kept.any():
                kept[:1] = True  # one that shows the type of all
            n_kept, has_rare = kept.sum(), not kept.all()
            n_indicators = n_kept + has_rare + has_missing
            if n_indicators > 1:
                self.kept_[feature] = levels[kept]
                share = by_level[~kept].sum() / max(by_level.sum(), 1e-300)
                self.rare_share_[feature] = float(share)
                self.missing_bucket_[feature] = has_missing
            if n_indicators > 1 or is_many:
                self.levels_[feature] = levels
                missing = n_kept + has_rare if has_missing else _MISSING
                unseen = n_kept if has_rare else missing
                places = np.full(len(levels) + 2, unseen)
                places[:-2][kept] = np.arange(n_kept)
                places[_MISSING] = missing
                if n_indicators == 1:
                    places[:] = -1
                self._place[feature] = places
            if n_indicators > 1:
                share = np.bincount(places[codes], weight, n_indicators) / weight.sum()
                shares.append(share)
                often = np.ones(n_indicators, dtype=bool)
                if is_many:
                    rare = np.argsort(-share, kind="stable")[FEW_LEVELS:]
                    often[rare] = False
                frequent.append(often)
        self.first_ = np.cumsum([0, *(len(share) for share in shares[1:])])
        self.share_ = np.concatenate(shares)
        self.is_frequent_ = np.concatenate(frequent)
        return self

    def __getstate__(self):
        return {**vars(self), "_lookup": {}}

    def fit_target(self, columns, target, weight, fold):
        """Learn what columns of many levels tell of the target.

        Parameters
        ----------
        columns : FrameColumns or ArrayColumns
        target, weight, fold : ndarray
            See :func:`~cr_sklearn.encoding._target_statistics.fit_statistics`.

        Returns
        -------
        ndarray of shape (n, n_statistics)
            Statistics of these rows, each by rows of other folds alone.
        """
        values = [np.empty((len(weight), 0))]
        for feature, levels in self.levels_.items():
            if len(levels) <= FEW_LEVELS:
                continue
            codes = self._codes(columns, feature)
            statistics, of_rows = fit_statistics(
                codes,
                len(levels),
                self._place[feature][codes],
                self.n_indicators(feature),
                target,
                weight,
                fold,
            )
            if of_rows.shape[1]:
                self.statistics_[feature] = statistics
                values.append(of_rows)
        return np.concatenate(values, axis=1)

    def transform(self, columns, seen=None):
        """Encode.

        Parameters
        ----------
        columns : FrameColumns or ArrayColumns
        seen : SeenLevels or None
            Is told which levels are known.

        Returns
        -------
        indicators : ndarray of shape (n, n_indicators)
            Centred at their training mean; zeros for what has no indicator, the average
            row.
        statistics : ndarray of shape (n, n_statistics)
        """
        indicators = np.zeros((columns.n_rows, len(self.share_)))
        statistics = [np.empty((columns.n_rows, 0))]
        start = 0
        for feature in self.levels_:
            codes = self._codes(columns, feature, seen)
            if feature in self.kept_:
                stop = start + self.n_indicators(feature)
                places = self._place[feature][codes]
                known = np.flatnonzero(places >= 0)
                indicators[known, start + places[known]] = 1.0
                indicators[known, start:stop] -= self.share_[start:stop]
                start = stop
            if feature in self.statistics_:
                statistics.append(self.statistics_[feature].table[codes])
        return indicators, np.concatenate(statistics, axis=1)

    def n_indicators(self, feature):
        """Return how many indicators a column has."""
        if feature not in self.kept_:
            return 0
        buckets = (self.rare_share_[feature] > 0) + self.missing_bucket_[feature]
        return len(self.kept_[feature]) + buckets

    @property
    def n_statistics(self):
        return sum(one.table.shape[1] for one in self.statistics_.values())

    def few(self):
        """Return the columns of few levels among those in ``kept_``, as a mask."""
        counts = [len(self.levels_[feature]) for feature in self.kept_]
        return np.array(counts, dtype=int) <= FEW_LEVELS

    def scale_jacobian(self, jacobian):
        """Bring derivatives to inputs of unit variance, in place.

        Parameters
        ----------
        jacobian : ndarray of shape (..., n_indicators + n_statistics)
            With respect to what is encoded.
        """
        n_indicators = len(self.share_)
        if self.statistics_:
            by_statistic = jacobian[..., n_indicators:].copy()
            jacobian[..., n_indicators:] = 0.0
            jacobian += by_statistic @ self.statistic_map()
        if self.kept_:
            share, first = self.share_, self.first_
            levels = jacobian[..., :n_indicators]
            mean = np.add.reduceat(levels * share, first[:-1], axis=-1)
            mean = np.repeat(mean, np.diff(first), axis=-1)
            levels[...] = by_level(levels, mean, share)

    def statistic_map(self):
        """Return what derivatives with respect to statistics add to the others.

        A level has its indicator and the mean of its statistics: the latter belong to
        the derivative with respect to the level. What statistics vary by beside, such
        as within the rare levels, stands apart, in units of its deviation.

        Returns
        -------
        ndarray of shape (n_statistics, n_indicators + n_statistics)
        """
        n_indicators = len(self.share_)
        result = np.zeros((self.n_statistics, n_indicators + self.n_statistics))
        place, start = dict(zip(self.kept_, self.first_, strict=False)), 0
        for feature, one in self.statistics_.items():
            rows = slice(start, start + len(one.residual))
            start = rows.stop
            if feature in place:
                first = place[feature]
                result[rows, first : first + len(one.level_mean)] = one.level_mean.T
            columns = slice(n_indicators + rows.start, n_indicators + rows.stop)
            result[rows, columns] = one.residual
        return result

    def _codes(self, columns, feature, seen=None):
        label = columns.label(feature)
        levels, codes = columns.factorize(feature)
        if feature not in self._lookup:
            self._lookup[feature] = LevelCodes(self.levels_[feature], label)
        known = self._lookup[feature].of(levels)
        if seen is not None:
            seen.add(feature, levels, known, codes)
        known = [_UNSEEN if code is None else code for code in known]
        # The last one is for missing values, whose code is -1.
        return np.array([*known, _MISSING])[codes]
