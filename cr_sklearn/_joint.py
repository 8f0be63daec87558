"""Fits trained side by side: their networks of one shape are one packed run."""

from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import Any

import numpy as np
import torch

from cr_sklearn import _training
from cr_sklearn._batches import Rows
from cr_sklearn._settings import RowGroups
from cr_sklearn._stopping import NonFiniteLossError
from cr_sklearn.nn import PackedNetwork

# Share of the epochs after which networks that do not look promising stop.
_FIRST_PART = 0.4
# Numbers of a layer in one run: more leave the cache, fewer cost more calls.
_MAX_ACTIVATIONS = 2**19
# Of the tables that wait for their run.
_MAX_BYTES = 2**28
# What members of one run may differ in.
_BY_MEMBER = ("dreg_strength", "learning_rate_init", "weight_decay")


@dataclass(eq=False)
class PreparedFit:
    """What a fit trains, on which rows and by which settings.

    Attributes
    ----------
    packs : Packs
    settings : list of TrainingSettings
        Of each pack.
    criterion, rows, groups, validation_rows, optimizer_state, progress
        See :func:`~cr_sklearn._training.train`. The groups are those of each pack.
    finish : callable
        ``history -> estimator``, when the networks are trained.
    promising : callable or None
        ``network -> ndarray of int``: members of the main pack to go on with after
        the first part of the epochs. The others stay as they are then.
    """

    packs: Any
    settings: list
    criterion: Any
    rows: Any
    finish: Any
    groups: Any = None
    validation_rows: Any = None
    optimizer_state: Any = None
    progress: Any = None
    promising: Any = None

    def kind(self):
        """What fits must have in common to train in one run; None for nothing.

        Returns
        -------
        tuple or None
        """
        alone = self.validation_rows or self.optimizer_state
        if alone or not isinstance(self.rows.x, torch.Tensor):
            return None
        groups = self.groups
        return (
            repr(self.criterion),
            len(self.rows.x) if groups is None else groups.rows.shape[1],
            None if groups is None else len(groups.seeds),
            *map(_shape, self.packs.networks, self.settings),
            *map(_rule, self.settings),
        )


def fit_together(fits):
    """Train and finish fits, those of one kind in packed runs of bounded size.

    Parameters
    ----------
    fits : iterable of PreparedFit
        Prepared as they are asked for: few of their tables are there at a time.

    Yields
    ------
    list of PreparedFit
        Those of a run, finished. A run that fails is left out, so that the caller can
        see one by one which fit it was.
    """
    waiting = {}
    for fit in fits:
        kind = fit.kind()
        run = waiting.setdefault(kind, [])
        run.append(fit)
        if kind is None or sum(map(_n_activations, run)) > _MAX_ACTIVATIONS:
            yield _finished(waiting.pop(kind))
        elif sum(map(_n_bytes, chain(*waiting.values()))) > _MAX_BYTES:
            yield from map(_finished, waiting.values())
            waiting = {}
    yield from map(_finished, waiting.values())


def _finished(fits):
    try:
        histories = train_fits(fits)
    except NonFiniteLossError:
        return []
    if histories[0].interrupted:
        raise KeyboardInterrupt
    for fit, history in zip(fits, histories, strict=True):
        fit.finish(history)
    return fits


def _n_activations(fit):
    """Numbers of a hidden layer and its tangents, in all networks of the main pack."""
    network, settings = fit.packs.networks[-1], fit.settings[-1]
    width = max(bias.shape[1] for bias in network.biases)
    return 2 * network.members * settings.batch_size * width


def _n_bytes(fit):
    return fit.rows.x.element_size() * fit.rows.x.numel()


def train_fits(fits):
    """Train the networks of several fits, pack by pack, up to one that is interrupted.

    Parameters
    ----------
    fits : list of PreparedFit
        One, or several of the same kind.

    Returns
    -------
    list of TrainingHistory
        One for each fit, of its main pack.
    """
    rows = fits[0].rows
    if len(fits) > 1:
        rows = Rows.join([fit.rows for fit in fits])
    n_packs = len(fits[0].settings)
    for pack in range(n_packs):
        histories = _train_pack(fits, pack, pack == n_packs - 1, rows)
        if histories[0].interrupted:
            break
    return histories


def _train_pack(fits, pack, main, rows):
    networks = [fit.packs.networks[pack] for fit in fits]
    seeds = [seed for fit in fits for seed in fit.packs.seeds[pack]]
    settings = _joined_settings([fit.settings[pack] for fit in fits])
    network = networks[0] if len(fits) == 1 else PackedNetwork.join(networks)
    train = partial(
        _training.train,
        criterion=fits[0].criterion,
        rows=rows,
        groups=_joined_groups(fits, pack),
        validation_rows=fits[0].validation_rows,
        progress=fits[0].progress if main and len(fits) == 1 else None,
    )

    def apart(history, members):
        """Give the fits their weights, and part the history."""
        if len(fits) > 1:
            network.part(networks)
        ends = np.cumsum(members)
        return [
            history.mean(slice(end - own, end))
            for end, own in zip(ends, members, strict=True)
        ]

    members = [own.members for own in networks]
    n_first = round(_FIRST_PART * settings.max_iter)
    if not (main and fits[0].promising and n_first > 0):
        state = fits[0].optimizer_state
        history = train(network, settings=settings, seeds=seeds, optimizer_state=state)
        return apart(history, members)
    n_rest = settings.max_iter - n_first
    first = replace(settings, max_iter=n_first, left=n_rest)
    history = train(network, settings=first, seeds=seeds)
    earlier = apart(history, members)
    if history.interrupted or history.stopped:
        return earlier
    kept = [fit.promising(own) for fit, own in zip(fits, networks, strict=True)]
    starts = np.cumsum([0, *members[:-1]])
    every = np.concatenate([own + at for own, at in zip(kept, starts, strict=True)])
    best = network.take(every)
    fits[0].packs.refresh = partial(network.put, every, best)
    rest = _of_members(settings, every)
    history = train(
        best,
        settings=replace(rest, max_iter=n_rest, done=n_first, first_epoch=n_first),
        seeds=[seeds[member] for member in every],
        optimizer_state=_state_of_members(history.optimizer_state, every),
    )
    network.put(every, best)
    later = apart(history, [len(own) for own in kept])
    for whole, start in zip(later, earlier, strict=True):
        whole.loss[:0], whole.dreg[:0] = start.loss, start.dreg
        whole.n_iter_all = n_first
    return later


def _joined_groups(fits, pack):
    if len(fits) == 1:
        return fits[0].groups
    seeds, rows, counts, widths, start = [], [], [], [], 0
    for fit in fits:
        own = fit.groups
        if own is None:
            own_seeds = fit.packs.seeds[pack]
            own = RowGroups.of(own_seeds, [np.arange(len(fit.rows.x))] * len(own_seeds))
        seeds += own.seeds
        rows.append(own.rows + start)
        counts.append(own.counts)
        widths += [fit.rows.x.shape[1]] * len(own.seeds)
        start += len(fit.rows.x)
    rows = np.concatenate(rows, dtype=np.int32)
    return RowGroups(seeds, rows, np.concatenate(counts), widths)


def _joined_settings(parts):
    if len(parts) == 1:
        return parts[0]
    joined = {}
    for name in _BY_MEMBER:
        joined[name] = np.concatenate(
            [
                np.broadcast_to(getattr(part, name), len(part.dreg_strength))
                for part in parts
            ]
        )
    return replace(parts[0], **joined)


def _of_members(settings, members):
    """Settings of a part of the members."""
    given = {name: getattr(settings, name) for name in _BY_MEMBER}
    return replace(
        settings,
        **{
            name: value[members] if np.ndim(value) else value
            for name, value in given.items()
        },
    )


def _state_of_members(state, members):
    """State of the optimiser for a part of the members."""
    return [
        {name: v if np.ndim(v) == 0 else v[members] for name, v in entry.items()}
        for entry in state
    ]


def _shape(network, settings):
    """Shape of a network but for members, and inputs where zeros may be added."""
    first, *rest = network.parameters()
    # Zeros would change the number of tangents.
    exact = settings.dreg_stream == "exact"
    return (
        first.shape[1],
        network.n_features if exact else None,
        *(parameter.shape[1:] for parameter in rest),
        *(type(activation) for activation in network.activations),
        network.dropout,
        first.dtype,
        first.device,
    )


def _rule(settings):
    penalised = bool(np.any(np.asarray(settings.dreg_strength) > 0.0))
    return penalised, replace(settings, **dict.fromkeys(_BY_MEMBER))
