"""Fits and a large training on the GPU, where there is one."""

import statistics
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

from benchmarks import report
from benchmarks.data import load_pima
from benchmarks.flops import MatrixProduct, matrix_share, step_flops
from benchmarks.timing import take_turns
from cr_sklearn import ChainzRuleClassifier
from cr_sklearn.nn import CrossEntropy
from cr_sklearn.training._batches import EncodedRows
from cr_sklearn.training._loop import initial_network, train
from cr_sklearn.training._settings import TrainingSettings

DREG_STRENGTH = 0.01
NO_GPU = (
    "gpu: not measured, torch finds no GPU here. It would be a default fit on Pima, on "
    "CPU and GPU; how far their predictions are apart; and a training on 750,000 x 300 "
    "rows on the GPU."
)


class LargeTraining(NamedTuple):
    """Sizes of the large training: 3.2 million parameters in all members."""

    n_rows: int = 750_000
    n_features: int = 300
    n_classes: int = 5
    hidden_layer_sizes: tuple = (496, 496)
    members: int = 8
    batch_size: int = 1024
    max_iter: int = 2
    product_size: int = 8192


def gpu(rounds):
    """All measurements on the GPU, or None where torch finds none."""
    device = _gpu_name()
    if device is None:
        return None
    return pd.concat(
        [
            fits(device, rounds),
            training(device, rounds, LargeTraining()),
        ],
        ignore_index=True,
    )


def gpu_text(table):
    """Table of a run of :func:`gpu`, or one line that says why there is none."""
    if table is None:
        return NO_GPU
    shown = pd.DataFrame(
        {
            "Measurement": table["measurement"],
            "Device": table["device"],
            "Value": table["value"]
            .map("{:.4g}".format, na_action="ignore")
            .fillna("-"),
            "Unit": table["unit"],
        }
    )
    return (
        f"Medians, float32, threads of the CPU: {torch.get_num_threads()}\n\n"
        f"{report.terminal(shown)}"
    )


def fits(device, rounds, **params):
    """One default fit on Pima on the CPU and on a device.

    Parameters
    ----------
    device : str
        As torch names it.
    rounds : int
    **params
        Of the classifier, where not the defaults.

    Returns
    -------
    DataFrame
        Columns ``measurement``, ``device``, ``value`` and ``unit``: seconds on both,
        and the largest difference of ``predict_proba`` between the two fits.
    """
    X, y = load_pima()
    models = {
        name: ChainzRuleClassifier(random_state=0, device=name, **params)
        for name in _with_cpu(device)
    }
    runs = {
        name: _synchronised(name, lambda model=model: model.fit(X, y))
        for name, model in models.items()
    }
    lines = _medians("default fit on Pima", take_turns(runs, rounds))
    apart = models["cpu"].predict_proba(X) - models[device].predict_proba(X)
    largest = np.abs(apart).max()
    return _tidy([*lines, ("largest difference of predict_proba", device, largest, "")])


def training(device, rounds, sizes):
    """Train a large network on a device, beside one large matrix product.

    Parameters
    ----------
    device : str
    rounds : int
    sizes : LargeTraining

    Returns
    -------
    DataFrame
        In the columns of :func:`fits`: parameters in all members, seconds, rows a
        second, the share of the rate of a float32 matrix product that the operations
        of :func:`~benchmarks.flops.step_flops` reach, and the peak memory that torch
        allocated, NaN where it keeps no account.
    """
    rows = _random_rows(device, sizes)
    network = _network(device, sizes)
    n_parameters = sum(parameter.numel() for parameter in network.parameters())
    settings = TrainingSettings(
        max_iter=sizes.max_iter,
        batch_size=sizes.batch_size,
        learning_rate_init=0.001,
        dreg_strength=[DREG_STRENGTH] * sizes.members,
        dreg_stream="projected",
    )

    def run():
        fresh = _network(device, sizes)
        train(fresh, CrossEntropy(), rows, settings, list(range(sizes.members)))

    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    _synchronised(device, run)()
    peak = torch.cuda.max_memory_allocated() if device == "cuda" else np.nan
    product = MatrixProduct(sizes.product_size, torch.float32, device)
    seconds = take_turns(
        {
            "training": _synchronised(device, run),
            "product": _synchronised(device, product),
        },
        rounds,
    )
    # Per row, since batches of an epoch differ in size.
    n_trained = sizes.n_rows * sizes.max_iter
    step = step_flops(network, sizes.batch_size, settings.dreg_stream)
    flops = step / sizes.batch_size * n_trained
    share = matrix_share(flops, seconds["training"], product, seconds["product"])
    median = statistics.median(seconds["training"])
    rate = product.flops / statistics.median(seconds["product"])
    # "highest" is float32 in full; anything else lets a card round to TF32.
    precision = torch.get_float32_matmul_precision()
    label = f"training, {sizes.n_rows:,} x {sizes.n_features}"
    return _tidy(
        [
            (f"{label}, parameters", device, n_parameters / 1e6, "million"),
            (f"{label}, {sizes.max_iter} epochs", device, median, "s"),
            (f"{label}, rate", device, n_trained / median / 1e6, "million rows/s"),
            (f"{label}, share of the matrix rate", device, share, ""),
            (f"{label}, peak memory", device, peak / 1e9, "GB"),
            (f"matrix rate, precision {precision!r}", device, rate / 1e12, "TFLOP/s"),
        ]
    )


def _gpu_name():
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else None


def _with_cpu(device):
    return list(dict.fromkeys(["cpu", device]))


def _synchronised(device, run):
    """A function that returns when the device is done with what ``run`` asked."""

    def finished():
        run()
        getattr(torch, device).synchronize()

    return finished


def _medians(label, seconds):
    return [
        (label, name, statistics.median(times), "s") for name, times in seconds.items()
    ]


def _tidy(lines):
    table = pd.DataFrame(lines, columns=["measurement", "device", "value", "unit"])
    if torch.cuda.is_available():
        table["device"] = table["device"].replace("cuda", torch.cuda.get_device_name())
    return table


def _random_rows(device, sizes):
    """Standard normal inputs and random targets; the cost doesn't depend on values."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((sizes.n_rows, sizes.n_features), dtype=np.float32)
    y = rng.integers(sizes.n_classes, size=sizes.n_rows)
    like = torch.zeros(1, device=device)
    return EncodedRows.from_arrays(x, y, np.ones(sizes.n_rows), template=like)


def _network(device, sizes):
    return initial_network(
        sizes.n_features,
        sizes.hidden_layer_sizes,
        sizes.n_classes,
        seeds=range(sizes.members),
        dtype="float32",
        device=torch.device(device),
    )
