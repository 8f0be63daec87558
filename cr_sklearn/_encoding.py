"""DataFrame or array -> bounded float matrix, with the derivative of that map."""

import numpy as np
from sklearn.base import BaseEstimator

# Standardised values are squashed smoothly into (-BOUND, BOUND).
BOUND = 3.0
# Standardised values are clipped here, where the bound is constant in float64.
_FAR_OUT = 1e100


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


def weighted_quantile(x, q, weight):
    """Quantiles in which a weight of 2 equals the row twice.

    The averaged inverse of the weighted distribution function, column by column,
    ignoring NaN.

    Parameters
    ----------
    x : ndarray of shape (n, p)
    q : sequence of float
        In (0, 1).
    weight : ndarray of shape (n,)
        Positive.

    Returns
    -------
    ndarray of shape (len(q), p)
        NaN for a column without a value.

    Examples
    --------
    >>> x = np.array([[1.0], [2.0], [10.0]])
    >>> weighted_quantile(x, [0.5], np.array([1.0, 1.0, 2.0])).tolist()
    [[6.0]]
    """
    order = np.argsort(x, axis=0, kind="stable")  # NaN last
    values = np.take_along_axis(x, order, axis=0)
    weights = np.where(np.isnan(values), 0.0, weight[order])
    cumulated = np.cumsum(weights, axis=0)
    total = cumulated[-1]
    quantiles = np.full((len(q), x.shape[1]), np.nan)
    for column in np.flatnonzero(total > 0):
        # Rounding in the sum must not decide on which side of a tie q falls.
        share = np.round(cumulated[:, column] / total[column], 12)
        for row, level in enumerate(q):
            low = np.searchsorted(share, level, side="left")
            high = np.searchsorted(share, level, side="right")
            # Only rows with a value can be meant.
            last = np.searchsorted(share, 1.0, side="left")
            low, high = min(low, last), min(high, last)
            quantiles[row, column] = 0.5 * (values[low, column] + values[high, column])
    return quantiles


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
    training are left out.

    Parameters
    ----------
    categorical_features : "from_dtype", array-like or None, default="from_dtype"
        As in :class:`sklearn.ensemble.HistGradientBoostingClassifier`, but from
        dtype string, object and boolean columns count as categorical as well.

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
    n_encoded_ : int
        Columns of the encoded matrix, at least 1.
    """

    def __init__(self, categorical_features="from_dtype"):
        self.categorical_features = categorical_features

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
        self.categories_, self.missing_bucket_ = {}, {}
        for feature in np.flatnonzero(self.is_categorical_).tolist():
            values, missing = columns.categorical(feature)
            categories = _sorted_categories(values[~missing], columns.label(feature))
            if len(categories) + missing.any() > 1:
                self.categories_[feature] = categories
                self.missing_bucket_[feature] = bool(missing.any())
        indicators = self._indicators(columns)
        self.indicator_mean_ = np.average(indicators, axis=0, weights=weight)
        n_encoded = len(self.numeric_features_) + indicators.shape[1]
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
        numeric = columns.numeric(self._declared_numeric)
        used = np.searchsorted(self._declared_numeric, self.numeric_features_)
        # Far out, an overflow to infinity would still have the right sign.
        with np.errstate(over="ignore"):
            standardised = (numeric[:, used] - self.center_) / self.scale_
        standardised = np.clip(standardised, -_FAR_OUT, _FAR_OUT)
        encoded = np.zeros((len(numeric), self.n_encoded_))
        encoded[:, : len(used)] = np.nan_to_num(bound(standardised))
        centred = self._indicators(columns) - self.indicator_mean_
        encoded[:, len(used) : len(used) + centred.shape[1]] = np.nan_to_num(centred)
        return encoded, standardised

    def input_slope(self, standardised):
        """Derivative of each encoded column with respect to its standardised input.

        Parameters
        ----------
        standardised : ndarray of shape (n, n_numeric)
            From :meth:`transform`.

        Returns
        -------
        ndarray of shape (n, n_encoded_)
            The bound's slope for numeric columns, 0 where the value is missing; 1 for
            indicators, which are inputs of the network in their own right.
        """
        slope = np.zeros((len(standardised), self.n_encoded_))
        n_numeric = standardised.shape[1]
        slope[:, :n_numeric] = np.nan_to_num(bound_slope(standardised))
        slope[:, n_numeric : n_numeric + len(self.indicator_mean_)] = 1.0
        return slope

    def user_jacobian(self, jacobian, standardised):
        """Jacobian by source column in the user's units.

        Parameters
        ----------
        jacobian : ndarray of shape (n, n_outputs, n_encoded_)
            With respect to the encoded columns.
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
        # bound_slope is NaN where the value is missing.
        slope = bound_slope(standardised) / self.scale_
        numeric = jacobian[:, :, : standardised.shape[1]] * slope[:, None]
        by_column[:, :, self.numeric_features_] = numeric
        return by_column

    @property
    def _declared_numeric(self):
        return np.flatnonzero(~self.is_categorical_)

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

    def _indicators(self, columns):
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
