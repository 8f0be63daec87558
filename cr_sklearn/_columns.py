"""One way to read the columns of arrays and of pandas, polars or other frames."""

from numbers import Real

import narwhals.stable.v2 as nw
import numpy as np
from scipy import sparse
from sklearn.utils.validation import check_array


def read_columns(X):
    """Wrap a table for access by column.

    Parameters
    ----------
    X : array-like or dataframe of shape (n_samples, n_features)
        Any eager dataframe that narwhals knows, or what NumPy can make 2-D.

    Returns
    -------
    FrameColumns or ArrayColumns

    Raises
    ------
    TypeError
        If X is sparse or a lazy frame.
    ValueError
        If X is not 2-D, or has no rows or no columns.
    """
    if sparse.issparse(X):
        raise TypeError(
            f"Sparse data was passed for X (a {type(X).__name__}), but dense data is "
            "required. Use X.toarray(), after reducing the number of columns (for "
            "example with sklearn.decomposition.TruncatedSVD) if that is too large."
        )
    # Asking narwhals or scikit-learn takes as long as predicting a row.
    if type(X) is np.ndarray and X.dtype.kind == "f" and X.ndim == 2 and X.size:
        return ArrayColumns(X)
    if not isinstance(X, np.ndarray):
        frame = nw.from_native(X, pass_through=True)
        if isinstance(frame, nw.LazyFrame):
            raise TypeError("X is a lazy frame; call .collect() on it first.")
        if isinstance(frame, nw.DataFrame):
            return FrameColumns(frame)
    return ArrayColumns(
        check_array(X, dtype=None, ensure_all_finite=False, input_name="X")
    )


class _Columns:
    """What both kinds of tables share.

    Attributes
    ----------
    native : dataframe or ndarray
        The user's table.
    n_rows, n_features : int
    first_row : int
        Position of the first row in the whole table, for messages.
    """

    first_row = 0

    def batches(self, size):
        """Cut the table into batches of at most ``size`` rows.

        Yields
        ------
        FrameColumns or ArrayColumns
        """
        if size >= self.n_rows:
            yield self
            return
        for start in range(0, self.n_rows, size):
            batch = self.take(slice(start, start + size))
            batch.first_row = start
            yield batch

    def numeric(self, features):
        """Columns as a float64 matrix with NaN for missing values.

        The matrix may be the user's own: it must not be written to.

        Parameters
        ----------
        features : sequence of int
            Positions; if all columns are meant, in their order.

        Raises
        ------
        ValueError
            If a value is infinite, or is no number.
        """
        matrix = np.empty((self.n_rows, len(features)))
        self._fill(matrix, features)
        self._refuse_infinity(matrix, features)
        return matrix

    def objects(self, feature):
        """Values of a column as an array of objects."""
        return np.asarray(self._values(feature)).astype(object)

    def factorize(self, feature):
        """Distinct values of a column and where they are.

        Returns
        -------
        levels : ndarray of object
            Without missing values.
        codes : ndarray of int of shape (n_rows,)
            Position in ``levels`` of each row's value; -1 where it is missing.

        Raises
        ------
        TypeError
            If a value can't be a category, such as a list.
        """
        values = np.asarray(self._values(feature))
        if values.dtype.kind in "fiub":
            levels, codes = np.unique(values, return_inverse=True)
            levels = levels.astype(object)
        else:
            position = {}
            try:
                codes = np.array(
                    [
                        position.setdefault(value, len(position))
                        for value in values.astype(object).tolist()
                    ]
                )
            except TypeError as error:
                raise TypeError(
                    f"Column {self.label(feature)} holds categories that can't be "
                    f"told apart: {error}. Convert it, for example with .astype(str)."
                ) from error
            levels = np.fromiter(position, dtype=object, count=len(position))
        missing = is_missing(levels)
        if missing.any():
            codes = np.where(missing, -1, np.cumsum(~missing) - 1)[codes]
        return levels[~missing], codes

    def categorical_mask(self, categorical_features):
        """Which columns are categorical.

        Parameters
        ----------
        categorical_features : "from_dtype", array-like or None
            As in :class:`sklearn.ensemble.HistGradientBoostingClassifier`.

        Returns
        -------
        ndarray of bool of shape (n_features,)
        """
        if categorical_features is None:
            return np.zeros(self.n_features, dtype=bool)
        if isinstance(categorical_features, str):
            if categorical_features != "from_dtype":
                raise ValueError(
                    "categorical_features must be 'from_dtype', None, or a list of "
                    "booleans, positions or column names, got "
                    f"{categorical_features!r}."
                )
            return self._categorical_from_dtype()
        given = np.asarray(categorical_features)
        mask = np.zeros(self.n_features, dtype=bool)
        if given.size == 0:
            return mask
        if given.dtype.kind == "b":
            if given.shape != (self.n_features,):
                raise ValueError(
                    "categorical_features as booleans must have shape "
                    f"({self.n_features},), got {given.shape}."
                )
            return given.copy()
        if given.dtype.kind in "iu":
            if given.min() < 0 or given.max() >= self.n_features:
                raise ValueError(
                    "categorical_features as positions must lie in [0, "
                    f"{self.n_features - 1}], got {given.tolist()}."
                )
            mask[given] = True
            return mask
        if given.dtype.kind in "OU":
            for name in given.tolist():
                mask[self._position(name)] = True
            return mask
        raise ValueError(
            "categorical_features must hold booleans, positions or column names, got "
            f"dtype {given.dtype}."
        )

    def _fill(self, matrix, features):
        for position, feature in enumerate(features):
            matrix[:, position] = self._as_float(feature)

    def _refuse_infinity(self, matrix, features):
        infinite = np.isinf(matrix)
        if infinite.any():
            row, position = np.argwhere(infinite)[0]
            raise ValueError(
                f"Input X contains infinity: column {self.label(features[position])}, "
                f"row {self.first_row + row}. Replace infinite values, for example by "
                "NaN, which is treated as missing."
            )

    def _as_float(self, feature):
        values = np.asarray(self._values(feature))
        if values.dtype.kind in "fiub":
            return values
        if values.dtype.kind in "mM":
            raise TypeError(
                f"Column {self.label(feature)} holds dates or durations. Convert them "
                "to numbers, for example days since a reference date."
            )
        values = values.astype(object)
        try:
            return np.where(is_missing(values), np.nan, values).astype(float)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"Column {self.label(feature)} is numeric, but {error}. Declare it in "
                "categorical_features if it holds categories."
            ) from error

    def _object_is_categorical(self, feature):
        """Decide for a column of Python objects by what it holds."""
        values = np.asarray(self._values(feature)).astype(object)
        missing = is_missing(values)
        kinds = {
            "bool"
            if isinstance(value, (bool, np.bool_))
            else "number"
            if isinstance(value, Real)
            else type(value).__name__
            for value in values[~missing]
        }
        if len(kinds) > 1:
            raise TypeError(
                f"Column {self.label(feature)} mixes values of the types "
                f"{sorted(kinds)}. Convert it to one type, for example with "
                ".astype(str)."
            )
        return bool(kinds) and kinds != {"number"}


class FrameColumns(_Columns):
    """Columns of a dataframe."""

    def __init__(self, frame, dtypes=None):
        self._frame = frame
        self._names = frame.columns
        self._dtypes = frame.schema.dtypes() if dtypes is None else dtypes
        self.native = frame.to_native()
        self.n_rows, self.n_features = frame.shape
        if self.n_features == 0:
            raise ValueError(
                f"Found array with 0 feature(s) (shape={frame.shape}) while a minimum "
                "of 1 is required."
            )
        if self.n_rows == 0:
            raise ValueError(
                f"Found array with 0 sample(s) (shape={frame.shape}) while a minimum "
                "of 1 is required."
            )

    def take(self, rows):
        """The table of these rows."""
        return FrameColumns(self._frame[rows], self._dtypes)

    def label(self, feature):
        """Name of a column, for messages."""
        return repr(self._names[feature])

    @property
    def feature_names(self):
        """Names of the columns."""
        return list(self._names)

    def with_value(self, feature, other, row):
        """The user's table, with a column set to what another table has in a row."""
        name = self._names[feature]
        value = other._frame.get_column(name)[np.full(self.n_rows, row)]
        return self._frame.with_columns(value).to_native()

    def _values(self, feature):
        return self._frame.get_column(self._names[feature]).to_numpy()

    def _fill(self, matrix, features):
        # Many columns of numbers are read much faster as one block than one by one.
        positions = [
            position
            for position, feature in enumerate(features)
            if self._dtypes[feature].is_integer() or self._dtypes[feature].is_float()
        ]
        if len(positions) < 2:
            super()._fill(matrix, features)
            return
        block = self._frame
        if len(positions) < self.n_features:
            block = block[:, [int(features[position]) for position in positions]]
        matrix[:, positions] = block.to_numpy()
        for position in set(range(len(features))).difference(positions):
            matrix[:, position] = self._as_float(features[position])

    def _position(self, name):
        if name not in self._names:
            raise ValueError(
                f"categorical_features names {name!r}, which is no column of X. "
                f"Columns: {self._names}."
            )
        return self._names.index(name)

    def _categorical_from_dtype(self):
        mask = []
        for feature, dtype in enumerate(self._dtypes):
            if dtype == nw.Object:
                mask.append(self._object_is_categorical(feature))
            else:
                mask.append(dtype in (nw.Categorical, nw.Enum, nw.String, nw.Boolean))
        return np.array(mask)


class ArrayColumns(_Columns):
    """Columns of a NumPy array, checked to be 2-D."""

    def __init__(self, array):
        self.native = array
        self.n_rows, self.n_features = array.shape

    def take(self, rows):
        """The table of these rows."""
        return ArrayColumns(self.native[rows])

    def label(self, feature):
        """Position of a column, for messages."""
        return str(feature)

    @property
    def feature_names(self):
        """Names that scikit-learn gives to columns without a name."""
        return [f"x{feature}" for feature in range(self.n_features)]

    def with_value(self, feature, other, row):
        """The user's table, with a column set to what another table has in a row."""
        array = self.native.astype(np.result_type(self.native, other.native))
        array[:, feature] = other.native[row, feature]
        return array

    def numeric(self, features):
        if self.native.dtype.kind not in "fiub":
            return super().numeric(features)
        matrix = self.native
        if len(features) < self.n_features:
            matrix = matrix[:, features]
        matrix = matrix.astype(np.float64, copy=False)
        self._refuse_infinity(matrix, features)
        return matrix

    def _values(self, feature):
        return self.native[:, feature]

    def _position(self, name):
        raise ValueError(
            f"categorical_features names {name!r}, but X has no column names. Pass "
            "positions, or a dataframe."
        )

    def _categorical_from_dtype(self):
        # An array has one dtype for all: its columns are numbers unless declared.
        return np.zeros(self.n_features, dtype=bool)


def is_missing(values):
    """None, NaN, pandas.NA and NaT in an array of objects."""
    return np.fromiter(
        (
            value is None
            or (isinstance(value, Real) and value != value)
            or type(value).__name__ in ("NAType", "NaTType")
            for value in values
        ),
        dtype=bool,
        count=len(values),
    )
