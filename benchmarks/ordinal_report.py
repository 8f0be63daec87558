"""What the ordinal benchmark reports: its tables, its text and its figures."""

from pathlib import Path
from typing import NamedTuple

import pandas as pd

from benchmarks import report, suite, suite_report
from benchmarks.ordinal_models import LINKS, MODELS, REFERENCE
from benchmarks.ordinal_scores import RULE_METRICS, RULES, by_rule
from benchmarks.suite_report import TITLES

LABELS = {name: model.label for name, model in MODELS.items()}
TESTED = ["mae", "qwk", "rps"]
FURTHER = ["macro_mae", "accuracy", "log_loss"]
# The rule of the reference, by which all models are read once.
COMMON_RULE = "median"
RANK_METRICS = ["mae", "qwk"]


class Result(NamedTuple):
    """Fits of the benchmark, and what they were fitted on."""

    rows: pd.DataFrame
    tables: dict
    max_rows: int
    time_limit: float

    @property
    def main_rows(self):
        """Fits of the models that are compared, where all of them were tried."""
        links = set(LINKS) - {REFERENCE}
        names = [name for name in self.rows["model"].unique() if name not in links]
        return suite.in_common(self.rows, names)

    def link_rows(self):
        """Fits with every link, read by every rule; models are "link, rule"."""
        links = {
            name: LINKS[name] for name in self.rows["model"].unique() if name in LINKS
        }
        rows = suite.in_common(self.rows, list(links))
        return pd.concat(
            [
                read_by(rows, rule).assign(model=rows["model"].map(links) + f", {rule}")
                for rule in RULES
            ],
            ignore_index=True,
        )


def read_by(rows, rule):
    """Fits whose metrics are those of the labels that a rule reads."""
    columns = {metric: rows[by_rule(metric, rule)] for metric in RULE_METRICS}
    return rows.assign(**columns)


def write(page, result, made_by, prefix=""):
    """Write the page, as :func:`benchmarks.command.report_on` asks for it."""
    rows, tables = result.main_rows, result.tables
    figures(page.parent, prefix, rows)
    images = [f"![{TITLES[name]}]({prefix}ranks_{name}.png)" for name in TESTED]
    sections = [
        f"# Ordinal benchmark\n\nMade by `{made_by}`",
        f"{suite_report.sets_text(rows, tables, result.max_rows)} MAE is in "
        "ranks, of the classes that are left; macro MAE is the mean over the true "
        "classes; QWK is Cohen's kappa with quadratic weights; RPS is the ranked "
        "probability score, not divided by K - 1. Models without probabilities take no "
        "part in RPS and log-loss. All models are as they come: labels are those of "
        "their own `predict`.\n\n"
        + suite_report.limits_text(result.rows, result.time_limit),
        "## Goals\n\n" + "\n".join(f"- {line}" for line in goal_lines(rows)),
        suite_report.rank_text(
            suite_report.by_size(rows, tables), TESTED, FURTHER, LABELS
        ),
        "## Critical differences\n\nMean ranks over all sets; models that a bar joins "
        "are not told apart at 5 % by Nemenyi's test, which compares all pairs.\n\n"
        + "\n\n".join(images),
        suite_report.against_text(rows, TESTED, LABELS, REFERENCE),
        _rules_text(rows),
        _links_text(result.link_rows()),
        "## Time\n\nSeconds of the processor on one thread; medians over all fits.\n\n"
        + report.markdown(
            suite_report.time_table(suite_report.seconds(result.rows), LABELS)
        )
        + f"\n\n![Rank by seconds]({prefix}time.png)",
        "## Sets\n\nMean MAE over the splits; rows, columns and classes are those that "
        "were fitted.\n\n"
        + report.markdown(
            suite_report.set_table(rows, tables, "mae", LABELS, REFERENCE)
        ),
        "## Models\n\n"
        + report.markdown(suite_report.model_table(result.rows, MODELS)),
    ]
    page.write_text("\n\n".join(sections) + "\n", encoding="utf-8")


def terminal(result):
    """The ranks over all sets as plain text, and the goals."""
    rows = result.main_rows
    table = suite_report.terminal(rows, TESTED, LABELS)
    return "\n".join([table, "", *goal_lines(rows)])


def publish(folder, result, made_by):
    """Write the numbers of the tables as small CSV files."""
    rows = result.main_rows
    ranks = {
        title: suite.summarise(part, TESTED + FURTHER)
        for title, part in suite_report.by_size(rows, result.tables).items()
    }
    by_median = suite.summarise(read_by(rows, COMMON_RULE), RANK_METRICS)
    ranks[f"All sets, every model by the {COMMON_RULE}"] = by_median
    tables = {
        "ranks": pd.concat(ranks, names=["sets"]).reset_index("sets"),
        "comparisons": suite.compare_over_sets(rows, REFERENCE, TESTED),
        "links": suite.summarise(result.link_rows(), RULE_METRICS),
        "seconds": suite_report.seconds(result.rows).reset_index(),
        "sets": suite.by_set(rows, TESTED + FURTHER).reset_index(),
    }
    for name, table in tables.items():
        report.write_csv(table, Path(folder, f"ordinal_{name}.csv"), made_by)


def goal_lines(rows):
    """Whether the reference is first in mean rank, metric by metric."""
    lines = []
    for metric in TESTED:
        table = suite.summarise(rows, [metric]).set_index("model")["mean_rank"]
        own, others = table[REFERENCE], table.drop(REFERENCE)
        if others.empty:
            lines.append(f"First by {TITLES[metric]}: no other model was run.")
            continue
        place = 1 + int((others < own).sum())
        found = "reached" if (own < others).all() else f"missed, place {place}"
        lines.append(
            f"First in mean rank by {TITLES[metric]}: {found}; {own:.2f} against "
            f"{others.min():.2f} of {LABELS[others.idxmin()]}, {len(table)} models."
        )
    return lines


def figures(folder, prefix, rows):
    """Write the PNG files that the report shows."""
    for metric in TESTED:
        path = Path(folder, f"{prefix}ranks_{metric}.png")
        suite_report.draw_ranks(path, rows, metric, LABELS, REFERENCE)
    path = Path(folder, f"{prefix}time.png")
    suite_report.draw_time(path, rows, "mae", LABELS, REFERENCE)


def winners(rows):
    """Sentence on which model is first by each metric of the rules."""
    found = []
    for metric in RULE_METRICS:
        table = suite.summarise(rows, [metric])
        best = table.iloc[0]
        found.append(f"{TITLES[metric]}: {best['model']} ({best['mean_rank']:.2f})")
    return f"First in mean rank by {'; '.join(found)}."


def _rules_text(rows):
    table = suite_report.score_table(read_by(rows, COMMON_RULE), RANK_METRICS, LABELS)
    return (
        f"## Every model by the {COMMON_RULE}\n\n"
        "Classifiers return the likeliest class, which costs them MAE and QWK. Here "
        "the probabilities of all models that have them are read by the "
        f"{COMMON_RULE}, as are ours by default.\n\n{report.markdown(table)}"
    )


def _links_text(rows):
    labels = {name: name for name in rows["model"].unique()}
    same_link = rows[rows["model"].str.startswith(f"{LINKS[REFERENCE]}, ")]
    return (
        "## Links and rules\n\n"
        f"{LABELS[REFERENCE]} with each link, read by each rule, on the same splits. "
        f"{winners(rows)} Of the rules with the default link: "
        f"{winners(same_link)[0].lower()}{winners(same_link)[1:]}\n\n"
        f"{report.markdown(suite_report.score_table(rows, RULE_METRICS, labels))}\n\n"
        f"The default link alone:\n\n"
        f"{report.markdown(suite_report.score_table(same_link, RULE_METRICS, labels))}"
    )
