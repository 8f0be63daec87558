"""What each ingredient is worth: ChainzRule with one thing changed at a time.

``python -m benchmarks.ablation`` reads the folder that CR_SKLEARN_DATA names and fits
every change on the first of five folds of every set. Pima is not among the sets, so
that its figures are those of a table that nothing was chosen by.
"""

import argparse
from functools import partial
from pathlib import Path

from benchmarks import extra_packages

with extra_packages():
    import pandas as pd

    from benchmarks import report, suite
    from benchmarks.comparison import corrected_mean
    from benchmarks.data import data_folder
    from benchmarks.protocols import forget, run
    from benchmarks.variants import (
        AllToTheEnd,
        Annealed,
        AtTheRows,
        ChoosingLate,
        Hermite,
        LessDecay,
        OneStrength,
        OneToTheEnd,
        OutputPenalty,
        WithoutGates,
        WithoutLinear,
        WithoutScale,
        WithoutSkip,
        WithoutStatistics,
    )
    from cr_sklearn import ChainzRuleClassifier

PACKAGES = ["cr_sklearn", "sklearn", "torch"]
ROOT = Path(__file__).parents[1]
ROWS = Path("reports", "ablation", "fits.csv")
MAX_ROWS, TIME_LIMIT = 1000, 120
METRICS = ["log_loss", "roc_auc", "accuracy", "ece"]
DEFAULT = "default"
# The fixed activations at the step size that suits them better of the two.
CHANGES = {
    DEFAULT: partial(ChainzRuleClassifier),
    "GELU, step 0.01": partial(
        ChainzRuleClassifier, activation="gelu", learning_rate_init=0.01
    ),
    "GELU": partial(ChainzRuleClassifier, activation="gelu"),
    "ReLU, step 0.01": partial(
        ChainzRuleClassifier, activation="relu", learning_rate_init=0.01
    ),
    "ReLU": partial(ChainzRuleClassifier, activation="relu"),
    "degree 2": partial(ChainzRuleClassifier, degree=2),
    "degree 5": partial(ChainzRuleClassifier, degree=5),
    "no ramps": partial(ChainzRuleClassifier, n_bins=0),
    "8 bins": partial(ChainzRuleClassifier, n_bins=8),
    "32 bins": partial(ChainzRuleClassifier, n_bins=32),
    "no gates": WithoutGates,
    "no target statistics": WithoutStatistics,
    "no skip": WithoutSkip,
    "no calibration scale": WithoutScale,
    "best strength alone": OneStrength,
    "fixed strength 0.01": partial(ChainzRuleClassifier, dreg_strength=0.01),
    "no DREG": partial(ChainzRuleClassifier, dreg_strength=0.0),
    "step 0.01": partial(ChainzRuleClassifier, learning_rate_init=0.01),
    "step 0.04": partial(ChainzRuleClassifier, learning_rate_init=0.04),
    "20 epochs at most": partial(ChainzRuleClassifier, max_iter=20),
    "64 + 64 units": partial(ChainzRuleClassifier, hidden_layer_sizes=(64, 64)),
    "one layer": partial(ChainzRuleClassifier, hidden_layer_sizes=(32,)),
    "16 + 16 units": partial(ChainzRuleClassifier, hidden_layer_sizes=(16, 16)),
    "3 folds": partial(ChainzRuleClassifier, cv=3),
    "10 folds": partial(ChainzRuleClassifier, cv=10),
    "no linear candidates": WithoutLinear,
    "all strengths to the end": AllToTheEnd,
    "one strength to the end": OneToTheEnd,
    "strengths chosen later": ChoosingLate,
    "strength annealed": Annealed,
    "penalty on the output alone": OutputPenalty,
    "penalty at the rows alone": AtTheRows,
    "Hermite basis": Hermite,
    "weight decay 0.02": LessDecay,
}

# What the published table says; to be read again when it changes.
READING = """
The cubic and GELU are level, by rank and by log-loss, and both are ahead of ReLU at the
same cost: what matters is DREG, its stacked strengths and their calibration scale. The
cubic stays because it is not worse and can be read off as coefficients. Degree 5
diverges where it has no score. Training all strengths to the end differs on pmlb_monk2
above all, a table of logic that is learned late. Longer training, more folds and wider
layers gain little, if anything, for about twice the cost or more. The skip connection
no longer matters beside linear networks; it stays because they are made of it.
"""


def table(rows):
    """Each change against the default, over the sets.

    Returns
    -------
    DataFrame
        By change: mean rank by log-loss over all sets, mean log-loss and other metrics
        over those on which all changes have one; on the ``n_sets`` on which this change
        has one, its difference to the default with a 95 % interval of the t-test over
        sets, the sets on which it is better and worse by more than 0.001, and p of
        Wilcoxon's test; median seconds of a fit.
    """
    scores = suite.mean_scores(rows, "log_loss")
    places = suite.ranks(scores, "log_loss").mean()
    common = scores.dropna().index
    means = suite.by_set(rows[rows["dataset"].isin(common)], METRICS)
    means = means.groupby("model").mean()
    seconds = rows.groupby("model")["fit_seconds"].median()
    lines = []
    for name in scores.columns:
        difference = (scores[name] - scores[DEFAULT]).dropna()
        estimate = corrected_mean(difference, 0.0)
        lines.append(
            {
                "change": name,
                "n_sets": len(difference),
                "mean_rank": places[name],
                "log_loss": means.loc[name, "log_loss"],
                "difference": estimate.mean,
                "low": estimate.low,
                "high": estimate.high,
                "better": int((difference < -0.001).sum()),
                "worse": int((difference > 0.001).sum()),
                "p": suite.signed_rank_p(difference),
                **means.loc[name, METRICS[1:]],
                "fit_seconds": seconds[name],
            }
        )
    return pd.DataFrame(lines).sort_values("mean_rank", ignore_index=True)


def markdown(result, made_by):
    """The table as a page of the documentation."""
    shown = pd.DataFrame(
        {
            "change": result["change"],
            "mean rank": result["mean_rank"].map("{:.1f}".format),
            "log-loss": result["log_loss"].map("{:.4f}".format),
            "difference (95 %)": [
                f"{d:+.4f} ({low:+.4f} to {high:+.4f})"
                for d, low, high in result[["difference", "low", "high"]].to_numpy()
            ],
            "better / worse": [
                f"{better} / {worse}"
                for better, worse in result[["better", "worse"]].to_numpy()
            ],
            "p": result["p"].map(report.format_p),
            "AUC": result["roc_auc"].map("{:.4f}".format),
            "accuracy": result["accuracy"].map("{:.4f}".format),
            "ECE": result["ece"].map("{:.4f}".format),
            "fit, s": result["fit_seconds"].map("{:.1f}".format),
        }
    )
    n_sets = result["n_sets"]
    failures = [
        f"{change} on {n_sets.max() - n}"
        for change, n in result[["change", "n_sets"]].to_numpy()
        if n < n_sets.max()
    ]
    without = f"Without a score: {', '.join(failures)}. " if failures else ""
    return (
        "# What each ingredient is worth\n\n"
        "ChainzRule with one thing changed at a time, on "
        f"{n_sets.max()} sets of at most {MAX_ROWS} rows, first of five folds. "
        "Differences are those in log-loss to the default, with the interval of a "
        "t-test over sets; better and worse count the sets that differ by more than "
        "0.001; p is Wilcoxon's, not adjusted. GELU and ReLU have DREG and everything "
        f"else as well. {without}Means are over the sets on which all have scores.\n\n"
        f"{report.markdown(shown)}\n\n`{made_by}`\n"
    )


def main(argv=None):
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.ablation", description=__doc__.splitlines()[0]
    )
    parser.add_argument(
        "--data", type=Path, help="folder of parquet files ($CR_SKLEARN_DATA/tabular)"
    )
    parser.add_argument("--changes", help="names with semicolons between them (all)")
    parser.add_argument("--jobs", type=int, default=2, help="processes (2)")
    parser.add_argument(
        "--rows", type=Path, default=ROWS, help="file of the fits, one row each"
    )
    parser.add_argument(
        "--fresh", action="store_true", help="forget the fits of these changes"
    )
    parser.add_argument(
        "--publish",
        action="store_true",
        help="write benchmarks/results/ablation.csv and docs/ablation.md",
    )
    args = parser.parse_args(argv)
    names = [DEFAULT, *args.changes.split(";")] if args.changes else list(CHANGES)
    unknown = sorted(set(names) - set(CHANGES))
    if unknown:
        parser.error(f"unknown changes {unknown}; known are {list(CHANGES)}")
    try:
        folder = args.data or data_folder() / "tabular"
        tables = {
            name: suite.load(folder, name, MAX_ROWS) for name in suite.names(folder)
        }
    except (ValueError, FileNotFoundError) as error:
        raise SystemExit(str(error)) from error
    makers = {name: partial(_make, CHANGES[name]) for name in dict.fromkeys(names)}
    experiments = suite.experiments(
        tables, makers, f"{suite.N_FOLDS}-fold, {MAX_ROWS} rows", makers
    )
    if args.fresh:
        forget(args.rows, tables, makers)
    rows = run(
        experiments, args.rows, n_jobs=args.jobs, progress=True, time_limit=TIME_LIMIT
    )
    command = report.command_line("ablation", argv)
    made_by = f"{command}; {report.environment(PACKAGES)}"
    result = table(rows)
    page = markdown(result, made_by)
    if args.publish:
        path = ROOT / "benchmarks" / "results" / "ablation.csv"
        report.write_csv(result, path, made_by)
        (ROOT / "docs" / "ablation.md").write_text(page + READING, encoding="utf-8")
    print(page)


def _make(build, seed):
    return build(random_state=seed)


if __name__ == "__main__":
    with extra_packages():
        main()
