"""The training of a fit: networks packed by shape, and trained pack by pack."""

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch

from cr_sklearn.inference._fitted_network import FittedNetwork
from cr_sklearn.training import _loop, _weights
from cr_sklearn.training._progress import TrainingProgress

# Epochs in which the step size falls to zero, in those before; and at least.
_LAST, _FEWEST_LAST = 0.4, 2
# Epochs in which it rises at the beginning.
_WARM_UP = 0.5


class Screening(NamedTuple):
    """Rule by which all candidates begin and the best of them go on.

    Attributes
    ----------
    n_epochs : int
        After which the others stop.
    best_members : callable
        ``network -> ndarray of int``: members that go on.
    """

    n_epochs: int
    best_members: Any


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
    groups, validation, optimizer_state
        See :func:`~cr_sklearn.training._loop.train`. The groups are those of each pack.
    progress, verbose
        See :class:`~cr_sklearn.training._progress.TrainingProgress`.
    screening : Screening or None
        Where not all candidates of the last pack train to the end.

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
        validation=None,
        optimizer_state=None,
        progress=None,
        verbose=0,
        screening=None,
    ):
        self.packs = packs
        self.activation = activation
        self.criterion = criterion
        self.rows = rows
        self.groups = groups
        self.validation = validation
        self.optimizer_state = optimizer_state
        self._progress = None
        self._hooks = progress
        self.verbose = verbose
        self.screening = screening
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
        hooks, verbose = self._hooks, self.verbose
        self._progress = TrainingProgress(verbose, self.n_epochs, hooks)
        try:
            self._run()
        finally:
            self._progress.close()

    def _run(self):
        last = self.packs[-1]
        # Beside networks that train until they level off, others have fixed epochs.
        validation = None if last.settings.averages else self.validation
        for pack in self.packs:
            if pack.settings.averages:
                self.history = self._in_phases(pack)
            else:
                progress = self._progress if pack is last else None
                self.history = self._train(
                    pack, validation, self.optimizer_state, progress
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

    def _in_phases(self, pack):
        """Train members until they level off, and on with steps that fall to zero.

        Where there are more candidates than go on, all of them begin.
        """
        last = max(1, round(_LAST / (1.0 + _LAST) * pack.settings.max_iter))
        n_first = pack.settings.max_iter - last
        history = None
        if n_first and self.screening:
            n_screened = min(self.screening.n_epochs, n_first)
            history = self._phase(pack, "constant", n_screened)
            if history.interrupted or history.stopped:
                return history
            pack = self._kept(pack, history)
            history.n_iter_all = n_screened
        if n_first and (history is None or n_first > len(history.loss)):
            n_more = n_first - len(history.loss if history else ())
            history = self._phase(pack, "plateau", n_more, history)
            if history.interrupted or history.stopped:
                return history
            last = min(last, max(_FEWEST_LAST, round(_LAST * history.best_epoch)))
        return self._phase(pack, "linear", last, history)

    def _phase(self, pack, schedule, n_epochs, earlier=None):
        n_done = len(earlier.loss) if earlier else 0
        settings = replace(
            pack.settings,
            schedule=schedule,
            max_iter=n_epochs,
            warm_up=0.0 if earlier else _WARM_UP,
            first_epoch=n_done,
        )
        state = earlier.optimizer_state if earlier else self.optimizer_state
        pack = pack._replace(settings=settings)
        history = self._train(pack, self.validation, state, self._progress).mean()
        return history.after(earlier) if earlier else history

    def _kept(self, pack, history):
        """Take the members of the best candidates; they train on by themselves."""
        state = history.optimizer_state
        kept = self.screening.best_members(_averages(pack.network, state))
        strengths = pack.settings.dreg_strength[kept]
        best = Pack(
            kept,
            pack.network.take(kept),
            replace(pack.settings, dreg_strength=strengths),
            [pack.seeds[member] for member in kept],
        )
        self._apart = pack, best
        history.optimizer_state = _state_of_members(state, kept)
        return best

    def _rejoin(self):
        """Bring the last pack up to date while a part of it trains by itself."""
        if self._apart:
            pack, best = self._apart
            pack.network.put(best.members, best.network)

    def _train(self, pack, validation, optimizer_state, progress):
        return _loop.train(
            pack.network,
            self.criterion,
            self.rows,
            pack.settings,
            pack.seeds,
            groups=self.groups,
            validation=validation,
            optimizer_state=optimizer_state,
            progress=progress,
        )


def _averages(network, state):
    """Return a copy of a network whose parameters are the averages of a training."""
    copy = network.take(np.arange(network.members))
    with torch.no_grad():
        for parameter, entry in zip(copy.parameters(), state, strict=True):
            parameter.copy_(torch.tensor(entry["average"]))
    return copy


def _state_of_members(state, members):
    """Return the state of the optimiser for a part of the members."""
    return [
        {name: v if np.ndim(v) == 0 else v[members] for name, v in entry.items()}
        for entry in state
    ]
