"""Columns of a table as numbers or as categories."""

import numpy as np

from cr_sklearn.encoding._kinds import ADVICE, as_objects, is_missing, kinds_of


class Columns:
    """Access to a table by column, whatever it is stored in.

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
        """Cut the table into batches of at most ``size`` rows."""
        if size >= self.n_rows:
            yield self
            return
        for start in range(0, self.n_rows, size):
            batch = self.take(slice(start, start + size))
            batch.first_row = start
            yield batch

    def take(self, rows):
        """Return the table of these rows."""
        part = self._take(rows)
        part.is_fitted = self.is_fitted
        return part

    def numeric(self, features):
        """Return columns as a float64 matrix with NaN for missing values.

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
        """Return a column as an array of objects, in which integers are exact."""
        return _to_objects(np.asarray(self._values(feature, exact=True)))

    def factorize(self, feature):
        """Find the distinct values of a column and where they are.

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
        """Find the columns that are categorical by their dtype, as a mask."""
        return np.zeros(self.n_features, dtype=bool)

    def looks_categorical(self, feature):
        """Tell whether a column that was not declared holds categories."""
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
        self._refuse_kinds(feature, values)
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

    def _refuse_kinds(self, feature, values):
        """Raise TypeError if objects need to be converted to be numbers."""
        for kind in kinds_of(values) & ADVICE.keys():
            self._refuse(feature, kind)

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
