"""Is one model better than another? Paired tests for scores from resampled data.

Scores of overlapping training sets are correlated, so a plain paired t-test finds
differences where there are none. Both tests here widen the variance of the mean by
Nadeau and Bengio's term (2003).
"""

from typing import NamedTuple

import baycomp
import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.stats.multitest import multipletests

LOWER_IS_BETTER = {"log_loss", "brier", "ece", "mae", "macro_mae", "rps"}
# Differences within this count as none in the Bayesian test. For the log-loss in nats.
ROPE = {"accuracy": 0.01, "roc_auc": 0.01, "log_loss": 0.01}


class MeanEstimate(NamedTuple):
    """Mean, its 95 % interval, and p of the hypothesis that it is zero."""

    mean: float
    low: float
    high: float
    p: float


def corrected_mean(values, test_to_train):
    r"""Mean of correlated resampling results, with its corrected t-test.

    .. math:: t = \bar d \Big/ \sqrt{\Big(\frac{1}{J} + \rho\Big) \hat\sigma^2},
              \qquad \rho = n_{test} / n_{train}

    with J - 1 degrees of freedom. C. Nadeau, Y. Bengio: Inference for the
    generalization error. Machine Learning 52, 2003.

    Parameters
    ----------
    values : array-like of shape (J,)
        A score, or the paired difference of two, by split.
    test_to_train : float
        Test rows by training rows of a split; 0 gives the ordinary t-test.

    Returns
    -------
    MeanEstimate
    """
    values = np.asarray(values, dtype=float)
    n = len(values)
    if n < 2:
        raise ValueError(f"The t-test needs at least 2 values, got {n}.")
    mean = values.mean()
    scale = np.sqrt((1 / n + test_to_train) * values.var(ddof=1))
    if scale == 0:
        return MeanEstimate(mean, mean, mean, 1.0 if mean == 0 else 0.0)
    low, high = stats.t.interval(0.95, n - 1, loc=mean, scale=scale)
    p = 2 * stats.t.sf(abs(mean / scale), n - 1)
    return MeanEstimate(*map(float, (mean, low, high, p)))


def size_ratio(rows):
    """Test rows by training rows, averaged over the splits."""
    return float((rows["n_test"] / rows["n_train"]).mean())


def holm(p):
    """P values after Holm's correction for all of them."""
    return multipletests(p, method="holm")[1]


def compare(rows, reference, metrics, test_to_train=None):
    """Paired comparison of one model with each of the others.

    Parameters
    ----------
    rows : DataFrame
        Fits of one protocol, from :func:`benchmarks.protocols.run`.
    reference : str
        The model that the others are compared with.
    metrics : list of str
    test_to_train : float, default=None
        See :func:`corrected_mean`. None is that of the splits; 0 is for seeds on one
        split, whose fits have nothing in common by chance.

    Returns
    -------
    DataFrame
        By metric and model: ``difference`` (reference minus model) with its 95 %
        interval ``low`` to ``high``, corrected ``p``, and ``p_holm``, adjusted over
        the models of that metric.
    """
    results = []
    for metric in metrics:
        scores = _paired(rows, metric)
        others = [name for name in scores if name != reference]
        rho = size_ratio(rows) if test_to_train is None else test_to_train
        estimates = [
            corrected_mean(scores[reference] - scores[name], rho) for name in others
        ]
        table = pd.DataFrame(estimates).rename(columns={"mean": "difference"})
        table.insert(0, "metric", metric)
        table.insert(1, "model", others)
        if others:
            table["p_holm"] = holm(table["p"])
        results.append(table)
    return pd.concat(results, ignore_index=True)


def bayesian_compare(rows, reference, metrics):
    """Bayesian correlated t-test of one model against each of the others.

    For repeated cross-validation. A. Benavoli, G. Corani, J. Demsar, M. Zaffalon: Time
    for a change. Journal of Machine Learning Research 18, 2017.

    Returns
    -------
    DataFrame
        By metric and model, the posterior probabilities that the reference is
        ``better`` by more than :data:`ROPE`, practically the ``same``, or ``worse``.
    """
    n_repeats = rows["repeat"].nunique()
    results = []
    for metric in metrics:
        scores = _paired(rows, metric)
        if metric in LOWER_IS_BETTER:
            scores = -scores
        for name in scores.columns.drop(reference):
            worse, same, better = baycomp.two_on_single(
                scores[name].to_numpy(),
                scores[reference].to_numpy(),
                rope=ROPE[metric],
                runs=n_repeats,
            )
            results.append((metric, name, better, same, worse))
    return pd.DataFrame(results, columns=["metric", "model", "better", "same", "worse"])


def one_sample_p(mean, sd, n, value):
    """One-sided p of a one-sample t-test, from summary figures."""
    return float(stats.t.sf((mean - value) / (sd / np.sqrt(n)), n - 1))


def _paired(rows, metric):
    """Scores by split (rows) and model (columns, in order of appearance)."""
    scores = rows.pivot(
        index=["repeat", "fold", "fraction"], columns="model", values=metric
    )
    if scores.isna().any(axis=None):
        raise ValueError(f"{metric} is missing for some models and splits.")
    return scores[rows["model"].unique()]
