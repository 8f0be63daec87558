"""What the cold start reports: its tables, its text and its figures."""

from pathlib import Path
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy.stats import studentized_range

from benchmarks import report, suite, suite_report
from benchmarks.cold_start_models import LEFT_OUT, MODELS, REFERENCE
from benchmarks.comparison import LOWER_IS_BETTER
from benchmarks.suite_report import TITLES

LABELS = {name: model.label for name, model in MODELS.items()}
TESTED = ["log_loss", "roc_auc", "accuracy"]
FURTHER = ["balanced_accuracy", "ece"]
# In ranks, of a line of text in the figure.
_LABEL_HEIGHT = 0.4


class Result(NamedTuple):
    """Fits of the cold start, and what was found from them.

    ``by_rows`` holds the fits on the draws that all models were tried on by the number
    of training rows, ``tests`` what :func:`against` says of them.
    """

    rows: pd.DataFrame
    by_rows: dict
    tests: dict
    max_test: int
    time_limit: float

    @classmethod
    def of(cls, rows, max_test, time_limit):
        draws = rows.groupby(["dataset", "n_train", "repeat"])["model"]
        rows = rows[draws.transform("nunique") == rows["model"].nunique()]
        by_rows = dict(iter(rows.groupby("n_train")))
        tests = {n: against(part) for n, part in by_rows.items()}
        return cls(rows, by_rows, tests, max_test, time_limit)

    @property
    def main_rows(self):
        """All fits that tables are made of."""
        return self.rows


def write(page, result, made_by, prefix=""):
    """Write the page, as :func:`benchmarks.command.report_on` asks for it."""
    draw_ranks(Path(page.parent, f"{prefix}ranks.png"), result)
    sections = [
        f"# Cold start: few labelled rows\n\nMade by `{made_by}`",
        _protocol_text(result),
        f"## Who is best\n\n{_leaders_text(result)}",
        "## Ranks by number of rows\n\nThe bar is the critical distance of Nemenyi's "
        "test, which compares all pairs: mean ranks that are closer than that are not "
        f"told apart at 5 %.\n\n![Mean ranks by training rows]({prefix}ranks.png)",
        *(
            f"### {n} rows\n\n"
            + report.markdown(suite_report.score_table(rows, TESTED, LABELS))
            + "\n\n"
            + report.markdown(suite_report.score_table(rows, FURTHER, LABELS))
            for n, rows in result.by_rows.items()
        ),
        _against_text(result),
        "## Time\n\nSeconds of the processor on one thread; medians over all fits.\n\n"
        + report.markdown(
            suite_report.time_table(suite_report.seconds(result.rows), LABELS)
        ),
        f"## Models\n\n{', '.join(LEFT_OUT)} are left out: a fit takes from three "
        "seconds to a minute. "
        "Models that come with weights learned from other tables, such as TabPFN, are "
        "not in any package that the benchmarks install.\n\n"
        + report.markdown(suite_report.model_table(result.rows, MODELS)),
    ]
    page.write_text("\n\n".join(sections) + "\n", encoding="utf-8")


def terminal(result):
    """The best models and the mean ranks by log-loss as plain text."""
    places = rank_table(result, TESTED[0])
    shown = places.round(2).astype(str)
    shown.insert(0, "Model", [LABELS[name] for name in places.index])
    shown.columns = shown.columns.map(str)
    return (
        f"{report.terminal(leaders(result))}\n\nMean rank by {TITLES[TESTED[0]]} and "
        f"number of training rows\n\n{report.terminal(shown)}"
    )


def publish(folder, result, made_by):
    """Write the numbers of the tables as small CSV files."""
    metrics = TESTED + FURTHER
    parts = result.by_rows.items()
    tables = {
        "ranks": {n: suite.summarise(rows, metrics) for n, rows in parts},
        "comparisons": result.tests,
        "sets": {n: suite.by_set(rows, metrics).reset_index() for n, rows in parts},
        "seconds": {n: suite_report.seconds(rows).reset_index() for n, rows in parts},
    }
    for name, by_rows in tables.items():
        table = pd.concat(by_rows, names=["n_train"]).reset_index("n_train")
        report.write_csv(table, Path(folder, f"cold_start_{name}.csv"), made_by)


def rank_table(result, metric):
    """Mean ranks by model and number of rows, the best at the most rows first."""
    table = pd.DataFrame(
        {
            n: suite.ranks(suite.mean_scores(rows, metric), metric).mean()
            for n, rows in result.by_rows.items()
        }
    )
    return table.sort_values(max(table), kind="stable")


def leaders(result):
    """The first in mean rank, the reference and its best peer, as texts."""
    lines = []
    for metric in TESTED:
        for n, rows in result.by_rows.items():
            ranks = suite.summarise(rows, [metric]).set_index("model")["mean_rank"]
            tests = result.tests[n].query("metric == @metric").set_index("model")
            peer = ranks.drop(REFERENCE).idxmin()
            place = 1 + int((ranks < ranks[REFERENCE]).sum())
            lines.append(
                {
                    "Metric": TITLES[metric],
                    "Rows": n,
                    "First": LABELS[ranks.idxmin()],
                    f"{LABELS[REFERENCE]}, mean rank (place)": (
                        f"{ranks[REFERENCE]:.2f} ({place})"
                    ),
                    "Best peer, mean rank": f"{LABELS[peer]}, {ranks[peer]:.2f}",
                    "p (Holm)": report.format_p(tests.loc[peer, "p_holm"]),
                    "Significantly ahead / behind": _told_apart(tests, metric),
                }
            )
    return pd.DataFrame(lines)


def against(rows):
    """The reference against each model, over sets.

    Returns
    -------
    DataFrame
        As from :func:`benchmarks.suite.compare_over_sets`, but for the tests within
        sets: with many times more test rows than training rows they tell nothing
        apart. Instead, the sets on which the reference is ``better`` and ``worse``.
    """
    table = suite.compare_over_sets(rows, REFERENCE, TESTED)
    counts = []
    for metric, model in table[["metric", "model"]].to_numpy():
        scores = suite.mean_scores(rows, metric)
        gain = scores[REFERENCE] - scores[model]
        gain = -gain if metric in LOWER_IS_BETTER else gain
        counts.append((int((gain > 0).sum()), int((gain < 0).sum())))
    table[["better", "worse"]] = counts
    return table.drop(columns=["wins", "ties", "losses"])


def critical_distance(n_models, n_sets):
    """Difference of two mean ranks that Nemenyi's test finds at 5 %."""
    quantile = studentized_range.ppf(0.95, n_models, np.inf) / np.sqrt(2)
    return float(quantile * np.sqrt(n_models * (n_models + 1) / (6 * n_sets)))


def draw_ranks(path, result):
    """Write the mean ranks by number of training rows as a PNG file."""
    n_sets = result.rows["dataset"].nunique()
    figure, axes = report.new_figure(len(TESTED), (5.2 * len(TESTED), 4.8))
    for ax, metric in zip(axes, TESTED, strict=True):
        table = rank_table(result, metric)
        sizes = list(table.columns)
        height = -np.inf
        for name, places in table.iterrows():
            style = _style(name)
            ax.plot(sizes, places, marker="o", ms=4, **style)
            # Labels begin at the last rank, each below the one before.
            height = max(places[sizes[-1]], height + _LABEL_HEIGHT)
            ax.annotate(
                LABELS[name],
                (sizes[-1], places[sizes[-1]]),
                xytext=(1.25 * sizes[-1], height),
                va="center",
                fontsize=8,
                color=style["color"],
                arrowprops={"arrowstyle": "-", "lw": 0.5, "color": style["color"]},
            )
        distance = critical_distance(len(table), n_sets)
        ax.errorbar(
            0.85 * sizes[0],
            len(table) - distance / 2,
            distance / 2,
            color="black",
            capsize=3,
        )
        ax.set_xscale("log")
        ax.set_xticks(sizes, [str(n) for n in sizes])
        ax.minorticks_off()
        ax.set_xlim(0.75 * sizes[0], 3.2 * sizes[-1])
        ax.set_ylim(len(table) + 0.5, 0.5)
        ax.set_xlabel("Training rows (log scale)")
        ax.set_ylabel("Mean rank, best on top")
        ax.set_title(f"{TITLES[metric]}, {n_sets} sets")
    figure.savefig(path)
    plt.close(figure)


def _style(name):
    if name == REFERENCE:
        return {"color": report.HIGHLIGHT, "lw": 2.4, "zorder": 3}
    colours = report.PALETTE[1:]
    turn, place = divmod(list(MODELS).index(name), len(colours))
    return {"color": colours[place], "lw": 1.2, "ls": ["-", "--"][turn]}


def _told_apart(tests, metric):
    """Models that the reference is significantly ahead of, and behind, as a text."""
    gain = -tests["difference"] if metric in LOWER_IS_BETTER else tests["difference"]
    significant = tests["p_holm"] < 0.05
    ahead, behind = ((sign * gain > 0) & significant for sign in (1, -1))
    return f"{ahead.sum()} / {behind.sum()} of {len(tests)}"


def _protocol_text(result):
    rows = result.rows
    used = sorted(rows["dataset"].unique())
    sizes = list(result.by_rows)
    failed = rows[rows["status"] != "ok"]
    lost = failed.groupby(["n_train", "model", "status"]).size()
    losses = (
        "; ".join(
            f"{LABELS[model]} with {n} rows: {count} ({status})"
            for (n, model, status), count in lost.items()
        )
        or "none"
    )
    return (
        f"{len(used)} sets: all of the tabular suite with at least 600 rows and at "
        "most five classes, the rarest with at least 8 % of the rows, so that the "
        f"smallest draw has two rows of each ({', '.join(used)}). "
        f"{rows['repeat'].nunique()} draws of {sizes[-1]} rows of each set, stratified "
        "by class; smaller draws are parts of them. The test rows are those outside "
        f"the largest draw, at most {result.max_test:,}, the same for all sizes. All "
        "models see the same rows; imputation, encoding, scaling, calibration and "
        "tuning are fitted on the drawn rows alone. ROC-AUC of more than two classes "
        "is the mean over pairs; ECE is the expected calibration error of the "
        "likeliest class.\n\n"
        f"A fit may take {result.time_limit:g} s. One that fails or takes longer "
        "leaves its model without a score on that set and number of rows, where it "
        f"shares the last place. Such fits: {losses}."
    )


def _leaders_text(result):
    return (
        "By mean rank over the sets; a set's score is the mean over its draws. p is "
        f"that of Wilcoxon's signed-rank test over the sets of {LABELS[REFERENCE]} "
        "against its best peer, after Holm's correction for all peers of that metric "
        "and number of rows; the last column counts the peers that it is ahead of, and "
        "behind, in the median with such a p below .05.\n\n"
        + report.markdown(leaders(result))
    )


def _against_text(result):
    text = (
        f"## {LABELS[REFERENCE]} against each model\n\nMedian over the sets of "
        f"{LABELS[REFERENCE]} minus the other, sets on which it is better and worse, "
        "and in brackets p of Wilcoxon's test after Holm's correction."
    )
    for metric in TESTED:
        columns = {}
        for n, table in result.tests.items():
            part = table.query("metric == @metric").set_index("model")
            columns["Against"] = [LABELS[name] for name in part.index]
            columns[f"{n} rows"] = [
                f"{line.difference:+.4f}, {line.better}:{line.worse} "
                f"({report.format_p(line.p_holm)})"
                for line in part.itertuples()
            ]
        text += f"\n\n### {TITLES[metric]}\n\n{report.markdown(pd.DataFrame(columns))}"
    return text
