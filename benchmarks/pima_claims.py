"""Goals of the Pima benchmark and claims of the paper, next to what was measured."""

import pandas as pd

from benchmarks import report
from benchmarks.comparison import compare, one_sample_p
from benchmarks.models import MODELS
from benchmarks.published import PIMA, PIMA_BASELINES, TAU, TAU_OTHERS

REFERENCE = "chainzrule"
NETWORKS = ["chainzrule", "relu", "relu_dropout", "relu_decay"]

GOAL_LOG_LOSS, GOAL_AUC, GOAL_ACCURACY_LOSS = 0.465, 0.845, 0.005
GOAL_BEATEN = ["svm", "svm_tuned", "xgb", "xgb_tuned"]


def goals(rows):
    """Each goal with what the honest protocol measured, and whether it was reached."""
    mean = rows.groupby("model")[["log_loss", "roc_auc", "accuracy"]].mean()
    log_loss, auc, accuracy = mean.loc[REFERENCE]
    lines = [
        _goal(
            f"log-loss <= {GOAL_LOG_LOSS}", f"{log_loss:.4f}", log_loss <= GOAL_LOG_LOSS
        ),
        _goal(f"ROC-AUC >= {GOAL_AUC:.3f}", f"{auc:.4f}", auc >= GOAL_AUC),
    ]
    tests = compare(rows, REFERENCE, ["log_loss"]).set_index("model")
    for name in GOAL_BEATEN:
        goal = f"log-loss below that of {MODELS[name].label}, p (Holm) < .05"
        if name in tests.index:
            difference, p = tests.loc[name, ["difference", "p_holm"]]
            measured = f"{difference:+.4f}, p {report.format_p(p)}"
            lines.append(_goal(goal, measured, difference < 0 and p < 0.05))
        else:
            lines.append((goal, "not run", "-"))
    goal = f"accuracy >= that of logistic regression - {GOAL_ACCURACY_LOSS}"
    if "lr" in mean.index:
        difference = accuracy - mean.loc["lr", "accuracy"]
        reached = difference >= -GOAL_ACCURACY_LOSS
        lines.append(_goal(goal, f"{difference:+.4f}", reached))
    else:
        lines.append((goal, "not run", "-"))
    return pd.DataFrame(lines, columns=["Goal", "Measured", "Result"])


def _goal(goal, measured, reached):
    return goal, measured, "reached" if reached else "missed"


def claims(rows):
    """Each claim of the paper about Pima next to what was measured.

    Parameters
    ----------
    rows : dict of DataFrame
        Fits of the protocols "honest", "fractions" and "leaky".
    """
    full = rows["fractions"].query("fraction == 1.0")
    lines = [
        (
            "Accuracy, 614/154, 6 seeds",
            f"{PIMA['mean']} ± {PIMA['sd']}",
            f"{_accuracy(full, REFERENCE)} by the same protocol; "
            f"{_accuracy(rows['honest'], REFERENCE)} in the honest cross-validation; "
            f"{_accuracy(rows['leaky'], REFERENCE)} with label leakage",
        )
    ]
    for name, (value, p) in PIMA_BASELINES.items():
        measured = f"{_against(full, name)}; {_recomputed(value)}"
        claim = f"More accurate than {MODELS[name].label}"
        lines.append((claim, f"{value:.2f}, p = {p:.4f}", measured))
    tau = rows["fractions"].groupby(["model", "fraction"])["tau"].mean()
    for name in NETWORKS:
        if name in tau.index:
            claim = f"tau of {MODELS[name].label}, at every fraction"
            published = TAU if name == REFERENCE else TAU_OTHERS
            low, high = tau[name].min(), tau[name].max()
            lines.append(
                (
                    claim,
                    f"{published[0]:.2f}-{published[1]:.2f}",
                    f"{low:.2f} to {high:.2f} (means of seeds)",
                )
            )
    best = _most_accurate_by_fraction(rows["fractions"])
    lines.append(("Needs less labelled data", "claimed", best))
    return pd.DataFrame(lines, columns=["Claim", "Paper", "Measured here"])


def at_every_fraction(rows):
    """Models that were run at every fraction, networks first."""
    n_fractions = rows.groupby("model", sort=False)["fraction"].nunique()
    names = n_fractions.index[n_fractions == n_fractions.max()]
    return [
        *(name for name in NETWORKS if name in names),
        *(name for name in names if name not in NETWORKS),
    ]


def _accuracy(rows, model):
    percent = 100 * rows.loc[rows["model"] == model, "accuracy"]
    return report.format_mean_sd(percent.mean(), percent.std(), 2)


def _against(rows, model):
    """The paired test that the paper's comparison lacks."""
    if model not in set(rows["model"]):
        return "not run"
    pair = rows[rows["model"].isin([REFERENCE, model])]
    test = compare(pair, REFERENCE, ["accuracy"]).iloc[0]
    return (
        f"{_accuracy(rows, model)} on the same splits; difference "
        f"{100 * test['difference']:+.2f} points, corrected paired p "
        f"{report.format_p(test['p'])}"
    )


def _recomputed(value):
    """The paper's p from its own mean and sd."""
    p = one_sample_p(PIMA["mean"], PIMA["sd"], PIMA["n"], value)
    return (
        f"the paper's p is that of a one-sample t-test of {PIMA['n']} seeds against "
        f"the one published number {value:.2f}: recomputed {p:.4f} one-sided, "
        f"{2 * p:.4f} two-sided"
    )


def _most_accurate_by_fraction(rows):
    names = at_every_fraction(rows)
    rows = rows[rows["model"].isin(names)]
    best = rows.groupby(["fraction", "model"])["accuracy"].mean().groupby("fraction")
    winners = ", ".join(
        f"{MODELS[name].label} at {fraction:.0%}" for fraction, name in best.idxmax()
    )
    return f"most accurate of {len(names)} models on average: {winners}"
