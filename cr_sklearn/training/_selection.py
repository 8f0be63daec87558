"""Automatic DREG strength: candidates on inner folds, stacked out of fold."""

from typing import NamedTuple

import numpy as np
import torch
from scipy.optimize import minimize

from cr_sklearn.inference._network import tail_ratio
from cr_sklearn.training._settings import RowGroups

# The range that data sets of 100 to 10,000 rows were seen to prefer.
STRENGTHS = (0.0005, 0.003, 0.02, 0.12)
# Of networks without hidden layers: where columns act one by one, a strength that rules
# out interactions would weaken the columns themselves as well.
LINEAR_STRENGTHS = (0.0005, 0.005)
# Pull of the calibration scale towards 1.
_SCALE_PRIOR = 0.003
# A candidate of less than this share of the largest weight is left out.
_LEAST_WEIGHT = 1e-3
# Held-out rows whose Jacobians are computed for the path, over all folds.
_PATH_ROWS = 500
# Strengths that are trained to the end.
_N_PROMISING = 2
# Held-out rows that the choice looks at, over all folds.
_CHOICE_ROWS = 2**17
# Held-out rows of a fold that go through the networks at a time.
_ROWS_AT_ONCE = 1024


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
        Those of the members, fold by fold.
    is_linear : ndarray of bool of shape (members,)
        Which of them have no hidden layers.
    n_rows : int
        Rows of the largest training part.
    """

    def __init__(self, folds, deep):
        self.folds = [_thinned(fold, len(folds)) for fold in folds]
        self.candidates = np.array(STRENGTHS + LINEAR_STRENGTHS * deep)
        self._linear = np.arange(len(self.candidates)) >= len(STRENGTHS) * deep
        self.strengths = np.tile(self.candidates, len(folds))
        self.is_linear = np.tile(self._linear, len(folds))
        self.n_rows = max(len(fold.training) for fold in folds)

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
        linear = self.is_linear
        packs = [(np.flatnonzero(linear), []), (np.flatnonzero(~linear), hidden)]
        return [(members, layers) for members, layers in packs if len(members)]

    @property
    def _packed_order(self):
        """Candidates in the order of the packs."""
        return np.argsort(~self._linear, kind="stable")

    def groups(self, seeds):
        """Return each fold's rows, in one order for all of its candidates.

        Parameters
        ----------
        seeds : sequence of int
            One per fold.

        Returns
        -------
        RowGroups
        """
        return RowGroups.of(seeds, [fold.training for fold in self.folds])

    def outputs(self, networks, x):
        """Out-of-fold outputs of every candidate.

        Parameters
        ----------
        networks : list of PackedNetwork
            Trained, in the order of :meth:`packs`.
        x : Tensor or TableInputs of shape (n, d)

        Returns
        -------
        ndarray of shape (n_candidates, n_held_out, n_outputs)
            Rows fold by fold.
        """
        packs = [self._held_out_outputs(network, x) for network in networks]
        return np.concatenate(packs)[np.argsort(self._packed_order)]

    def promising(self, network, x, criterion, target, weight):
        """Members of a pack in training that its best two candidates have.

        Candidates are judged by their loss out of fold, each with the calibration scale
        that suits it: strong penalties are modest until the end.

        Parameters
        ----------
        network : PackedNetwork
        x : Tensor or TableInputs of shape (n, d)
        criterion, target, weight
            As in :meth:`choose`.

        Returns
        -------
        ndarray of int
        """
        rows = np.concatenate([fold.held_out for fold in self.folds])
        outputs = self._held_out_outputs(network, x)
        scaled = []
        for candidate in outputs:
            losses = _Losses(criterion, candidate[None], target[rows], weight[rows])
            scaled.append(losses.weighted(stack(losses))[0])
        kept = np.sort(np.argsort(scaled)[:_N_PROMISING])
        starts = len(outputs) * np.arange(len(self.folds))
        return (starts[:, None] + kept).ravel()

    def _held_out_outputs(self, network, x):
        """Of a pack's candidates, (n_candidates, n_held_out, n_outputs)."""
        held_out = [fold.held_out for fold in self.folds]
        index = torch.zeros(
            len(held_out), max(map(len, held_out)), dtype=torch.long, device=x.device
        )
        for fold, rows in enumerate(held_out):
            index[fold, : len(rows)] = torch.from_numpy(rows)
        with torch.no_grad():
            outputs = torch.cat(
                [
                    network(x.index_select(0, part.flatten()).unflatten(0, part.shape))
                    for part in index.split(_ROWS_AT_ONCE, dim=1)
                ],
                dim=1,
            )
        by_fold = (
            outputs.cpu()
            .double()
            .numpy()
            .reshape(len(held_out), -1, *outputs.shape[1:])
        )
        return np.concatenate(
            [
                fold_outputs[:, : len(rows)]
                for fold_outputs, rows in zip(by_fold, held_out, strict=True)
            ],
            axis=1,
        )

    def choose(self, network, outputs, criterion, target, weight, sensitivities):
        """Weight the candidates by what their networks predict out of fold.

        Parameters
        ----------
        network : FittedNetwork
            The members, trained.
        outputs : ndarray of shape (n_candidates, n_held_out, n_outputs)
            From :meth:`outputs`.
        criterion : Module
            Data loss, as in :func:`cr_sklearn.training._loop.train`.
        target, weight : ndarrays of n rows
            Encoded targets and sample weights.
        sensitivities : callable
            ``(networks, rows) -> list of ndarray``, those of the rows for each network.

        Returns
        -------
        Choice
        """
        rows = np.concatenate([fold.held_out for fold in self.folds])
        losses = _Losses(criterion, outputs, target[rows], weight[rows])
        weights = stack(losses)
        members = np.flatnonzero(np.tile(weights, len(self.folds)))
        share = weights / weights.sum()
        of_rows = self._sensitivities(network, sensitivities)
        path = {
            "dreg_strength": self.candidates,
            "linear": self._linear,
            "log_loss": losses.single(),
            "tail_ratio": np.array([tail_ratio(row) for row in of_rows]),
            "sensitivity": of_rows.mean(axis=1),
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

    def _sensitivities(self, network, sensitivities):
        """Of held-out rows, (n_candidates, n_rows), each network with weight 1."""
        network = network._replace(member_weights=np.ones(len(self.strengths)))
        per_fold = max(1, _PATH_ROWS // len(self.folds))
        columns = []
        for number, fold in enumerate(self.folds):
            step = -(-len(fold.held_out) // per_fold)
            rows = fold.held_out[::step]
            networks = [network.take([member]) for member in self._members_of(number)]
            columns.append(sensitivities(networks, rows))
        return np.concatenate(columns, axis=1)


def _thinned(fold, n_folds):
    """Fold with as many rows held out as the choice needs."""
    step = -(-len(fold.held_out) * n_folds // _CHOICE_ROWS)
    return fold._replace(held_out=fold.held_out[:: max(step, 1)])


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
