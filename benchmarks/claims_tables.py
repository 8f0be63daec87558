"""What tables say about claims of arXiv 2605.24340: Pima, tau, few labels, cost."""

import numpy as np

from benchmarks import report
from benchmarks.models import MODELS
from benchmarks.published import ALPHA, N_TESTS, PIMA, PIMA_BASELINES, SST5, TAU
from benchmarks.suite import signed_rank_p
from benchmarks.verdicts import Finding, Part, ahead, percent

OWN = "chainzrule"
# Networks without polynomials, as in the paper's comparison of tau.
RELUS = ["ReLU", "ReLU + dropout", "ReLU + weight decay"]


def pima_accuracy(results):
    fractions = results("pima_fractions").query("model == @OWN and fraction == 1")
    fits = fractions.iloc[0]
    folds = results("pima_models").query("model == @OWN and metric == 'accuracy'")
    folds = 100 * folds.set_index("protocol")["mean"]
    least = PIMA["mean"] - 2 * PIMA["sd"]
    mean = 100 * fits["accuracy"]
    return Finding(
        f"{percent(fits)} in {fits['n_fits']:.0f} splits of the paper's sizes; "
        f"{folds['10-fold']:.2f} in 10 x 10-fold cross-validation",
        [
            Part(
                f"within two published sd of the published mean ({mean:.2f} against "
                f"at least {least:.2f})",
                bool(mean >= least),
            )
        ],
        f"with imputation that sees the labels it is {folds['leaky 10-fold']:.2f}",
    )


def pima_peers(results):
    tests = results("pima_comparisons").query("metric == 'accuracy'")
    tests = tests.set_index("model")
    means = results("pima_models").query(
        "metric == 'accuracy' and protocol == '10-fold'"
    )
    means = 100 * means.set_index("model")["mean"]
    peers = ["svm", "svm_tuned", "xgb", "xgb_tuned"]
    return Finding(
        "; ".join(f"{MODELS[name].label} {means[name]:.2f}" for name in [OWN, *peers]),
        [
            ahead(f"more accurate than {MODELS[name].label}", tests.loc[name])
            for name in peers
        ],
    )


def bonferroni(results):
    p = {
        **{f"Pima, {MODELS[k].label}": p for k, (_, p) in PIMA_BASELINES.items()},
        "SST-5, RNTN": SST5["p"],
    }
    adjusted = {name: min(1.0, N_TESTS * value) for name, value in p.items()}
    return Finding(
        "; ".join(f"{name} {value:.4f}" for name, value in adjusted.items()),
        [
            Part(f"{name} {N_TESTS} x {p[name]:.4f} = {value:.4f}", value < ALPHA)
            for name, value in adjusted.items()
        ],
    )


def tau_values(results):
    means = _tau_means(results)
    parts, ours = [], []
    for gradient, table in means.groupby(level="gradient"):
        table = table.droplevel("gradient")
        own = table["ChainzRule"]
        parts.append(
            Part(
                f"lower than every ReLU network's at every fraction by the {gradient} "
                "gradient",
                bool(table[RELUS].gt(own, axis=0).all(axis=None)),
            )
        )
        ours.append(f"{gradient} {own.min():.2f}-{own.max():.2f}")
    others = means[RELUS].to_numpy()
    parts += [
        Part(
            f"at most {TAU[1]:.2f} by any gradient",
            bool(means["ChainzRule"].groupby("gradient").max().min() <= TAU[1]),
        ),
        Part(
            f"constant over the fractions to {TAU[1] - TAU[0]:.2f} by any gradient",
            bool(
                means["ChainzRule"].groupby("gradient").agg(np.ptp).min()
                <= TAU[1] - TAU[0] + 1e-9
            ),
        ),
    ]
    return Finding(
        f"{', '.join(ours)}; ReLU networks {others.min():.2f}-{others.max():.2f}",
        parts,
    )


def _tau_means(results):
    """Mean tau over seeds, by gradient and fraction (rows) and network (columns)."""
    fits = results("tail_ratio_pima").groupby(["gradient", "fraction", "network"])
    return fits["tau"].mean().unstack("network")


def reliability(results):
    shifts = results("tail_ratio_shifts")
    by_set = shifts.groupby(["level", "shift", "score", "dataset"])["auroc"].mean()
    batch = by_set["batch"].groupby(["score", "dataset"]).mean().unstack("score")
    row = by_set["row"].groupby(["score", "dataset"]).mean().unstack("score")
    own, probability = "tau", "1 - largest probability"
    gain = batch[own] - batch[probability]
    p_chance = signed_rank_p(batch[own] - 0.5)
    p_gain = signed_rank_p(gain)
    norms = row.drop(columns=probability)
    row_gain = norms.sub(row[probability], axis=0)
    return Finding(
        f"AUROC of batches with more errors {batch[own].mean():.3f} by tau, "
        f"{batch[probability].mean():.3f} by the largest probability; of wrong rows "
        f"{norms.mean().max():.3f} by the better gradient norm, "
        f"{row[probability].mean():.3f} by the largest probability",
        [
            Part(
                f"tau finds bad batches better than chance (p {p_chance:.4f})",
                bool(batch[own].mean() > 0.5 and p_chance < ALPHA),
            ),
            Part(
                f"better than the largest probability does (p {p_gain:.4f})",
                bool(gain.mean() > 0 and p_gain < ALPHA),
            ),
            Part(
                "a gradient norm finds wrong rows better than the largest probability",
                bool((row_gain.mean() > 0).any()),
            ),
        ],
    )


def few_labels(results):
    fractions = results("pima_fractions")
    small = fractions[fractions["fraction"] < 1]
    best = small.loc[small.groupby("fraction")["accuracy"].idxmax()]
    first_on_pima = int((best["model"] == OWN).sum())
    ranks = results("cold_start_ranks").query("metric == 'accuracy'")
    tests = results("cold_start_comparisons").query("metric == 'accuracy'")
    parts, ours = [], []
    for n, table in ranks.groupby("n_train"):
        table = table.set_index("model")["mean_rank"]
        others = table.drop(OWN)
        line = tests[tests["n_train"].eq(n) & tests["model"].eq(others.idxmin())]
        parts.append(
            Part(
                f"first in mean rank with {n} rows ({table[OWN]:.2f}, best other "
                f"{others.min():.2f}, p {report.format_p(line['p_holm'].iloc[0])})",
                bool(table[OWN] < others.min() and line["p_holm"].iloc[0] < ALPHA),
            )
        )
        ours.append(f"place {1 + int((others < table[OWN]).sum())} with {n} rows")
    parts.append(
        Part(
            f"most accurate on Pima at every fraction below 100 % ({first_on_pima} of "
            f"{len(best)})",
            first_on_pima == len(best),
        )
    )
    n_sets = int(tests["n_sets"].max())
    return Finding(
        f"by accuracy over {n_sets} sets, of {ranks['model'].nunique()} models: "
        f"{', '.join(ours)}",
        parts,
    )


def cost(results):
    steps = results("speed_step").query("variant != 'none'")
    ratios = steps.groupby("variant")["ratio"].agg(["min", "max"])
    single = results("speed_single").set_index("variant")["ratio"]
    predict = single["ChainzRule"]
    return Finding(
        f"a prediction {predict:.2f} times scikit-learn's MLP; a training step "
        + ", ".join(
            f"{low:.2f} to {high:.2f} times with the {name} penalty"
            for name, low, high in ratios.itertuples()
        ),
        [
            Part(
                "a prediction takes no longer than scikit-learn's MLP's",
                bool(predict <= 1),
            ),
            *(
                Part(
                    f"the {name} penalty at most doubles a training step",
                    bool(ratios.loc[name, "max"] <= 2),
                )
                for name in ratios.index
            ),
        ],
    )
