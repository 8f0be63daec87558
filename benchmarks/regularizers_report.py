"""What the comparison of regularisers reports: its tables, its text, its figures."""

from pathlib import Path
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from benchmarks import report
from benchmarks.regularizers_tables import (
    ALL,
    GAIN,
    REGIMES,
    cells,
    comparisons,
    regimes,
    scores,
    strengths,
)

LABELS = {
    "none": "none",
    "decay": "weight decay",
    "dropout": "dropout",
    "spectral": "spectral norm",
    "igpen": "input-gradient penalty",
    "dreg": "DREG",
    "dreg_exact": "DREG, exact",
}
ACTIVATION_LABELS = {
    "polynomial": "cubic",
    "relu": "ReLU",
    "gelu": "GELU",
    "tanh": "tanh",
}


class Result(NamedTuple):
    """Networks of the comparison, of the development sets, cost, and the sets."""

    rows: pd.DataFrame
    development: pd.DataFrame
    cost: pd.DataFrame
    sets: dict

    @property
    def main_rows(self):
        """Networks that the tables are made of."""
        return self.rows


def write(page, result, made_by, prefix=""):
    """Write the page, as :func:`benchmarks.command.report_on` asks for it."""
    table = scores(result.rows)
    _draw_gains(Path(page.parent, f"{prefix}gains.png"), regimes(table))
    _draw_cost(Path(page.parent, f"{prefix}cost.png"), result.cost)
    sections = [
        f"# DREG against other regularisers\n\nMade by `{made_by}`",
        _protocol_text(result),
        "## Accuracy\n\nMeans over sets and activations, with the standard deviation "
        "over the seeds, and mean ranks among the regularisers. Overall is the mean of "
        "the three others.\n\n"
        + report.markdown(_regime_table(regimes(table), ALL))
        + f"\n\n![Accuracy above that without a regulariser]({prefix}gains.png)",
        *(
            f"### {ACTIVATION_LABELS[activation]}\n\n"
            + report.markdown(_regime_table(regimes(table), activation))
            for activation in table["activation"].unique()
        ),
        "## DREG against each other\n\nDifferences in points of accuracy. Tests are "
        "Wilcoxon's signed-rank tests, Holm-adjusted over the five other regularisers, "
        "over the sets (means over activations) or over each set and activation, which "
        "are not independent.\n\n"
        + report.markdown(_against_table(comparisons(table))),
        *_strength_sections(result.development),
        "## Cost of a step\n\nOne network, a batch of 64, one thread; times as "
        "multiples of those without a regulariser, which take turns with them. DREG's "
        "derivatives are written by hand in the library, those of the others are "
        "autograd's: [speed.md](speed.md) has the ratio within the library.\n\n"
        + report.markdown(_cost_table(result.cost))
        + f"\n\n![Cost of a step]({prefix}cost.png)",
        "## Sets\n\nOverall accuracy, mean over the activations.\n\n"
        + report.markdown(_set_table(table, result.sets)),
    ]
    page.write_text("\n\n".join(sections) + "\n", encoding="utf-8")


def terminal(result):
    """Accuracies, and DREG against each other overall, as plain text."""
    table = scores(result.rows)
    tests = comparisons(table).query("regime == 'overall'")
    tables = [_regime_table(regimes(table), ALL), _against_table(tests)]
    return "\n\n".join(map(report.terminal, tables))


def publish(folder, result, made_by):
    """Write the numbers of the tables as small CSV files."""
    table = scores(result.rows)
    tables = {
        "regimes": regimes(table),
        "comparisons": comparisons(table),
        "cells": cells(table),
        "strengths": strengths(result.development),
        "cost": result.cost,
    }
    for name, found in tables.items():
        report.write_csv(found, Path(folder, f"regularizers_{name}.csv"), made_by)


def _protocol_text(result):
    diverged = result.rows["diverged"].sum()
    return (
        f"{result.rows['activation'].nunique()} activations x "
        f"{result.rows['regularizer'].nunique()} regularisers x "
        f"{result.rows['dataset'].nunique()} sets x {result.rows['seed'].nunique()} "
        "seeds, each on all training rows and on a tenth of them: "
        f"{len(result.rows)} networks of two hidden layers of 64 units, 1,000 steps of "
        "AdamW on batches of 64 rows, on inputs that are standardised by the training "
        "rows and bounded to 3 deviations. Nothing else differs between the "
        "regularisers, and seeds differ in initial weights, in the order of the rows "
        "and in the tenth of them that is drawn. A third of the rows is for tests, the "
        "same for all. Noisy inputs have Gaussian noise of half a standard deviation. "
        "Strengths are the same for all sets and activations: DREG's is the paper's, "
        "10^-2.5, and the others' are the best of four on four further sets (below). "
        "DREG is the projected estimate of the sum over all layers and units; the "
        "abstract of the paper, which is all that is known of its protocol here, "
        "leaves its normalisation open, as it does the sets. A network whose weights "
        "are no longer finite would count as one that says the most frequent class: "
        f"{diverged:.0f} of them."
    )


def _regime_table(table, activation):
    table = table[table["activation"] == activation]
    columns = {"Regulariser": [LABELS[name] for name in table["regularizer"].unique()]}
    for regime, title in REGIMES.items():
        part = table[table["regime"] == regime]
        columns[title] = report.mean_sd(
            part.rename(columns={"sd": "accuracy_sd"}), "accuracy"
        )
        columns[f"rank, {title}"] = part["mean_rank"].map("{:.2f}".format).tolist()
    return pd.DataFrame(columns)


def _against_table(table):
    table = table[table["activation"] == ALL]
    names = {**REGIMES, GAIN: "lead with 10 % of the rows, minus that with all"}
    return pd.DataFrame(
        {
            "Regime": table["regime"].map(names),
            "Over": table["n"].astype(str) + " x " + table["unit"],
            "Against": table["regularizer"].map(LABELS),
            "Wins / losses": [
                f"{wins} / {losses}"
                for wins, losses in zip(table["wins"], table["losses"], strict=True)
            ],
            "Difference": (100 * table["difference"]).map("{:+.2f}".format),
            "p": table["p"].map(report.format_p),
            "p, Holm": table["p_holm"].map(report.format_p),
        }
    )


def _strength_sections(development):
    if development.empty:
        return []
    table = strengths(development)
    shown = pd.DataFrame(
        {
            "Regulariser": table["regularizer"].map(LABELS),
            "Strength": table["strength"],
            "Step size": table["learning_rate"],
            **{
                title: table[regime].map("{:.4f}".format)
                for regime, title in REGIMES.items()
            },
            "": table["best"].map({True: "best", False: ""}),
        }
    )
    names = ", ".join(development["dataset"].unique())
    return [
        f"## Strengths\n\nMean accuracy on {names}, which are not among the sets "
        "above; best: overall, among the strengths of that regulariser at that step "
        "size.\n\n" + report.markdown(shown)
    ]


def _cost_table(cost):
    wide = cost.assign(
        case=[
            f"{ACTIVATION_LABELS[activation]}, {d} inputs"
            for activation, d in zip(cost["activation"], cost["d"], strict=True)
        ]
    ).pivot(index="regularizer", columns="case", values="ratio")
    wide = wide.loc[cost["regularizer"].unique()].map("{:.2f}".format)
    wide.insert(0, "Regulariser", wide.index.map(LABELS))
    return wide


def _set_table(table, sets):
    overall = table[table["regime"] == "overall"]
    means = overall.groupby(["dataset", "regularizer"], sort=False)["accuracy"].mean()
    wide = means.unstack("regularizer").map("{:.3f}".format)
    wide = wide[overall["regularizer"].unique()].rename(columns=LABELS)
    about = pd.DataFrame(
        [
            {
                "Set": name,
                "Kind": data.kind,
                "Inputs": f"{data.X.shape[1]}: {data.columns}",
                "Rows": len(data.y),
                "Classes": len(np.unique(data.y)),
            }
            for name, data in sets.items()
        ]
    )
    return about.merge(wide, left_on="Set", right_index=True)


def _draw_gains(path, table):
    """Points of accuracy above none, by activation and regulariser, for each regime."""
    names = [name for name in table["regularizer"].unique() if name != "none"]
    activations = table["activation"].unique()
    largest = 100 * table["above_none"].abs().max()
    figure, axes = report.new_figure(len(REGIMES), (13, 3.2), sharey=True)
    for ax, (regime, title) in zip(axes, REGIMES.items(), strict=True):
        part = table[table["regime"] == regime]
        values = part.pivot(
            index="activation", columns="regularizer", values="above_none"
        )
        values = 100 * values.loc[activations, names]
        ax.imshow(values, cmap="RdBu", vmin=-largest, vmax=largest, aspect="auto")
        for row, column in np.ndindex(values.shape):
            value = values.iloc[row, column]
            colour = "white" if abs(value) > 0.6 * largest else "black"
            ax.text(
                column,
                row,
                f"{value:+.1f}",
                ha="center",
                va="center",
                fontsize=8,
                color=colour,
            )
        ax.set_xticks(
            range(len(names)), [LABELS[name] for name in names], rotation=35, ha="right"
        )
        ax.set_yticks(
            range(len(activations)),
            [ACTIVATION_LABELS.get(name, name) for name in activations],
        )
        ax.spines[:].set_visible(False)
        ax.set_title(title)
    figure.suptitle("Points of accuracy above the networks without a regulariser")
    figure.savefig(path)
    plt.close(figure)


def _draw_cost(path, cost):
    """Ratios of a step's time to that without a regulariser."""
    activations = cost["activation"].unique()
    figure, axes = report.new_figure(len(activations), (11, 3.6), sharey=True)
    for ax, activation in zip(axes, activations, strict=True):
        part = cost[cost["activation"] == activation]
        wide = part.pivot(index="regularizer", columns="d", values="ratio")
        wide = wide.loc[part["regularizer"].unique()].drop("none")
        for turn, d in enumerate(wide):
            places = np.arange(len(wide)) + 0.27 * (turn - 1)
            ax.bar(
                places, wide[d], width=0.25, color=report.PALETTE[turn], label=str(d)
            )
        ax.axhline(1.0, color="black", lw=0.8)
        ax.set_xticks(
            range(len(wide)),
            [LABELS[name] for name in wide.index],
            rotation=25,
            ha="right",
        )
        ax.set_yscale("log")
        ax.yaxis.set_major_formatter("{x:g}")
        ax.yaxis.set_minor_formatter("{x:g}")
        ax.grid(axis="y", alpha=0.3)
        ax.set_title(ACTIVATION_LABELS[activation])
    axes[0].set_ylabel("Time of a step / without (log scale)")
    axes[0].legend(title="inputs", fontsize=8)
    figure.savefig(path)
    plt.close(figure)
