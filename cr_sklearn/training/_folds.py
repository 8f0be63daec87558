"""Inner folds of ``dreg_strength="auto"``: rows that train and rows held out."""

import warnings
from collections.abc import Iterator
from numbers import Integral
from typing import NamedTuple

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

_N_FOLDS = 5
# With fewer rows, five folds predict no better than three.
_FEW_ROWS, _FEW_FOLDS = 50, 3
# With fewer still, held-out parts are too small to tell strengths apart.
_TOO_FEW_ROWS = 15


class InnerFold(NamedTuple):
    """Positions of the rows that train and of those held out."""

    training: np.ndarray
    held_out: np.ndarray


def inner_folds(cv, target, original, labels, random_state):
    """Stratified folds, or None where the classes are too small for them.

    Copies of a row stay together. The row of a class that has no other trains in every
    fold and is never held out.

    Parameters
    ----------
    cv : int or None
        Folds; None gives 5, or 3 below 50 rows, or none at all below 15 or if a class
        has fewer than 3.
    target : ndarray of shape (n,)
        Codes of the classes.
    original : ndarray of int of shape (n,)
        From :func:`~cr_sklearn.training._copies.original_rows`.
    labels : ndarray of shape (n_classes,)
        The user's names of the classes, for the warning.
    random_state : int

    Returns
    -------
    list of InnerFold or None

    Raises
    ------
    ValueError
        If a given cv is more than the rows of any class.
    """
    _, first, original = np.unique(original, return_index=True, return_inverse=True)
    target = target[first]
    counts = np.bincount(target, minlength=len(labels))
    if cv is None:
        cv = _n_folds(counts)
    if cv is None:
        return None
    if counts.max() < cv:
        raise ValueError(
            f"cv={cv} is more than the rows of any class, at most {counts.max()}. "
            "Lower it, or give a number as dreg_strength."
        )
    single = counts == 1
    if single.any():
        warnings.warn(
            f"The classes {labels[single].tolist()} have a single row. It trains in "
            "every inner fold, and how well such a class is predicted can't be known.",
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
            held_out = held_out[original]
            folds.append(
                InnerFold(
                    np.flatnonzero(~held_out).astype(np.int32),
                    np.flatnonzero(held_out).astype(np.int32),
                )
            )
    return folds


def _n_folds(counts):
    """Folds for classes of so many rows, or None where they are too few."""
    if counts[counts >= _N_FOLDS].sum() >= _FEW_ROWS:
        return _N_FOLDS
    if counts.sum() >= _TOO_FEW_ROWS and counts[counts > 0].min() >= _FEW_FOLDS:
        return _FEW_FOLDS
    return None


def given_folds(cv, X, y, groups, kept, n_given, random_state):
    """Folds of the user's groups, splitter or pairs of positions.

    Parameters
    ----------
    cv : int, None, splitter or iterable of (ndarray, ndarray)
        An int or None (5) needs ``groups``. Positions are those of the rows given to
        ``fit``.
    X, y, groups : array-likes of n rows
        The rows that train, as the user gave them.
    kept : ndarray of shape (n,)
        Their positions among the rows given to ``fit``.
    n_given : int
        How many these are.
    random_state : int

    Returns
    -------
    list of InnerFold

    Raises
    ------
    ValueError
        If a fold has an empty part, the same row in both, a row that is not there, or a
        class that does not train; or if cv can be read only once.
    """
    if isinstance(cv, Iterator):
        raise ValueError(
            f"cv={cv!r} can be read only once, but every fit needs it. Give "
            "cv=list(...) of it."
        )
    if cv is None or isinstance(cv, Integral):
        cv = StratifiedGroupKFold(
            cv or _N_FOLDS, shuffle=True, random_state=random_state
        )
    if hasattr(cv, "split"):
        position, pairs = np.arange(len(kept)), cv.split(X, y, groups)
    else:
        position, pairs = np.full(n_given, -1), cv
        position[kept] = np.arange(len(kept))
    folds = [
        InnerFold(*(_positions(part, position) for part in pair)) for pair in pairs
    ]
    if not folds:
        raise ValueError(f"cv={cv!r} gives no inner fold.")
    for number, fold in enumerate(folds):
        _check_fold(number, fold, y, kept)
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


def _check_fold(number, fold, y, kept):
    where = f"Inner fold {number}"
    advice = "Give another cv, other groups or a number as dreg_strength."
    for name, part in zip(("trains on", "holds out"), fold, strict=True):
        if not len(part):
            raise ValueError(f"{where} {name} no row. {advice}")
    both = np.intersect1d(fold.training, fold.held_out)
    if both.size:
        raise ValueError(
            f"{where} has {both.size} rows both in training and held out, the first "
            f"is row {kept[both[0]]}: its score would not be out of fold. {advice}"
        )
    absent = np.setdiff1d(y, y[fold.training])
    if absent.size:
        raise ValueError(
            f"{where} trains on no row of the classes {absent.tolist()}. {advice}"
        )
