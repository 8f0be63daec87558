"""Training of one fit: pack by pack, with successive halving of the candidates."""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from cr_sklearn.training import _loop as _training

# Share of the epochs after which networks that do not look promising stop.
_FIRST_PART = 0.4


@dataclass(eq=False)
class PreparedFit:
    """Networks, rows and settings of a fit that is ready to train.

    Attributes
    ----------
    packs : Packs
    settings : list of TrainingSettings
        Of each pack.
    criterion, rows, groups, validation_rows, optimizer_state, progress
        See :func:`~cr_sklearn.training._loop.train`. The groups are those of each pack.
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


def train_packs(fit):
    """Train the networks of a fit pack by pack, up to one that is interrupted.

    Parameters
    ----------
    fit : PreparedFit

    Returns
    -------
    TrainingHistory
        Of the last pack that was trained, averaged over its members.
    """
    main = len(fit.settings) - 1
    for pack, (network, settings) in enumerate(
        zip(fit.packs.networks, fit.settings, strict=True)
    ):
        train = partial(
            _training.train,
            criterion=fit.criterion,
            rows=fit.rows,
            groups=fit.groups,
            validation_rows=fit.validation_rows,
            progress=fit.progress if pack == main else None,
        )
        seeds = fit.packs.seeds[pack]
        n_first = round(_FIRST_PART * settings.max_iter)
        if pack == main and fit.promising and n_first > 0:
            history = _train_by_halves(fit, train, network, settings, seeds, n_first)
        else:
            history = train(
                network,
                settings=settings,
                seeds=seeds,
                optimizer_state=fit.optimizer_state,
            ).mean()
        _training.check_outputs(network, fit.rows, settings)
        if history.interrupted:
            break
    return history


def _train_by_halves(fit, train, network, settings, seeds, n_first):
    n_rest = settings.max_iter - n_first
    first = replace(settings, max_iter=n_first, left=n_rest)
    history = train(network, settings=first, seeds=seeds)
    earlier = history.mean()
    if history.interrupted or history.stopped:
        return earlier
    kept = fit.promising(network)
    best = network.take(kept)
    fit.packs.refresh = partial(network.put, kept, best)
    rest = replace(
        settings,
        dreg_strength=settings.dreg_strength[kept],
        max_iter=n_rest,
        done=n_first,
        first_epoch=n_first,
    )
    later = train(
        best,
        settings=rest,
        seeds=[seeds[member] for member in kept],
        optimizer_state=_state_of_members(history.optimizer_state, kept),
    ).mean()
    network.put(kept, best)
    later.loss[:0], later.dreg[:0] = earlier.loss, earlier.dreg
    later.n_iter_all = n_first
    return later


def _state_of_members(state, members):
    """State of the optimiser for a part of the members."""
    return [
        {name: v if np.ndim(v) == 0 else v[members] for name, v in entry.items()}
        for entry in state
    ]
