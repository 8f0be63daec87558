"""From encoded rows to a training: folds, networks and settings."""

import math
from dataclasses import replace
from functools import partial

import numpy as np
from sklearn.model_selection import train_test_split

from cr_sklearn.search._candidates import Candidate, candidates
from cr_sklearn.search._folds import inner_folds
from cr_sklearn.search._search import Search
from cr_sklearn.training import _loop
from cr_sklearn.training._encoded_rows import encode_rows
from cr_sklearn.training._isolation import check_device
from cr_sklearn.training._settings import (
    TrainingSettings,
    exact_or_projected,
    input_step,
    n_epochs,
    n_epochs_at_most,
    n_rows_per_batch,
    n_units,
)
from cr_sklearn.training._training import Pack, Screening, Training
from cr_sklearn.training._validation import Validation

MAX_SEED = np.iinfo(np.int32).max
# What "auto" is for tables too small for inner folds, and in partial_fit.
_AUTO_STRENGTH = 0.01
# What "auto" is where the strength is fixed.
_AUTO_MEMBERS = 8
# Hidden layers where "auto" chooses their units.
_AUTO_LAYERS = 2


def hold_out(estimator, head, rows, random_state):
    """Split rows into those that train and those for early stopping.

    Copies of a row are on one side.
    """
    first, copy_of = rows.without_copies()
    try:
        parts = train_test_split(
            np.arange(len(first)),
            test_size=estimator.validation_fraction,
            stratify=head.strata(rows.target)[first],
            random_state=random_state,
        )
    except ValueError as error:
        raise ValueError(
            f"early_stopping=True with validation_fraction="
            f"{estimator.validation_fraction!r} can't hold out a stratified part of "
            f"{len(rows.target)} rows: {error}"
        ) from error
    if len(first) < len(copy_of):
        parts = [np.flatnonzero(np.isin(copy_of, part)) for part in parts]
    return [rows.take(part) for part in parts]


def make_search(estimator, head, rows, seed):
    """Cross candidates and inner folds; None where rows are too few for folds."""
    folds = inner_folds(estimator.cv, head, rows, seed)
    if folds is None:
        return None
    hidden = hidden_layers(estimator, head, rows)
    linear = estimator._options.linear_candidates
    return Search(candidates(hidden, len(rows.target), linear), folds)


def build(
    estimator, head, rows, start, *, search, validation_rows, random_state, progress
):
    """Build the networks of a fit and what they train on.

    Parameters
    ----------
    estimator : BaseChainzRule
        For its parameters.
    head : Head
    rows : TrainingRows
        Those that train.
    start : Start
    search : Search or None
    validation_rows : TrainingRows or None
        For early stopping.
    random_state : RandomState
    progress : FitProgress
    """
    if search is None:
        networks, groups = _fixed_networks(estimator, head, rows, start), None
        seeds = random_state.randint(MAX_SEED, size=len(networks))
        n_rows = len(rows.target) + (len(start.again.target) if start.again else 0)
    else:
        networks, n_rows = search.networks, search.n_rows
        seeds = random_state.randint(MAX_SEED, size=len(networks))
        fold_seeds = random_state.randint(MAX_SEED, size=len(search.folds))
        groups = search.groups(fold_seeds.tolist())
    packs = _packs(
        estimator,
        head,
        rows,
        start,
        networks,
        seeds,
        n_rows,
        averages=search is not None and validation_rows is None,
    )
    template = packs[-1].network.skip
    encode = partial(
        encode_rows,
        start.encoder,
        template=template,
        max_bytes=estimator._options.max_encoded_bytes,
    )
    encoded = encode(rows, statistics=start.statistics)
    if not estimator._options.between:
        encoded = encoded._replace(switches=None)
    if start.again:
        encoded = encoded.and_also(encode(start.again))
    step = input_step(encoded.square_norm())
    packs = [
        pack._replace(settings=replace(pack.settings, input_step=step))
        for pack in packs
    ]
    validation = screening = None
    criterion = head.make_criterion().to(template.device)
    if validation_rows is not None:
        validation = Validation.of(encode(validation_rows))
    elif search is not None:
        validation = Validation.of(encoded, [fold.held_out for fold in search.folds])
        screening = _screening(estimator._options, search, packs, head, encoded, rows)
    training = Training(
        packs,
        estimator.activation,
        criterion,
        encoded,
        groups=groups,
        validation=validation,
        optimizer_state=start.optimizer_state,
        progress=progress,
        verbose=int(estimator.verbose),
        screening=screening,
    )
    if start.network is not None:
        training.load(start.network)
    return training


def _screening(options, search, packs, head, encoded, rows):
    """Return how candidates are screened; None if all of them go on."""
    last = packs[-1]
    n_candidates = len(last.members) // len(search.folds)
    if options.screening is None or n_candidates <= options.n_kept:
        return None
    best_members = partial(
        search.best_members,
        n_kept=options.n_kept,
        x=encoded.x,
        criterion=head.make_criterion(),
        rows=rows,
    )
    batch_size = last.settings.batch_size
    n_steps = -(-search.n_rows // batch_size)
    n_epochs = math.ceil(options.screening * batch_size / n_steps)
    return Screening(n_epochs, best_members)


def hidden_layers(estimator, head, rows):
    """Return the units of each hidden layer, as a tuple of int."""
    if estimator.hidden_layer_sizes == "auto":
        n_outputs = head.output_layer(rows.target, rows.weight)["n_outputs"]
        return (n_units(len(rows.target), n_outputs),) * _AUTO_LAYERS
    hidden = np.atleast_1d(estimator.hidden_layer_sizes)
    if hidden.ndim != 1 or (hidden <= 0).any() or (hidden % 1 != 0).any():
        raise ValueError(
            "hidden_layer_sizes must hold integers > 0, got "
            f"{estimator.hidden_layer_sizes!r}."
        )
    return tuple(hidden.astype(int).tolist())


def _fixed_networks(estimator, head, rows, start):
    """Make one candidate for each network, where nothing is searched."""
    goes_on = start.network is not None
    if estimator.hidden_layer_sizes == "auto" and goes_on:
        hidden = tuple(bias.shape[1] for bias in start.network.intercepts[:-1])
    else:
        hidden = hidden_layers(estimator, head, rows)
    n_members = estimator.n_estimators
    if n_members == "auto":
        n_members = len(estimator._strengths) if goes_on else _AUTO_MEMBERS
    elif goes_on and estimator._is_chosen:
        n_members = len(estimator._strengths)
    strengths = [estimator.dreg_strength] * n_members
    if estimator.dreg_strength == "auto":
        strengths = [_AUTO_STRENGTH] * n_members
        if goes_on and len(estimator._strengths) == n_members:
            strengths = estimator._strengths.tolist()
    return [Candidate(float(strength), hidden) for strength in strengths]


def _packs(estimator, head, rows, start, networks, seeds, n_rows, *, averages):
    """Build networks by shape, those with the most layers last."""
    device, dtype = check_device(estimator.device, estimator.dtype), estimator.dtype
    batch_size = n_rows_per_batch(estimator.batch_size, n_rows)
    if dtype == "auto":
        is_whole = batch_size == n_rows and device.type != "mps"
        dtype = "float64" if is_whole else "float32"
    output_layer = head.output_layer(rows.target, rows.weight)
    members_of = {}
    for member, candidate in enumerate(networks):
        members_of.setdefault(candidate.shape, []).append(member)
    packs, options = [], estimator._options
    goes_on = start.network is not None or start.is_partial
    blocks = start.encoder.block_ if options.gates and not goes_on else None
    shapes = sorted(members_of, key=lambda shape: len(shape.hidden_layer_sizes))
    for shape in shapes:
        members = np.array(members_of[shape])
        network = _loop.initial_network(
            start.encoder.n_encoded_,
            shape.hidden_layer_sizes,
            **output_layer,
            activation=estimator.activation,
            degree=estimator.degree,
            blocks=blocks if shape.hidden_layer_sizes else None,
            gates=start.encoder.gate_,
            seeds=seeds[members].tolist(),
            dtype=dtype,
            device=device,
        )
        settings = TrainingSettings(
            max_iter=1 if start.is_partial else n_epochs(estimator.max_iter, n_rows),
            schedule="constant" if start.is_partial else "cosine",
            first_epoch=0 if start.network is None else estimator.n_iter_,
            batch_size=batch_size * shape.batch_size,
            learning_rate_init=estimator.learning_rate_init * shape.learning_rate_init,
            dreg_strength=np.array([networks[m].dreg_strength for m in members]),
            dreg_stream=exact_or_projected(
                options.dreg_stream,
                network,
                batch_size,
                n_rows,
                has_switches=options.between and start.encoder.switches_.n_switches > 0,
            ),
            # A step decays by this times its size, which is longer for linear ones.
            weight_decay=options.weight_decay / shape.learning_rate_init,
            tol=estimator.tol,
            n_iter_no_change=estimator.n_iter_no_change,
            net=options.net,
        )
        if averages and shape.hidden_layer_sizes:
            most = n_epochs_at_most(estimator.max_iter)
            settings = replace(settings, averages=True, max_iter=most)
        packs.append(Pack(members, network, settings, seeds[members].tolist()))
    return packs
