"""One way to read the columns of arrays and of pandas, polars or other frames."""

import narwhals.stable.v2 as nw
import numpy as np
from narwhals.exceptions import DuplicateError
from scipy import sparse
from sklearn.utils.validation import check_array

from cr_sklearn.encoding._column_access import Columns
from cr_sklearn.encoding._kinds import as_objects, hold_categories

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


def _is_plain(dtype):
    """Tell whether NumPy has such numbers."""
    if dtype.is_float():
        return True
    return dtype.is_integer() and not type(dtype).__name__.endswith("128")


class FrameColumns(Columns):
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
        """Return the user's table with a column set to a value of another table."""
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
        """Return the position of the column of this name."""
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
        values = self.objects(feature)
        self._refuse_kinds(feature, values)
        return hold_categories(values, self.label(feature))


class ArrayColumns(Columns):
    """Columns of a NumPy array, checked to be 2-D."""

    def __init__(self, array):
        self.native = array
        self.n_rows, self.n_features = array.shape

    def _take(self, rows):
        return ArrayColumns(self.native[rows])

    def label(self, feature):
        """Return the position of a column, for messages."""
        return str(feature)

    @property
    def feature_names(self):
        """Names that scikit-learn gives to columns without a name."""
        return [f"x{feature}" for feature in range(self.n_features)]

    def with_value(self, feature, other, row):
        """Return the user's table with a column set to a value of another table."""
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
        """Return the position of the column of this name."""
        raise ValueError(
            f"categorical_features names {name!r}, but X has no column names. Pass "
            "positions, or a dataframe."
        )
