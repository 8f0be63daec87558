"""The training of a fit: networks packed by shape, and trained pack by pack."""

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from cr_sklearn.inference._fitted_network import FittedNetwork
from cr_sklearn.training import _loop, _weights


class Pack(NamedTuple):
    """Networks of one shape, trained side by side.

    Attributes
    ----------
    members : ndarray of int
        Their positions among all networks of the fit.
    network : ChainzRuleNetwork
    settings : TrainingSettings
    seeds : list of int
        One for each network.
    """

    members: np.ndarray
    network: Any
    settings: Any
    seeds: list


class Training:
    """Networks of a fit while they train.

    Parameters
    ----------
    packs : list of Pack
        The last is the one that is shown: it has the history and the progress.
    activation : str
    criterion : Module
    rows : EncodedRows
    groups, validation_rows, optimizer_state, progress
        See :func:`~cr_sklearn.training._loop.train`. The groups are those of each pack.
    halving : Halving or None
        Where networks of the last pack stop after a part of the epochs.
    best_members : callable or None
        ``network -> ndarray of int``: members that go on then.

    Attributes
    ----------
    history : TrainingHistory
        Curves of the last pack that was trained, averaged over its members.
    """

    def __init__(
        self,
        packs,
        activation,
        criterion,
        rows,
        *,
        groups=None,
        validation_rows=None,
        optimizer_state=None,
        progress=None,
        halving=None,
        best_members=None,
    ):
        self.packs = packs
        self.activation = activation
        self.criterion = criterion
        self.rows = rows
        self.groups = groups
        self.validation_rows = validation_rows
        self.optimizer_state = optimizer_state
        self.progress = progress
        self.halving = halving
        self.best_members = best_members
        self.history = None
        # Members of the last pack that train on by themselves, and their network.
        self._apart = None

    @property
    def strengths(self):
        """DREG strength of each network of the fit."""
        strengths = np.empty(self._n_networks)
        for pack in self.packs:
            strengths[pack.members] = pack.settings.dreg_strength
        return strengths

    @property
    def n_epochs(self):
        """Epochs of the pack that is shown."""
        return self.packs[-1].settings.max_iter

    @property
    def _n_networks(self):
        return sum(len(pack.members) for pack in self.packs)

    def load(self, fitted):
        """Go on from fitted weights; all networks are in one pack."""
        [pack] = self.packs
        _weights.load(pack.network, self.activation, fitted)

    def run(self):
        """Train all packs, up to one that is interrupted."""
        for pack in self.packs:
            is_last = pack is self.packs[-1]
            if is_last and self.best_members and self._n_first(pack) > 0:
                self.history = self._by_halving(pack)
            else:
                self.history = self._train(
                    pack,
                    optimizer_state=self.optimizer_state,
                    progress=self.progress if is_last else None,
                ).mean()
            _loop.check_outputs(pack.network, self.rows, pack.settings)
            if self.history.interrupted:
                break

    def snapshot(self, member_weights=None):
        """Return all networks as they are now.

        Parameters
        ----------
        member_weights : ndarray of shape (n_networks,) or None
            None weights all alike, in all by 1.

        Returns
        -------
        FittedNetwork
            In the order of their positions.
        """
        self._rejoin()
        if member_weights is None:
            member_weights = np.full(self._n_networks, 1.0 / self._n_networks)
        return FittedNetwork.merge(
            [_weights.dump(pack.network, self.activation) for pack in self.packs],
            [pack.members for pack in self.packs],
            member_weights,
        )

    def _by_halving(self, pack):
        """Train all members for the first part, and the best ones to the end."""
        history = self._screen(pack)
        if history.interrupted or history.stopped:
            return history.mean()
        return self._go_on(pack, history)

    def _screen(self, pack):
        n_first = self._n_first(pack)
        settings = replace(
            pack.settings, max_iter=n_first, left=pack.settings.max_iter - n_first
        )
        return self._train(pack._replace(settings=settings), progress=self.progress)

    def _go_on(self, pack, earlier):
        kept = self.best_members(pack.network)
        n_first = self._n_first(pack)
        best = Pack(
            kept,
            pack.network.take(kept),
            replace(
                pack.settings,
                dreg_strength=pack.settings.dreg_strength[kept],
                max_iter=pack.settings.max_iter - n_first,
                done=n_first,
                first_epoch=n_first,
            ),
            [pack.seeds[member] for member in kept],
        )
        self._apart = pack, best
        history = self._train(
            best,
            optimizer_state=_state_of_members(earlier.optimizer_state, kept),
            progress=self.progress,
        ).mean()
        self._rejoin()
        earlier = earlier.mean()
        history.loss[:0], history.dreg[:0] = earlier.loss, earlier.dreg
        history.n_iter_all = n_first
        return history

    def _rejoin(self):
        """Bring the last pack up to date while a part of it trains by itself."""
        if self._apart:
            pack, best = self._apart
            pack.network.put(best.members, best.network)

    def _n_first(self, pack):
        return round(self.halving.share * pack.settings.max_iter)

    def _train(self, pack, optimizer_state=None, progress=None):
        return _loop.train(
            pack.network,
            self.criterion,
            self.rows,
            pack.settings,
            pack.seeds,
            groups=self.groups,
            validation_rows=self.validation_rows,
            optimizer_state=optimizer_state,
            progress=progress,
        )


def _state_of_members(state, members):
    """Return the state of the optimiser for a part of the members."""
    return [
        {name: v if np.ndim(v) == 0 else v[members] for name, v in entry.items()}
        for entry in state
    ]
