"""DataFrame or array -> bounded float matrix, with the derivative of that map."""

import numpy as np
from sklearn.base import BaseEstimator

from cr_sklearn._piecewise import PiecewiseLinear
from cr_sklearn._quantiles import weighted_quantile

# Standardised values are squashed smoothly into (-BOUND, BOUND).
BOUND = 3.0
# Standardised values are clipped here, where the bound is constant in float64.
FAR_OUT = 1e100


def bound(v):
    r"""Smooth bound ``v / sqrt(1 + (v / 3)^2)``, within (-3, 3).

    Stacked cubics have degree ``3^depth``; unbounded inputs would overflow.

    Examples
    --------
    >>> bound(np.array([0.0, 4.0])).round(3).tolist()
    [0.0, 2.4]
    """
    # hypot does not overflow where the square would.
    return v / np.hypot(1.0, v / BOUND)


def bound_slope(v):
    """Derivative of :func:`bound`, ``(1 + (v / 3)^2)^(-3/2)``.

    Examples
    --------
    >>> bound_slope(np.array([0.0, 4.0])).round(3).tolist()
    [1.0, 0.216]
    """
    return np.hypot(1.0, v / BOUND) ** -3.0


class TabularEncoder(BaseEstimator):
    r"""Encode the columns of a table as bounded network inputs.

    Numeric columns are centred at the median and scaled by the interquartile range
    (divided by 1.349, so that a Gaussian gets unit variance; by the standard
    deviation if the quartiles coincide), missing values replaced by the median, and
    bounded by :func:`bound`. A column with missing values in training adds an
    indicator. Categorical columns become one indicator per category, and one more
    for missing values if training has any, which then stands for unseen categories
    too. Indicators are centred at their training mean: an unseen category without
    such a bucket is encoded as zeros, the average row. Columns that are constant in
    training are left out. Last come the ramps of
    :class:`~cr_sklearn._piecewise.PiecewiseLinear`, of the standardised values before
    the bound.

    Parameters
    ----------
    categorical_features : "from_dtype", array-like or None, default="from_dtype"
        As in :class:`sklearn.ensemble.HistGradientBoostingClassifier`, but from
        dtype string, object and boolean columns count as categorical as well.
    n_bins : int, default=8
        See :class:`~cr_sklearn._piecewise.PiecewiseLinear`; 0 gives no ramps.

    Attributes
    ----------
    n_features_in_ : int
    is_categorical_ : ndarray of bool of shape (n_features_in_,)
    numeric_features_ : ndarray of int
        Source column of each of the first encoded columns, the bounded values.
    center_, scale_ : ndarray of shape (n_numeric,)
        Of these columns, in the user's units.
    missing_features_ : ndarray of int
        Source column of each missing indicator, the next encoded columns.
    categories_ : dict of int to ndarray
        Sorted categories of each categorical column that is not constant.
    missing_bucket_ : dict of int to bool
        Whether the column has an indicator for missing values.
    indicator_mean_ : ndarray
        Training means of all indicators.
    ramps_ : PiecewiseLinear
    n_encoded_ : int
        Columns of the encoded matrix, at least 1.
    """

    def __init__(self, categorical_features="from_dtype", n_bins=8):
        self.categorical_features = categorical_features
        self.n_bins = n_bins

    def fit(self, columns, weight):
        """Learn the encoding.

        Parameters
        ----------
        columns : FrameColumns or ArrayColumns
            From :func:`~cr_sklearn._columns.read_columns`.
        weight : ndarray of shape (n,)
            Positive sample weights.
        """
        self.n_features_in_ = columns.n_features
        self.is_categorical_ = columns.categorical_mask(self.categorical_features)
        self._fit_numeric(columns.numeric(self._declared_numeric), weight)
        self.ramps_ = PiecewiseLinear(self.n_bins)
        self.ramps_.fit(self._standardise(columns), weight)
        self.categories_, self.missing_bucket_ = {}, {}
        for feature in np.flatnonzero(self.is_categorical_).tolist():
            values, missing = columns.categorical(feature)
            categories = _sorted_categories(values[~missing], columns.label(feature))
            if len(categories) + missing.any() > 1:
                self.categories_[feature] = categories
                self.missing_bucket_[feature] = bool(missing.any())
        indicators = self.indicators(columns)
        self.indicator_mean_ = np.average(indicators, axis=0, weights=weight)
        n_ramps = len(self.ramps_.source_)
        n_encoded = len(self.numeric_features_) + indicators.shape[1] + n_ramps
        self.n_encoded_ = max(n_encoded, 1)
        return self

    def transform(self, columns):
        """Encode.

        Returns
        -------
        encoded : ndarray of shape (n, n_encoded_), float64
        standardised : ndarray of shape (n, n_numeric)
            Numeric values before the bound, NaN where missing.
        """
        standardised = self._standardise(columns)
        blocks = [
            np.nan_to_num(bound(standardised)),
            np.nan_to_num(self.indicators(columns) - self.indicator_mean_),
            self.ramps_.transform(standardised),
        ]
        if not any(block.shape[1] for block in blocks):
            blocks = [np.zeros((len(standardised), 1))]
        return np.concatenate(blocks, axis=1), standardised

    def standardised_jacobian(self, jacobian, standardised):
        """Jacobian by standardised numeric columns and by indicators.

        Parameters
        ----------
        jacobian : ndarray of shape (n, n_outputs, n_encoded_)
            With respect to the encoded columns.
        standardised : ndarray of shape (n, n_numeric)
            From :meth:`transform`.

        Returns
        -------
        ndarray of shape (n, n_outputs, n_numeric + n_indicators)
            0 for missing values. Indicators are inputs of the network in their own
            right.
        """
        n_numeric = standardised.shape[1]
        n_inputs = n_numeric + len(self.indicator_mean_)
        result = jacobian[:, :, :n_inputs].copy()
        slope = np.nan_to_num(bound_slope(standardised))
        result[:, :, :n_numeric] *= slope[:, None]
        ramps = jacobian[:, :, n_inputs : n_inputs + len(self.ramps_.source_)]
        ramps = ramps * self.ramps_.slope(standardised)[:, None]
        # Ramps are sorted by source, so that each column's are one block.
        sources, starts = np.unique(self.ramps_.source_, return_index=True)
        if len(sources):
            result[:, :, sources] += np.add.reduceat(ramps, starts, axis=2)
        return result

    def user_jacobian(self, jacobian, standardised):
        """Jacobian by source column in the user's units.

        Parameters
        ----------
        jacobian, standardised
            As in :meth:`standardised_jacobian`.

        Returns
        -------
        ndarray of shape (n, n_outputs, n_features_in_)
            0 for columns that were constant in training; NaN where there is no
            derivative: categorical columns and missing values.
        """
        by_column = np.zeros((*jacobian.shape[:2], self.n_features_in_))
        by_column[:, :, self.is_categorical_] = np.nan
        numeric = self.standardised_jacobian(jacobian, standardised)
        numeric = numeric[:, :, : standardised.shape[1]] / self.scale_
        missing = np.isnan(standardised)[:, None]
        by_column[:, :, self.numeric_features_] = np.where(missing, np.nan, numeric)
        return by_column

    @property
    def _declared_numeric(self):
        return np.flatnonzero(~self.is_categorical_)

    def _standardise(self, columns):
        numeric = columns.numeric(self._declared_numeric)
        used = np.searchsorted(self._declared_numeric, self.numeric_features_)
        # Far out, an overflow to infinity would still have the right sign.
        with np.errstate(over="ignore"):
            standardised = (numeric[:, used] - self.center_) / self.scale_
        return np.clip(standardised, -FAR_OUT, FAR_OUT)

    @np.errstate(over="ignore")  # an infinite spread makes a column constant
    def _fit_numeric(self, numeric, weight):
        present = ~np.isnan(numeric)
        lower, center, upper = weighted_quantile(numeric, (0.25, 0.5, 0.75), weight)
        scale = (upper - lower) / 1.349
        total = np.maximum(weight @ present, weight.min())
        deviation = np.where(present, numeric - center, 0.0)
        deviation -= present * (weight @ deviation / total)
        spread = np.sqrt(weight @ deviation**2 / total)
        scale = np.where(scale > 0, scale, spread)
        # Below this, differences are rounding errors of a constant.
        largest = np.abs(np.where(present, numeric, 0.0)).max(axis=0)
        varies = scale > 4 * np.finfo(float).eps * largest
        features = self._declared_numeric
        self.numeric_features_ = features[varies]
        self.center_, self.scale_ = center[varies], scale[varies]
        sometimes_missing = present.any(axis=0) & ~present.all(axis=0)
        self.missing_features_ = features[sometimes_missing]

    def indicators(self, columns):
        """Missing indicators, then one-hot blocks; rows of NaN for the unseen."""
        missing = np.isnan(columns.numeric(self.missing_features_))
        blocks = [missing.astype(float)]
        for feature, categories in self.categories_.items():
            has_bucket = self.missing_bucket_[feature]
            position = {value: code for code, value in enumerate(categories)}
            elsewhere = len(categories) if has_bucket else -1
            values, missing = columns.categorical(feature)
            codes = np.array(
                [
                    elsewhere if gone else position.get(value, elsewhere)
                    for value, gone in zip(values, missing, strict=True)
                ]
            )
            block = np.zeros((len(codes), len(categories) + has_bucket))
            known = np.flatnonzero(codes >= 0)
            block[known, codes[known]] = 1.0
            block[codes < 0] = np.nan
            blocks.append(block)
        return np.concatenate(blocks, axis=1)


def _sorted_categories(values, label):
    try:
        return np.array(sorted(set(values.tolist())), dtype=object)
    except TypeError as error:
        kinds = sorted({type(value).__name__ for value in values.tolist()})
        raise TypeError(
            f"The categories of column {label} are of the types {kinds} and can't be "
            "sorted. Convert the column to one type, for example with .astype(str)."
        ) from error
