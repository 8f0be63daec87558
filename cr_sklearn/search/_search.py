"""The search for a strength: every candidate on every inner fold, stacked."""

from typing import NamedTuple

import numpy as np
import torch

from cr_sklearn._rows import RowGroups
from cr_sklearn.inference._tail_ratio import tail_ratio
from cr_sklearn.search._stacking import OutOfFoldLoss, stack

# Held-out rows whose Jacobians are computed for the path, over all folds.
_PATH_ROWS = 500
# Held-out rows that the choice looks at, over all folds.
_CHOICE_ROWS = 2**17
# Held-out rows of a fold that go through the networks at a time.
_ROWS_AT_ONCE = 1024


class Choice(NamedTuple):
    """Networks and weights that :meth:`Search.choose` found.

    Attributes
    ----------
    members : ndarray of int
        Networks that are kept.
    weights : ndarray
        Theirs in the ensemble.
    dreg_strength : float
        Weighted geometric mean.
    rows : ndarray of int
        Rows held out, fold by fold.
    outputs : ndarray of shape (n_held_out, n_outputs)
        Out-of-fold outputs of the weighted candidates.
    path : dict of ndarray of shape (n_candidates,)
    """

    members: np.ndarray
    weights: np.ndarray
    dreg_strength: float
    rows: np.ndarray
    outputs: np.ndarray
    path: dict


class Search:
    """The product of candidates and inner folds: a network for each pair.

    Networks are in the order of the folds, and of the candidates within a fold.

    Attributes
    ----------
    networks : list of Candidate
        That of each network.
    held_out : ndarray of int
        Rows held out, fold by fold.
    n_rows : int
        Rows of the largest training part.
    """

    def __init__(self, candidates, folds):
        self.candidates = candidates
        self.folds = [_thinned(fold, len(folds)) for fold in folds]
        self.networks = candidates * len(folds)
        self.held_out = np.concatenate([fold.held_out for fold in self.folds])
        self.n_rows = max(len(fold.training) for fold in folds)

    def groups(self, seeds):
        """Return each fold's rows, in one order for all of its candidates.

        Parameters
        ----------
        seeds : sequence of int
            One for each fold.
        """
        return RowGroups.of(seeds, [fold.training for fold in self.folds])

    def outputs(self, packs, x):
        """Compute out-of-fold outputs of every candidate.

        Parameters
        ----------
        packs : list of Pack
            Trained.
        x : Tensor or TableInputs of shape (n, d)

        Returns
        -------
        ndarray of shape (n_candidates, n_held_out, n_outputs)
            Rows as in ``held_out``.
        """
        n_candidates = len(self.candidates)
        order = np.concatenate(
            [pack.members[pack.members < n_candidates] for pack in packs]
        )
        outputs = [self._outputs_of_pack(pack.network, x) for pack in packs]
        return np.concatenate(outputs)[np.argsort(order)]

    def best_members(self, network, n_kept, x, criterion, rows):
        """Find the members of a pack in training whose candidates are the best.

        Candidates are judged by their loss out of fold, each with the calibration scale
        that suits it: strong penalties are modest until the end.

        Parameters
        ----------
        network : ChainzRuleNetwork
        n_kept : int
            Candidates to keep.
        x : Tensor or TableInputs of shape (n, d)
        criterion : Module
        rows : TrainingRows
        """
        outputs = self._outputs_of_pack(network, x)
        scaled = []
        for candidate in outputs:
            loss = self._loss(criterion, candidate[None], rows)
            scaled.append(loss.value_and_gradient(stack(loss))[0])
        kept = np.sort(np.argsort(scaled)[:n_kept])
        starts = len(outputs) * np.arange(len(self.folds))
        return (starts[:, None] + kept).ravel()

    def choose(self, network, outputs, criterion, rows, sensitivities):
        """Weight the candidates by what their networks predict out of fold.

        Parameters
        ----------
        network : FittedNetwork
            All networks, trained.
        outputs : ndarray of shape (n_candidates, n_held_out, n_outputs)
            From :meth:`outputs`.
        criterion : Module
        rows : TrainingRows
        sensitivities : callable
            ``(networks, rows) -> list of ndarray``, those of the rows for each network.
        """
        loss = self._loss(criterion, outputs, rows)
        weights = stack(loss)
        strengths = np.array([one.dreg_strength for one in self.candidates])
        by_row = self._sensitivities(network, sensitivities)
        by_member = np.tile(weights, len(self.folds))
        members = np.flatnonzero(by_member)
        # Linear ones last, which then cost nothing at prediction.
        is_linear = np.array([not one.hidden_layer_sizes for one in self.networks])
        members = members[np.argsort(is_linear[members], kind="stable")]
        return Choice(
            members=members,
            weights=by_member[members] / len(self.folds),
            dreg_strength=float(np.exp(weights / weights.sum() @ np.log(strengths))),
            rows=self.held_out,
            outputs=np.tensordot(weights, outputs, 1),
            path={
                "dreg_strength": strengths,
                "linear": is_linear[: len(strengths)],
                "log_loss": loss.single(),
                "tail_ratio": np.array([tail_ratio(each) for each in by_row]),
                "sensitivity": by_row.mean(axis=1),
                "weight": weights,
            },
        )

    def _loss(self, criterion, outputs, rows):
        return OutOfFoldLoss(
            criterion, outputs, rows.target[self.held_out], rows.weight[self.held_out]
        )

    def _outputs_of_pack(self, network, x):
        """Return out-of-fold outputs (n_candidates, n_held_out, width) of a pack."""
        parts = [fold.held_out for fold in self.folds]
        index = torch.zeros(
            len(parts), max(map(len, parts)), dtype=torch.long, device=x.device
        )
        for fold, rows in enumerate(parts):
            index[fold, : len(rows)] = torch.from_numpy(rows)
        with torch.no_grad():
            outputs = torch.cat(
                [
                    network(x.index_select(0, some.flatten()).unflatten(0, some.shape))
                    for some in index.split(_ROWS_AT_ONCE, dim=1)
                ],
                dim=1,
            )
        outputs = outputs.cpu().double().numpy()
        by_fold = outputs.reshape(len(parts), -1, *outputs.shape[1:])
        return np.concatenate(
            [one[:, : len(rows)] for one, rows in zip(by_fold, parts, strict=True)],
            axis=1,
        )

    def _sensitivities(self, network, sensitivities):
        """Compute sensitivities out of fold, (n_candidates, n_rows)."""
        network = network._replace(member_weights=np.ones(len(self.networks)))
        per_fold = max(1, _PATH_ROWS // len(self.folds))
        n_candidates = len(self.candidates)
        by_fold = []
        for number, fold in enumerate(self.folds):
            step = -(-len(fold.held_out) // per_fold)
            members = number * n_candidates + np.arange(n_candidates)
            networks = [network.take([member]) for member in members]
            by_fold.append(sensitivities(networks, fold.held_out[::step]))
        return np.concatenate(by_fold, axis=1)


def _thinned(fold, n_folds):
    """Thin out the rows held out to as many as the choice needs."""
    step = -(-len(fold.held_out) * n_folds // _CHOICE_ROWS)
    return fold._replace(held_out=fold.held_out[:: max(step, 1)])
