"""Tables, figures and sentences that the reports of all suites have.

``labels`` are what reports call the models, by name; ``reference`` is the model of ours
that the others are compared with.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.transforms import Bbox

from benchmarks import report, suite
from benchmarks.comparison import LOWER_IS_BETTER

TITLES = {
    "log_loss": "Log-loss",
    "roc_auc": "ROC-AUC",
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced acc.",
    "ece": "ECE",
    "mae": "MAE",
    "macro_mae": "Macro MAE",
    "qwk": "QWK",
    "rps": "RPS",
}
SMALL = 1000
# Of a label beside its point, in points, and where it begins or ends.
_PLACES = [
    ((6, 4), "left"),
    ((6, -12), "left"),
    ((-6, 4), "right"),
    ((-6, -12), "right"),
]


def by_size(rows, tables):
    """Fits by the size of their set before it was sampled."""
    small = rows["dataset"].map(lambda name: tables[name].n_rows < SMALL)
    parts = {
        "All sets": rows,
        f"Sets with fewer than {SMALL:,} rows": rows[small],
        f"Sets with {SMALL:,} rows and more": rows[~small],
    }
    return {title: part for title, part in parts.items() if len(part)}


def score_table(rows, metrics, labels):
    """One row per model, ordered by its rank in the first metric."""
    table = suite.summarise(rows, metrics)
    order = table.loc[table["metric"] == metrics[0], "model"]
    columns = {"Model": [labels[name] for name in order]}
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


def against_table(comparison, labels):
    """The reference against each other model in one metric."""
    return pd.DataFrame(
        {
            "Against": [labels[name] for name in comparison["model"]],
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


def against_text(rows, metrics, labels, reference):
    """Section on the reference against each model, with a table for each metric."""
    own = labels[reference]
    comparison = suite.compare_over_sets(rows, reference, metrics)
    if comparison.empty:
        return f"## {own} against each model\n\nNo other model was run."
    text = (
        f"## {own} against each model\n\n"
        "Wins, ties and losses: on how many sets Nadeau and Bengio's corrected t-test "
        "over the splits tells the two apart at 5 %, without correction for the number "
        f"of sets. Median over the sets of {own} minus the other, with p of Wilcoxon's "
        "signed-rank test over the sets and after Holm's correction for the models of "
        "the table. Sets on which either has no score are left out."
    )
    for metric, part in comparison.groupby("metric", sort=False):
        table = report.markdown(against_table(part, labels))
        text += f"\n\n### {TITLES[metric]}\n\n{table}"
    return text


def seconds(rows):
    """Seconds by model: of a fit, of a prediction, of all fits; fits without scores."""
    fits = rows.groupby("model", sort=False)
    table = fits[["fit_seconds", "predict_seconds"]].median()
    table["core_minutes"] = fits["fit_seconds"].sum() / 60
    for name, chosen in {
        "timeouts": rows["status"] == "timeout",
        "failures": rows["status"].str.startswith("failed"),
    }.items():
        table[name] = chosen.groupby(rows["model"]).sum()
    table["n_fits"] = fits.size()
    return table


def time_table(table, labels):
    """A table of :func:`seconds` as texts, the quickest model first."""
    table = table.sort_values("fit_seconds")
    return pd.DataFrame(
        {
            "Model": [labels[name] for name in table.index],
            "Fit s": table["fit_seconds"].map("{:.2f}".format),
            "Predict s": table["predict_seconds"].map("{:.3f}".format),
            "All fits, core-minutes": table["core_minutes"].map("{:.1f}".format),
            "Fits": table["n_fits"],
            "Over the limit": table["timeouts"],
            "Failed": table["failures"],
        }
    )


def set_table(rows, tables, metric, labels, reference):
    """A metric of the reference and of the best model on every set."""
    scores = suite.mean_scores(rows, metric)
    places = suite.ranks(scores, metric)
    best = scores.idxmin if metric in LOWER_IS_BETTER else scores.idxmax
    lines = []
    for name, model in best(axis=1).items():
        table = tables[name]
        lines.append(
            {
                "Set": name,
                "Rows": len(table.y),
                "Columns": table.X.shape[1],
                "Classes": table.y.nunique(),
                labels[reference]: f"{scores.loc[name, reference]:.4f}",
                "Best": f"{scores.loc[name, model]:.4f}",
                "Best model": labels[model],
                "Rank": f"{places.loc[name, reference]:g}",
            }
        )
    return pd.DataFrame(lines)


def model_table(rows, models):
    """Labels and settings of the models of these fits."""
    return pd.DataFrame(
        [models[name][:2] for name in rows["model"].unique()],
        columns=["Model", "Settings"],
    )


def draw_ranks(path, rows, metric, labels, reference):
    """Write the critical differences in one metric as a PNG file."""
    places = suite.ranks(suite.mean_scores(rows, metric), metric)
    figure, [ax] = report.new_figure(1, (9, 0.22 * places.shape[1] + 1.6))
    report.critical_differences(ax, places, suite.nemenyi(places), labels, reference)
    ax.set_title(f"{TITLES[metric]}: mean rank over {len(places)} sets")
    figure.savefig(path)
    plt.close(figure)


def draw_time(path, rows, metric, labels, reference):
    """Write mean ranks in one metric by the seconds of a fit as a PNG file."""
    places = suite.ranks(suite.mean_scores(rows, metric), metric).mean()
    times = rows.groupby("model")["fit_seconds"].median()[places.index]
    figure, [ax] = report.new_figure(1, (8, 4.5))
    for name in places.index:
        colour = report.HIGHLIGHT if name == reference else report.PLAIN
        ax.plot(times[name], places[name], "o", color=colour)
    ax.set_xscale("log")
    ax.xaxis.set_major_formatter("{x:g}")
    ax.margins(x=0.2, y=0.1)
    ax.invert_yaxis()
    ax.grid(alpha=0.3)
    ax.set_xlabel("Seconds of a fit on one thread, median (log scale)")
    ax.set_ylabel(f"Mean rank by {TITLES[metric]}, best on top")
    # Labels go where they cover nothing, which is known once the axes have their place.
    figure.draw_without_rendering()
    points = np.column_stack([times, places])
    taken = [
        Bbox.from_bounds(x - 8, y - 8, 16, 16)
        for x, y in ax.transData.transform(points)
    ]
    for name in places.sort_values().index:
        colour = report.HIGHLIGHT if name == reference else report.PLAIN
        taken.append(
            _place_label(ax, labels[name], (times[name], places[name]), colour, taken)
        )
    figure.savefig(path)
    plt.close(figure)


def _place_label(ax, text, point, colour, taken):
    """Write a label beside its point, and return the box that it takes."""
    label = ax.annotate(
        text,
        point,
        xytext=(0, 0),
        textcoords="offset points",
        fontsize=9,
        color=colour,
    )
    # Where no place is free, the last is as good as the others.
    for offset, side in _PLACES:
        label.set(position=offset, ha=side)
        box = label.get_window_extent()
        if not any(box.overlaps(other) for other in taken):
            break
    return box


def sets_text(rows, tables, max_rows):
    """Sentences on the sets, their splits, and what was left out of them.

    ``rows`` are fits of the models that are compared, where all of them were tried.
    """
    used = {name: tables[name] for name in rows["dataset"].unique()}
    sampled = sum(table.n_rows > max_rows for table in used.values())
    dropped = {
        name: table.n_dropped_classes
        for name, table in used.items()
        if table.n_dropped_classes
    }
    classes = (
        f" Classes with fewer than {suite.MIN_CLASS_ROWS} rows are dropped: "
        + ", ".join(f"{count} of {name}" for name, count in dropped.items())
        + "."
        if dropped
        else ""
    )
    n_splits = sum(map(suite.n_splits, used.values()))
    tried = len(rows.drop_duplicates(["dataset", "repeat", "fold"]))
    part = (
        f" The run is not complete: all figures are of {tried} of {n_splits} splits, "
        "first folds of all sets first."
        if tried < n_splits
        else ""
    )
    return (
        f"{len(used)} sets, stratified {suite.N_FOLDS}-fold cross-validation, twice "
        f"for sets of fewer than {suite.TWO_REPEATS_BELOW} rows; all models see the "
        "same splits, and imputation, encoding, scaling, calibration and tuning are "
        f"fitted on the training rows alone. {sampled} sets with more than "
        f"{max_rows:,} rows are stratified samples of that size.{classes}{part}"
    )


def limits_text(rows, time_limit):
    """Sentences on fits without scores."""
    complete = (rows["status"] == "ok").groupby([rows["dataset"], rows["model"]]).all()
    return (
        f"A fit may take {time_limit:g} s of the processor, whatever the model; "
        "one that takes longer or fails leaves its model without a score on that set, "
        "where it shares the last place: "
        f"{(rows['status'] == 'timeout').sum()} fits took longer, "
        f"{rows['status'].str.startswith('failed').sum()} failed, and "
        f"{(~complete).sum()} of {len(complete)} pairs of set and model have no score. "
        f"All {len(rows)} fits together took {rows['fit_seconds'].sum() / 60:.0f} "
        "core-minutes."
    )


def rank_text(groups, tested, further, labels):
    """Section with the tables of ranks and scores, for each group of sets."""
    text = (
        "## Ranks and scores\n\n"
        f"Best mean rank by {TITLES[tested[0]]} first. Ranks are means over the sets; "
        "scores are means over the sets on which every model has one; normalised "
        "scores are 0 for the worst model of a set and 1 for its best."
    )
    for number, (title, rows) in enumerate(groups.items()):
        text += f"\n\n### {title} ({rows['dataset'].nunique()})"
        for metrics in [tested] if number else [tested, further]:
            text += f"\n\n{report.markdown(score_table(rows, metrics, labels))}"
    return text


def terminal(rows, metrics, labels):
    """The ranks over all sets as plain text."""
    return (
        f"{rows['dataset'].nunique()} sets, {len(rows)} fits, mean ranks and means\n\n"
        f"{report.terminal(score_table(rows, metrics, labels))}"
    )
