"""Report of the tail ratio benchmark."""

from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks import report

ROOT = Path(__file__).parents[1]
PAPER = "ChainzRule 1.01-1.02, others 1.07-1.09"
# What the published figures say; to be read again when they change.
READING = """
The paper's values do not appear under any of the three gradients. Only a model that is
linear but for the bounded inputs comes near them (1.13-1.15; exactly 1 by the inputs of
the network). The paper's order appears for all three: at each number of rows ChainzRule
has a lower mean tau over the seeds than ReLU networks with or without dropout and
weight decay, for the logit by .02 at a tenth of the rows and by .14 or more at others,
and a lower mean norm. This was not tested.

A single wrong prediction is found best by its largest probability, on unshifted rows,
noisy ones and far ones alike. The norm of its logit gradient adds little, and that of
its probability gradient says much the same as the probability. For a batch it is the
other way round: tau tells batches of 100 rows with more errors from those without (.80)
better than the mean of the largest probability does (.67), but not on every set (p
.25); mean norms do not tell them, since they rise on some sets and fall on others.
Noise is the only shift that was tried for batches. So tau is a figure of batches, to be
compared with a reference of as many rows, as
`cr_sklearn.monitoring.SensitivityMonitor` does. It is no confidence of single
predictions.

This library's tau, in `tail_ratio` and everywhere else, is that of the logit gradient
(of the latent, for ordered classes), in logits per standard deviation. With hard ramps
and robust scales tau of the logit was 1.49-1.73, and that of 2,000 rows 2.29, where it
is 1.60 now.
"""


def write(folder, tables, made_by):
    """Write report.md, its picture and a CSV for each table."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        report.write_csv(table, folder / f"{name}.csv", made_by)
    _draw(tables).savefig(folder / "tail_ratio.png")
    (folder / "report.md").write_text(_text(tables, made_by, "tail_ratio.png"))


def published():
    """Return the committed tables, and how they were made."""
    paths = {name: _path(name) for name in ("pima", "batches", "shifts")}
    tables = {name: pd.read_csv(path, comment="#") for name, path in paths.items()}
    first = paths["pima"].read_text().partition("\n")[0]
    return tables, first.removeprefix("# ")


def publish(tables, made_by):
    """Write the committed tables and docs/tail_ratio.md."""
    for name, table in tables.items():
        report.write_csv(table, _path(name), made_by)
    _draw(tables).savefig(ROOT / "docs" / "images" / "tail_ratio.png")
    text = _text(tables, made_by, "images/tail_ratio.png")
    (ROOT / "docs" / "tail_ratio.md").write_text(text)


def _path(name):
    return ROOT / "benchmarks" / "results" / f"tail_ratio_{name}.csv"


def _text(tables, made_by, picture):
    pima = tables["pima"]
    seeds = pima["seed"].nunique()
    return "\n\n".join(
        [
            "# tau",
            "tau is the 99th percentile over the mean of gradient norms of a batch of "
            "rows: 99 % of the rows lean on their inputs at most tau times as strongly "
            "as the mean row. It depends on which gradient is meant and on the number "
            "of rows, can't be averaged over batches, and does not move when all norms "
            "double.",
            READING.strip() or "(No reading yet.)",
            "## By gradient, network and training rows",
            f"Pima, 154 test rows, {seeds} seeds; range of the means over 10 to 100 % "
            f"of 614 training rows. The paper: {PAPER}.",
            report.markdown(_by_gradient(pima)),
            "## By rows of a batch",
            "tau of the logit gradient of Pima's held-out rows, resampled: half of the "
            "batches lie below the median, 95 % within the band.",
            report.markdown(_by_rows(tables["batches"])),
            "## Finding errors on shifted data",
            f"AUROC, mean over {tables['shifts']['dataset'].nunique()} sets and "
            "seeds; .5 is chance, and below it the score falls where errors are. Best "
            "on: sets with the highest mean.",
            report.markdown(_by_shift(tables["shifts"])),
            f"![tau by training rows, and AUROC of finding errors]({picture})",
            f"`{made_by}`\n",
        ]
    )


def _by_gradient(pima):
    means = pima.groupby(["network", "gradient", "fraction"], sort=False)["tau"].mean()
    ranges = means.groupby(["network", "gradient"], sort=False).agg(["min", "max"])
    text = ranges.apply(lambda r: f"{r['min']:.2f}-{r['max']:.2f}", axis=1)
    table = text.unstack("gradient", sort=False)
    full = pima[pima["fraction"] == 1.0].groupby("network")[["accuracy"]].mean()
    norms = pima[(pima["fraction"] == 1.0) & (pima["gradient"] == "logit")]
    table["mean logit norm, all rows"] = (
        norms.groupby("network")["mean_norm"].mean().map("{:.2f}".format)
    )
    table["accuracy, all rows"] = full["accuracy"].map("{:.3f}".format)
    return table.rename_axis("Network").reset_index()


def _by_rows(batches):
    shown = batches[["rows", "median"]].round(2)
    shown["95 % band"] = [
        f"{low:.2f}-{high:.2f}"
        for low, high in zip(batches["low"], batches["high"], strict=True)
    ]
    return shown.rename(columns={"rows": "Rows"})


def _by_shift(shifts):
    by_set = shifts.groupby(["level", "shift", "score", "dataset"], sort=False)["auroc"]
    by_set = by_set.mean().unstack("dataset")
    best = by_set.eq(by_set.groupby(["level", "shift"], sort=False).transform("max"))
    table = by_set.mean(axis=1).map("{:.3f}".format).rename("AUROC").to_frame()
    table["best on"] = best.sum(axis=1)
    return table.reset_index()


def _draw(tables):
    figure, (left, right) = report.new_figure(2, (11, 4.2))
    pima = tables["pima"]
    logit = pima[pima["gradient"] == "logit"].rename(columns={"network": "model"})
    logit["n_train"] = (614 * logit["fraction"]).round().astype(int)
    names = list(dict.fromkeys(logit["model"]))
    report.fraction_plot(
        left, logit, "tau", names, dict(zip(names, names, strict=True))
    )
    left.set_ylabel("tau of the logit gradient")
    left.legend(
        fontsize=8,
        ncols=3,
        frameon=False,
        loc="lower center",
        bbox_to_anchor=(0.5, 1.0),
    )
    rows = tables["shifts"].query("level == 'row'")
    means = rows.groupby(["shift", "score"], sort=False)["auroc"].mean().unstack()
    for position, score in enumerate(means):
        right.plot(
            np.arange(len(means)),
            means[score],
            marker=report.MARKERS[position],
            color=report.PALETTE[position],
            ls="",
            ms=7,
            label=score,
        )
    right.axhline(0.5, color="black", lw=0.8, alpha=0.5)
    right.set_xticks(
        np.arange(len(means)),
        [name.replace(" along the ", "\nalong the\n") for name in means.index],
    )
    right.set_ylabel("AUROC of finding wrong predictions")
    right.grid(axis="y", alpha=0.3)
    right.legend(fontsize=8)
    return figure
