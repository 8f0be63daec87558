"""Figures of the CIFAR-10-C benchmark."""

import matplotlib.pyplot as plt
import numpy as np

from benchmarks import report
from benchmarks.cifar10c_models import LABELS, MATCHED, REFERENCE
from benchmarks.cifar10c_scores import by_condition
from benchmarks.corruptions import CORRUPTIONS, N_SEVERITIES, corrupt

SHOWN_SEVERITIES = [1, 3, 5]


def draw_examples(image, source):
    """One image under every corruption, in some severities."""
    names = list(CORRUPTIONS)
    n_across = 10
    blocks = -(-len(names) // n_across)
    figure, axes = plt.subplots(
        blocks * len(SHOWN_SEVERITIES),
        n_across,
        figsize=(11, 1.25 * blocks * len(SHOWN_SEVERITIES)),
        dpi=100,
        layout="constrained",
    )
    for ax in axes.flat:
        ax.axis("off")
    for position, name in enumerate(names):
        block, column = divmod(position, n_across)
        for i, severity in enumerate(SHOWN_SEVERITIES):
            ax = axes[block * len(SHOWN_SEVERITIES) + i, column]
            ax.imshow(corrupt(image[None], name, severity)[0])
            if i == 0:
                ax.set_title(name.replace("_", "\n"), fontsize=9)
    original = axes[-len(SHOWN_SEVERITIES), -1]
    original.imshow(image)
    original.set_title("original", fontsize=9)
    levels = ", ".join(map(str, SHOWN_SEVERITIES))
    figure.suptitle(f"{source}: severities {levels} from top to bottom", fontsize=10)
    return figure


def draw_severities(parts):
    figure, axes = report.new_figure(len(parts), (5.2 * len(parts), 3.8))
    for ax, (title, rows) in zip(axes, parts.items(), strict=True):
        table = by_condition(rows).groupby(["model", "severity"])["accuracy"].mean()
        clean = rows.groupby("model")["clean"].mean()
        for position, name in enumerate(rows["model"].unique()):
            ax.plot(
                range(N_SEVERITIES + 1),
                100 * np.array([clean[name], *table[name]]),
                color=report.PALETTE[position],
                marker=report.MARKERS[position],
                lw=1.6,
                ms=5,
                label=LABELS[name],
            )
        ax.set_xticks(
            range(N_SEVERITIES + 1), ["clean", *map(str, range(1, N_SEVERITIES + 1))]
        )
        ax.set_xlabel("Severity, mean over 19 corruptions")
        ax.set_title(title, fontsize=10)
        ax.grid(alpha=0.3)
    axes[0].set_ylabel("Accuracy, %")
    axes[-1].legend(frameon=False, fontsize=8)
    return figure


def draw_differences(parts):
    """Heat maps of the reference minus the matched network."""
    figure, axes = report.new_figure(len(parts), (4.6 * len(parts), 6.4), sharey=True)
    tables = {}
    for title, rows in parts.items():
        table = by_condition(rows)
        table = table[table["model"] == MATCHED]
        table = table.pivot(index="corruption", columns="severity", values="difference")
        tables[title] = 100 * table.loc[list(CORRUPTIONS)]
    limit = max(table.abs().to_numpy().max() for table in tables.values())
    for ax, (title, table) in zip(axes, tables.items(), strict=True):
        heat = ax.imshow(table, cmap="RdBu", vmin=-limit, vmax=limit, aspect="auto")
        for (row, column), points in np.ndenumerate(table.to_numpy()):
            colour = "white" if abs(points) > 0.65 * limit else "black"
            ax.text(
                column,
                row,
                f"{points:+.1f}",
                ha="center",
                va="center",
                fontsize=8,
                color=colour,
            )
        ax.set_xticks(range(N_SEVERITIES), table.columns)
        ax.set_yticks(
            range(len(table)), [name.replace("_", " ") for name in table.index]
        )
        ax.set_xlabel("Severity")
        ax.set_title(title, fontsize=10)
    figure.colorbar(
        heat,
        ax=list(axes),
        shrink=0.6,
        label=f"{LABELS[REFERENCE]} minus {LABELS[MATCHED]}, points of accuracy",
    )
    return figure
