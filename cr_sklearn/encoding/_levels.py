"""Categories of a column: which are kept, and which one a new value is."""

import datetime
import warnings
from decimal import Decimal
from functools import cached_property
from numbers import Integral, Real

import numpy as np

from cr_sklearn.encoding._kinds import kind_of, reads_as_date

# Categories of a column that have an indicator of their own; rarer ones share one.
_MAX_LEVELS = 1024
# Those of all columns together, and of each where that would be exceeded.
_MAX_LEVELS_IN_ALL, _FEWEST_LEVELS = 4096, 32
# Rows of a category that has one, in a column of many.
_ENOUGH = 4
# Single rows of an unseen category are ordinary; a whole column of them is not.
_ENOUGH_ROWS = 10
# A column with rare categories may hold nothing else with this probability at least.
_BY_CHANCE = 1e-3
# Values in a message.
_SHOWN = 3


def level_limit(columns, features):
    """Return how many categories each of these columns may keep."""
    limit = _MAX_LEVELS
    if limit * len(features) > _MAX_LEVELS_IN_ALL:
        n_levels = np.array(
            [len(columns.factorize(feature)[0]) for feature in features]
        )
        while (
            limit > _FEWEST_LEVELS
            and np.minimum(n_levels, limit).sum() > _MAX_LEVELS_IN_ALL
        ):
            limit //= 2
    return limit


def in_order(levels, codes, label):
    """Sort categories of one kind, and the codes of the rows with them.

    Raises
    ------
    TypeError
        If they have no order.
    """
    try:
        order = sorted(range(len(levels)), key=levels.tolist().__getitem__)
    except TypeError as error:
        kinds = sorted({type(value).__name__ for value in levels.tolist()})
        raise TypeError(
            f"The categories of column {label} are of the types {kinds} and can't be "
            "sorted. Convert the column to one type, for example with .astype(str)."
        ) from error
    order = np.array(order, dtype=int)
    # The last one is for missing values, whose code is -1.
    place = np.full(len(levels) + 1, -1)
    place[order] = np.arange(len(levels))
    return levels[order], place[codes]


def kept_levels(weights, counts, limit):
    """Find the categories that get an indicator of their own, as a mask.

    All of them, or the heaviest where there are more than ``limit``, of equal ones the
    first; but not those of a single row, from which nothing can be learned.

    Parameters
    ----------
    weights, counts : ndarray of shape (n_levels,)
        Weights and numbers of their rows.
    limit : int
    """
    heaviest = np.argsort(-weights, kind="stable")[:limit]
    kept = np.zeros(len(weights), dtype=bool)
    kept[heaviest] = counts[heaviest] >= _ENOUGH
    return kept


class LevelCodes:
    """Codes of the categories that training has seen.

    Parameters
    ----------
    categories : ndarray of object
        Values of one kind.
    label : str
        Name of the column, for messages.
    """

    def __init__(self, categories, label):
        self._codes = {value: code for code, value in enumerate(categories)}
        self._label = label
        self._kind = kind_of(categories[0]) if len(categories) else None

    def of(self, levels):
        """Return the code of each value, None for those that are not known.

        A value of another type is the category that is written like it: the number 101
        is "101", and the text "101" is 101.

        Raises
        ------
        TypeError
            If values are of a type that no category has, or might mean one that is
            written in another way, as 7 and "007".
        """
        return [self._code(level) for level in levels]

    def _code(self, level):
        if isinstance(level, float) and abs(level) >= _INEXACT:
            self._refuse_rounded(level)
        code = self._codes.get(level)
        return self._by_text(level) if code is None else code

    def _by_text(self, level):
        kind = kind_of(level)
        if self._kind is None or (kind == self._kind and kind not in _MANY_TYPES):
            return None
        if self._kind == "str":
            return self._among_texts(level, kind)
        is_alike = kind == self._kind or {kind, self._kind} <= _NUMBERS
        if not is_alike and kind != "str":
            self._refuse(level)
        spellings = _spellings(level) if is_alike else [level]
        codes = (self._by_spelling.get(spelling) for spelling in spellings)
        code = next((code for code in codes if code is not None), None)
        if code is None and not is_alike:
            number = _number(level) if self._kind in _NUMBERS else None
            if number in self._codes:
                self._refuse(level, number)
            if number is None and not (self._kind == "date" and reads_as_date(level)):
                self._refuse(level)
        return code

    def _among_texts(self, level, kind):
        spellings = _spellings(level)
        meant = {*self._by_number.get(level, ()), *(spellings & self._codes.keys())}
        if len(meant) > 1 or meant - spellings:
            self._refuse(level, min(meant - {str(level)}))
        if meant:
            return self._codes[meant.pop()]
        is_date = kind == "date" and reads_as_date(next(iter(self._codes)))
        if kind not in _NUMBERS and not is_date:
            self._refuse(level)
        return None

    @cached_property
    def _by_spelling(self):
        return {
            spelling: code
            for known, code in self._codes.items()
            for spelling in _spellings(known)
        }

    @cached_property
    def _by_number(self):
        texts = {}
        for known in self._codes:
            texts.setdefault(_number(known), []).append(known)
        return texts

    def _refuse_rounded(self, level):
        """Refuse a float that may have been another integer before it was rounded."""
        for known in self._codes:
            number = _number(known)
            is_whole = isinstance(number, Integral) and abs(number) < _LARGEST
            if is_whole and float(number) == level:
                self._refuse(level, known)

    def _refuse(self, level, meant=None):
        known = next(iter(self._codes))
        reason = "" if meant is None else f": {level!r} might be {meant!r}, or not"
        raise TypeError(
            f"Column {self._label} holds values of type {type(level).__name__}, such "
            f"as {level!r}, but its categories in fit were of type "
            f"{type(known).__name__}, such as {known!r}{reason}. Convert the column to "
            "that type."
        )


_NUMBERS = {"number", "bool"}
# Kinds of several types, of which equal values may differ: decimals and floats, days
# and points in time.
_MANY_TYPES = {"number", "date"}
# From here on, floats are not exact integers.
_INEXACT, _LARGEST = 2.0**53, 2**1023
_BOOLEANS = {
    text: value
    for value in (True, False)
    for text in (str(value), str(value).lower(), str(value).upper())
}


def _spellings(value):
    """Return the texts that mean a value and nothing else."""
    if isinstance(value, (bool, np.bool_)):
        return {text for text, boolean in _BOOLEANS.items() if boolean == value}
    texts = {str(value)}
    if isinstance(value, datetime.date):
        texts.add(value.isoformat())
        for end in (" 00:00:00", "T00:00:00"):
            texts |= {text.removesuffix(end) for text in texts}
    elif isinstance(value, (Real, Decimal)):
        try:
            if value == int(value):
                texts.add(str(int(value)))
            if abs(value) < _INEXACT:
                texts.add(repr(float(value)))
        except OverflowError:  # infinite
            pass
    return texts


def _number(value):
    """Read a text as a number or boolean, or None; return what is no text as it is."""
    if not isinstance(value, str):
        return value
    if value in _BOOLEANS:
        return _BOOLEANS[value]
    for read in (int, float):
        try:
            number = read(value)
        except ValueError:
            continue
        return number if abs(number) < np.inf else None
    return None


class SeenLevels:
    """Record of the categorical columns in which a value is known from training."""

    def __init__(self):
        self._seen, self._unseen = set(), {}

    def add(self, feature, levels, known, codes):
        """Look at a batch of rows.

        Parameters
        ----------
        feature : int
        levels : ndarray of object
        known : list
            Code of each; None for those that are not known.
        codes : ndarray of int
            Level of each row; -1 where it is missing.
        """
        if feature in self._seen:
            return
        if any(code is not None for code in known):
            self._seen.add(feature)
            self._unseen.pop(feature, None)
            return
        n_rows, unseen = self._unseen.get(feature, (0, {}))
        n_rows += int((codes >= 0).sum())
        self._unseen[feature] = n_rows, {**unseen, **dict.fromkeys(levels)}

    def warn(self, columns, encoder):
        """Warn of columns of which no value is known.

        Parameters
        ----------
        columns : FrameColumns or ArrayColumns
            The table.
        encoder : TabularEncoder
        """
        for feature, (n_rows, unseen) in self._unseen.items():
            if n_rows < _ENOUGH_ROWS:
                continue
            # Values may also be as new as the rare ones of training were; not many.
            rare_share = encoder.categorical_.rare_share_.get(feature, 1.0)
            if rare_share ** len(unseen) > _BY_CHANCE:
                continue
            some = list(unseen)[:_SHOWN]
            shown = encoder.categorical_.levels_[feature][:_SHOWN].tolist()
            warnings.warn(
                f"No value of column {columns.label(feature)} was seen in fit: it "
                f"holds {some}, where fit had {shown}. All its rows are predicted as "
                "unknown; check how the column was read.",
                UserWarning,
                stacklevel=2,
            )
