"""DataFrame or array -> bounded float matrix, with the derivative of that map."""

import numpy as np
from sklearn.base import BaseEstimator

from cr_sklearn.encoding._categorical import CategoricalColumns
from cr_sklearn.encoding._categorical_features import categorical_mask, declared_mask
from cr_sklearn.encoding._ramps import SmoothRamps
from cr_sklearn.encoding._scaling import center_and_scale, deviation, two_values
from cr_sklearn.encoding._switches import Switches
from cr_sklearn.formulas import _numpy as xp
from cr_sklearn.formulas._encodings import FAR_OUT, bound, bound_slope

# Bins of a column where "auto" chooses them: one for so many rows, within limits.
_ROWS_PER_BIN, _FEWEST_BINS, _MOST_BINS = 100, 8, 32
# Where the gate of a column's rarer levels starts.
_RARE_GATE = 0.5


class TabularEncoder(BaseEstimator):
    r"""Encode the columns of a table as bounded network inputs.

    Numeric columns are centred at the median and scaled by the interquartile range
    (divided by 1.349, so that a Gaussian gets unit variance; by a standard deviation
    without far values if the quartiles coincide), or at the mean and by the distance if
    there are two values; missing values are replaced by the centre, and all bounded by
    :func:`bound`. A column with missing values in training adds an indicator.
    Categorical columns become one indicator per category, and one more for missing
    values if training has any. Of a column of more than 32 the rarer ones share an
    indicator, that of unseen ones as well; where there is none, an unseen category
    counts as missing. Indicators are centred at their training mean: what has no
    indicator is encoded as zeros, the average row. Columns of more than 32 categories
    have statistics of the target as well, see :func:`fit_statistics`. Columns that are
    constant in training are left out. Last come the ramps of :class:`SmoothRamps`, of
    the standardised values before the bound. All of it is differentiable everywhere.

    Parameters
    ----------
    categorical_features : "from_dtype", array-like or None, default="from_dtype"
        Booleans, positions or names of columns that are categorical. Beside these,
        and with "from_dtype" alone, columns of a dataframe that hold categories,
        strings or booleans are. None: no column is.
    n_bins : int or "auto", default="auto"
        See :class:`~cr_sklearn.encoding._ramps.SmoothRamps`; 0 gives no ramps.

    Attributes
    ----------
    n_features_in_ : int
    is_categorical_ : ndarray of bool of shape (n_features_in_,)
    numeric_features_ : ndarray of int
        Source column of each of the first encoded columns, the bounded values.
    center_, scale_ : ndarray of shape (n_numeric,)
        Centres and scales of these columns, in the user's units.
    deviation_ : ndarray of shape (n_numeric + n_missing,)
        Their standard deviations, winsorised at 1 % and 99 %, in units of the scales;
        then those of the missing indicators.
    two_valued_ : ndarray of int
        Positions of those among them that take two values: the first of the switches.
    missing_features_ : ndarray of int
        Source column of each missing indicator, the next encoded columns.
    categorical_ : CategoricalColumns
    indicator_mean_ : ndarray
        Training means of all indicators.
    ramps_ : SmoothRamps
    switches_ : Switches
        Two-valued columns, missing indicators and categories.
    n_encoded_ : int
        Columns of the encoded matrix, at least 1.
    block_ : ndarray of int of shape (n_encoded_,)
        Number of the block that each encoded column is in: a value, the ramps of a
        column, its frequent levels, its rare ones, a missing indicator, a statistic.
        Each block has a gate in training.
    gate_ : ndarray of shape (n_blocks,)
        Where the gates start.
    """

    def __init__(self, categorical_features="from_dtype", n_bins="auto"):
        self.categorical_features = categorical_features
        self.n_bins = n_bins

    # An experiment may have another scale.
    center_and_scale = staticmethod(center_and_scale)

    def fit(self, columns, weight):
        """Learn the encoding.

        Parameters
        ----------
        columns : FrameColumns or ArrayColumns
            From :func:`~cr_sklearn.encoding._columns.read_columns`.
        weight : ndarray of shape (n,)
            Positive sample weights.
        """
        self.n_features_in_ = columns.n_features
        self.is_categorical_ = categorical_mask(columns, self.categorical_features)
        weights = self._fit_numeric(columns, weight)
        missing = np.concatenate([np.empty(0), *weights]) / weight.sum()
        categorical = np.flatnonzero(self.is_categorical_).tolist()
        declared = declared_mask(columns, self.categorical_features)
        self.categorical_ = CategoricalColumns().fit(
            columns, categorical, declared, weight
        )
        self.indicator_mean_ = np.append(missing, self.categorical_.share_)
        self._fit_deviations(columns, weight)
        self.ramps_ = SmoothRamps(self._n_bins(columns.n_rows)).fit(
            self._standardised(columns), len(self.numeric_features_), weight
        )
        self.switches_ = Switches.of(self, self._ends)
        self._number_blocks()
        return self

    def fit_target(self, columns, target, weight, fold):
        """Learn what categorical columns of many levels tell of the target.

        Parameters
        ----------
        columns, target, weight, fold
            See :meth:`CategoricalColumns.fit_target`.

        Returns
        -------
        ndarray of shape (n, n_statistics)
            Statistics of these rows, each by rows of other folds alone.
        """
        statistics = self.categorical_.fit_target(columns, target, weight, fold)
        self._number_blocks()
        return statistics

    def transform(self, columns, seen=None):
        """Encode.

        Parameters
        ----------
        columns : FrameColumns or ArrayColumns
        seen : SeenLevels or None
            Is told which categories are known.

        Returns
        -------
        encoded : ndarray of shape (n, n_encoded_), float64
        standardised : ndarray of shape (n, n_numeric)
            Numeric values before the bound, NaN where missing.
        """
        numeric = columns.numeric(self._declared_numeric)
        standardised = self._standardise(np.take(numeric, self._used, axis=1))
        n_numeric, n_inputs = len(self.numeric_features_), self.n_standardised
        n_missing = len(self.missing_features_)
        # A table of constants has one column, of zeros.
        encoded = np.zeros((len(numeric), self.n_encoded_))
        encoded[:, :n_numeric] = bound(xp, standardised)
        start = n_numeric + n_missing
        missing = np.isnan(np.take(numeric, self._sometimes_missing, axis=1))
        encoded[:, n_numeric:start] = missing - self.indicator_mean_[:n_missing]
        stop = n_numeric + len(self.indicator_mean_)
        indicators, statistics = self.categorical_.transform(columns, seen)
        encoded[:, start:stop], encoded[:, stop:n_inputs] = indicators, statistics
        if len(self.ramps_.source_):
            encoded[:, n_inputs:] = self.ramps_.transform(standardised)
        encoded[np.isnan(encoded)] = 0.0
        return encoded, standardised

    def standardised_jacobian(self, jacobian, standardised):
        """Carry a Jacobian back to standardised numeric columns and indicators.

        Parameters
        ----------
        jacobian : ndarray of shape (n, n_outputs, n_encoded_)
            With respect to the encoded columns.
        standardised : ndarray of shape (n, n_numeric)
            From :meth:`transform`.

        Returns
        -------
        ndarray of shape (n, n_outputs, n_standardised)
            0 for missing values. Indicators are inputs of the network in their own
            right.
        """
        n_numeric = standardised.shape[1]
        result = jacobian[:, :, : self.n_standardised].copy()
        result[:, :, :n_numeric] *= self._bound_slope(standardised)[:, None]
        if len(self.ramps_.source_):
            ramps = jacobian[:, :, self.n_standardised :]
            ramps = ramps * self.ramps_.slope(standardised)[:, None]
            result[:, :, self.ramps_.columns_] += self.ramps_.sum_by_column(ramps)
        return result

    def tangents(self, standardised):
        """Return the derivatives of the encoded columns, as tangents for the network.

        Parameters
        ----------
        standardised : ndarray of shape (n, n_numeric)
            From :meth:`transform`.

        Returns
        -------
        ndarray of shape (n, n_standardised, n_encoded_)
        """
        n, n_numeric = standardised.shape
        n_inputs = self.n_standardised
        tangents = np.zeros((n, n_inputs, self.n_encoded_))
        diagonal = np.arange(n_inputs)
        tangents[:, diagonal, diagonal] = 1.0
        diagonal = diagonal[:n_numeric]
        tangents[:, diagonal, diagonal] = self._bound_slope(standardised)
        ramps = n_inputs + np.arange(len(self.ramps_.source_))
        tangents[:, self.ramps_.source_, ramps] = self.ramps_.slope(standardised)
        return tangents

    def deviation_jacobian(self, jacobian):
        """Carry a Jacobian to inputs of unit variance, in which they can be compared.

        Parameters
        ----------
        jacobian : ndarray of shape (n, n_outputs, n_standardised)
            From :meth:`standardised_jacobian`.

        Returns
        -------
        ndarray of shape (n, n_outputs, n_standardised)
            Numeric columns per standard deviation, and what :func:`by_level` gives for
            missing indicators and categories.
        """
        start = len(self.deviation_)
        result = jacobian.copy()
        result[..., :start] *= self.deviation_
        self.categorical_.scale_jacobian(result[..., start:])
        return result

    def user_jacobian(self, jacobian, standardised):
        """Carry a Jacobian back to the user's columns, in their units.

        Parameters
        ----------
        jacobian : ndarray of shape (n, n_outputs, n_standardised)
            From :meth:`standardised_jacobian`.
        standardised : ndarray of shape (n, n_numeric)
            From :meth:`transform`.

        Returns
        -------
        ndarray of shape (n, n_outputs, n_features_in_)
            0 for columns that were constant in training; NaN where there is no
            derivative: categorical columns and missing values.
        """
        by_column = np.zeros((*jacobian.shape[:2], self.n_features_in_))
        by_column[:, :, self.is_categorical_] = np.nan
        numeric = jacobian[:, :, : standardised.shape[1]] / self.scale_
        missing = np.isnan(standardised)[:, None]
        by_column[:, :, self.numeric_features_] = np.where(missing, np.nan, numeric)
        return by_column

    @property
    def n_standardised(self):
        """Encoded columns but ramps: numeric values, indicators, statistics."""
        n_statistics = self.categorical_.n_statistics
        return len(self.numeric_features_) + len(self.indicator_mean_) + n_statistics

    @property
    def n_encoded_(self):
        """Columns of the encoded matrix, at least 1."""
        return max(self.n_standardised + len(self.ramps_.source_), 1)

    @staticmethod
    def _bound_slope(standardised):
        slope = bound_slope(xp, standardised)
        slope[np.isnan(slope)] = 0.0
        return slope

    def _standardise(self, values, position=slice(None)):
        # Far out, an overflow to infinity would still have the right sign.
        with np.errstate(over="ignore"):
            values = (values - self.center_[position]) / self.scale_[position]
        return xp.clip(values, -FAR_OUT, FAR_OUT)

    def _fit_numeric(self, columns, weight):
        """Learn centres and scales; return the weights of missing values.

        Column by column, so that no second copy of a large table is made.
        """
        self._declared_numeric = np.flatnonzero(~self.is_categorical_)
        used, center, scale = [], [], []
        two_valued, ends = [], []
        sometimes_missing, weights = [], []
        for position, feature in enumerate(self._declared_numeric):
            column = columns.numeric([feature])[:, 0]
            missing = np.isnan(column)
            if missing.all():
                continue
            if missing.any():
                sometimes_missing.append(position)
                weights.append(np.bincount(missing, weight)[1:])
            middle, spread, varies = self.center_and_scale(column, weight)
            if not np.isfinite(spread):
                raise ValueError(
                    f"Column {columns.label(feature)} has values so large that their "
                    f"spread overflows: half of them lie around {middle:g}. Divide it, "
                    "or set fill values to NaN, which is treated as missing."
                )
            if varies:
                low, high = np.nanmin(column), np.nanmax(column)
                if two_values(column, low, high):
                    two_valued.append(len(used))
                    ends.append([low, high])
                used.append(position)
                center.append(middle)
                scale.append(spread)
        # Positions among the declared columns.
        self._used = np.array(used, dtype=int)
        self._sometimes_missing = np.array(sometimes_missing, dtype=int)
        self.numeric_features_ = self._declared_numeric[self._used]
        self.missing_features_ = self._declared_numeric[self._sometimes_missing]
        self.center_, self.scale_ = np.array(center), np.array(scale)
        self.two_valued_ = np.array(two_valued, dtype=int)
        self._ends = np.array(ends).reshape(-1, 2)  # their values
        return weights

    def _standardised(self, columns):
        """Yield one numeric column after the other, in little memory."""
        for position, feature in enumerate(self.numeric_features_):
            yield self._standardise(columns.numeric([feature])[:, 0], position)

    def _fit_deviations(self, columns, weight):
        numeric = [deviation(column, weight) for column in self._standardised(columns)]
        missing = self.indicator_mean_[: len(self.missing_features_)]
        self.deviation_ = np.append(numeric, np.sqrt(missing * (1.0 - missing)))

    def _n_bins(self, n_rows):
        if self.n_bins != "auto":
            return self.n_bins
        return int(min(max(n_rows / _ROWS_PER_BIN, _FEWEST_BINS), _MOST_BINS))

    def _number_blocks(self):
        """Number the blocks of encoded columns that belong together."""
        categorical, n_numeric = self.categorical_, len(self.numeric_features_)
        column = np.repeat(
            np.arange(len(categorical.kept_)), np.diff(categorical.first_)
        )
        parts = [
            np.arange(n_numeric + len(self.missing_features_)),
            2 * column + ~categorical.is_frequent_,
            np.arange(categorical.n_statistics),
            self.ramps_.source_,
        ]
        block, n_blocks = [], 0
        for part in parts:
            numbers, number = np.unique(part, return_inverse=True)
            block.append(n_blocks + number)
            n_blocks += len(numbers)
        self.block_ = np.concatenate(block).astype(int)
        start = n_numeric + len(self.missing_features_)
        rare = start + np.flatnonzero(~categorical.is_frequent_)
        self.gate_ = np.ones(max(n_blocks, 1))
        self.gate_[self.block_[rare]] = _RARE_GATE
        if not len(self.block_):
            self.block_ = np.zeros(1, dtype=int)
