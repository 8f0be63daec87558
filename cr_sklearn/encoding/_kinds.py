"""Kinds of the values of a column, and advice about those that can't be used."""

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
# Around and within numbers that were written for people.
_DECORATION = re.compile(r"[\s%_'\u2019$¢£¤¥₠-\u20cf]|\b(?:CHF|EUR|GBP|JPY|USD)\b")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(\D|$))")
_DECIMAL_COMMA = re.compile(r"[-+]?(\d{1,3}(\.\d{3})+|\d*),\d+")
_MONTH = r"(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_DATE = re.compile(
    rf"""([a-z]+,\s)?(
    (1[5-9]|20)\d\d([-/.])\d{{1,2}}(\4\d{{1,2}})?
    |\d{{1,2}}([-/.])\d{{1,2}}\6(\d{{4}}|\d\d)
    |\d{{1,2}}[-\s]{_MONTH}[-\s,]+\d{{2,4}}
    |{_MONTH}[-\s](\d{{1,2}},?[-\s])?\d{{4}}
    )([\sT]\d.*)?""",
    re.VERBOSE | re.IGNORECASE,
)

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
    """Find None, NaN, pandas.NA and NaT in an array of objects."""
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
    """Make a one-dimensional array of a list of objects, which may be tuples."""
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
    """Return the kinds of the values of an array that are not missing."""
    return {kind_of(value) for value in values[~is_missing(values)]}


def reads_as_number(text):
    """Tell whether a text is a number, perhaps with signs of currency and thousands."""
    text = _DECORATION.sub("", text).replace("\N{MINUS SIGN}", "-")
    if text.startswith("(") and text.endswith(")"):
        text = text[1:-1]
    text = _THOUSANDS.sub("", text)
    return _is_float(text) or bool(_DECIMAL_COMMA.fullmatch(text))


def reads_as_date(text):
    """Tell whether a text is a day or a month, perhaps with a time of day."""
    return bool(_DATE.fullmatch(text.strip()))


def _is_float(text):
    try:
        return np.isfinite(float(text))
    except ValueError:
        return False


def hold_categories(values, label):
    """Tell whether objects are categories, and not numbers.

    Parameters
    ----------
    values : ndarray of object
        Distinct values of a column that was not declared.
    label : str
        Its name, for messages.

    Raises
    ------
    TypeError
        If they are of several kinds.
    """
    kinds = kinds_of(values)
    if len(kinds) > 1:
        advice = "Convert it to one type, for example with .astype(str)."
        if kinds == {"number", "str"}:
            odd = next(value for value in values if isinstance(value, str))
            advice = (
                f"If it holds numbers, {odd!r} may stand for a missing one: convert it "
                'with pandas.to_numeric(..., errors="coerce"); if it holds categories, '
                "with .astype(str)."
            )
        raise TypeError(
            f"Column {label} mixes values of the types {sorted(kinds)}. {advice}"
        )
    return bool(kinds) and kinds != {"number"}


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
    for what, reads, advice in (
        ("number", reads_as_number, 'pandas.to_numeric(..., errors="coerce")'),
        (
            "date",
            reads_as_date,
            'pandas.to_datetime(..., errors="coerce") and then to days since a '
            "reference date",
        ),
    ):
        fits = np.array([isinstance(v, str) and reads(v) for v in levels])
        share = counts[fits].sum() / n_rows
        # A sign for missing values may stand in many rows, but it is one value.
        if max(share, fits.mean()) >= _NEARLY_ALL:
            other = f" ({levels[~fits][0]!r} does not)" if not fits.all() else ""
            odd = [v for v in levels[fits] if what == "number" and not _is_float(v)]
            first = f", after writing {odd[0]!r} and the like plainly" if odd else ""
            _warn(
                f"Column {label} holds text, of which {share:.1%} reads as a {what}"
                f"{other}, but each value counts as a category. Convert it, for "
                f"example with {advice}{first}"
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
