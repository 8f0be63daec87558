"""Networks of one fit: those of one shape are packed and trained side by side."""

from dataclasses import replace
from functools import partial

import numpy as np

from cr_sklearn import _training, _weights
from cr_sklearn._inference import FittedNetwork

# Share of the epochs after which networks that do not look promising stop.
_FIRST_PART = 0.4


class Packs:
    """Networks of one fit, by their shape.

    Parameters
    ----------
    build : callable
        ``(hidden, seeds) -> PackedNetwork`` with these hidden layers.
    shapes : list of (ndarray of int, list of int)
        Positions of the networks of each pack, and their hidden layers. The last pack
        is the main one; it has the history and shows the progress.
    strengths : ndarray of shape (n_networks,)
        DREG strength of each network.
    seeds : ndarray of shape (n_networks,)
    groups : RowGroups or None
        See :func:`~cr_sklearn._training.train`; the same for each pack.

    Attributes
    ----------
    networks : list of PackedNetwork
    strengths : ndarray of shape (n_networks,)
    """

    def __init__(self, build, shapes, strengths, seeds, groups=None):
        self.strengths = strengths
        self._seeds = [seeds[members].tolist() for members, _ in shapes]
        self._members = [members for members, _ in shapes]
        self._groups = groups
        self._put_back = None
        self.networks = [
            build(hidden, own)
            for (_, hidden), own in zip(shapes, self._seeds, strict=True)
        ]

    def train(
        self,
        criterion,
        rows,
        settings,
        *,
        validation_rows=None,
        optimizer_state=None,
        progress=None,
        promising=None,
    ):
        """Train pack by pack, up to one that is interrupted.

        Parameters
        ----------
        settings : callable
            ``(network, strengths, main) -> TrainingSettings``.
        promising : callable or None
            ``network -> ndarray of int``: members of the main pack to go on with after
            the first part of the epochs. The others stay as they are then.
        criterion, rows, validation_rows, optimizer_state, progress
            See :func:`~cr_sklearn._training.train`.

        Returns
        -------
        TrainingHistory
        """
        for network, members, seeds in zip(
            self.networks, self._members, self._seeds, strict=True
        ):
            main = network is self.networks[-1]
            given = settings(network, self.strengths[members], main)
            train = partial(
                _training.train,
                criterion=criterion,
                rows=rows,
                groups=self._groups,
                validation_rows=validation_rows,
                progress=progress if main else None,
            )
            n_first = round(_FIRST_PART * given.max_iter)
            if main and promising and n_first > 0:
                history = self._train_promising(
                    train, network, given, seeds, n_first, promising
                )
            else:
                history = train(
                    network,
                    settings=given,
                    seeds=seeds,
                    optimizer_state=optimizer_state,
                )
            if history.interrupted:
                break
        return history

    def load(self, fitted, activation):
        """Go on from fitted weights, all in one pack."""
        [network] = self.networks
        _weights.load(network, activation, fitted)

    def dump(self, activation, member_weights=None):
        """All networks as one :class:`FittedNetwork`, in the order of their positions.

        Parameters
        ----------
        activation : str
        member_weights : ndarray of shape (n_networks,) or None
            None weights all alike, in all by 1.
        """
        if self._put_back:  # a callback may ask in the middle of training
            self._put_back()
        if member_weights is None:
            member_weights = np.full(len(self.strengths), 1.0 / len(self.strengths))
        parts = [_weights.dump(network, activation) for network in self.networks]
        return FittedNetwork.merge(parts, self._members, member_weights)

    def _train_promising(self, train, network, settings, seeds, n_first, promising):
        """Train all members for some epochs, and the promising ones to the end."""
        n_rest = settings.max_iter - n_first
        first = replace(settings, max_iter=n_first, left=n_rest)
        history = train(network, settings=first, seeds=seeds)
        if history.interrupted or history.stopped:
            return history
        kept = promising(network)
        rest = replace(
            settings,
            max_iter=n_rest,
            done=n_first,
            first_epoch=n_first,
            dreg_strength=settings.dreg_strength[kept],
        )
        part = network.take(kept)
        self._put_back = partial(network.put, kept, part)
        later = train(
            part,
            settings=rest,
            seeds=[seeds[member] for member in kept],
            optimizer_state=[
                {
                    name: value if np.ndim(value) == 0 else value[kept]
                    for name, value in entry.items()
                }
                for entry in history.optimizer_state
            ],
        )
        self._put_back()
        later.loss[:0], later.dreg[:0] = history.loss, history.dreg
        return later
