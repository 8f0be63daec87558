"""One training step: what DREG adds, and how far it is from the machine's limit."""

from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

from benchmarks import report
from benchmarks.flops import MatrixProduct, matrix_share, step_flops
from benchmarks.timing import goal_line, ratios, take_turns
from cr_sklearn.nn import CrossEntropy
from cr_sklearn.training._batches import EncodedRows
from cr_sklearn.training._loop import initial_network, train
from cr_sklearn.training._settings import TrainingSettings

GOAL = 2.0
BATCH_SIZE, N_BATCHES = 128, 8
# Of the matrix product that stands for the machine's limit: larger ones are no faster.
PRODUCT_SIZE = 1024


class Stream(NamedTuple):
    """Settings of one variant of the step, and for how many epochs it is timed."""

    dreg_strength: float
    dreg_stream: str
    epochs: int


# The exact stream is up to ten times slower than the others.
STREAMS = {
    "none": Stream(0.0, "projected", 32),
    "projected": Stream(0.01, "projected", 32),
    "exact": Stream(0.01, "exact", 8),
}


def step(rounds, sizes=((8, 1), (8, 8), (100, 1), (100, 8), (784, 1), (784, 8))):
    """Cost of a training step by derivative stream.

    Times whole trainings, as the estimators run them: drawing batches and tangents,
    both passes, AdamW and the schedule. Variants take turns, so that a machine that
    slows down slows all of them, and ratios are medians of ratios within a round.

    Parameters
    ----------
    rounds : int
    sizes : sequence of (int, int)
        Inputs and members.

    Returns
    -------
    DataFrame
        By inputs ``d``, ``members`` and ``variant`` of the stream: ``milliseconds`` of
        a step, its ``ratio`` to that without DREG, its ``flops`` by
        :func:`~benchmarks.flops.step_flops`, and their ``matrix_share``: their rate
        over that of a large matrix product on the same threads and in the same dtype,
        which takes its turn with the trainings.
    """
    product = MatrixProduct(PRODUCT_SIZE, torch.float32)
    tables = []
    for n_features, members in sizes:
        runs = {
            name: _training(n_features, members, stream)
            for name, stream in STREAMS.items()
        }
        seconds = take_turns({**runs, "product": product}, rounds)
        product_seconds = seconds.pop("product")
        table = ratios(seconds, "none")
        n_steps = np.array([N_BATCHES * stream.epochs for stream in STREAMS.values()])
        # Trainings are of different length.
        table["milliseconds"] /= n_steps
        table["ratio"] *= n_steps[0] / n_steps
        network = _network(n_features, members)
        table["flops"] = [
            step_flops(network, BATCH_SIZE, s.dreg_stream if s.dreg_strength else None)
            for s in STREAMS.values()
        ]
        table["matrix_share"] = [
            matrix_share(flops * n, seconds[name], product, product_seconds)
            for name, flops, n in zip(STREAMS, table["flops"], n_steps, strict=True)
        ]
        tables.append(table.assign(d=n_features, members=members))
    return pd.concat(tables, ignore_index=True)


def step_text(table):
    """Table of a run of :func:`step`, and whether the goal was reached."""
    shown = pd.DataFrame(
        {
            "d": table["d"],
            "Members": table["members"],
            "DREG": table["variant"],
            "ms a step": table["milliseconds"].map("{:.3f}".format),
            "Ratio": table["ratio"].map("{:.2f}".format),
            "MFLOP": table["flops"].div(1e6).map("{:.1f}".format),
            "Matrix rate": table["matrix_share"].map("{:.0%}".format),
        }
    )
    worst = table.loc[table["variant"] == "projected", "ratio"].max()
    return (
        "Training step, hidden layers (32, 32), cubic, batch "
        f"{BATCH_SIZE}, float32, threads: {torch.get_num_threads()}. Matrix rate: "
        "operations of the step's\nmatrix products a second, over those of one product "
        f"of {PRODUCT_SIZE} x {PRODUCT_SIZE} matrices.\n\n"
        f"{report.terminal(shown)}\n\n"
        f"{goal_line('projected, worst case', worst, GOAL)}"
    )


def _network(n_features, members):
    return initial_network(
        n_features,
        (32, 32),
        1,
        seeds=range(members),
        dtype="float32",
        device=torch.device("cpu"),
    )


def _training(n_features, members, stream):
    """A function that trains a fresh network from the start."""
    settings = TrainingSettings(
        max_iter=stream.epochs,
        batch_size=BATCH_SIZE,
        learning_rate_init=0.01,
        dreg_strength=[stream.dreg_strength] * members,
        dreg_stream=stream.dreg_stream,
    )
    rng = np.random.default_rng(0)
    n_rows = BATCH_SIZE * N_BATCHES
    # Binary targets of standard normal inputs; the cost doesn't depend on values.
    rows = EncodedRows.from_arrays(
        rng.standard_normal((n_rows, n_features)),
        rng.integers(2, size=n_rows),
        np.ones(n_rows),
        template=torch.zeros(1),
    )

    def run():
        network = _network(n_features, members)
        train(network, CrossEntropy(), rows, settings, list(range(members)))

    return run
