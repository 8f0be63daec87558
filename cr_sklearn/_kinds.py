"""What kind of values a column holds, and what to do about kinds that can't be used."""

import datetime
import re
import uuid
import warnings
from collections.abc import Hashable
from decimal import Decimal
from numbers import Real

import numpy as np

# Text is taken for something else only where this share of it reads so.
_NEARLY_ALL = 0.9
# With fewer different values, codes that look like numbers are ordinary categories.
_MANY = 20
# A column with more values, and more than this share of the rows, only names the rows.
_MANY_NAMES, _NAMES_SHARE = 50, 0.5
_DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([ T]\d.*)?")
# Around and within numbers that were written for people.
_DECORATION = re.compile(r"[\s$€£¥%_']")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(\D|$))")

_DECLARE = " Or declare it in categorical_features, if its values are categories."
ADVICE = {
    "date": "dates or durations. Convert them to numbers, for example days since a "
    "reference date." + _DECLARE,
    "time": "times of day. Convert them to numbers, for example seconds since "
    "midnight." + _DECLARE,
    "period": "periods. Convert them to numbers, for example months since a reference "
    "date." + _DECLARE,
    "uuid": "UUIDs, which only tell rows apart. Drop it." + _DECLARE,
    "complex": "complex numbers. Give their parts columns of their own.",
    "nested": "lists or structures. Give their parts columns of their own.",
}


def is_missing(values):
    """None, NaN, pandas.NA and NaT in an array of objects."""
    return np.fromiter(map(_is_missing, values), dtype=bool, count=len(values))


def _is_missing(value):
    if value is None:
        return True
    if isinstance(value, str):
        return False
    if isinstance(value, Decimal):
        return value.is_nan()
    if isinstance(value, (np.datetime64, np.timedelta64)):
        return np.isnat(value)
    if isinstance(value, Real):
        return value != value
    return type(value).__name__ in ("NAType", "NaTType")


def as_objects(values):
    """One-dimensional array of objects, which may be tuples, of a list."""
    return np.fromiter(values, dtype=object, count=len(values))


def kind_of(value):
    """Name of the kind of a value: that of its Python type, or of like ones."""
    if isinstance(value, (bool, np.bool_)):
        return "bool"
    if isinstance(value, (Real, Decimal)):
        return "number"
    if isinstance(value, str):
        return "str"
    if isinstance(
        value, (datetime.date, datetime.timedelta, np.datetime64, np.timedelta64)
    ):
        return "date"
    if isinstance(value, datetime.time):
        return "time"
    if isinstance(value, uuid.UUID):
        return "uuid"
    if isinstance(value, complex):
        return "complex"
    if not isinstance(value, Hashable):
        return "nested"
    name = type(value).__name__
    return "period" if name == "Period" else name


def kinds_of(values):
    """Kinds of the values of an array that are not missing.

    Returns
    -------
    set of str
    """
    return {kind_of(value) for value in values[~is_missing(values)]}


def text_as_number(text):
    """Number that a text reads as, without signs of currency and thousands, or None."""
    text = _THOUSANDS.sub("", _DECORATION.sub("", text))
    if not any(character.isdigit() for character in text):
        return None
    try:
        return float(text)
    except ValueError:
        return None


def warn_of_doubtful_levels(label, levels, counts):
    """Warn if a column that was not declared is hardly one of categories.

    Parameters
    ----------
    label : str
        Its name, for the message.
    levels : ndarray of object of shape (n_levels,)
    counts : ndarray of shape (n_levels,)
        Rows of each.
    """
    if len(levels) <= _MANY:
        return
    n_rows = counts.sum()
    tests = {
        "number": (lambda text: text_as_number(text) is not None, "pandas.to_numeric"),
        "date": (lambda text: _DATE.fullmatch(text.strip()), "pandas.to_datetime"),
    }
    for what, (reads, convert) in tests.items():
        fits = np.array([isinstance(v, str) and bool(reads(v)) for v in levels])
        share = counts[fits].sum() / n_rows
        if share >= _NEARLY_ALL:
            other = f" ({levels[~fits][0]!r} does not)" if not fits.all() else ""
            then = " and then to days since a reference date" if what == "date" else ""
            _warn(
                f"Column {label} holds text, of which {share:.1%} reads as a {what}"
                f"{other}, but each value counts as a category. Convert it, for "
                f'example with {convert}(..., errors="coerce"){then}'
            )
            return
    if len(levels) >= _MANY_NAMES and len(levels) > _NAMES_SHARE * n_rows:
        _warn(
            f"Column {label} has {len(levels)} different values in {n_rows} rows, "
            f"{len(levels) / n_rows:.1%}: it names rows rather than categories. Drop "
            "it, or bring its values together in fewer groups"
        )


def _warn(message):
    warnings.warn(
        f"{message}. Declare it in categorical_features to say that it is meant so.",
        UserWarning,
        stacklevel=2,
    )
