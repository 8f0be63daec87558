"""What the comparison of regularisers reports: its tables, its text, its figures."""

from pathlib import Path
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from benchmarks import report
from benchmarks.published import ALPHA
from benchmarks.regularizers_tables import (
    ALL,
    GAIN,
    MESSY,
    REFERENCE,
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


def claims(result):
    """What the paper says, what is found here, and whether it holds.

    Returns
    -------
    DataFrame
        ``claim``, ``found`` and ``holds``: "yes", "partly" or "no", by the rule that
        the claim itself is or, where it leaves one open, that ``found`` states.
    """
    table = scores(result.rows)
    ours = regimes(table).set_index(["regime", "activation", "regularizer"])
    places = ours["place"].astype(int).sort_index()
    against = comparisons(table).set_index(["regime", "activation", "unit"])
    against = against.sort_index()
    lines = [
        _first_claim(places, against, "overall"),
        _first_claim(places, against, "clean"),
        *(_ahead_claim(against, regime) for regime in ("overall", "clean")),
        _noise_claim(places),
        _gelu_claim(places, cells(table)),
        _scarce_claim(against),
        _fixed_claim(table),
    ]
    return pd.DataFrame(lines, columns=["claim", "found", "holds"])


def _first_claim(places, against, regime):
    place = places[regime, ALL, REFERENCE]
    first = places[regime, ALL].idxmin()
    found = f"place {place} of {places[regime, ALL].size}, first is {LABELS[first]}"
    name = "overall" if regime == "overall" else "on clean inputs"
    return f"Highest accuracy {name}", found, "yes" if place == 1 else "no"


def _ahead_claim(against, regime):
    """Of the three regularisers that the paper is ahead of with p <= .031."""
    found, held = [], []
    for unit in ("set and activation", "set"):
        rivals = against.loc[(regime, ALL, unit)].set_index("regularizer")
        rivals = rivals.loc[["none", "decay", "igpen"]]
        ahead = (rivals["difference"] > 0) & (rivals["p_holm"] < ALPHA)
        held.append(ahead.all())
        found.append(
            f"over each {unit}: "
            + ", ".join(
                f"{LABELS[name]} {100 * line.difference:+.1f} points, p "
                f"{report.format_p(line.p_holm)}"
                for name, line in rivals.iterrows()
            )
        )
    name = "overall" if regime == "overall" else "on clean inputs"
    holds = "yes" if all(held) else "partly" if any(held) else "no"
    return f"Significantly ahead of these, {name}", "; ".join(found), holds


def _noise_claim(places):
    of_noise = places["noise", ALL]
    found = f"DREG place {of_noise[REFERENCE]}, spectral norm {of_noise['spectral']}"
    holds = of_noise[REFERENCE] == 2 and of_noise["spectral"] == 1
    claim = "Second on noisy inputs, behind spectral norm"
    return claim, found, "yes" if holds else "no"


def _gelu_claim(places, table):
    overall = places["overall", "gelu", REFERENCE]
    chosen = (table["regime"] == "overall") & (table["activation"] == "gelu")
    ours = table[chosen & (table["regularizer"] == REFERENCE)].set_index("dataset")
    messy = {name: ours["place"].get(name) for name in MESSY if name in ours.index}
    found = f"place {overall} overall; " + ", ".join(
        f"{place:g} on {name}" for name, place in messy.items()
    )
    first = [overall == 1, *(place == 1 for place in messy.values())]
    holds = "yes" if all(first) else "partly" if any(first) else "no"
    return "Best with GELU, also on messy vision and language", found, holds


def _scarce_claim(against):
    gains = against.loc[(GAIN, ALL, "set")]
    mean = gains["difference"].mean()
    significant = (gains["difference"] > 0) & (gains["p_holm"] < ALPHA)
    found = (
        f"the lead over the others is {100 * mean:+.1f} points larger with a tenth of "
        f"the rows than with all, significantly over {significant.sum()} of "
        f"{len(gains)} of them"
    )
    holds = "yes" if significant.all() else "partly" if mean > 0 else "no"
    return "Largest advantage with few rows", found, holds


def _fixed_claim(table):
    overall = table[table["regime"] == "overall"]
    means = overall.groupby(["dataset", "regularizer"])["accuracy"].mean().unstack()
    better = means[REFERENCE] > means["none"]
    found = f"better than none on {better.sum()} of {len(better)} sets, overall"
    holds = "yes" if better.all() else "partly" if better.mean() > 0.5 else "no"
    return "One strength for all sets is enough", found, holds


def write(page, result, made_by, prefix=""):
    """Write the page, as :func:`benchmarks.command.report_on` asks for it."""
    table = scores(result.rows)
    _draw_gains(Path(page.parent, f"{prefix}gains.png"), regimes(table))
    _draw_cost(Path(page.parent, f"{prefix}cost.png"), result.cost)
    sections = [
        f"# DREG against other regularisers\n\nMade by `{made_by}`",
        _protocol_text(result),
        "## Claims of the paper\n\nTests are Wilcoxon's signed-rank tests, "
        "Holm-adjusted over the five other regularisers, over the sets (means over "
        "activations) or over each set and activation, which are not independent.\n\n"
        + report.markdown(claims(result).rename(columns=str.capitalize)),
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
        "## DREG against each other\n\nDifferences in points of accuracy.\n\n"
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
    """The claims and the accuracies as plain text."""
    table = regimes(scores(result.rows))
    held = claims(result)
    lines = [f"{line.holds}: {line.claim} ({line.found})" for line in held.itertuples()]
    return "\n".join([report.terminal(_regime_table(table, ALL)), "", *lines])


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
