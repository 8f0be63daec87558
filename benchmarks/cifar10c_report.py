"""What the CIFAR-10-C benchmark reports: its tables and its text."""

from pathlib import Path
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from benchmarks import cifar10c_figures, report, suite_report
from benchmarks.cifar10c_models import LABELS, MATCHED, MODELS, REFERENCE
from benchmarks.cifar10c_scores import (
    METRICS,
    by_condition,
    by_corruption,
    comparison,
    over_corruptions,
)
from benchmarks.corruptions import CONDITIONS, CORRUPTIONS, N_SEVERITIES
from benchmarks.published import CORRUPTION

# Titles of metrics, and how many of a unit are one: accuracies are shown in percent.
TITLES = {
    "clean": ("Clean, %", 100),
    "corrupted": ("Corrupted (19), %", 100),
    "common": ("Corrupted (15), %", 100),
    "drop": ("Drop, points", 100),
    "clean_log_loss": ("Log-loss, clean", 1),
    "log_loss": ("Log-loss, corrupted", 1),
}
REPRESENTATION_TITLES = {"features": "Frozen features", "pixels": "Pixels"}


class Result(NamedTuple):
    """Fits of the benchmark, and what they were fitted on.

    Attributes
    ----------
    rows : DataFrame
    plan : Plan
    official : bool
        Whether corrupted images are those of the published CIFAR-10-C.
    example : ndarray of uint8, shape (32, 32, 3)
        A test image, to be shown.
    """

    rows: pd.DataFrame
    plan: Any
    official: bool
    example: np.ndarray

    @property
    def source(self):
        """What the test images are, for headings."""
        return "CIFAR-10-C" if self.official else "JPEG-coded images"

    @property
    def main_rows(self):
        """All fits."""
        return self.rows

    def by_representation(self):
        """Fits on each representation, by its title."""
        parts = {
            f"{title}, {self.source}": self.rows[self.rows["dataset"] == name]
            for name, title in REPRESENTATION_TITLES.items()
        }
        return {title: rows for title, rows in parts.items() if len(rows)}


def write(page, result, made_by, prefix=""):
    """Write the page, as :func:`benchmarks.command.report_on` asks for it."""
    parts = result.by_representation()
    figures = {
        "examples": cifar10c_figures.draw_examples(result.example, result.source),
        "severities": cifar10c_figures.draw_severities(parts),
        "differences": cifar10c_figures.draw_differences(parts),
    }
    for name, figure in figures.items():
        figure.savefig(page.parent / f"{prefix}{name}.png")
        plt.close(figure)
    sections = [
        f"# CIFAR-10-C\n\nMade by `{made_by}`",
        _protocol_text(result),
        "## Goals\n\n" + "\n".join(f"- {line}" for line in goal_lines(result)),
    ]
    for title, rows in parts.items():
        sections.append(
            f"## {title}\n\n{report.markdown(score_table(rows))}\n\n"
            f"{_against_text(rows)}"
        )
    sections += [
        f"![Accuracy by severity]({prefix}severities.png)",
        _by_corruption_text(parts),
        f"![{LABELS[REFERENCE]} minus {LABELS[MATCHED]}, by corruption and severity]"
        f"({prefix}differences.png)",
        f"## The corruptions\n\n![Every corruption]({prefix}examples.png)",
        "## Models\n\n"
        + report.markdown(suite_report.model_table(result.rows, MODELS)),
    ]
    page.write_text("\n\n".join(sections) + "\n", encoding="utf-8")


def terminal(result):
    """The scores as plain text, and the goals."""
    parts = result.by_representation()
    tables = [
        f"{title}\n\n{report.terminal(score_table(rows))}"
        for title, rows in parts.items()
    ]
    return "\n\n".join([*tables, *goal_lines(result)])


def publish(folder, result, made_by):
    """Write the numbers of the tables as small CSV files."""
    makers = {
        "models": _means,
        "comparisons": comparison,
        "corruptions": over_corruptions,
        "conditions": by_condition,
    }
    for name, make in makers.items():
        parts = result.rows.groupby("dataset", sort=False)
        tables = {representation: make(rows) for representation, rows in parts}
        table = pd.concat(tables, names=["representation"])
        report.write_csv(
            table.reset_index("representation"),
            Path(folder, f"cifar10c_{name}.csv"),
            f"{made_by}; {result.source}",
        )


def goal_lines(result):
    """Whether the reference is ahead of the matched network, by representation."""
    lines = []
    for title, rows in result.by_representation().items():
        found = comparison(rows, ["corrupted"]).set_index("model").loc[MATCHED]
        goal = "reached" if found["low"] > 0 else "missed"
        lines.append(
            f"{title}: ahead of {LABELS[MATCHED]} in mean corruption accuracy: {goal}; "
            f"{_points(found)} points, p (Holm) {report.format_p(found['p_holm'])}. "
            f"The paper: +{CORRUPTION}."
        )
    return lines


def score_table(rows):
    """One row per model, the best by corruption accuracy first."""
    means = report.summary(rows, METRICS).sort_values("corrupted", ascending=False)
    columns = {"Model": [LABELS[name] for name in means.index]}
    for metric, (title, unit) in TITLES.items():
        scaled = means[[metric, f"{metric}_sd"]] * unit
        columns[title] = report.mean_sd(scaled, metric, 2 if unit == 100 else 3)
    for column, title in [("fit_seconds", "Fit s"), ("predict_seconds", "Predict s")]:
        seconds = rows.groupby("model")[column].median()[means.index]
        columns[title] = seconds.map("{:.0f}".format).tolist()
    return pd.DataFrame(columns)


def _means(rows):
    """Mean and sd of each metric, one line each."""
    lines = []
    for model, fits in rows.groupby("model", sort=False):
        for metric in [*METRICS, "fit_seconds", "predict_seconds"]:
            mean, sd = fits[metric].mean(), fits[metric].std()
            lines.append((model, metric, len(fits), mean, sd))
    return pd.DataFrame(lines, columns=["model", "metric", "n_fits", "mean", "sd"])


def _points(estimate):
    mean, low, high = 100 * estimate[["difference", "low", "high"]].astype(float)
    return f"{mean:+.2f} [{low:+.2f}, {high:+.2f}]"


def _protocol_text(result):
    plan = result.plan
    lossy = (
        "went through lossy JPEG, which moved their pixels by 6 of 255 on average: "
        "figures are only nearly comparable with published ones."
    )
    if result.official:
        images = (
            "Corrupted images are those of the published CIFAR-10-C. Training images "
            f"and clean test images {lossy}"
        )
    else:
        images = (
            f"**All figures here are of JPEG-coded images**: CIFAR-10's images {lossy} "
            "They were corrupted by our own code with the constants of CIFAR-10-C, in "
            f"{len(CORRUPTIONS)} ways and {N_SEVERITIES} severities."
        )
    seconds = result.rows["fit_seconds"].sum() + result.rows["predict_seconds"].sum()
    return (
        f"{images}\n\n"
        f"{plan.replicates} replicates, each with {plan.n_train:,} training images and "
        f"{plan.n_test:,} test images that no other replicate has, equally many of "
        "every class. So their differences are independent, and p is that of the "
        "ordinary paired t-test over replicates. Models are trained on clean images "
        "and choose their setting on inner folds of those; they are tested on the test "
        f"images, clean and under all {len(CONDITIONS)} conditions.\n\n"
        "Frozen features are the 1,280 of EfficientNet-Lite0, trained on ImageNet, of "
        "images enlarged to 96 x 96. Pixels are means over 2 x 2, 768 in all; all "
        "3,072 take three times as long.\n\n"
        "Accuracy under corruption is the mean over severities and corruptions: all "
        "19, or the 15 common ones. Drop is clean accuracy minus that of all 19. "
        f"{len(result.rows)} fits with their predictions took {seconds / 60:.0f} "
        "core-minutes, the features not counted."
    )


def _against_text(rows):
    table = comparison(rows)
    text = (
        f"{LABELS[REFERENCE]} minus each other model, with the 95 % interval, p, and p "
        "after Holm's correction for the models of a metric; points of accuracy, nats "
        "of log-loss."
    )
    unit = table["metric"].map(lambda metric: TITLES[metric][1])
    values = table[["difference", "low", "high"]].mul(unit, axis=0)
    shown = pd.DataFrame(
        {
            "Metric": [
                TITLES[metric][0].partition(",")[0] for metric in table["metric"]
            ],
            "Against": [LABELS[name] for name in table["model"]],
            "Difference": [
                f"{mean:+.2f} [{low:+.2f}, {high:+.2f}]"
                for mean, low, high in values.to_numpy()
            ],
            "p": table["p"].map(report.format_p),
            "p (Holm)": table["p_holm"].map(report.format_p),
        }
    )
    return f"{text}\n\n{report.markdown(shown)}"


def _by_corruption_text(parts):
    sections = [
        "## By corruption\n\nAccuracy in percent, mean over severities and replicates; "
        f"behind it, by how many points {LABELS[REFERENCE]} is ahead. The test over "
        "corruptions is Wilcoxon's: it says how consistent the lead is, for "
        "corruptions that have the same images and are alike in part."
    ]
    for title, rows in parts.items():
        accuracy = 100 * by_corruption(rows, "accuracy")
        difference = 100 * by_corruption(rows, "difference")
        columns = {"Corruption": [name.replace("_", " ") for name in accuracy.index]}
        for model in accuracy:
            columns[LABELS[model]] = [
                f"{percent:.1f}"
                if model == REFERENCE
                else f"{percent:.1f} ({lead:+.1f})"
                for percent, lead in zip(
                    accuracy[model], difference[model], strict=True
                )
            ]
        table = over_corruptions(rows)
        shown = pd.DataFrame(
            {
                "Against": [LABELS[name] for name in table["model"]],
                "Ahead / behind": [
                    f"{wins} / {losses}"
                    for wins, losses in zip(table["wins"], table["losses"], strict=True)
                ],
                "Median, points": (100 * table["difference"]).map("{:+.2f}".format),
                "p": table["p"].map(report.format_p),
                "p (Holm)": table["p_holm"].map(report.format_p),
            }
        )
        sections.append(
            f"### {title}\n\n{report.markdown(pd.DataFrame(columns))}\n\n"
            f"{report.markdown(shown)}"
        )
    return "\n\n".join(sections)
