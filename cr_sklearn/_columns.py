"""One way to read the columns of arrays and of pandas, polars or other frames."""

import narwhals.stable.v2 as nw
import numpy as np
from narwhals.exceptions import DuplicateError
from scipy import sparse
from sklearn.utils.validation import check_array

from cr_sklearn._kinds import ADVICE, as_objects, hold_categories, is_missing, kinds_of

# What other lazy frames are told, by the names of their libraries in narwhals.
_COLLECT = {
    "dask": "compute",
    "duckdb": "df",
    "ibis": "to_pandas",
    "pyspark": "toPandas",
    "pyspark[connect]": "toPandas",
    "sqlframe": "toPandas",
}
_DECLARED = (nw.Categorical, nw.Enum)
_CATEGORICAL = (*_DECLARED, nw.String, nw.Boolean)
_BY_CONTENT = (nw.Object, nw.Unknown, nw.Binary)


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
        try:
            frame = nw.from_native(X, pass_through=True)
        except DuplicateError as error:
            raise ValueError(
                "X has several columns of one name. Give each a name of its own. "
                f"{error}"
            ) from error
        if isinstance(frame, nw.LazyFrame):
            library = frame.implementation.value
            raise TypeError(
                f"X is a lazy frame ({library}), whose rows are not in memory; call "
                f".{_COLLECT.get(library, 'collect')}() on it first."
            )
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
    is_fitted : bool
        Whether it is to be predicted, so that it is too late to declare a column.
    """

    first_row = 0
    is_fitted = False

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

    def take(self, rows):
        """The table of these rows."""
        part = self._take(rows)
        part.is_fitted = self.is_fitted
        return part

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
        """Values of a column as an array of objects, integers exact."""
        return _to_objects(np.asarray(self._values(feature, exact=True)))

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
        values = np.asarray(self._values(feature, exact=True))
        if values.dtype.kind in "fiub":
            levels, codes = np.unique(values, return_inverse=True)
            levels = levels.astype(object)
        else:
            position = {}
            try:
                codes = np.array(
                    [
                        position.setdefault(value, len(position))
                        for value in _to_objects(values).tolist()
                    ]
                )
            except TypeError:  # not hashable
                self._refuse(feature, "nested", "categories")
            levels = as_objects(position)
        missing = is_missing(levels)
        if missing.any():
            codes = np.where(missing, -1, np.cumsum(~missing) - 1)[codes]
        return levels[~missing], codes

    def declared_by_dtype(self):
        """Which columns are categorical by their dtype, a mask."""
        return np.zeros(self.n_features, dtype=bool)

    def looks_categorical(self, feature):
        """Whether a column that was not declared holds categories."""
        # An array has one dtype for all: its columns are numbers unless declared.
        return False

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
            self._refuse(feature, "date")
        values = values.astype(object)
        for kind in kinds_of(values) & ADVICE.keys():
            self._refuse(feature, kind)
        try:
            return np.where(is_missing(values), np.nan, values).astype(float)
        except (TypeError, ValueError, OverflowError) as error:
            label = self.label(feature)
            if self.is_fitted:
                message = f"Column {label} was numeric in fit, but {error}."
            else:
                message = (
                    f"Column {label} is numeric, but {error}. If it holds categories, "
                    "declare it in categorical_features; None says that no column does."
                )
            raise ValueError(message) from error

    def _refuse(self, feature, kind, expected="numbers"):
        advice = ADVICE[kind]
        if self.is_fitted:
            advice = f"{advice.partition('. ')[0]}, but {expected} were expected."
        raise TypeError(f"Column {self.label(feature)} holds {advice}")


def _to_objects(values):
    if values.dtype.kind in "mM" and values.dtype != "M8[D]":
        # In one unit, so that equal dates are equal.
        values = values.astype(f"{values.dtype.kind}8[us]")
    return values.astype(object)


def _is_plain(dtype):
    """Whether NumPy has such numbers."""
    if dtype.is_float():
        return True
    return dtype.is_integer() and not type(dtype).__name__.endswith("128")


class FrameColumns(_Columns):
    """Columns of a dataframe."""

    def __init__(self, frame, dtypes=None):
        self._frame = frame
        self._names = frame.columns
        self._dtypes = frame.schema.dtypes() if dtypes is None else dtypes
        self.native = frame.to_native()
        self.n_rows, self.n_features = frame.shape
        for count, what in ((self.n_features, "feature"), (self.n_rows, "sample")):
            if count == 0:
                raise ValueError(
                    f"Found array with 0 {what}(s) (shape={frame.shape}) while a "
                    "minimum of 1 is required."
                )

    def _take(self, rows):
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

    def _values(self, feature, exact=False):
        dtype = self._dtypes[feature]
        if dtype.is_nested():
            self._refuse(feature, "nested", "categories" if exact else "numbers")
        series = self._frame.get_column(self._names[feature])
        is_integer = dtype.is_integer()
        if is_integer and not _is_plain(dtype):
            return as_objects(series.to_list())
        values = series.to_numpy()
        if exact and values.dtype.kind == "f" and not dtype.is_float():
            # With gaps, integers are floats, of which large ones are the same.
            native = series.to_native()
            if dtype in _DECLARED and hasattr(native, "cat"):
                # The lists that pandas makes of categories are rounded as well.
                return np.asarray(native.astype(object))
            return as_objects(series.to_list())
        return values

    def _fill(self, matrix, features):
        # Many columns of numbers are read much faster as one block than one by one.
        positions = [
            position
            for position, feature in enumerate(features)
            if _is_plain(self._dtypes[feature])
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

    def position(self, name):
        """Position of the column of this name."""
        if name not in self._names:
            raise ValueError(
                f"categorical_features names {name!r}, which is no column of X. "
                f"Columns: {self._names}."
            )
        return self._names.index(name)

    def declared_by_dtype(self):
        return np.array([dtype in _DECLARED for dtype in self._dtypes])

    def looks_categorical(self, feature):
        dtype = self._dtypes[feature]
        if dtype in _CATEGORICAL:
            return True
        if dtype not in _BY_CONTENT:
            return False
        return hold_categories(self.objects(feature), self.label(feature))


class ArrayColumns(_Columns):
    """Columns of a NumPy array, checked to be 2-D."""

    def __init__(self, array):
        self.native = array
        self.n_rows, self.n_features = array.shape

    def _take(self, rows):
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

    def _values(self, feature, exact=False):
        return self.native[:, feature]

    def position(self, name):
        """Position of the column of this name."""
        raise ValueError(
            f"categorical_features names {name!r}, but X has no column names. Pass "
            "positions, or a dataframe."
        )
