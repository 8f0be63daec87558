"""Automatic DREG strength: candidates on inner folds, stacked out of fold."""

import warnings
from numbers import Integral
from typing import NamedTuple

import numpy as np
import torch
from scipy.optimize import minimize
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from cr_sklearn._inference import tail_ratio

# The range that data sets of 100 to 10,000 rows were seen to prefer.
STRENGTHS = (0.0005, 0.003, 0.02, 0.12)
# Of networks without hidden layers: where columns act one by one, a strength that rules
# out interactions would weaken the columns themselves as well.
LINEAR_STRENGTHS = (0.0005, 0.005)
# Below this, held-out parts are too small to tell strengths apart.
_MIN_ROWS = 50
_N_FOLDS = 5
# Pull of the calibration scale towards 1.
_SCALE_PRIOR = 0.003
# A candidate of less than this share of the largest weight is left out.
_LEAST_WEIGHT = 1e-3
# Held-out rows whose Jacobians are computed for the path, over all folds.
_PATH_ROWS = 1000


class InnerFold(NamedTuple):
    """Positions of the rows that train and of those held out."""

    training: np.ndarray
    held_out: np.ndarray


class Choice(NamedTuple):
    """What :meth:`StrengthSearch.choose` found.

    ``members`` (positions of the networks kept), ``weights`` (theirs), ``strength``,
    ``outputs`` (out-of-fold outputs of the weighted candidates, in the order of
    ``rows``) and ``path`` (dict of arrays by candidate).
    """

    members: np.ndarray
    weights: np.ndarray
    strength: float
    rows: np.ndarray
    outputs: np.ndarray
    path: dict


def inner_folds(cv, target, labels, random_state):
    """Stratified folds, or None where the classes are too small for them.

    Rows of classes with fewer rows than folds train in every fold and are never held
    out.

    Parameters
    ----------
    cv : int or None
        Folds; None gives 5, or none at all below 50 rows.
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
    asked, cv = cv, cv or _N_FOLDS
    counts = np.bincount(target, minlength=len(labels))
    rare = (counts > 0) & (counts < cv)
    always = np.flatnonzero(rare[target])
    splittable = np.flatnonzero(~rare[target])
    if asked is None and len(splittable) < _MIN_ROWS:
        return None
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
            np.sort(np.concatenate([splittable[training], always])),
            splittable[held_out],
        )
        for training, held_out in splitter.split(splittable, target[splittable])
    ]


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


class StrengthSearch:
    """Members of one packed run: every candidate on every inner fold.

    Candidates are networks of every strength, and linear ones beside them.

    Parameters
    ----------
    folds : list of InnerFold
    deep : bool
        Whether the networks have hidden layers. Without, all candidates are linear.

    Attributes
    ----------
    candidates : ndarray of shape (n_candidates,)
        Their strengths.
    strengths : ndarray of shape (members,)
    member_rows : list of ndarray of int
        Rows that each member trains on.
    n_rows : int
        Rows of the largest training part.
    """

    def __init__(self, folds, deep):
        self.folds = folds
        self.candidates = np.array(STRENGTHS + LINEAR_STRENGTHS * deep)
        self._linear = np.arange(len(self.candidates)) >= len(STRENGTHS) * deep
        self.strengths = np.tile(self.candidates, len(folds))
        self.member_rows = [fold.training for fold in folds for _ in self.candidates]
        self.n_rows = max(map(len, self.member_rows))

    def packs(self, hidden):
        """Return members to train together and their hidden layers, linear ones first.

        Parameters
        ----------
        hidden : list of int
            Neurons of each hidden layer.

        Returns
        -------
        list of (ndarray of int, list of int)
        """
        linear = np.tile(self._linear, len(self.folds))
        packs = [(np.flatnonzero(linear), []), (np.flatnonzero(~linear), hidden)]
        return [(members, layers) for members, layers in packs if len(members)]

    def check_weights(self, weight):
        """Refuse folds that class weights of zero leave nothing of.

        Raises
        ------
        ValueError
        """
        for number, fold in enumerate(self.folds):
            if not all(weight[part].any() for part in fold):
                raise ValueError(
                    f"Inner fold {number} has a part in which every row has weight "
                    "zero by class_weight. Give another cv or a number as "
                    "dreg_strength."
                )

    def choose(self, network, criterion, x, target, weight, sensitivity):
        """Weight the candidates by what their networks predict out of fold.

        Parameters
        ----------
        network : FittedNetwork
            The members, trained.
        criterion : Module
            Data loss, as in :func:`cr_sklearn._training.train`.
        x, target, weight : ndarrays of n rows
            Encoded inputs and targets, and sample weights.
        sensitivity : callable
            ``(network, rows) -> ndarray`` of the rows' sensitivities.

        Returns
        -------
        Choice
        """
        rows = np.concatenate([fold.held_out for fold in self.folds])
        outputs = np.concatenate(
            [
                network.take(self._members_of(number)).member_outputs(x[fold.held_out])
                for number, fold in enumerate(self.folds)
            ],
            axis=1,
        )
        losses = _Losses(criterion, outputs, target[rows], weight[rows])
        weights = stack(losses)
        members = np.flatnonzero(np.tile(weights, len(self.folds)))
        share = weights / weights.sum()
        sensitivities = self._sensitivities(network, sensitivity)
        path = {
            "dreg_strength": self.candidates,
            "linear": self._linear,
            "log_loss": losses.single(),
            "tail_ratio": np.array([tail_ratio(row) for row in sensitivities]),
            "sensitivity": sensitivities.mean(axis=1),
            "weight": weights,
        }
        return Choice(
            members=members,
            weights=np.tile(weights, len(self.folds))[members] / len(self.folds),
            strength=float(np.exp(share @ np.log(self.candidates))),
            rows=rows,
            outputs=np.tensordot(weights, outputs, 1),
            path=path,
        )

    def _members_of(self, fold):
        n_candidates = len(self.candidates)
        return np.arange(n_candidates) + fold * n_candidates

    def _sensitivities(self, network, sensitivity):
        """Of held-out rows, (n_candidates, n_rows), each network with weight 1."""
        network = network._replace(member_weights=np.ones(len(self.strengths)))
        per_fold = max(1, _PATH_ROWS // len(self.folds))
        columns = []
        for number, fold in enumerate(self.folds):
            step = -(-len(fold.held_out) // per_fold)
            rows = fold.held_out[::step]
            columns.append(
                [
                    sensitivity(network.take([member]), rows)
                    for member in self._members_of(number)
                ]
            )
        return np.concatenate(columns, axis=1)


class _Losses:
    """Weighted mean loss of sums of outputs, with its gradient."""

    def __init__(self, criterion, outputs, target, weight):
        self._criterion = criterion
        self._outputs = torch.from_numpy(outputs)
        self._target = torch.from_numpy(target)
        self._weight = torch.from_numpy(weight / weight.sum())
        self.n_candidates = len(outputs)

    def single(self):
        """Loss of each candidate by itself."""
        with torch.no_grad():
            return np.array([self._loss(block).item() for block in self._outputs])

    def weighted(self, weights):
        """Loss of the weighted sum, and its gradient by the weights."""
        weights = torch.tensor(weights, requires_grad=True)
        loss = self._loss(torch.tensordot(weights, self._outputs, 1))
        (gradient,) = torch.autograd.grad(loss, weights)
        return loss.item(), gradient.numpy()

    def _loss(self, outputs):
        losses = self._criterion(outputs[None], self._target[None])[0]
        return self._weight @ losses


def stack(losses):
    r"""Non-negative weights of the candidates, by their loss out of fold.

    .. math:: \min_{a \ge 0} \; \frac{1}{\sum_i w_i} \sum_i w_i\,
              \ell\big(y_i, \textstyle\sum_s a_s f_s(x_i)\big)
              + c \big(\textstyle\sum_s a_s - 1\big)^2

    with c = 0.003. A convex problem. The sum of the weights is not held at 1: networks
    under a penalty tend to be too modest, and this sum is their calibration scale. The
    last term keeps it finite where the classes are separable.

    Returns
    -------
    ndarray of shape (n_candidates,)
        Negligible weights are exactly zero.
    """

    def objective(weights):
        loss, gradient = losses.weighted(weights)
        excess = weights.sum() - 1.0
        penalty = _SCALE_PRIOR * excess**2
        return loss + penalty, gradient + 2.0 * _SCALE_PRIOR * excess

    start = np.zeros(losses.n_candidates)
    start[np.argmin(losses.single())] = 1.0
    weights = minimize(
        objective,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=[(0.0, None)] * len(start),
        options={"ftol": 1e-15, "gtol": 1e-10},
    ).x
    # An ensemble that answers nothing is never what the user wants.
    if not weights.max() > 0:
        return start
    return np.where(weights < _LEAST_WEIGHT * weights.max(), 0.0, weights)


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
