"""What is measured of networks on MNIST, and how their families compare."""

import numpy as np
import pandas as pd

from benchmarks import report
from benchmarks.comparison import compare, corrected_mean, holm, size_ratio
from benchmarks.mnist_networks import REFERENCE

# Of the norms of the gradients of all test images.
GRADIENTS = ("logit", "loss")
NORMS = [
    f"{gradient}_{what}"
    for gradient in GRADIENTS
    for what in ("mean", "peak", "max", "tau")
]
METRICS = ["accuracy", "log_loss", "n_parameters", *NORMS]
# Accuracies at which parameters are compared.
LEVELS = (0.9, 0.92, 0.94, 0.95, 0.96, 0.965, 0.97, 0.975, 0.98)


def by_width(rows, chosen):
    """Chosen settings, and mean and sd of every metric over the seeds."""
    settings = pd.DataFrame(
        [(one.family, one.width, one.step, one.value) for one in chosen],
        columns=["model", "width", "step", "value"],
    )
    scores = report.summary(rows, METRICS, by=("model", "width")).reset_index()
    return scores.merge(settings, on=["model", "width"])


def pairs(rows):
    """The reference by each other family, over pairs of equal width and seed.

    Returns
    -------
    DataFrame
        By metric and model: geometric mean ``ratio`` over the widths and then over the
        seeds, with its 95 % interval ``low`` to ``high`` and ``p`` of
        :func:`benchmarks.comparison.compare`, on logarithms; ``p_holm``, adjusted over
        the whole table; mean and sd over all pairs of the ``change``, 0 where both are
        equal; the ``n_pairs``, those in which the reference is ``lower``, and
        ``n_seeds``. "error" is 1 - accuracy.
    """
    metrics = ["error", "log_loss", *NORMS]
    rows = rows.assign(error=1.0 - rows["accuracy"])
    logs = rows.assign(**np.log(rows[metrics]))
    by_seed = logs.groupby(["model", "repeat", "fold", "fraction"], sort=False)
    means = by_seed[[*metrics, "n_train", "n_test"]].mean().reset_index()
    table = compare(means, REFERENCE, metrics).rename(columns={"difference": "ratio"})
    limits = ["ratio", "low", "high"]
    table[limits] = np.exp(table[limits])
    table["p_holm"] = holm(table["p"])
    lines = []
    for metric, model in table[["metric", "model"]].to_numpy():
        scores = rows.pivot(index=["width", "repeat"], columns="model", values=metric)
        change = scores[REFERENCE] / scores[model] - 1.0
        lines.append(
            {
                "change": change.mean(),
                "change_sd": change.std(),
                "lower": int((change < 0).sum()),
                "n_pairs": len(change),
                "n_seeds": rows["repeat"].nunique(),
            }
        )
    return table.join(pd.DataFrame(lines))


def parameters_at(level, n_parameters, accuracy):
    """Parameters with which a family first reaches an accuracy.

    The accuracy is interpolated linearly between networks, by the logarithm of their
    parameters. NaN if none reaches it, or if the smallest network does.

    Parameters
    ----------
    level : float
    n_parameters, accuracy : ndarray of shape (n_networks,)
        From small to large.
    """
    reached = np.flatnonzero(accuracy >= level)
    if not len(reached) or reached[0] == 0:
        return np.nan
    after = reached[0]
    before = after - 1
    share = (level - accuracy[before]) / (accuracy[after] - accuracy[before])
    logs = np.log(n_parameters)
    return np.exp(logs[before] + share * (logs[after] - logs[before]))


def parameters(rows, levels=LEVELS):
    """Parameters that each other family needs, by those of the reference.

    Returns
    -------
    DataFrame
        By level and model: mean over seeds of the ``reference_parameters`` and of the
        model's ``parameters``; geometric mean of their ``ratio`` with its 95 %
        interval, and its sd, over the ``n_seeds`` in which both reach the level;
        ``p`` of a ratio of 1, and ``p_holm``, adjusted over the whole table.
    """
    curves = rows.groupby(["model", "repeat"], sort=False)
    lines = []
    for level in levels:
        needed = pd.Series(
            {
                key: parameters_at(level, *one[["n_parameters", "accuracy"]].T.values)
                for key, one in curves
            }
        ).unstack()
        for model in rows["model"].unique()[1:]:
            own, other = needed.loc[[REFERENCE, model]].dropna(axis=1).to_numpy()
            if len(own) < 2:
                continue
            ratio = other / own
            log = corrected_mean(np.log(ratio), size_ratio(rows))
            lines.append(
                {
                    "level": level,
                    "model": model,
                    "reference_parameters": own.mean(),
                    "parameters": other.mean(),
                    "ratio": np.exp(log.mean),
                    "low": np.exp(log.low),
                    "high": np.exp(log.high),
                    "ratio_sd": ratio.std(ddof=1),
                    "n_seeds": len(ratio),
                    "p": log.p,
                }
            )
    table = pd.DataFrame(lines)
    return table.assign(p_holm=holm(table["p"]))
