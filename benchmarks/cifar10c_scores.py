"""Scores of clean and corrupted images, and who is ahead."""

import numpy as np
import pandas as pd
from sklearn.metrics import log_loss

from benchmarks import report, suite
from benchmarks.cifar10c_models import REFERENCE
from benchmarks.comparison import compare, holm
from benchmarks.corruptions import COMMON, CONDITIONS, CORRUPTIONS, N_SEVERITIES
from benchmarks.evaluation import Scoring

N_BLOCKS = 1 + len(CONDITIONS)
TESTED = ["corrupted", "common", "clean", "drop", "log_loss"]


def _score(model, X, y, labels, probabilities):
    """Scores of test rows in blocks: clean images, then those of every condition."""
    right = np.asarray(labels == y).reshape(N_BLOCKS, -1).mean(axis=1)
    clean, corrupted = right[0], right[1:].reshape(-1, N_SEVERITIES).mean(axis=1)
    n_clean = len(y) // N_BLOCKS
    known = {"labels": model.classes_}
    return {
        "clean": clean,
        "corrupted": corrupted.mean(),
        "common": corrupted[: len(COMMON)].mean(),
        "drop": clean - corrupted.mean(),
        "clean_log_loss": log_loss(y[:n_clean], probabilities[:n_clean], **known),
        "log_loss": log_loss(y[n_clean:], probabilities[n_clean:], **known),
        **dict(zip(CONDITIONS, right[1:], strict=True)),
    }


METRICS = ["clean", "corrupted", "common", "drop", "clean_log_loss", "log_loss"]
SCORING = Scoring([*METRICS, *CONDITIONS], _score)


def comparison(rows, metrics=TESTED):
    """The reference minus each other model; replicates are independent."""
    return compare(rows, REFERENCE, metrics, test_to_train=0.0)


def by_condition(rows):
    """Accuracy of each model under each corruption in each severity.

    Returns
    -------
    DataFrame
        By ``model``, ``corruption`` and ``severity``, means and sd over the replicates
        of ``accuracy`` and of ``difference``, by which the reference is ahead.
    """
    fits = rows.melt(["model", "repeat"], list(CONDITIONS), "condition", "accuracy")
    own = fits[fits["model"] == REFERENCE].drop(columns="model")
    fits = fits.merge(own, on=["repeat", "condition"], suffixes=("", "_own"))
    fits["difference"] = fits["accuracy_own"] - fits["accuracy"]
    table = report.summary(fits, ["accuracy", "difference"], ["model", "condition"])
    table = table.reset_index()
    condition = table.pop("condition").map(CONDITIONS)
    table.insert(1, "corruption", condition.str[0])
    table.insert(2, "severity", condition.str[1])
    return table


def over_corruptions(rows):
    """The reference against each other model, over the corruptions.

    Returns
    -------
    DataFrame
        By model: on how many of ``n_corruptions`` the reference is ahead (``wins``) and
        behind (``losses``) in accuracy, the mean over severities and replicates; the
        median ``difference``; p of Wilcoxon's test over the corruptions, and
        ``p_holm``, adjusted over the models.
    """
    differences = by_corruption(rows, "difference").drop(columns=REFERENCE)
    table = pd.DataFrame(
        {
            "n_corruptions": len(differences),
            "wins": (differences > 0).sum(),
            "losses": (differences < 0).sum(),
            "difference": differences.median(),
            "p": differences.apply(suite.signed_rank_p),
        }
    )
    table["p_holm"] = holm(table["p"])
    return table.rename_axis("model").reset_index()


def by_corruption(rows, value):
    """Means over the severities, one row per corruption and one column per model."""
    table = by_condition(rows).pivot_table(
        index="corruption", columns="model", values=value, sort=False
    )
    return table.loc[list(CORRUPTIONS), rows["model"].unique()]
