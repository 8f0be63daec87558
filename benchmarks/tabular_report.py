"""What the tabular suite reports: its tables, its text and its figures."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from benchmarks import report, suite, suite_report
from benchmarks.tabular_models import FIRST_FOLD_ONLY, MODELS

REFERENCE = "chainzrule"
LABELS = {name: model.label for name, model in MODELS.items()}
TESTED = ["log_loss", "roc_auc", "accuracy"]
FURTHER = ["balanced_accuracy", "ece"]


class Result(NamedTuple):
    """Fits of the suite, and what they were fitted on."""

    rows: pd.DataFrame
    tables: dict
    max_rows: int
    time_limit: float

    @property
    def main_rows(self):
        """Fits of the models that were tried on all splits, where all of them were."""
        return suite.in_common(self.rows, self._main_models)

    def first_rows(self):
        """Fits of each slow model and all others, on the first folds it has."""
        first = self.rows[(self.rows["repeat"] == 0) & (self.rows["fold"] == 0)]
        return {
            name: suite.in_common(first, [*self._main_models, name])
            for name in FIRST_FOLD_ONLY
            if name in set(first["model"])
        }

    @property
    def _main_models(self):
        models = self.rows["model"].unique()
        return [name for name in models if name not in FIRST_FOLD_ONLY]


def write(page, result, made_by, prefix=""):
    """Write the page, as :func:`benchmarks.command.report_on` asks for it."""
    rows, tables = result.main_rows, result.tables
    figures(page.parent, prefix, rows)
    sections = [
        f"# Tabular suite\n\nMade by `{made_by}`",
        f"{suite_report.sets_text(rows, tables, result.max_rows)} ROC-AUC of "
        "more than two classes is the mean over pairs; ECE is the expected calibration "
        "error of the likeliest class, in 10 bins.\n\n"
        + suite_report.limits_text(result.rows, result.time_limit),
        suite_report.rank_text(
            suite_report.by_size(rows, tables), TESTED, FURTHER, LABELS
        ),
        "## Critical differences\n\nMean ranks over all sets; models that a bar joins "
        "are not told apart at 5 % by Nemenyi's test, which compares all pairs.\n\n"
        f"![Log-loss]({prefix}ranks_log_loss.png)\n\n"
        f"![ROC-AUC]({prefix}ranks_roc_auc.png)",
        suite_report.against_text(rows, TESTED, LABELS, REFERENCE),
        "## Time\n\nSeconds of the processor on one thread; medians over all fits.\n\n"
        + report.markdown(time_table(result))
        + f"\n\n![Rank by seconds]({prefix}time.png)",
        *map(_first_fold_text, result.first_rows().items()),
        "## Sets\n\nMean log-loss over the splits; rows, columns and classes are those "
        "that were fitted.\n\n"
        + report.markdown(
            suite_report.set_table(rows, tables, "log_loss", LABELS, REFERENCE)
        ),
        "## Models\n\n"
        + report.markdown(suite_report.model_table(result.rows, MODELS)),
    ]
    page.write_text("\n\n".join(sections) + "\n", encoding="utf-8")


def terminal(result):
    """The ranks over all sets as plain text."""
    return suite_report.terminal(result.main_rows, TESTED, LABELS)


def publish(folder, result, made_by):
    """Write the numbers of the tables as small CSV files."""
    ranks = {
        title: suite.summarise(rows, TESTED + FURTHER)
        for title, rows in suite_report.by_size(result.main_rows, result.tables).items()
    }
    for name, rows in result.first_rows().items():
        ranks[f"First folds, with {LABELS[name]}"] = suite.summarise(
            rows, TESTED + FURTHER
        )
    tables = {
        "ranks": pd.concat(ranks, names=["sets"]).reset_index("sets"),
        "comparisons": suite.compare_over_sets(result.main_rows, REFERENCE, TESTED),
        "seconds": seconds(result).reset_index(),
        "sets": suite.by_set(result.main_rows, TESTED + FURTHER).reset_index(),
    }
    for name, table in tables.items():
        report.write_csv(table, Path(folder, f"tabular_{name}.csv"), made_by)


def seconds(result):
    """Seconds by model, also as multiples of those of scikit-learn's MLP."""
    table = suite_report.seconds(result.rows)
    ratio = table["fit_seconds"] / table["fit_seconds"].get("mlp", np.nan)
    table.insert(2, "mlp_ratio", ratio)
    return table


def time_table(result):
    """Seconds by model as texts, the quickest first."""
    table = seconds(result)
    texts = suite_report.time_table(table, LABELS)
    ratios = table["mlp_ratio"].loc[texts.index]
    ratios = [report.format_mean_sd(ratio, np.nan, 1) for ratio in ratios]
    texts.insert(2, "Times the MLP's", ratios)
    return texts


def figures(folder, prefix, rows):
    """Write the PNG files that the report shows."""
    for metric in ["log_loss", "roc_auc"]:
        path = Path(folder, f"{prefix}ranks_{metric}.png")
        suite_report.draw_ranks(path, rows, metric, LABELS, REFERENCE)
    path = Path(folder, f"{prefix}time.png")
    suite_report.draw_time(path, rows, "log_loss", LABELS, REFERENCE)


def _first_fold_text(item):
    name, rows = item
    seconds = rows.groupby("model")["fit_seconds"].median()
    return (
        f"## With {LABELS[name]}\n\n"
        "Too slow for all splits; it and all others on the first fold of each of "
        f"{rows['dataset'].nunique()} sets alone, so these ranks are less certain. "
        f"Its median fit took {seconds[name]:.1f} s, "
        f"{seconds[name] / seconds[REFERENCE]:.0f} times that of ChainzRule.\n\n"
        + report.markdown(suite_report.score_table(rows, TESTED, LABELS))
    )
