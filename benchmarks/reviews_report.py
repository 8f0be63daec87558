"""Report of the review benchmark."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from benchmarks import report
from benchmarks.comparison import LOWER_IS_BETTER, compare
from benchmarks.ordinal_scores import by_rule
from benchmarks.published import (
    YELP,
    YELP_AVERAGE,
    YELP_BEST_LISTED,
    YELP_MODELS,
    YELP_RELU,
)
from benchmarks.reviews_models import (
    LARGE_MODELS,
    LARGE_REFERENCE,
    MODELS,
    REFERENCE,
    STEP_REFERENCE,
)
from benchmarks.suite_report import TITLES

TESTED = ["accuracy", "mae", "qwk", "rps"]
BY_MEDIAN = by_rule("mae", "median")
COLUMNS = [*TESTED, BY_MEDIAN, "log_loss", "fit_seconds"]
FEATURE_LABELS = {"minilm": "MiniLM", "glove": "GloVe", "words": "words"}
LABELS = {
    name: model.label
    for models in (*MODELS.values(), LARGE_MODELS)
    for name, model in models.items()
}
SET_LABELS = {
    "yelp": "Yelp",
    "coursera": "Coursera",
    "womens_clothing": "Women's clothing",
    "imdb": "IMDb",
    "yelp_full": "Yelp Review Full",
}
# Cubic and ReLU, both with DREG and everything else alike.
PAIRS = {
    REFERENCE: "relu_dreg",
    STEP_REFERENCE: "relu_dreg_step",
    LARGE_REFERENCE: "large_relu",
}
STEP_MODELS = [STEP_REFERENCE, "relu_dreg_step", "cubic_step", "relu_step"]
# What the published figures say; to be read again when they change.
READING = """
The paper's order does not appear. With DREG, cubic and ReLU are within 0.8 points of
each other on MiniLM, on all four sets, with the default step size or a chosen one, and
also as networks of 3.2 million parameters: none of these differences is significant,
and of the small networks ReLU is ahead in every one. On GloVe the default step size is
too large for the cubic: its deep networks run away, mostly linear ones are left, and on
Yelp it is significantly behind. With a chosen step size they are level there too.

With the step size chosen for both, the cubic with DREG is not told apart from the cubic
without: neither is ahead by accuracy on all sets, and RPS is lower with DREG on all
four sets and both encoders, but nowhere significantly. The large network is not told
apart from the default's ensemble.

Against the classifier, knowing the order costs accuracy and gains MAE and QWK where
labels are taken as they come; all three are significant on IMDb. Read by the median,
the classifier on MiniLM has the lower MAE on all four sets: the rule matters more than
the ordinal loss.

A bag of words is the most accurate on all four sets, and by RPS the best on all but
Coursera. So what limits the others here is the frozen encoder, not the network on it.
"""


class Result(NamedTuple):
    """Fits of the benchmark, and the reviews that they were fitted on."""

    rows: pd.DataFrame
    reviews: dict

    @property
    def main_rows(self):
        """All fits, with their features."""
        return self.rows.assign(features=self.rows["protocol"].str.partition(",")[0])


def write(page, result, made_by, prefix=""):
    """Write the page, as :func:`benchmarks.command.report_on` asks for it."""
    rows = result.main_rows
    tests = comparisons(rows)
    sections = [
        f"# Star ratings from reviews\n\nMade by `{made_by}`",
        _protocol_text(result),
        f"## What the published figures say\n\n{READING.strip()}",
        f"## What the paper reports\n\n{_paper_text(tests, rows)}",
        *(_set_text(name, of_set, tests) for name, of_set in _by_set(rows)),
        "## MAE and accuracy\n\nMeans over the splits with their 95 % intervals.\n\n"
        + "\n\n".join(
            f"![{TITLES[metric]}]({prefix}{metric}.png)"
            for metric in ("mae", "accuracy")
        ),
        f"## Models\n\n{_models_text(rows)}",
    ]
    page.write_text("\n\n".join(sections) + "\n", encoding="utf-8")
    for metric in ("mae", "accuracy"):
        _draw(rows, metric).savefig(Path(page.parent, f"{prefix}{metric}.png"))


def terminal(result):
    """Scores of every model and what the paper's comparison gives, as plain text."""
    rows = result.main_rows
    tests = comparisons(rows)
    parts = [
        f"{SET_LABELS[name]}\n{report.terminal(score_table(name, of_set, tests))}"
        for name, of_set in _by_set(rows)
    ]
    return "\n\n".join([*parts, _paper_text(tests, rows)])


def publish(folder, result, made_by):
    """Write the numbers of the tables as small CSV files."""
    rows = result.main_rows
    report.write_csv(scores(rows), Path(folder, "reviews.csv"), made_by)
    path = Path(folder, "reviews_comparisons.csv")
    report.write_csv(comparisons(rows), path, made_by)


def scores(rows):
    """Mean and sd of each metric, by set, features and model."""
    by = ["dataset", "features", "model"]
    groups = rows.groupby(by, sort=False)
    sizes = groups[["n_train", "n_test", "n_parameters"]].median()
    seeds = groups["seed"].nunique().rename("n_seeds")
    table = report.summary(rows, COLUMNS, by)
    return pd.concat([seeds, sizes, table], axis=1).reset_index()


def comparisons(rows):
    """Paired tests of each reference against the models beside it.

    Ours on each encoder is compared with the other models on it, that on MiniLM also
    with those that read words and with the large ones; that of a chosen step size with
    the others of a chosen step size; and the large one with its like. p is adjusted
    within a set, features, reference and metric.

    Returns
    -------
    DataFrame
        Columns ``dataset``, ``features``, ``reference`` and those of
        :func:`benchmarks.comparison.compare`.
    """
    columns = ["dataset", "features", "reference", "metric", "model", "difference"]
    tables = [pd.DataFrame(columns=[*columns, "low", "high", "p", "p_holm"])]
    for name, of_set in _by_set(rows):
        features, model = of_set["features"], of_set["model"]
        beside = {
            ("minilm", REFERENCE): features.isin(["minilm", "words"]),
            ("glove", REFERENCE): features.eq("glove"),
            ("minilm", STEP_REFERENCE): features.eq("minilm") & model.isin(STEP_MODELS),
            ("glove", STEP_REFERENCE): features.eq("glove") & model.isin(STEP_MODELS),
            ("minilm", LARGE_REFERENCE): model.isin(LARGE_MODELS),
        }
        for (of_reference, reference), chosen in beside.items():
            fits = _on_common_splits(of_set[chosen])
            if {reference} < set(fits["model"]) and len(_splits(fits)) > 1:
                seeds_alone = fits["fold"].nunique() == 1
                table = compare(fits, reference, TESTED, 0.0 if seeds_alone else None)
                table.insert(0, "dataset", name)
                table.insert(1, "features", of_reference)
                table.insert(2, "reference", reference)
                tables.append(table)
    return pd.concat(tables[len(tables) > 1 :], ignore_index=True)


def score_table(name, rows, tests):
    """Models of a set, those of the lowest MAE first, with p against ours."""
    tests = tests[(tests["dataset"] == name) & (tests["reference"] == REFERENCE)]
    p = tests.set_index(["features", "metric", "model"])["p_holm"]
    lines = []
    for line in scores(rows).sort_values("mae").to_dict("records"):
        compared = "glove" if line["features"] == "glove" else "minilm"
        shown = {
            "Model": LABELS[line["model"]],
            "Features": FEATURE_LABELS[line["features"]],
        }
        for metric in TESTED:
            shown[TITLES[metric]] = report.format_mean_sd(
                line[metric], line[f"{metric}_sd"]
            )
            if metric in ("accuracy", "mae"):
                found = p.get((compared, metric, line["model"]))
                shown[f"p ({TITLES[metric]})"] = (
                    "" if found is None else report.format_p(found)
                )
        shown["MAE by the median"] = f"{line[BY_MEDIAN]:.3f}"
        shown["Parameters"] = f"{line['n_parameters']:,.0f}"
        shown["Fit, s"] = f"{line['fit_seconds']:.1f}"
        lines.append(shown)
    return pd.DataFrame(lines)


def _by_set(rows):
    return rows.groupby("dataset", sort=False)


def _splits(rows):
    return rows[["repeat", "fold"]].drop_duplicates()


def _on_common_splits(rows):
    """Fits on splits where all models have one: a stopped run leaves others."""
    models = rows.groupby(["repeat", "fold"])["model"].transform("nunique")
    return rows[models == rows["model"].nunique()]


def _protocol_text(result):
    lines = []
    for name, reviews in result.reviews.items():
        fits = result.rows[result.rows["dataset"] == name]
        if fits.empty:
            continue
        shares = np.bincount(reviews.y, minlength=len(reviews.levels)) / len(reviews.y)
        lines.append(
            {
                "Set": SET_LABELS[name],
                "Reviews": f"{len(reviews.y):,}",
                "Equal to another": f"{_n_repeated(reviews.groups):,}",
                "Training / test": f"{fits['n_train'].iloc[0]:,} / "
                f"{fits['n_test'].iloc[0]:,}",
                "Splits": len(_splits(fits)),
                "Shares of the levels, %": " ".join(f"{100 * s:.0f}" for s in shares),
            }
        )
    return (
        f"{report.markdown(pd.DataFrame(lines))}\n\n"
        "Sets of more than 10,000 reviews are samples of that size. Splits are the "
        "same for all models, with the split's number as seed: folds of a stratified "
        "5-fold cross-validation with equal texts in one fold; of Yelp Review Full "
        "its official parts, so that p is over seeds alone there. MiniLM (384 "
        "columns) reads the first 128 tokens of a review, GloVe (50 columns) is the "
        "mean over all its words; both are frozen, and have seen none of the labels. "
        "Everything else is fitted on the training rows alone. MAE is in levels; "
        "labels are those of `predict`: the median of the ordinal models, the "
        "likeliest class of the classifiers, whose probabilities are therefore read "
        "by the median as well. p is of Nadeau and Bengio's corrected t-test against "
        "ChainzRule ordinal on the same features (on MiniLM for the models that read "
        "words), Holm-adjusted over the models. Seconds are those of one thread, "
        "without encoding."
    )


def _paper_text(tests, rows):
    found = tests[
        tests["metric"].eq("accuracy")
        & tests["model"].eq(tests["reference"].map(PAIRS))
    ]
    means = scores(rows).set_index(["dataset", "features", "model"])["accuracy"]
    lines = []
    for line in found.to_dict("records"):
        cubic, relu = (
            100 * means[line["dataset"], line["features"], line[role]]
            for role in ("reference", "model")
        )
        lines.append(
            {
                "Set": SET_LABELS[line["dataset"]],
                "Features": FEATURE_LABELS[line["features"]],
                "Cubic + DREG, %": f"{cubic:.2f}",
                "ReLU + DREG, %": f"{relu:.2f}",
                "Difference (95 %)": f"{100 * line['difference']:+.2f} "
                f"({100 * line['low']:+.2f} to {100 * line['high']:+.2f})",
                "p": report.format_p(line["p_holm"]),
                "Networks": LABELS[line["reference"]],
                "Cubic ahead": _verdict(line),
            }
        )
    table = report.markdown(pd.DataFrame(lines)) if lines else "No pair of fits yet."
    return (
        f"On Yelp Review Full (650,000 training reviews) the paper has {YELP} % for "
        f"ChainzRule and {YELP_RELU} % for ReLU + DREG, a difference of "
        f"{YELP - YELP_RELU:+.2f}. The average of {YELP_MODELS} models that it gives, "
        f"{YELP_AVERAGE} %, is above the {YELP_BEST_LISTED} % that it lists as the "
        "best. `--data FOLDER` runs this benchmark on those reviews; where the table "
        "has no such line they were not at hand, and a sample of 10,000 can't settle "
        "the level, only the order.\n\n"
        f"{table}"
    )


def _verdict(line):
    if line["p_holm"] >= 0.05:
        return "not told apart"
    return "yes" if line["difference"] > 0 else "no, behind"


def _set_text(name, rows, tests):
    table = score_table(name, rows, tests)
    return f"## {SET_LABELS[name]}\n\n{report.markdown(table)}"


def _models_text(rows):
    present = set(rows["model"])
    models = {
        name: model
        for among in (*MODELS.values(), LARGE_MODELS)
        for name, model in among.items()
        if name in present
    }
    return report.markdown(
        pd.DataFrame(
            [(model.label, model.settings) for model in models.values()],
            columns=["Model", "Settings"],
        )
    )


def _n_repeated(groups):
    return len(groups) - len(np.unique(groups))


def _draw(rows, metric):
    """A metric by set; models that read MiniLM or words, best on average first."""
    fits = rows[rows["features"].isin(["minilm", "words"])]
    # So far behind that the others would be drawn on top of each other.
    fits = fits[fits["model"] != "majority"]
    sets = list(dict.fromkeys(fits["dataset"]))
    everywhere = fits.groupby("model")["dataset"].nunique()
    fits = fits[fits["model"].map(everywhere) == len(sets)]
    means = fits.groupby("model")[metric].mean()
    models = means.sort_values(ascending=metric in LOWER_IS_BETTER).index.tolist()
    figure, axes = report.new_figure(
        len(sets), (2.4 + 2.2 * len(sets), 0.9 + 0.3 * len(models)), sharey=True
    )
    for ax, name in zip(axes, sets, strict=True):
        report.dot_plot(ax, fits[fits["dataset"] == name], metric, models, REFERENCE)
        ax.set_title(SET_LABELS[name], fontsize=10)
        ax.set_xlabel(TITLES[metric])
    report.name_rows(axes[0], models, LABELS, REFERENCE)
    return figure
