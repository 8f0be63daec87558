"""What the Pima benchmark reports: its tables, its text and its figures."""

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

from benchmarks import report
from benchmarks.comparison import (
    ROPE,
    bayesian_compare,
    compare,
    corrected_mean,
    size_ratio,
)
from benchmarks.models import MODELS
from benchmarks.pima_claims import (
    NETWORKS,
    REFERENCE,
    at_every_fraction,
    claims,
    goals,
)
from benchmarks.published import PIMA

LABELS = {name: model.label for name, model in MODELS.items()}
METRICS = ["accuracy", "balanced_accuracy", "roc_auc", "log_loss", "brier", "tau"]
TITLES = {
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced acc.",
    "roc_auc": "ROC-AUC",
    "log_loss": "Log-loss",
    "brier": "Brier",
    "tau": "tau",
}
TESTED = ["log_loss", "roc_auc", "accuracy"]


def write(folder, rows, made_by):
    """Write ``report.md`` and its figures.

    Parameters
    ----------
    folder : Path
    rows : dict of DataFrame
        Fits of the protocols "honest", "fractions" and "leaky".
    made_by : str
        Command, versions, machine and date.
    """
    figures(folder, rows)
    sections = [
        f"# Pima Indians Diabetes\n\nMade by `{made_by}`",
        _protocol_text(rows),
        "## Honest comparison\n\nMean ± sd over the fits, best log-loss first. "
        "tau is the 99th percentile over the mean of the test rows' gradient norms, "
        "of the logit with respect to the standardised inputs; for logistic "
        "regression it is exactly 1, and other models have no such gradient here.\n\n"
        + report.markdown(honest_table(rows["honest"]))
        + "\n\n![Accuracy and log-loss by model](models.png)\n\n"
        "Intervals are those of each model's own mean. All models share the splits, so "
        "differences are more certain than the intervals suggest: see the next "
        "section.",
        _differences_text(rows["honest"]),
        "## Goals\n\n" + report.markdown(goals(rows["honest"])),
        "## The same with label leakage\n\nMissing values are replaced by the median "
        "of the row's own class over all rows, before splitting: the imputed values of "
        "test rows then carry their labels. Everything else is as above.\n\n"
        + report.markdown(leaky_table(rows))
        + "\n\n![Accuracy with and without leakage](leaky.png)",
        _fractions_text(rows["fractions"]),
        "## Claims of the paper next to what was measured\n\n"
        + report.markdown(claims(rows)),
        "## Models\n\n"
        + report.markdown(
            pd.DataFrame(
                [MODELS[name][:2] for name in rows["honest"]["model"].unique()],
                columns=["Model", "Settings"],
            )
        ),
    ]
    text = "\n\n".join(sections) + "\n"
    Path(folder, "report.md").write_text(text, encoding="utf-8")


def terminal(rows):
    """The honest table and the goals as plain text."""
    n = rows["honest"].groupby("model").size().max()
    return (
        f"Pima, honest protocol, mean ± sd over {n} fits\n\n"
        f"{report.terminal(honest_table(rows['honest']))}\n\n"
        f"{report.terminal(goals(rows['honest']))}"
    )


def publish(folder, rows, made_by):
    """Write the figures' numbers as small CSV files."""
    by_model = pd.concat([rows["honest"], rows["leaky"]])
    tables = {
        "models": _intervals(by_model, ["protocol", "model"]),
        "comparisons": compare(rows["honest"], REFERENCE, TESTED).merge(
            bayesian_compare(rows["honest"], REFERENCE, TESTED)
        ),
        "fractions": report.summary(
            rows["fractions"],
            ["accuracy", "log_loss", "roc_auc", "tau"],
            by=["model", "fraction", "n_train"],
        ).reset_index(),
    }
    for name, table in tables.items():
        report.write_csv(table, Path(folder, f"pima_{name}.csv"), made_by)


def honest_table(rows):
    table = _by_log_loss(rows)
    columns = {"Model": [LABELS[name] for name in table.index]}
    for metric in METRICS:
        digits = 2 if metric == "tau" else 3
        columns[TITLES[metric]] = report.mean_sd(table, metric, digits)
    columns["Fit s (median)"] = [f"{seconds:.2f}" for seconds in table["fit_seconds"]]
    return pd.DataFrame(columns)


def leaky_table(rows):
    honest, leaky = _by_log_loss(rows["honest"]), _by_log_loss(rows["leaky"])
    honest = honest[honest.index.isin(leaky.index)]
    leaky = leaky.loc[honest.index]
    columns = {"Model": [LABELS[name] for name in honest.index]}
    for metric in ["accuracy", "roc_auc", "log_loss"]:
        title = TITLES[metric]
        columns[f"{title}, honest"] = report.mean_sd(honest, metric)
        columns[f"{title}, leaky"] = report.mean_sd(leaky, metric)
    return pd.DataFrame(columns)


def differences_table(rows, metric):
    """ChainzRule minus each other model, with both tests."""
    table = compare(rows, REFERENCE, [metric]).merge(
        bayesian_compare(rows, REFERENCE, [metric])
    )
    return pd.DataFrame(
        {
            "Against": [LABELS[name] for name in table["model"]],
            "Difference": [
                f"{mean:+.4f} [{low:+.4f}, {high:+.4f}]"
                for mean, low, high in zip(
                    table["difference"], table["low"], table["high"], strict=True
                )
            ],
            "p": table["p"].map(report.format_p),
            "p (Holm)": table["p_holm"].map(report.format_p),
            "P(better)": table["better"].map("{:.3f}".format),
            "P(same)": table["same"].map("{:.3f}".format),
            "P(worse)": table["worse"].map("{:.3f}".format),
        }
    )


def fraction_table(rows, metric):
    """One row per model, one column per fraction of the training rows."""
    table = report.summary(rows, [metric], by=["model", "fraction"])
    names = list(rows["model"].unique())
    if metric == "tau":
        names = [name for name in names if name in NETWORKS]
    columns = {"Model": [LABELS[name] for name in names]}
    for fraction, n in sorted(set(zip(rows["fraction"], rows["n_train"], strict=True))):
        cells = table.reindex([(name, fraction) for name in names])
        columns[f"{fraction:.0%} ({n})"] = report.mean_sd(cells, metric)
    return pd.DataFrame(columns)


def figures(folder, rows):
    """Write the PNG files that the report shows."""
    order = list(_by_log_loss(rows["honest"]).index)
    _draw_models(rows["honest"], order).savefig(Path(folder, "models.png"))
    order = [name for name in order if name in set(rows["leaky"]["model"])]
    _draw_leakage(rows, order).savefig(Path(folder, "leaky.png"))
    names = at_every_fraction(rows["fractions"])
    _draw_fractions(rows["fractions"], names).savefig(Path(folder, "fractions.png"))
    names = [name for name in names if name in NETWORKS]
    _draw_tau(rows["fractions"], names).savefig(Path(folder, "tau.png"))
    plt.close("all")


def _draw_models(rows, order):
    figure, axes = report.new_figure(2, (9, 0.33 * len(order) + 1.3), sharey=True)
    for ax, metric in zip(axes, ["accuracy", "log_loss"], strict=True):
        report.dot_plot(ax, rows, metric, order, REFERENCE)
    report.name_rows(axes[0], order, LABELS, REFERENCE)
    axes[0].set_xlabel("Accuracy, higher is better")
    axes[0].locator_params(axis="x", nbins=6)
    axes[1].set_xlabel("Log-loss, lower is better (log scale)")
    axes[1].set_xscale("log")
    report.plain_log_numbers(axes[1].xaxis)
    n_repeats, n_folds = rows["repeat"].nunique(), rows["fold"].nunique()
    figure.suptitle(
        f"Pima, {n_repeats} x {n_folds}-fold cross-validation: mean and 95 % interval",
        fontsize=10,
    )
    return figure


def _draw_leakage(rows, order):
    figure, [ax] = report.new_figure(1, (7, 0.33 * len(order) + 1.3))
    honest, leaky = (
        rows[name].groupby("model")["accuracy"].mean()[order]
        for name in ["honest", "leaky"]
    )
    heights = range(len(order))
    ax.hlines(heights, honest, leaky, color=report.PLAIN, lw=1, alpha=0.5, zorder=1)
    ax.plot(honest, heights, "o", color=report.PLAIN, label="honest")
    ax.plot(
        leaky, heights, "o", mfc="white", mec=report.PLAIN, label="with label leakage"
    )
    ax.axvline(
        PIMA["mean"] / 100,
        color=report.HIGHLIGHT,
        lw=1.2,
        ls=":",
        label=f"published for ChainzRule: {PIMA['mean']} %",
    )
    report.name_rows(ax, order, LABELS, REFERENCE)
    ax.grid(axis="x", alpha=0.3)
    ax.set_xlabel("Accuracy")
    ax.legend(
        frameon=False, fontsize=9, ncols=3, loc="lower center", bbox_to_anchor=(0.4, 1)
    )
    return figure


def _draw_fractions(rows, names):
    figure, axes = report.new_figure(2, (10.5, 3.8))
    for ax, metric in zip(axes, ["accuracy", "log_loss"], strict=True):
        report.fraction_plot(ax, rows, metric, names, LABELS)
    axes[0].set_ylabel("Accuracy")
    axes[1].set_ylabel("Log-loss (log scale)")
    axes[1].set_yscale("log")
    report.plain_log_numbers(axes[1].yaxis)
    axes[1].legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def _draw_tau(rows, names):
    figure, [ax] = report.new_figure(1, (7.5, 3.8))
    report.fraction_plot(ax, rows, "tau", names, LABELS, spread=True)
    ax.axhline(1.0, color=report.PLAIN, lw=1, ls="--", label="Logistic regression")
    ax.set_ylabel("tau of the logit gradient\n(99th percentile / mean)")
    ax.set_title("Lines: mean over seeds; small marks: each seed", fontsize=10)
    ax.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def _protocol_text(rows):
    n_repeats, n_folds = (rows["honest"][name].nunique() for name in ["repeat", "fold"])
    seconds = pd.concat(rows.values())["fit_seconds"]
    return (
        "768 women, 268 with diabetes. Zeros of glucose, pressure, triceps, insulin "
        "and mass are missing values. Honest protocol: "
        f"{n_repeats} x {n_folds}-fold stratified cross-validation; all models see the "
        "same splits, and imputation, scaling, calibration and tuning are fitted on "
        f"the training rows alone. All {len(seconds)} fits of this report, on one "
        f"thread each, took {seconds.sum() / 60:.1f} core-minutes."
    )


def _differences_text(rows):
    others = rows["model"].nunique() - 1
    if not others:
        return "## ChainzRule against each model\n\nNo other model was run."
    rope = ", ".join(f"{ROPE[metric]} in {TITLES[metric].lower()}" for metric in TESTED)
    text = (
        "## ChainzRule against each model\n\n"
        "ChainzRule minus the other, with the 95 % interval and p of Nadeau and "
        "Bengio's corrected resampled t-test (two-sided; test/train = "
        f"{size_ratio(rows):.3f}), and p after Holm's correction for the {others} "
        "models of the table. P: Bayesian correlated t-test, the probabilities that "
        f"ChainzRule is better, practically the same (within {rope}), or worse."
    )
    for metric in TESTED:
        table = report.markdown(differences_table(rows, metric))
        text += f"\n\n### {TITLES[metric]}\n\n{table}"
    return text


def _fractions_text(rows):
    n_seeds = rows["repeat"].nunique()
    text = (
        "## The paper's protocol: 614/154 and fractions of the training rows\n\n"
        f"Stratified splits, {n_seeds} seeds; each fraction is a stratified part of "
        "the 614 training rows that contains the smaller ones. Mean ± sd over the "
        "seeds; tau on the 154 test rows. Tuned and slower models at 100 % only."
    )
    for metric in ["accuracy", "log_loss", "tau"]:
        table = report.markdown(fraction_table(rows, metric))
        text += f"\n\n### {TITLES[metric]}\n\n{table}"
    return (
        f"{text}\n\n![Accuracy and log-loss by training rows](fractions.png)\n\n"
        "![tau by training rows](tau.png)"
    )


def _by_log_loss(rows):
    table = report.summary(rows, METRICS)
    # The median, because a process imports packages during its first fit.
    table["fit_seconds"] = rows.groupby("model")["fit_seconds"].median()
    return table.sort_values("log_loss", kind="stable")


def _intervals(rows, by):
    """Mean, sd and corrected 95 % interval of each metric, one line each."""
    lines = []
    for key, fits in rows.groupby(by, sort=False):
        for metric in [*METRICS, "fit_seconds"]:
            if fits[metric].isna().any():
                continue
            estimate = corrected_mean(fits[metric], size_ratio(fits))
            lines.append(
                {
                    **dict(zip(by, key, strict=True)),
                    "metric": metric,
                    "n_fits": len(fits),
                    "mean": estimate.mean,
                    "sd": fits[metric].std(),
                    "low": estimate.low,
                    "high": estimate.high,
                }
            )
    return pd.DataFrame(lines)
