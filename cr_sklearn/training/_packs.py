"""Networks of one fit: those of one shape are packed and trained side by side."""

import numpy as np

from cr_sklearn.inference._network import FittedNetwork
from cr_sklearn.training import _weights


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

    Attributes
    ----------
    networks : list of PackedNetwork
    members : list of ndarray of int
        Positions of each pack's networks.
    seeds : list of list of int
        Of each pack's networks.
    strengths : ndarray of shape (n_networks,)
    refresh : callable or None
        Brings the networks up to date while a part of them trains elsewhere.
    """

    def __init__(self, build, shapes, strengths, seeds):
        self.strengths = strengths
        self.refresh = None
        self.seeds = [seeds[members].tolist() for members, _ in shapes]
        self.members = [members for members, _ in shapes]
        self.networks = [
            build(hidden, own)
            for (_, hidden), own in zip(shapes, self.seeds, strict=True)
        ]

    def by_shape(self):
        """Each pack's network, positions, and whether it is the main one."""
        mains = [network is self.networks[-1] for network in self.networks]
        return zip(self.networks, self.members, mains, strict=True)

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
        if self.refresh:  # a callback may ask in the middle of training
            self.refresh()
        if member_weights is None:
            member_weights = np.full(len(self.strengths), 1.0 / len(self.strengths))
        parts = [_weights.dump(network, activation) for network in self.networks]
        return FittedNetwork.merge(parts, self.members, member_weights)
