"""Inner folds of ``dreg_strength="auto"``: rows that train and rows held out."""

import warnings
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


def inner_folds(cv, target, labels, random_state):
    """Stratified folds, or None where the classes are too small for them.

    Rows of classes with fewer rows than folds train in every fold and are never held
    out.

    Parameters
    ----------
    cv : int or None
        Folds; None gives 5, or 3 below 50 rows, or none at all below 15 or if a class
        has fewer than 3.
    target : ndarray of shape (n,)
        Codes of the classes.
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
    counts = np.bincount(target, minlength=len(labels))
    if cv is None:
        cv = _n_folds(counts)
    if cv is None:
        return None
    rare = (counts > 0) & (counts < cv)
    always = np.flatnonzero(rare[target])
    splittable = np.flatnonzero(~rare[target])
    if not len(splittable):
        raise ValueError(
            f"cv={cv} is more than the rows of any class, at most {counts.max()}. "
            "Lower it, or give a number as dreg_strength."
        )
    if rare.any():
        warnings.warn(
            f"The classes {labels[rare].tolist()} have fewer than cv={cv} rows. "
            "They train in every inner fold and have no part in the choice of "
            "dreg_strength.",
            UserWarning,
            stacklevel=2,
        )
    splitter = StratifiedKFold(cv, shuffle=True, random_state=random_state)
    return [
        InnerFold(
            np.sort(np.concatenate([splittable[training], always])).astype(np.int32),
            splittable[held_out].astype(np.int32),
        )
        for training, held_out in splitter.split(splittable, target[splittable])
    ]


def _n_folds(counts):
    """Folds for classes of so many rows, or None where they are too few."""
    if counts[counts >= _N_FOLDS].sum() >= _FEW_ROWS:
        return _N_FOLDS
    if counts.sum() >= _TOO_FEW_ROWS and counts[counts > 0].min() >= _FEW_FOLDS:
        return _FEW_FOLDS
    return None


def given_folds(cv, X, y, groups, kept, random_state):
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
    random_state : int

    Returns
    -------
    list of InnerFold

    Raises
    ------
    ValueError
        If a fold has an empty part, the same row in both, or a class that does not
        train.
    """
    if cv is None or isinstance(cv, Integral):
        cv = StratifiedGroupKFold(
            cv or _N_FOLDS, shuffle=True, random_state=random_state
        )
    if hasattr(cv, "split"):
        pairs = [tuple(map(np.asarray, pair)) for pair in cv.split(X, y, groups)]
    else:
        position = np.full(kept.max() + 1, -1)
        position[kept] = np.arange(len(kept))
        pairs = [
            tuple(_positions(part, position) for part in pair) for pair in list(cv)
        ]
    folds = [InnerFold(*pair) for pair in pairs]
    if not folds:
        raise ValueError(f"cv={cv!r} gives no inner fold.")
    for number, fold in enumerate(folds):
        _check_fold(number, fold, y, kept)
    return folds


def _positions(part, position):
    part = np.asarray(part)
    if part.dtype == bool:
        part = np.flatnonzero(part)
    # Rows of weight zero and rows held out for early stopping are in no fold.
    part = part[part < len(position)]
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
