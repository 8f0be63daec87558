"""What the library costs: ``python -m benchmarks.speed`` and the parts to run.

step: one training step with DREG against the same step without.
fit: one fit on Pima against scikit-learn's MLP. predict: sensitivities beside
probabilities. single: one row against the MLP. import: the package against sklearn.
"""

import argparse
from functools import partial
from pathlib import Path
from typing import NamedTuple

from benchmarks import extra_packages

with extra_packages():
    import numpy as np
    import pandas as pd
    import torch

    from benchmarks import report, speed_use
    from benchmarks.timing import ratios, take_turns
    from cr_sklearn._batches import Rows
    from cr_sklearn._settings import TrainingSettings
    from cr_sklearn._training import initial_network, train
    from cr_sklearn.nn import CrossEntropy

STEP_GOAL = 2.0
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
        By inputs ``d``, ``members`` and ``variant`` of the stream: ``milliseconds`` of
        a step and its ``ratio`` to that without DREG.
    """
    tables = []
    for n_features in (8, 100, 784):
        for members in (1, 8):
            runs = {
                name: _training(n_features, members, stream)
                for name, stream in STEP_STREAMS.items()
            }
            table = ratios(take_turns(runs, rounds), "none")
            steps = table["variant"].map(
                {name: STEP_BATCHES * s.epochs for name, s in STEP_STREAMS.items()}
            )
            # Trainings are of different length.
            table["milliseconds"] /= steps
            table["ratio"] *= steps[table["variant"].eq("none").idxmax()] / steps
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
        }
    )
    worst = table.loc[table["variant"] == "projected", "ratio"].max()
    result = "reached" if worst <= STEP_GOAL else "missed"
    return (
        "Training step, hidden layers (32, 32), cubic, batch "
        f"{STEP_BATCH_SIZE}, float32, threads: {torch.get_num_threads()}\n\n"
        f"{report.terminal(shown)}\n\n"
        f"Goal: projected <= {STEP_GOAL} x no DREG. Worst {worst:.2f}: {result}."
    )


def use_text(part, table):
    """Table of a part of :mod:`benchmarks.speed_use`, with its goals."""
    shown = pd.DataFrame(
        {
            part: table["variant"],
            "ms": table["milliseconds"].map("{:.2f}".format),
            "Ratio": table["ratio"].map("{:.2f}".format),
        }
    )
    found = table.set_index("variant")["ratio"]
    goals = [
        f"Goal: {name} <= {goal}. {found[name]:.2f}: "
        f"{'reached' if found[name] <= goal else 'missed'}."
        for name, goal in speed_use.GOALS[part].items()
    ]
    return "\n".join([report.terminal(shown), *goals])


def _training(n_features, members, stream):
    """A function that trains a fresh network from the start."""
    settings = TrainingSettings(
        max_iter=stream.epochs,
        batch_size=STEP_BATCH_SIZE,
        learning_rate_init=0.01,
        dreg_strength=[stream.dreg_strength] * members,
        dreg_stream=stream.dreg_stream,
    )
    seeds = list(range(members))
    rng = np.random.default_rng(0)
    n_rows = STEP_BATCH_SIZE * STEP_BATCHES
    # Binary targets of standard normal inputs; the cost doesn't depend on values.
    rows = Rows.from_arrays(
        rng.standard_normal((n_rows, n_features)),
        rng.integers(2, size=n_rows),
        np.ones(n_rows),
        like=torch.zeros(1),
    )

    def run():
        network = initial_network(
            n_features,
            (32, 32),
            1,
            seeds=seeds,
            dtype="float32",
            device=torch.device("cpu"),
        )
        train(network, CrossEntropy(), rows, settings, seeds)

    return run


# Each part measures, and says in text what it found.
PARTS = {
    "step": (step, step_text),
    "fit": (speed_use.fit, partial(use_text, "fit")),
    "predict": (speed_use.predict, partial(use_text, "predict")),
    "single": (speed_use.single, partial(use_text, "single")),
    "import": (speed_use.imports, partial(use_text, "import")),
}


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
    made_by = f"{command}; {report.environment(['cr_sklearn', 'sklearn', 'torch'])}"
    for name in args.parts or PARTS:
        measure, describe = PARTS[name]
        table = measure(args.rounds)
        report.write_csv(table, args.out / f"{name}.csv", made_by)
        print(f"{describe(table)}\n{made_by}\n")


if __name__ == "__main__":
    with extra_packages():
        main()
