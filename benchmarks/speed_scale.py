"""Default fits on ever more rows: time and memory a row, each in a fresh process."""

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import torch

from benchmarks import report
from benchmarks.timing import goal_line

ROWS = (10_000, 100_000, 1_000_000)
# Peak memory of a fit over that of its data, at so many rows.
MEMORY_GOAL, MEMORY_ROWS = 1.5, 1_000_000
# Memory a row over that at so many rows; runs differ by a few percent.
FLAT_GOAL, FLAT_ROWS = 1.1, 100_000


def scale(rounds, rows=ROWS):
    """Default fits on simulated rows, by :mod:`benchmarks.scale_worker`.

    Parameters
    ----------
    rounds : int
        Fits of each number of rows, which take turns.
    rows : sequence of int

    Returns
    -------
    DataFrame
        A line for each number of rows, with medians over the rounds of what
        :func:`benchmarks.scale_worker.measure` returns, and ``microseconds`` a row and
        epoch, ``time_ratio`` of these to that of the fewest rows, ``memory_ratio`` of
        peak memory to data, and ``extra_bytes_per_row``.
    """
    rows = sorted(set(rows))
    fits = []
    for number in range(rounds):
        for n_rows in rows:
            fit = _fit_in_process(n_rows)
            print(
                f"scale, round {number + 1} of {rounds}: {n_rows:,} rows in "
                f"{fit['seconds']:.1f} s",
                file=sys.stderr,
            )
            fits.append(fit)
    # Memory that the system does not tell is None.
    table = pd.DataFrame(fits).astype({"extra_bytes": float})
    table = table.groupby("n_rows", as_index=False).median()
    per_row = table["seconds"] / (table["n_rows"] * table["n_iter"])
    table["microseconds"] = 1e6 * per_row
    table["time_ratio"] = per_row / per_row[0]
    table["memory_ratio"] = table["extra_bytes"] / table["data_bytes"]
    table["extra_bytes_per_row"] = table["extra_bytes"] / table["n_rows"]
    return table


def scale_text(table):
    """Table of a run of :func:`scale`, with its goals."""
    shown = pd.DataFrame(
        {
            "Rows": table["n_rows"].map("{:,}".format),
            "s": table["seconds"].map("{:.1f}".format),
            "us a row and epoch": table["microseconds"].map("{:.2f}".format),
            "Ratio": table["time_ratio"].map("{:.2f}".format),
            "Extra MB": _or_dash(table["extra_bytes"] / 1e6, "{:.0f}"),
            "Bytes a row": _or_dash(table["extra_bytes_per_row"], "{:.0f}"),
            "Extra / data": _or_dash(table["memory_ratio"], "{:.2f}"),
            "Accuracy": table["accuracy"].map("{:.4f}".format),
            "Best possible": table["bayes_accuracy"].map("{:.4f}".format),
        }
    )
    return "\n".join(
        [
            "Default fits in fresh processes, 50 float32 columns, threads: "
            f"{torch.get_num_threads()}. Extra: peak memory of the fit beside the "
            "data.\nAccuracy on 10,000 fresh rows.\n",
            report.terminal(shown),
            *_goals(table.dropna(subset="extra_bytes").set_index("n_rows")),
        ]
    )


def _goals(table):
    """Lines on the goals for memory; they hold for the largest table alone."""
    name = f"extra / data at {MEMORY_ROWS:,} rows"
    flat = f"bytes a row at {MEMORY_ROWS:,} rows over {FLAT_ROWS:,}"
    if MEMORY_ROWS not in table.index:
        return [f"Goals not measured: {name}, {flat}."]
    lines = [goal_line(name, table.loc[MEMORY_ROWS, "memory_ratio"], MEMORY_GOAL)]
    if FLAT_ROWS not in table.index:
        return [*lines, f"Goal not measured: {flat}."]
    per_row = table["extra_bytes_per_row"]
    return [
        *lines,
        goal_line(flat, per_row[MEMORY_ROWS] / per_row[FLAT_ROWS], FLAT_GOAL),
    ]


def _or_dash(column, form):
    return column.map(form.format).where(column.notna(), "-")


def _fit_in_process(n_rows):
    worker = [sys.executable, "-m", "benchmarks.scale_worker", str(n_rows)]
    done = subprocess.run(
        [*worker, "--threads", str(torch.get_num_threads())],
        cwd=Path(__file__).parents[1],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)
