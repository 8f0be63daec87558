"""Many data sets: their splits, ranks over them, and tests over them.

A fit without scores, for its time or an error, leaves its model without a score on that
data set; such a model shares the last place there.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import scikit_posthocs
from scipy import stats
from sklearn.model_selection import train_test_split

from benchmarks.comparison import LOWER_IS_BETTER, corrected_mean, holm, size_ratio
from benchmarks.data import load_tabular
from benchmarks.protocols import Experiment, repeated_folds

N_FOLDS = 5
# Smaller sets are split twice.
TWO_REPEATS_BELOW = 500
# So that every fold has a test row of every class.
MIN_CLASS_ROWS = N_FOLDS


class Table(NamedTuple):
    """A data set as it is fitted, and what it was before."""

    X: Any
    y: Any
    n_rows: int
    n_dropped_classes: int


def names(folder):
    """Names of the data sets of a folder.

    Raises
    ------
    FileNotFoundError
        If there is none.
    """
    found = sorted(path.stem for path in Path(folder).glob("*.parquet"))
    if not found:
        raise FileNotFoundError(f"There is no parquet file in {folder}.")
    return found


def load(folder, name, max_rows, without=()):
    """A data set, sampled to ``max_rows``, without the columns ``without``.

    Classes with fewer rows than there are folds are dropped. All columns that are not
    numbers become categories. Rows are shuffled: some sets are sorted, and some models
    validate on folds of neighbouring rows.
    """
    X, y = load_tabular(folder, name)
    X = X.sample(frac=1, random_state=0)
    y = y[X.index]
    n_rows, n_classes = len(X), y.nunique()
    X = X.drop(columns=list(without))
    others = X.select_dtypes(exclude="number").columns
    X = X.astype(dict.fromkeys(others, "category"))
    X, y = _frequent(X, y)
    if len(X) > max_rows:
        rows, _ = train_test_split(
            np.arange(len(X)), train_size=max_rows, stratify=y, random_state=0
        )
        X, y = _frequent(X.iloc[rows], y.iloc[rows])
    X, y = X.reset_index(drop=True), y.reset_index(drop=True)
    return Table(X, y, n_rows, n_classes - y.nunique())


def _frequent(X, y):
    keep = y.map(y.value_counts()) >= MIN_CLASS_ROWS
    return X[keep], y[keep]


def n_splits(table):
    """Splits of a data set: repeated folds on small ones."""
    return N_FOLDS * (2 if len(table.y) < TWO_REPEATS_BELOW else 1)


def experiments(tables, models, protocol, first_fold_only=()):
    """The first fold of every set, then the second of every set, and so on.

    So a run that is stopped half-way has compared all models on all sets.

    Parameters
    ----------
    tables : dict of Table
    models : dict
        Name -> ``make(seed)``.
    protocol : str
    first_fold_only : collection of str
        Models that are fitted on the first fold alone.

    Returns
    -------
    list of Experiment
    """
    splits = {
        name: repeated_folds(table.y, N_FOLDS, n_splits(table) // N_FOLDS)
        for name, table in tables.items()
    }
    later = {name: models[name] for name in models if name not in first_fold_only}
    return [
        Experiment(
            name,
            protocol,
            tables[name].X,
            tables[name].y,
            [splits[name][i]],
            later if i else models,
        )
        for i in range(max(map(len, splits.values())))
        for name in tables
        if i < len(splits[name])
    ]


def in_common(rows, models):
    """Fits of these models, on the splits that all of them were tried on."""
    rows = rows[rows["model"].isin(models)]
    tried = rows.groupby(["dataset", "repeat", "fold"])["model"].transform("nunique")
    return rows[tried == len(models)]


def by_set(rows, metrics):
    """Means over the splits, by set and model; NaN where any fit has no score."""
    fits = rows.groupby(["dataset", "model"], sort=False)[metrics]
    return fits.agg(lambda values: values.mean(skipna=False))


def mean_scores(rows, metric):
    """Means over the splits, by set (rows) and model (columns).

    Models that have no such score by their nature, though their fits succeed, are left
    out: a model of labels alone has no log-loss.
    """
    scored = rows[rows["status"] == "ok"].groupby("model")[metric].count()
    rows = rows[~rows["model"].isin(scored.index[scored == 0])]
    return by_set(rows, metric).unstack("model")[rows["model"].unique()]


def ranks(scores, metric):
    """Places by set and model; 1 is the best, and NaN share the last ones."""
    return scores.rank(axis=1, ascending=metric in LOWER_IS_BETTER, na_option="bottom")


def normalised(scores, metric):
    """Scores by set and model, from 0 for the worst model of a set to 1 for its best.

    Without a score it is 0; where all are equal it is 1.
    """
    if metric in LOWER_IS_BETTER:
        scores = -scores
    low, high = scores.min(axis=1), scores.max(axis=1)
    gains = scores.sub(low, axis=0).div((high - low).where(high > low), axis=0)
    return gains.mask(scores.eq(high, axis=0), 1.0).fillna(0.0)


def summarise(rows, metrics):
    """Mean rank, mean and normalised score by metric and model, best rank first.

    The mean is over the sets on which every model has a score.
    """
    results = []
    for metric in metrics:
        scores = mean_scores(rows, metric)
        table = pd.DataFrame(
            {
                "metric": metric,
                "mean_rank": ranks(scores, metric).mean(),
                "mean": scores.dropna().mean(),
                "normalised": normalised(scores, metric).mean(),
            }
        )
        results.append(table.sort_values("mean_rank", kind="stable").reset_index())
    return pd.concat(results, ignore_index=True)


def nemenyi(places):
    """Matrix of p for the hypothesis that two models have the same mean rank.

    P. B. Nemenyi's test, as in J. Demsar: Statistical comparisons of classifiers over
    multiple data sets. Journal of Machine Learning Research 7, 2006.
    """
    return scikit_posthocs.posthoc_nemenyi_friedman(places)


def compare_over_sets(rows, reference, metrics):
    """One model against each other: test by test within sets, and one over all sets.

    Sets on which one of the two has no score are left out.

    Returns
    -------
    DataFrame
        By metric and model: ``wins``, ``ties`` and ``losses`` of the reference by the
        corrected t-test on each set at 5 %; ``difference``, the median over ``n_sets``
        of the reference minus the model; p of Wilcoxon's signed-rank test over the
        sets, and ``p_holm``, adjusted over the models of that metric.
    """
    results = []
    for metric in metrics:
        scores = mean_scores(rows, metric)
        others = list(scores.columns.drop(reference))
        lines = []
        for name in others:
            differences = (scores[reference] - scores[name]).dropna()
            lines.append(
                {
                    "metric": metric,
                    "model": name,
                    **_won(rows, reference, name, metric),
                    "n_sets": len(differences),
                    "difference": differences.median(),
                    "p": signed_rank_p(differences),
                }
            )
        table = pd.DataFrame(lines)
        if others:
            table["p_holm"] = holm(table["p"])
        results.append(table)
    return pd.concat(results, ignore_index=True)


def signed_rank_p(differences):
    """Two-sided p of Wilcoxon's signed-rank test; 1 where there is no difference."""
    if not np.any(differences):
        return 1.0
    return float(stats.wilcoxon(differences).pvalue)


def _won(rows, reference, other, metric):
    pair = rows[rows["model"].isin([reference, other])]
    scores = pair.pivot(
        index=["dataset", "repeat", "fold"], columns="model", values=metric
    )
    differences = scores[reference] - scores[other]
    sign = -1 if metric in LOWER_IS_BETTER else 1
    count = {"wins": 0, "ties": 0, "losses": 0}
    for name, values in differences.groupby("dataset"):
        if len(values) < 2 or values.isna().any():
            continue
        fits = pair[pair["dataset"] == name]
        estimate = corrected_mean(sign * values, size_ratio(fits))
        if estimate.p >= 0.05:
            count["ties"] += 1
        else:
            count["wins" if estimate.mean > 0 else "losses"] += 1
    return count
