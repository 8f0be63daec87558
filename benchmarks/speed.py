"""What the library costs: ``python -m benchmarks.speed`` and the parts to run.

step: one training step with DREG against the same step without.
"""

import argparse
import statistics
import time
from pathlib import Path
from typing import NamedTuple

from benchmarks import extra_packages

with extra_packages():
    import numpy as np
    import pandas as pd
    import torch

    from benchmarks import report
    from cr_sklearn._batches import Rows
    from cr_sklearn._training import TrainingSettings, initial_network, train
    from cr_sklearn.nn import CrossEntropy

STEP_GOAL = 2.5
STEP_BATCH_SIZE, STEP_BATCHES = 128, 8


class Stream(NamedTuple):
    """Settings of one variant of the step, and for how many epochs it is timed."""

    dreg_strength: float
    dreg_stream: str
    epochs: int


# The exact stream is up to ten times slower than the others.
STEP_STREAMS = {
    "none": Stream(0.0, "projected", 32),
    "projected": Stream(0.01, "projected", 32),
    "exact": Stream(0.01, "exact", 8),
}


def step(rounds):
    """Cost of a training step by derivative stream.

    Times whole trainings, as the estimators run them: drawing batches and tangents,
    both passes, AdamW and the schedule. Variants take turns, so that a machine that
    slows down slows all of them, and ratios are medians of ratios within a round.

    Parameters
    ----------
    rounds : int

    Returns
    -------
    DataFrame
        By inputs ``d``, ``members`` and ``stream``: ``milliseconds`` of a step and its
        ``ratio`` to that without DREG.
    """
    lines = []
    for n_features in (8, 100):
        for members in (1, 8):
            seconds = {stream: [] for stream in STEP_STREAMS}
            for _ in range(rounds):
                for stream in STEP_STREAMS:
                    seconds[stream].append(_time_step(n_features, members, stream))
            for stream, times in seconds.items():
                ratios = np.divide(times, seconds["none"])
                lines.append(
                    {
                        "d": n_features,
                        "members": members,
                        "stream": stream,
                        "milliseconds": 1e3 * statistics.median(times),
                        "ratio": statistics.median(ratios),
                    }
                )
    return pd.DataFrame(lines)


def step_text(table):
    """Table of a run of :func:`step`, and whether the goal was reached."""
    shown = pd.DataFrame(
        {
            "d": table["d"],
            "Members": table["members"],
            "DREG": table["stream"],
            "ms a step": table["milliseconds"].map("{:.3f}".format),
            "Ratio": table["ratio"].map("{:.2f}".format),
        }
    )
    worst = table.loc[table["stream"] == "projected", "ratio"].max()
    result = "reached" if worst <= STEP_GOAL else "missed"
    return (
        "Training step, hidden layers (32, 32), cubic, batch "
        f"{STEP_BATCH_SIZE}, float32, threads: {torch.get_num_threads()}\n\n"
        f"{report.terminal(shown)}\n\n"
        f"Goal: projected <= {STEP_GOAL} x no DREG. Worst {worst:.2f}: {result}."
    )


def _time_step(n_features, members, stream):
    """Seconds per step of one training from the start."""
    stream = STEP_STREAMS[stream]
    settings = TrainingSettings(
        max_iter=stream.epochs,
        batch_size=STEP_BATCH_SIZE,
        learning_rate_init=0.01,
        dreg_strength=[stream.dreg_strength] * members,
        dreg_stream=stream.dreg_stream,
    )
    seeds = list(range(members))
    network = initial_network(
        n_features,
        (32, 32),
        1,
        seeds=seeds,
        dtype="float32",
        device=torch.device("cpu"),
    )
    rng = np.random.default_rng(0)
    n_rows = STEP_BATCH_SIZE * STEP_BATCHES
    # Binary targets of standard normal inputs; the cost doesn't depend on values.
    rows = Rows.from_arrays(
        rng.standard_normal((n_rows, n_features)),
        rng.integers(2, size=n_rows),
        np.ones(n_rows),
        like=network.skip,
    )
    start = time.perf_counter()
    train(network, CrossEntropy(), rows, settings, seeds)
    return (time.perf_counter() - start) / (stream.epochs * STEP_BATCHES)


# Each part measures, and says in text what it found.
PARTS = {"step": (step, step_text)}


def main(argv=None):
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.speed",
        description=__doc__.partition("\n")[2].strip(),
    )
    parser.add_argument("parts", nargs="*", help=f"of: {', '.join(PARTS)} (all)")
    parser.add_argument(
        "--rounds", type=int, default=9, help="measurements of each variant (9)"
    )
    # On a busy machine a second thread waits for its core at every operation.
    parser.add_argument("--threads", type=int, default=1, help="of torch (1)")
    parser.add_argument("--out", type=Path, default=Path("reports", "speed"))
    args = parser.parse_args(argv)
    unknown = sorted(set(args.parts) - set(PARTS))
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}; parts are: {', '.join(PARTS)}")
    if args.rounds < 1:
        parser.error(f"--rounds must be at least 1, got {args.rounds}")
    if args.threads < 1:
        parser.error(f"--threads must be at least 1, got {args.threads}")
    torch.set_num_threads(args.threads)
    command = report.command_line("speed", argv)
    made_by = f"{command}; {report.environment(['cr_sklearn', 'torch'])}"
    for name in args.parts or PARTS:
        measure, describe = PARTS[name]
        table = measure(args.rounds)
        report.write_csv(table, args.out / f"{name}.csv", made_by)
        print(f"{describe(table)}\n{made_by}")


if __name__ == "__main__":
    with extra_packages():
        main()
