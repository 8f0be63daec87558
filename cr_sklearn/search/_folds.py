"""Inner folds of ``dreg_strength="auto"``: rows that train and rows held out."""

import warnings
from collections.abc import Iterator
from numbers import Integral
from typing import NamedTuple

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

_N_FOLDS = 5
# Above so many rows folds become smaller, by so many more of them for each doubling, up
# to eighths. From the first doubling on the last ones are not used.
_MANY_ROWS, _MORE_FOLDS, _MOST_FOLDS, _USED_FOLDS = 1000, 1.5, 8, 4
# With fewer rows, five folds predict no better than three.
_FEW_ROWS, _FEW_FOLDS = 50, 3
# With fewer still, held-out parts are too small to tell strengths apart.
_TOO_FEW_ROWS = 15


class InnerFold(NamedTuple):
    """Positions of the rows that train and of those held out."""

    training: np.ndarray
    held_out: np.ndarray


def inner_folds(cv, head, rows, random_state):
    """Choose the rows that train and those held out, fold by fold.

    Parameters
    ----------
    cv : int, "auto", None, splitter or iterable of (ndarray, ndarray)
        A number gives stratified folds, which keep groups together where there are
        some. "auto" is 5; without groups 3 below 50 rows, and none at all below 15 or
        if a class has fewer than 3. None is 5. Positions are those of the rows given to
        ``fit``.
    head : Head
    rows : TrainingRows
    random_state : int

    Returns
    -------
    list of InnerFold or None
        None where "auto" finds the classes too small.

    Raises
    ------
    ValueError
        If there are more folds than rows of any class; if a fold has an empty part, the
        same row in both, a row that is not there, or a class that does not train; or if
        cv can be read only once.
    """
    if not (cv is None or isinstance(cv, (Integral, str))):
        return _given_folds(cv, head.decode(rows.target), head, rows)
    if rows.groups is None:
        return _stratified_folds(cv, head, rows, random_state)
    n_folds = cv if isinstance(cv, Integral) else _N_FOLDS
    cv = StratifiedGroupKFold(n_folds, shuffle=True, random_state=random_state)
    return _given_folds(cv, head.strata(rows.target), head, rows)


def _stratified_folds(cv, head, rows, random_state):
    """Make folds in which copies of a row stay together.

    The row of a class that has no other trains in every fold and is never held out.
    """
    first, copy_of = rows.without_copies()
    target = head.strata(rows.target)[first]
    counts = np.bincount(target)
    n_used = None
    if cv == "auto":
        cv, n_used = _n_folds(counts)
        if cv is None:
            return None
    cv = _N_FOLDS if cv is None else cv
    if counts.max() < cv:
        raise ValueError(
            f"cv={cv} is more than the rows of any class, at most {counts.max()}. "
            "Lower it, or give a number as dreg_strength."
        )
    single = counts == 1
    if single.any():
        warnings.warn(
            f"The classes {head.decode(np.flatnonzero(single)).tolist()} have a single "
            "row. It trains in every inner fold, and how well such a class is "
            "predicted can't be known.",
            UserWarning,
            stacklevel=2,
        )
    always = single[target]
    splittable = np.flatnonzero(~always)
    splitter = StratifiedKFold(cv, shuffle=True, random_state=random_state)
    folds = []
    with warnings.catch_warnings():
        # Of classes with fewer rows than folds: some folds hold none of them out.
        warnings.simplefilter("ignore", UserWarning)
        for _, part in splitter.split(splittable, target[splittable]):
            held_out = np.zeros(len(target), dtype=bool)
            held_out[splittable[part]] = True
            held_out = held_out[copy_of]
            folds.append(
                InnerFold(
                    np.flatnonzero(~held_out).astype(np.int32),
                    np.flatnonzero(held_out).astype(np.int32),
                )
            )
    return folds[:n_used]


def _n_folds(counts):
    """Choose the number of folds and how many are used; None where rows are too few."""
    if counts[counts >= _N_FOLDS].sum() >= _FEW_ROWS:
        doublings = max(0.0, np.log2(counts.sum() / _MANY_ROWS))
        n_folds = round(min(_N_FOLDS + _MORE_FOLDS * doublings, _MOST_FOLDS))
        return n_folds, _N_FOLDS if doublings < 1.0 else _USED_FOLDS
    if counts.sum() >= _TOO_FEW_ROWS and counts[counts > 0].min() >= _FEW_FOLDS:
        return _FEW_FOLDS, _FEW_FOLDS
    return None, None


def _given_folds(cv, y, head, rows):
    """Make folds by a splitter or pairs of positions."""
    if isinstance(cv, Iterator):
        raise ValueError(
            f"cv={cv!r} can be read only once, but every fit needs it. Give "
            "cv=list(...) of it."
        )
    n_rows = len(rows.target)
    if hasattr(cv, "split"):
        position = np.arange(n_rows)
        pairs = cv.split(rows.columns.native, y, rows.groups)
    else:
        position, pairs = np.full(rows.n_given, -1), cv
        position[rows.position] = np.arange(n_rows)
    folds = [
        InnerFold(*(_positions(part, position) for part in pair)) for pair in pairs
    ]
    if not folds:
        raise ValueError(f"cv={cv!r} gives no inner fold.")
    for number, fold in enumerate(folds):
        _check_fold(number, fold, head, rows)
    return folds


def _positions(part, position):
    part, n_rows = np.asarray(part), len(position)
    if part.dtype == bool:
        if part.shape != (n_rows,):
            raise ValueError(
                f"cv holds a mask of {part.size} rows, but the fit has {n_rows}. Its "
                "folds are those of another table."
            )
        part = np.flatnonzero(part)
    wrong = part[~((part >= 0) & (part < n_rows) & (part % 1 == 0))]
    if wrong.size:
        raise ValueError(
            f"cv holds the position {wrong[0]}, but the fit has {n_rows} rows. Its "
            "folds are those of another table. Give a splitter or a number as cv."
        )
    part = part.astype(int)
    # Rows of weight zero and rows held out for early stopping are in no fold.
    return position[part][position[part] >= 0]


def _check_fold(number, fold, head, rows):
    where = f"Inner fold {number}"
    advice = "Give another cv, other groups or a number as dreg_strength."
    for name, part in zip(("trains on", "holds out"), fold, strict=True):
        if not len(part):
            raise ValueError(f"{where} {name} no row. {advice}")
    both = np.intersect1d(fold.training, fold.held_out)
    if both.size:
        raise ValueError(
            f"{where} has {both.size} rows both in training and held out, the first "
            f"is row {rows.position[both[0]]}: its score would not be out of fold. "
            f"{advice}"
        )
    fault = head.check_fold(rows.target[fold.training])
    if fault:
        raise ValueError(f"{where} {fault}. {advice}")
