"""What is computed from the networks of the regularisers: accuracies, places, tests."""

import pandas as pd

from benchmarks import suite
from benchmarks.comparison import holm

REFERENCE = "dreg"
REGIMES = {
    "overall": "overall",
    "clean": "clean",
    "noise": "noisy inputs",
    "scarce": "10 % of the rows",
}
# How much more a regulariser gains with few rows than with all of them.
GAIN = "scarce - clean"
# All activations together.
ALL = "all"
# What the paper calls messy vision and messy language is not known; these are ours.
MESSY = ["cifar10", "yelp"]


def scores(rows):
    """Accuracy of each network in each regime.

    That overall is the mean of the three others: all rows with clean test inputs, all
    rows with noisy ones, and a tenth of the rows with clean ones.

    Returns
    -------
    DataFrame
        What tells networks apart, ``regime`` and ``accuracy``.
    """
    names = ["dataset", "activation", "regularizer", "strength", "learning_rate"]
    key = [*rows.columns.intersection(names), "seed"]
    full, scarce = rows[rows["fraction"] == 1.0], rows[rows["fraction"] < 1.0]
    both = full.merge(scarce[[*key, "accuracy"]], on=key, suffixes=("", "_scarce"))
    wide = both[key].assign(
        clean=both["accuracy"],
        noise=both["noisy_accuracy"],
        scarce=both["accuracy_scarce"],
    )
    wide["overall"] = wide[["clean", "noise", "scarce"]].mean(axis=1)
    return wide.melt(key, list(REGIMES), "regime", "accuracy")


def cells(table):
    """Mean and sd over the seeds, and the place among the regularisers, by cell.

    Parameters
    ----------
    table : DataFrame
        Of :func:`scores`.
    """
    key = ["regime", "dataset", "activation"]
    seeds = table.groupby([*key, "regularizer"], sort=False)["accuracy"]
    found = seeds.agg(accuracy="mean", sd="std", n_seeds="size").reset_index()
    places = found.groupby(key)["accuracy"].rank(ascending=False)
    return found.assign(place=places)


def regimes(table):
    """Each regulariser under each activation, and under all of them.

    Parameters
    ----------
    table : DataFrame
        Of :func:`scores`.

    Returns
    -------
    DataFrame
        By regime, activation and regulariser: mean ``accuracy`` over the sets (and
        activations), its ``sd`` over the seeds, its ``place``, and how far it is
        ``above_none``; ``mean_rank`` over the sets (and activations).
    """
    key = ["regime", "activation", "regularizer"]
    table = _with_all(table)
    seeds = table.groupby([*key, "seed"], sort=False)["accuracy"].mean()
    found = seeds.groupby(key, sort=False).agg(
        accuracy="mean", sd="std", n_seeds="size"
    )
    by_key = table.groupby(key)
    found["n_sets"] = by_key["dataset"].nunique()
    ranks = _with_all(cells(table[table["activation"] != ALL]))
    found["mean_rank"] = ranks.groupby(key)["place"].mean()
    alike = found.groupby(["regime", "activation"])["accuracy"]
    found["place"] = alike.rank(ascending=False)
    none = found.xs("none", level="regularizer")["accuracy"]
    found["above_none"] = found["accuracy"] - found.join(none.rename("none"))["none"]
    return found.reset_index()


def comparisons(table):
    """DREG against each other regulariser, over data sets, or sets and activations.

    Parameters
    ----------
    table : DataFrame
        Of :func:`scores`.

    Returns
    -------
    DataFrame
        By regime, activation and ``unit``: mean ``difference`` in accuracy, DREG minus
        the other, over ``n`` units, of which DREG wins and loses so many; p of
        Wilcoxon's signed-rank test over the units, and ``p_holm``, adjusted over the
        regularisers. In the regime :data:`GAIN` the differences are those with few
        rows minus those with all.
    """
    means = cells(table).set_index(["regime", "dataset", "activation", "regularizer"])
    means = means["accuracy"].unstack("regularizer")
    gain = means.loc["scarce"] - means.loc["clean"]
    means = pd.concat([means, pd.concat({GAIN: gain}, names=["regime"])])
    tables = []
    for regime in [*REGIMES, GAIN]:
        of_regime = means.loc[regime]
        units = {(ALL, "set and activation"): of_regime}
        units[ALL, "set"] = of_regime.groupby("dataset").mean()
        for activation in table["activation"].unique():
            units[activation, "set"] = of_regime.xs(activation, level="activation")
        for (activation, unit), values in units.items():
            part = _against(values)
            part.insert(0, "regime", regime)
            part.insert(1, "activation", activation)
            part.insert(2, "unit", unit)
            tables.append(part)
    return pd.concat(tables, ignore_index=True)


def strengths(development):
    """Accuracy on the development sets by regulariser, strength and step size.

    Returns
    -------
    DataFrame
        Means over sets, activations and seeds, by regime in columns; ``best`` marks
        the strength of each regulariser that is best overall, at the same step size.
    """
    table = scores(development)
    key = ["regularizer", "strength", "learning_rate"]
    means = table.groupby([*key, "regime"], sort=False)["accuracy"].mean()
    found = means.unstack("regime")[list(REGIMES)].reset_index()
    alike = found.groupby(["regularizer", "learning_rate"])["overall"]
    found["best"] = found["overall"] == alike.transform("max")
    return found


def _with_all(table):
    """With the rows once more, as those of all activations together."""
    return pd.concat([table.assign(activation=ALL), table], ignore_index=True)


def _against(values):
    lines = []
    for name in values.columns.drop(REFERENCE):
        difference = values[REFERENCE] - values[name]
        lines.append(
            {
                "regularizer": name,
                "n": len(difference),
                "wins": int((difference > 0).sum()),
                "losses": int((difference < 0).sum()),
                "difference": difference.mean(),
                "p": suite.signed_rank_p(difference),
            }
        )
    table = pd.DataFrame(lines)
    table["p_holm"] = holm(table["p"])
    return table
