"""Categories of a column: which are kept, and which one a new value is."""

import warnings

import numpy as np

from cr_sklearn._kinds import as_objects, kind_of

# Categories of a column that have an indicator of their own; rarer ones share one.
MAX_LEVELS = 128
# Those of all columns together.
_MAX_LEVELS_IN_ALL = 2048
_FEWEST_LEVELS = 32
# Single rows of an unseen category are ordinary; a whole column of them is not.
_ENOUGH_ROWS = 10
# Values in a message.
_SHOWN = 3


def level_limit(n_columns):
    """Categories that each of so many columns may keep."""
    return min(MAX_LEVELS, max(_FEWEST_LEVELS, _MAX_LEVELS_IN_ALL // n_columns))


def kept_levels(levels, weights, limit):
    """Which categories have an indicator of their own, a mask.

    All of them, or the heaviest where there are more than ``limit``: those that weigh
    more than the next one, so that of many equal ones none is kept by accident.

    Parameters
    ----------
    levels : ndarray of object of shape (n_levels,)
    weights : ndarray of shape (n_levels,)
    limit : int
    """
    if len(levels) <= limit:
        return np.ones(len(levels), dtype=bool)
    return weights > np.sort(weights)[-limit - 1]


def sorted_levels(levels, label):
    """Categories of one kind, in order.

    Raises
    ------
    TypeError
        If they have no order.
    """
    try:
        return as_objects(sorted(set(levels.tolist())))
    except TypeError as error:
        kinds = sorted({type(value).__name__ for value in levels.tolist()})
        raise TypeError(
            f"The categories of column {label} are of the types {kinds} and can't be "
            "sorted. Convert the column to one type, for example with .astype(str)."
        ) from error


class LevelCodes:
    """Codes of the categories that training has seen.

    Parameters
    ----------
    categories : ndarray of object
    label : str
        Name of the column, for messages.
    """

    def __init__(self, categories, label):
        self._codes = {value: code for code, value in enumerate(categories)}
        self._label, self._kind = label, None
        if len(categories):  # all of one kind
            self._kind = kind_of(categories[0])

    def of(self, levels):
        """Code of each of some values; None for those that are not known.

        A value of another type is the category that is written like it: the number 101
        is "101", and the text "101" is 101.

        Raises
        ------
        TypeError
            If values are of a type that no category has, or might mean one that is
            written in another way, as 7 and "007".
        """
        return [
            self._codes[level] if level in self._codes else self._by_text(level)
            for level in levels
        ]

    def _by_text(self, level):
        kind = kind_of(level)
        if self._kind is None or kind == self._kind:
            return None
        if {kind, self._kind} <= {"number", "bool"}:
            return None  # equal ones were found
        if self._kind == "str" and kind in ("number", "bool"):
            number, found = level, self._codes.get(_text(level))
            meant = [known for known in self._codes if _number(known) == number]
        elif kind == "str" and self._kind in ("number", "bool"):
            number = _number(level)
            if number is None:
                self._refuse(level)
            found = self._codes.get(number)
            meant = []
            if found is not None and level not in _spellings(number):
                meant, found = [number], None
        else:
            self._refuse(level)
        if found is None and meant:
            self._refuse(level, f": {level!r} might be {meant[0]!r}, or not")
        return found

    def _refuse(self, level, reason=""):
        known = next(iter(self._codes))
        raise TypeError(
            f"Column {self._label} holds values of type {type(level).__name__}, such "
            f"as {level!r}, but its categories in fit were of type "
            f"{type(known).__name__}, such as {known!r}{reason}. Convert the column to "
            "that type."
        )


_BOOLEANS = {"True": True, "False": False}


def _text(number):
    """How a number is written; whole ones without a point."""
    if isinstance(number, (bool, np.bool_)):
        return str(bool(number))
    return str(int(number)) if number == int(number) else repr(float(number))


def _spellings(number):
    """Texts that mean a number and nothing else."""
    if isinstance(number, bool):
        return {str(number)}
    return {_text(number), repr(float(number))}


def _number(text):
    """Number or boolean that a text is, or None."""
    if not isinstance(text, str):
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    try:
        return int(text)
    except ValueError:
        pass
    try:
        number = float(text)
    except ValueError:
        return None
    return number if np.isfinite(number) else None


class SeenLevels:
    """What a table's categorical columns hold that training has seen.

    Attributes
    ----------
    found : dict of int to list
        Of each column: rows with a value, rows with a known one, and some values.
    """

    def __init__(self):
        self.found = {}

    def add(self, feature, levels, known, codes):
        """Count the rows of a batch."""
        counts = np.bincount(codes[codes >= 0], minlength=len(levels))
        is_known = np.array([code is not None for code in known], dtype=bool)
        n_rows, n_known, some = self.found.get(feature, (0, 0, []))
        some = list(dict.fromkeys([*some, *levels[:_SHOWN]]))[:_SHOWN]
        self.found[feature] = (
            n_rows + counts.sum(),
            n_known + counts[is_known].sum(),
            some,
        )

    def warn(self, columns, categories):
        """Warn of columns of which no value is known.

        Parameters
        ----------
        columns : FrameColumns or ArrayColumns
            The table.
        categories : dict of int to ndarray
            Those of training.
        """
        for feature, (n_rows, n_known, some) in self.found.items():
            if n_rows >= _ENOUGH_ROWS and not n_known:
                shown = categories[feature][:_SHOWN].tolist()
                warnings.warn(
                    f"No value of column {columns.label(feature)} was seen in fit: it "
                    f"holds {some}, where fit had {shown}. All its rows are predicted "
                    "as unknown; check how the column was read.",
                    UserWarning,
                    stacklevel=2,
                )
