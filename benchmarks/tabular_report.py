"""What the tabular suite reports: its tables, its text and its figures."""

from pathlib import Path
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from benchmarks import report, suite
from benchmarks.tabular_models import FIRST_FOLD_ONLY, MODELS

REFERENCE = "chainzrule"
LABELS = {name: model.label for name, model in MODELS.items()}
TITLES = {
    "log_loss": "Log-loss",
    "roc_auc": "ROC-AUC",
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced acc.",
    "ece": "ECE",
}
TESTED = ["log_loss", "roc_auc", "accuracy"]
FURTHER = ["balanced_accuracy", "ece"]
SMALL = 1000


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

    def groups(self):
        """Fits by the size of their set before it was sampled."""
        rows = self.main_rows
        small = rows["dataset"].map(lambda name: self.tables[name].n_rows < SMALL)
        parts = {
            "All sets": rows,
            f"Sets with fewer than {SMALL:,} rows": rows[small],
            f"Sets with {SMALL:,} rows and more": rows[~small],
        }
        return {title: part for title, part in parts.items() if len(part)}


def write(page, result, made_by, prefix=""):
    """Write the report and its figures.

    Parameters
    ----------
    page : Path
    result : Result
    made_by : str
        Command, versions, machine and date.
    prefix : str, default=""
        Of the figures' paths, relative to the page.
    """
    figures(page.parent, prefix, result)
    rows = result.main_rows
    sections = [
        f"# Tabular suite\n\nMade by `{made_by}`",
        _protocol_text(result),
        _rank_text(result),
        "## Critical differences\n\nMean ranks over all sets; models that a bar joins "
        "are not told apart at 5 % by Nemenyi's test, which compares all pairs.\n\n"
        f"![Log-loss]({prefix}ranks_log_loss.png)\n\n"
        f"![ROC-AUC]({prefix}ranks_roc_auc.png)",
        _against_text(rows),
        "## Time\n\nSeconds of the processor on one thread; medians over all fits.\n\n"
        + report.markdown(time_table(result))
        + f"\n\n![Rank by seconds]({prefix}time.png)",
        *map(_first_fold_text, result.first_rows().items()),
        "## Sets\n\nMean log-loss over the splits; rows, columns and classes are those "
        "that were fitted.\n\n" + report.markdown(set_table(result)),
        "## Models\n\n"
        + report.markdown(
            pd.DataFrame(
                [MODELS[name][:2] for name in result.rows["model"].unique()],
                columns=["Model", "Settings"],
            )
        ),
    ]
    text = "\n\n".join(section for section in sections if section) + "\n"
    page.write_text(text, encoding="utf-8")


def terminal(result):
    """The ranks over all sets as plain text."""
    rows = result.main_rows
    return (
        f"{rows['dataset'].nunique()} sets, {len(rows)} fits, mean ranks and means\n\n"
        f"{report.terminal(score_table(rows, TESTED))}"
    )


def publish(folder, result, made_by):
    """Write the numbers of the tables as small CSV files."""
    ranks = {
        title: suite.summarise(rows, TESTED + FURTHER)
        for title, rows in result.groups().items()
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


def score_table(rows, metrics):
    """One row per model, ordered by its rank in the first metric."""
    table = suite.summarise(rows, metrics)
    order = table.loc[table["metric"] == metrics[0], "model"]
    columns = {"Model": [LABELS[name] for name in order]}
    for column, title, digits in [
        ("mean_rank", "rank", 2),
        ("mean", "", 4),
        ("normalised", "normalised", 3),
    ]:
        wide = table.pivot(index="model", columns="metric", values=column).loc[order]
        for metric in metrics:
            name = f"{TITLES[metric]} {title}".strip()
            columns[name] = [
                report.format_mean_sd(value, np.nan, digits) for value in wide[metric]
            ]
    return pd.DataFrame(columns)


def against_table(comparison):
    """ChainzRule against each other model in one metric."""
    return pd.DataFrame(
        {
            "Against": [LABELS[name] for name in comparison["model"]],
            "Wins / ties / losses": [
                f"{wins} / {ties} / {losses}"
                for wins, ties, losses in zip(
                    comparison["wins"],
                    comparison["ties"],
                    comparison["losses"],
                    strict=True,
                )
            ],
            "Median difference": comparison["difference"].map("{:+.4f}".format),
            "Sets": comparison["n_sets"],
            "p": comparison["p"].map(report.format_p),
            "p (Holm)": comparison["p_holm"].map(report.format_p),
        }
    )


def seconds(result):
    """Seconds by model: of a fit, of a prediction, of all fits; fits without scores."""
    fits = result.rows.groupby("model", sort=False)
    table = fits[["fit_seconds", "predict_seconds"]].median()
    table["mlp_ratio"] = table["fit_seconds"] / table["fit_seconds"].get("mlp", np.nan)
    table["core_minutes"] = fits["fit_seconds"].sum() / 60
    status = result.rows["status"]
    for name, chosen in {
        "timeouts": status == "timeout",
        "failures": status.str.startswith("failed"),
    }.items():
        table[name] = chosen.groupby(result.rows["model"]).sum()
    table["n_fits"] = fits.size()
    return table


def time_table(result):
    table = seconds(result).sort_values("fit_seconds")
    return pd.DataFrame(
        {
            "Model": [LABELS[name] for name in table.index],
            "Fit s": table["fit_seconds"].map("{:.2f}".format),
            "Times the MLP's": [
                report.format_mean_sd(x, np.nan, 1) for x in table["mlp_ratio"]
            ],
            "Predict s": table["predict_seconds"].map("{:.3f}".format),
            "All fits, core-minutes": table["core_minutes"].map("{:.1f}".format),
            "Fits": table["n_fits"],
            "Over the limit": table["timeouts"],
            "Failed": table["failures"],
        }
    )


def set_table(result):
    """Log-loss of ChainzRule and of the best model on every set."""
    scores = suite.mean_scores(result.main_rows, "log_loss")
    places = suite.ranks(scores, "log_loss")
    lines = []
    for name in scores.index:
        table, best = result.tables[name], scores.loc[name].idxmin()
        lines.append(
            {
                "Set": name,
                "Rows": len(table.y),
                "Columns": table.X.shape[1],
                "Classes": table.y.nunique(),
                "ChainzRule": f"{scores.loc[name, REFERENCE]:.4f}",
                "Best": f"{scores.loc[name, best]:.4f}",
                "Best model": LABELS[best],
                "ChainzRule's rank": f"{places.loc[name, REFERENCE]:g}",
            }
        )
    return pd.DataFrame(lines)


def figures(folder, prefix, result):
    """Write the PNG files that the report shows."""
    rows = result.main_rows
    for metric in ["log_loss", "roc_auc"]:
        places = suite.ranks(suite.mean_scores(rows, metric), metric)
        figure, [ax] = report.new_figure(1, (9, 0.22 * places.shape[1] + 1.6))
        report.critical_differences(
            ax, places, suite.nemenyi(places), LABELS, REFERENCE
        )
        ax.set_title(f"{TITLES[metric]}: mean rank over {len(places)} sets")
        figure.savefig(Path(folder, f"{prefix}ranks_{metric}.png"))
    _draw_time(result).savefig(Path(folder, f"{prefix}time.png"))
    plt.close("all")


def _draw_time(result):
    rows = result.main_rows
    places = suite.ranks(suite.mean_scores(rows, "log_loss"), "log_loss").mean()
    times = rows.groupby("model")["fit_seconds"].median()[places.index]
    figure, [ax] = report.new_figure(1, (8, 4.5))
    last = None
    for name in places.sort_values().index:
        colour = report.HIGHLIGHT if name == REFERENCE else report.PLAIN
        # Below the point where the label above would be in the way.
        crowded = (
            last is not None
            and places[name] - places[last] < 0.3
            and 0.5 < times[name] / times[last] < 2.0
        )
        ax.plot(times[name], places[name], "o", color=colour)
        ax.annotate(
            LABELS[name],
            (times[name], places[name]),
            xytext=(6, -12 if crowded else 4),
            textcoords="offset points",
            fontsize=9,
            color=colour,
        )
        last = name
    ax.set_xscale("log")
    ax.xaxis.set_major_formatter("{x:g}")
    ax.margins(x=0.15)
    ax.invert_yaxis()
    ax.grid(alpha=0.3)
    ax.set_xlabel("Seconds of a fit on one thread, median (log scale)")
    ax.set_ylabel("Mean rank by log-loss, best on top")
    return figure


def _protocol_text(result):
    rows, tables = result.rows, result.tables
    used = {name: tables[name] for name in rows["dataset"].unique()}
    sampled = sum(table.n_rows > result.max_rows for table in used.values())
    dropped = {
        name: table.n_dropped_classes
        for name, table in used.items()
        if table.n_dropped_classes
    }
    without_score, n_pairs = _without_score(rows)
    classes = (
        f"Classes with fewer than {suite.MIN_CLASS_ROWS} rows are dropped: "
        + ", ".join(f"{count} of {name}" for name, count in dropped.items())
        + ". "
        if dropped
        else ""
    )
    return (
        f"{len(used)} sets, stratified {suite.N_FOLDS}-fold cross-validation, twice "
        f"for sets of fewer than {suite.TWO_REPEATS_BELOW} rows; all models see the "
        "same splits, and imputation, encoding, scaling, calibration and tuning are "
        f"fitted on the training rows alone. {sampled} sets with more than "
        f"{result.max_rows:,} rows are stratified samples of that size. {classes}"
        "ROC-AUC of more than two classes is the mean over pairs; ECE is the expected "
        "calibration error of the likeliest class, in 10 bins.\n\n"
        f"A fit may take {result.time_limit:g} s of the processor, whatever the model; "
        "one that takes longer or fails leaves its model without a score on that set, "
        "where it shares the last place: "
        f"{(rows['status'] == 'timeout').sum()} fits took longer, "
        f"{rows['status'].str.startswith('failed').sum()} failed, and "
        f"{without_score} of {n_pairs} pairs of set and model have no score. All "
        f"{len(rows)} fits together took {rows['fit_seconds'].sum() / 60:.0f} "
        "core-minutes."
    )


def _without_score(rows):
    """Number of pairs of set and model with a fit that has no scores, and of all."""
    complete = (rows["status"] == "ok").groupby([rows["dataset"], rows["model"]]).all()
    return int((~complete).sum()), len(complete)


def _rank_text(result):
    text = (
        "## Ranks and scores\n\n"
        "Best mean rank by log-loss first. Ranks are means over the sets; scores are "
        "means over the sets on which every model has one; normalised scores are 0 for "
        "the worst model of a set and 1 for its best."
    )
    for title, rows in result.groups().items():
        table = report.markdown(score_table(rows, TESTED))
        text += f"\n\n### {title} ({rows['dataset'].nunique()})\n\n{table}"
        if len(rows) == len(result.main_rows):
            text += f"\n\n{report.markdown(score_table(rows, FURTHER))}"
    return text


def _against_text(rows):
    comparison = suite.compare_over_sets(rows, REFERENCE, TESTED)
    if comparison.empty:
        return "## ChainzRule against each model\n\nNo other model was run."
    text = (
        "## ChainzRule against each model\n\n"
        "Wins, ties and losses: on how many sets Nadeau and Bengio's corrected t-test "
        "over the splits tells the two apart at 5 %, without correction for the number "
        "of sets. Median over the sets of ChainzRule minus the other, with p of "
        "Wilcoxon's signed-rank test over the sets and after Holm's correction for the "
        "models of the table. Sets on which either has no score are left out."
    )
    for metric, part in comparison.groupby("metric", sort=False):
        text += f"\n\n### {TITLES[metric]}\n\n{report.markdown(against_table(part))}"
    return text


def _first_fold_text(item):
    name, rows = item
    seconds = rows.groupby("model")["fit_seconds"].median()
    return (
        f"## With {LABELS[name]}\n\n"
        "Too slow for all splits; it and all others on the first fold of each of "
        f"{rows['dataset'].nunique()} sets alone, so these ranks are less certain. "
        f"Its median fit took {seconds[name]:.1f} s, "
        f"{seconds[name] / seconds[REFERENCE]:.0f} times that of ChainzRule.\n\n"
        + report.markdown(score_table(rows, TESTED))
    )
