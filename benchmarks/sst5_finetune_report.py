"""What the benchmark of fine-tuned SST-5 reports: its tables and its figure."""

from pathlib import Path
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from benchmarks import report
from benchmarks.comparison import compare
from benchmarks.published import FINE_TUNED, FINE_TUNED_LINEAR
from benchmarks.sst5_report import (
    DIGITS,
    ENCODERS,
    METRICS,
    TESTED,
    difference_table,
    in_percent,
)
from benchmarks.suite_report import TITLES

REFERENCE = "chainzrule"
CHOICE, OFFICIAL = "choice", "official"
LABELS = {
    REFERENCE: "ChainzRule head",
    "mlp": "MLP head (ReLU)",
    "linear": "Linear head",
}
PAPER = {
    "BERT with a ChainzRule head": FINE_TUNED,
    "BERT-base, linear head": FINE_TUNED_LINEAR,
}


class Result(NamedTuple):
    """Fits of one transformer.

    Attributes
    ----------
    rows : DataFrame
        Fits that the heads are compared by.
    tried : DataFrame
        Fits that were tested on the dev part.
    chosen : dict
        The best of them, by head.
    settings : dict
        Those that were not chosen.
    """

    rows: pd.DataFrame
    tried: pd.DataFrame
    chosen: dict
    settings: dict

    @property
    def main_rows(self):
        """All of them."""
        return self.rows

    @property
    def paired(self):
        """Fits of the seeds that all heads have."""
        n_heads = self.rows.groupby("repeat")["model"].transform("nunique")
        return self.rows[n_heads == self.rows["model"].nunique()]


def write(page, result, made_by, prefix=""):
    """Write the page, as :func:`benchmarks.command.report_on` asks for it."""
    _draw(result.rows).savefig(Path(page.parent, f"{prefix}heads.png"))
    plt.close("all")
    sections = [
        f"# SST-5, fine-tuned\n\nMade by `{made_by}`",
        _protocol_text(result),
        "## Heads\n\n"
        + report.markdown(score_table(result.rows))
        + f"\n\n![Accuracy of every seed, by head]({prefix}heads.png)",
        _differences_text(result.paired),
        _published_text(result.rows),
        "## Choice on the dev part\n\nWith "
        f"{result.tried['n_train'].max():,} training sentences and one seed. The "
        "values of least log-loss are chosen.\n\n"
        + report.markdown(choice_table(result)),
    ]
    page.write_text("\n\n".join(sections) + "\n", encoding="utf-8")


def terminal(result):
    """The table as plain text."""
    return report.terminal(score_table(result.rows))


def publish(folder, result, made_by):
    """Write the numbers of the tables as small CSV files."""
    by = ["dataset", "model", "n_train", "n_test"]
    scores = report.summary(result.rows, METRICS, by)
    seconds = result.rows.groupby(by, sort=False)["fit_seconds"].median()
    scores = scores.join(seconds).reset_index().rename(columns={"dataset": "encoder"})
    rows = result.paired
    tests = comparisons(rows).assign(n_seeds=rows["repeat"].nunique())
    tried = result.tried[["model", "n_train", "n_test", "accuracy", "log_loss"]]
    tried = tried.assign(chosen=tried["model"].isin(result.chosen.values()))
    tables = {"scores": scores, "comparisons": tests, "choice": tried}
    for name, table in tables.items():
        report.write_csv(table, Path(folder, f"sst5_finetune_{name}.csv"), made_by)


def score_table(rows):
    """Scores by head, mean and sd over the seeds; accuracy in percent."""
    table = report.summary(in_percent(rows), METRICS)
    columns = {"Model": [LABELS[name] for name in table.index]}
    for metric in METRICS:
        digits = 2 if metric == "accuracy" else DIGITS[metric]
        title = "Accuracy, %" if metric == "accuracy" else TITLES[metric]
        columns[title] = report.mean_sd(table, metric, digits)
    seconds = rows.groupby("model")["fit_seconds"].median().loc[table.index]
    columns["Fit s"] = seconds.map("{:.0f}".format).tolist()
    return pd.DataFrame(columns)


def choice_table(result):
    """Candidates of every head with their scores on the dev part."""
    names = result.tried["model"]
    return pd.DataFrame(
        {
            "Head and value": names,
            "Log-loss": result.tried["log_loss"].map("{:.4f}".format),
            "Accuracy": result.tried["accuracy"].map("{:.4f}".format),
            "Chosen": [
                "yes" if name in result.chosen.values() else "no" for name in names
            ],
        }
    )


def comparisons(rows):
    """Paired t-tests of the reference over the seeds.

    The training part is the same for all seeds, so nothing is to be corrected for.
    """
    return compare(rows, REFERENCE, TESTED, test_to_train=0.0)


def _draw(rows):
    names = [name for name in LABELS if name in set(rows["model"])]
    figure, [ax] = report.new_figure(1, (7, 0.4 * len(names) + 1.4))
    scores = 100 * rows.pivot(index="repeat", columns="model", values="accuracy")
    heights = range(len(names))
    for _, seed in scores[names].iterrows():
        ax.plot(seed, heights, color=report.PLAIN, lw=0.8, alpha=0.35, zorder=1)
    for height, name in zip(heights, names, strict=True):
        colour = report.HIGHLIGHT if name == REFERENCE else report.PLAIN
        ax.plot(
            scores[name], [height] * len(scores), "o", color=colour, ms=4, alpha=0.6
        )
        ax.plot(scores[name].mean(), height, "|", color=colour, ms=22, mew=2)
    report.name_rows(ax, names, LABELS, REFERENCE)
    ax.grid(axis="x", alpha=0.3)
    ax.set_xlabel("Accuracy on the test part, %; bars: mean; lines join a seed's fits")
    return figure


def _protocol_text(result):
    rows, given = result.rows, result.settings
    seconds = pd.concat([rows["fit_seconds"], result.tried["fit_seconds"]])
    encoder = rows["dataset"].iloc[0]
    return (
        f"{ENCODERS.get(encoder, encoder)}, all of its weights trained together with "
        f"the head, on {rows['n_train'].max():,} of the training sentences of the "
        "Stanford Sentiment Treebank with five classes, drawn for each seed; tested on "
        f"its {rows['n_test'].max():,} test sentences. Every head gets the mean of the "
        "last states over the tokens, scaled for each sentence, and is a network of "
        "our core: the linear map alone, or two hidden layers of 32 beside it, of ReLU "
        "or of cubic polynomials. The ChainzRule head is penalised by DREG, of its "
        "layers' Jacobians with respect to the encoded sentence; the penalty trains "
        "head and transformer. One setting of every head is chosen on the dev part, "
        "from as many values as of the others: of ChainzRule's the strength of DREG, "
        "of the others the step size of the head, which is "
        f"{given['head_learning_rate']:g} for ChainzRule's. The rest was fixed "
        "beforehand and is the same for all heads: AdamW with a step size of "
        f"{given['learning_rate']:g} for the transformer, warm-up over a tenth of "
        f"the steps and linear decay, {given['n_epochs']} epochs, batches of "
        f"{given['batch_size']} sentences of similar length, bfloat16 where autocast "
        "allows it. Heads of one seed have the same batches and the same dropout. All "
        f"{len(seconds)} fits, on one thread each, took {seconds.sum() / 60:.0f} "
        "core-minutes."
    )


def _differences_text(rows):
    n_seeds = rows["repeat"].nunique()
    title = "## ChainzRule head against the others\n\n"
    if n_seeds < 2:
        return f"{title}With one seed there is nothing to test."
    n_test = int(rows["n_test"].max())
    accuracy = rows["accuracy"].mean()
    error = 100 * np.sqrt(accuracy * (1 - accuracy) / n_test)
    text = (
        f"{title}ChainzRule minus the other, paired by seed: mean difference with its "
        f"95 % interval and two-sided p of the t-test over {n_seeds} seeds, and p "
        "after Holm's correction for the heads of the table. The test knows of the "
        "seeds alone. Of the choice of sentences: the standard error of one accuracy "
        f"on {n_test:,} test sentences is {error:.2f} points."
    )
    for metric, part in comparisons(rows).groupby("metric", sort=False):
        table = report.markdown(difference_table(part, LABELS))
        text += f"\n\n### {TITLES[metric]}\n\n{table}"
    return text


def _published_text(rows):
    encoder = rows["dataset"].iloc[0]
    lines = [(f"{name}, arXiv 2605.24340", f"{v:.2f}") for name, v in PAPER.items()]
    for name, values in in_percent(rows).groupby("model", sort=False)["accuracy"]:
        text = report.format_mean_sd(values.mean(), values.std(), 2)
        label = f"{ENCODERS.get(encoder, encoder)}, {LABELS[name]}, here"
        lines.append((label, text))
    return (
        "## Next to published figures\n\nThe paper's backbone is BERT-base, of 110 "
        "million parameters; accuracies can be compared within a backbone alone.\n\n"
        + report.markdown(pd.DataFrame(lines, columns=["Model", "Accuracy, %"]))
    )
