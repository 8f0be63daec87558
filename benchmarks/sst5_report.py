"""What the benchmark of frozen SST-5 reports: its tables, its text and its figures."""

from pathlib import Path
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from benchmarks import report, suite, suite_report
from benchmarks.comparison import compare, one_sample_p, size_ratio
from benchmarks.heads import HEADS, ORDINAL_HEAD
from benchmarks.published import N_TESTS, RNTN, SST5

REFERENCE = "chainzrule"
OFFICIAL, RESAMPLED = "official", "resampled"
# The encoder of all models and of the tests.
MAIN_ENCODER = "minilm"
ENCODERS = {
    "minilm": "all-MiniLM-L6-v2",
    "mpnet": "all-mpnet-base-v2",
    "glove": "mean of GloVe 6B, 50 d",
}
MODELS = {REFERENCE: HEADS[REFERENCE], "ordinal": ORDINAL_HEAD, **HEADS}
LABELS = {name: model.label for name, model in MODELS.items()}
METRICS = ["accuracy", "log_loss", "mae", "macro_mae", "qwk"]
TESTED = ["accuracy", "log_loss"]
GOAL_BEATEN = ["lr", "lr_tuned"]
DIGITS = {"accuracy": 4, "log_loss": 4, "mae": 3, "macro_mae": 3, "qwk": 3}

# The paper's p is by one of these numbers of seeds, if by any.
PAPER_SEEDS = range(3, 7)


class Result(NamedTuple):
    """Fits of both protocols, training sentences and phrases of their trees."""

    rows: pd.DataFrame
    n_train: int
    n_phrases: int

    @property
    def main_rows(self):
        """Fits with the official test part."""
        return self.rows[self.rows["protocol"] == OFFICIAL]

    @property
    def largest(self):
        """Those of the largest fraction."""
        rows = self.main_rows
        return rows[rows["fraction"] == rows["fraction"].max()]

    @property
    def resampled(self):
        """Fits of the resampled protocol, on the splits that all models have."""
        rows = self.rows[self.rows["protocol"] == RESAMPLED]
        return suite.in_common(rows, rows["model"].unique())


def write(page, result, made_by, prefix=""):
    """Write the page, as :func:`benchmarks.command.report_on` asks for it."""
    figures(page.parent, prefix, result)
    sections = [
        f"# SST-5, frozen encoders\n\nMade by `{made_by}`",
        _protocol_text(result),
        "## Official test part\n\nAccuracy in percent, mean ± sd over the seeds, with "
        f"{_percent(result.largest['n_train'].max() / result.n_train)} of the training "
        "sentences.\n\n" + report.markdown(official_table(result)),
        _published_text(result),
        _fractions_text(result)
        + f"\n\n![Accuracy and log-loss by training rows]({prefix}fractions.png)",
        _resampled_text(result)
        + f"\n\n![Accuracy and log-loss by model]({prefix}models.png)",
        "## Models\n\n"
        + report.markdown(suite_report.model_table(result.rows, MODELS)),
    ]
    page.write_text("\n\n".join(sections) + "\n", encoding="utf-8")


def terminal(result):
    """The main tables as plain text."""
    return (
        "Official test part, accuracy in percent, mean ± sd over the seeds\n\n"
        f"{report.terminal(official_table(result))}\n\n"
        "Random splits\n\n"
        f"{report.terminal(resampled_table(result.resampled))}\n\n"
        f"{report.terminal(goals(result.resampled))}"
    )


def publish(folder, result, made_by):
    """Write the numbers of the tables as small CSV files."""
    by = ["protocol", "dataset", "model", "fraction", "n_train"]
    scores = report.summary(result.rows, METRICS, by)
    seconds = result.rows.groupby(by, sort=False)["fit_seconds"].median()
    scores = scores.join(seconds).reset_index().rename(columns={"dataset": "encoder"})
    scores["share_of_phrases"] = scores["n_train"] / result.n_phrases
    tables = {
        "scores": scores,
        "comparisons": comparisons(result.resampled),
        "published": papers_p(),
    }
    for name, table in tables.items():
        report.write_csv(table, Path(folder, f"sst5_{name}.csv"), made_by)


def official_table(result):
    """One row per model, one column per encoder, the largest fraction."""
    rows = result.largest
    table = report.summary(in_percent(rows), ["accuracy"], ["model", "dataset"])
    names = [name for name in MODELS if name in set(rows["model"])]
    columns = {"Model": [LABELS[name] for name in names]}
    for encoder in rows["dataset"].unique():
        cells = table.reindex([(name, encoder) for name in names])
        columns[ENCODERS[encoder]] = report.mean_sd(cells, "accuracy", 2)
    return pd.DataFrame(columns)


def fraction_table(result, metric):
    """One row per model and encoder, one column per fraction of the training rows."""
    rows = result.main_rows
    table = report.summary(rows, [metric], ["dataset", "model", "fraction"])
    table = table[table[metric].notna()]
    lines = list(dict.fromkeys((key[0], key[1]) for key in table.index))
    columns = {
        "Encoder": [ENCODERS[encoder] for encoder, _ in lines],
        "Model": [LABELS[name] for _, name in lines],
    }
    for fraction, n in sorted(set(zip(rows["fraction"], rows["n_train"], strict=True))):
        cells = table.reindex([(*line, fraction) for line in lines])
        columns[f"{_percent(fraction)} ({n})"] = report.mean_sd(cells, metric)
    return pd.DataFrame(columns)


def resampled_table(rows):
    """Scores by model on the random splits, the most accurate first."""
    table = report.summary(rows, METRICS)
    table["fit_seconds"] = rows.groupby("model")["fit_seconds"].median()
    table = table.sort_values("accuracy", ascending=False, kind="stable")
    columns = {"Model": [LABELS[name] for name in table.index]}
    for metric in METRICS:
        title = suite_report.TITLES[metric]
        columns[title] = report.mean_sd(table, metric, DIGITS[metric])
    columns["Fit s"] = table["fit_seconds"].map("{:.1f}".format).tolist()
    return pd.DataFrame(columns)


def comparisons(rows):
    """Corrected tests of the reference against each model, by metric."""
    parts = []
    for metric in TESTED:
        # A model of labels alone has no log-loss.
        scored = rows.groupby("model")[metric].transform("count") > 0
        parts.append(compare(rows[scored], REFERENCE, [metric]))
    tests = pd.concat(parts, ignore_index=True)
    return tests.assign(encoder=MAIN_ENCODER, n_splits=rows["repeat"].nunique())


def difference_table(tests, labels):
    """Tests in one metric as texts."""
    return pd.DataFrame(
        {
            "Against": [labels[name] for name in tests["model"]],
            "Difference": [
                f"{mean:+.4f} [{low:+.4f}, {high:+.4f}]"
                for mean, low, high in tests[["difference", "low", "high"]].to_numpy()
            ],
            "p": tests["p"].map(report.format_p),
            "p (Holm)": tests["p_holm"].map(report.format_p),
        }
    )


def goals(rows):
    """Whether the reference is significantly more accurate than a linear model."""
    tests = comparisons(rows).query("metric == 'accuracy'").set_index("model")
    lines = []
    for name in [name for name in GOAL_BEATEN if name in tests.index]:
        difference, p = tests.loc[name, ["difference", "p_holm"]]
        lines.append(
            (
                f"more accurate than {LABELS[name]}, p (Holm) < .05",
                f"{100 * difference:+.2f} points, p {report.format_p(p)}",
                "reached" if difference > 0 and p < 0.05 else "missed",
            )
        )
    return pd.DataFrame(lines, columns=["Goal", "Measured", "Result"])


def papers_p():
    """P of the paper's mean and sd against RNTN's one number, by number of seeds."""
    p = [one_sample_p(SST5["mean"], SST5["sd"], n, RNTN) for n in PAPER_SEEDS]
    table = pd.DataFrame({"n_seeds": PAPER_SEEDS, "p_one_sided": p})
    table["p_two_sided"] = 2 * table["p_one_sided"]
    return table.assign(
        p_published=SST5["p"], p_bonferroni=min(1.0, N_TESTS * SST5["p"])
    )


def in_percent(rows):
    """Fits with their accuracy in percent."""
    return rows.assign(accuracy=100 * rows["accuracy"])


def figures(folder, prefix, result):
    """Write the PNG files that the report shows."""
    rows = result.main_rows
    rows = rows[rows["dataset"] == MAIN_ENCODER]
    names = [name for name in MODELS if name in set(rows["model"])]
    _draw_fractions(rows, names).savefig(Path(folder, f"{prefix}fractions.png"))
    order = report.summary(result.resampled, ["accuracy"])["accuracy"]
    names = list(order.sort_values(ascending=False, kind="stable").index)
    _draw_models(result.resampled, names).savefig(Path(folder, f"{prefix}models.png"))
    plt.close("all")


def _draw_fractions(rows, names):
    figure, axes = report.new_figure(2, (11, 3.9))
    for ax, metric in zip(axes, TESTED, strict=True):
        scored = [
            n for n in names if rows.loc[rows["model"] == n, metric].notna().any()
        ]
        report.fraction_plot(ax, rows, metric, scored, LABELS)
        ax.set_ylabel(suite_report.TITLES[metric])
    axes[0].axhline(RNTN / 100, color=report.PLAIN, lw=1, ls="--")
    axes[0].axhline(SST5["mean"] / 100, color=report.HIGHLIGHT, lw=1, ls=":")
    left = rows["n_train"].min()
    for value, text, side in [
        (RNTN, "RNTN, all phrases", "top"),
        (SST5["mean"], "published for ChainzRule", "bottom"),
    ]:
        axes[0].text(left, value / 100, text, fontsize=8, va=side)
    handles, texts = axes[0].get_legend_handles_labels()
    axes[1].legend(
        handles, texts, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5)
    )
    figure.suptitle(f"SST-5 test part, {ENCODERS[MAIN_ENCODER]}", fontsize=10)
    return figure


def _draw_models(rows, names):
    figure, axes = report.new_figure(2, (9, 0.33 * len(names) + 1.3), sharey=True)
    for ax, metric in zip(axes, TESTED, strict=True):
        report.dot_plot(ax, rows, metric, names, REFERENCE)
        ax.locator_params(axis="x", nbins=6)
    report.name_rows(axes[0], names, LABELS, REFERENCE)
    axes[0].set_xlabel("Accuracy, higher is better")
    axes[1].set_xlabel("Log-loss, lower is better")
    figure.suptitle(
        f"SST-5, {ENCODERS[MAIN_ENCODER]}, {rows['repeat'].nunique()} random splits: "
        "mean and 95 % interval",
        fontsize=10,
    )
    return figure


def _protocol_text(result):
    seconds = result.rows["fit_seconds"]
    return (
        "Sentences of the Stanford Sentiment Treebank with five classes, encoded once "
        "by frozen encoders; every model gets the same features. Official: "
        f"{result.n_train:,} training sentences, or a stratified fraction drawn anew "
        f"for each of {result.main_rows['repeat'].nunique()} seeds, and the official "
        "test part of 2,210; the dev part is not used. With all training sentences the "
        "seeds differ in the models' own random numbers and inner folds alone. Random "
        "splits: training and test parts of these sizes, stratified, from the distinct "
        "sentences of all three parts; tests between models are made on these. "
        "Everything that is chosen is chosen on inner folds of the training part. All "
        f"{len(seconds)} fits, on one thread each, took {seconds.sum() / 60:.0f} "
        "core-minutes."
    )


def _published_text(result):
    rows = in_percent(result.largest)
    own = rows[rows["model"] == REFERENCE].groupby("dataset", sort=False)["accuracy"]
    lines = [
        ("RNTN, Socher et al. 2013, all phrases", f"{RNTN:.2f}"),
        (
            "ChainzRule, frozen encoder, arXiv 2605.24340",
            report.format_mean_sd(SST5["mean"], SST5["sd"], 2),
        ),
    ]
    lines += [
        (
            f"ChainzRule here, {ENCODERS[encoder]}",
            report.format_mean_sd(values.mean(), values.std(), 2),
        )
        for encoder, values in own
    ]
    n_test = int(rows["n_test"].max())
    error = 100 * np.sqrt(RNTN / 100 * (1 - RNTN / 100) / n_test)
    p = papers_p()
    by_seeds = ", ".join(
        f"{value:.4f} for {n}"
        for n, value in zip(p["n_seeds"], p["p_one_sided"], strict=True)
    )
    return (
        "## Next to published figures\n\n"
        + report.markdown(pd.DataFrame(lines, columns=["Model", "Accuracy, %"]))
        + f"\n\nRNTN learned from the labels of all phrases; {result.n_train:,} "
        f"sentences are {_percent(result.n_train / result.n_phrases, 1)} of the "
        f"{result.n_phrases:,} distinct phrases of their trees. The paper gives p = "
        f"{SST5['p']} against RNTN. From its mean and sd, a one-sample t-test against "
        f"the one number {RNTN} has a one-sided p of {by_seeds} seeds. With "
        f"Bonferroni's correction for {N_TESTS} tests {SST5['p']} becomes "
        f"{p['p_bonferroni'].iloc[0]:.4f}. Such a test knows of the seeds alone: the "
        f"standard error of one accuracy on {n_test:,} test sentences is {error:.2f} "
        "points."
    )


def _fractions_text(result):
    text = (
        "## Fewer training sentences\n\nOfficial test part, mean ± sd over the seeds."
    )
    for metric in TESTED:
        title = suite_report.TITLES[metric]
        table = report.markdown(fraction_table(result, metric))
        text += f"\n\n### {title}\n\n{table}"
    return text


def _resampled_text(result):
    rows = result.resampled
    text = (
        f"## Random splits\n\n{ENCODERS[MAIN_ENCODER]}, {rows['repeat'].nunique()} "
        "splits, mean ± sd; MAE is in classes, macro MAE its mean over the classes.\n\n"
        f"{report.markdown(resampled_table(rows))}\n\n{report.markdown(goals(rows))}"
        "\n\nChainzRule minus the other, with the 95 % interval and p of Nadeau and "
        "Bengio's corrected resampled t-test (two-sided; test/train = "
        f"{size_ratio(rows):.3f}), and p after Holm's correction for the models of the "
        "table."
    )
    for metric, part in comparisons(rows).groupby("metric", sort=False):
        table = report.markdown(difference_table(part, LABELS))
        text += f"\n\n### {suite_report.TITLES[metric]}\n\n{table}"
    return text


def _percent(share, digits=0):
    return f"{100 * share:.{digits}f} %"
