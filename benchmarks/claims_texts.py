"""What texts and images say about claims of arXiv 2605.24340."""

import numpy as np

from benchmarks import report
from benchmarks.published import (
    CORRUPTION,
    FINE_TUNED,
    FINE_TUNED_LINEAR,
    RNTN,
    SST5,
    YELP,
    YELP_AVERAGE,
    YELP_RELU,
)
from benchmarks.verdicts import Finding, Part, ahead, percent

OWN = "chainzrule"
# Cubic and ReLU with DREG: as they come, with a chosen step size, and large.
YELP_PAIRS = {
    "ordinal": ("relu_dreg", "as it comes"),
    "ordinal_step": ("relu_dreg_step", "step chosen"),
    "large": ("large_relu", "large"),
}
FULL_YELP, YELP_SAMPLE = "yelp_full", "yelp"


def sst5_frozen(results):
    scores = results("sst5_scores").query("protocol == 'official' and model == @OWN")
    scores = scores[scores["fraction"] == scores["fraction"].max()]
    best = scores.loc[scores["accuracy"].idxmax()]
    percents = {line["encoder"]: percent(line) for _, line in scores.iterrows()}
    mean = 100 * best["accuracy"]
    error = 100 * np.sqrt(best["accuracy"] * (1 - best["accuracy"]) / SST5["n_test"])
    return Finding(
        "; ".join(f"{value} on {name}" for name, value in percents.items())
        + f"; with {best['share_of_phrases']:.1%} of the phrases that RNTN has labels "
        "of",
        [
            Part(
                f"above RNTN with the best encoder ({mean:.2f} on {best['encoder']})",
                bool(mean > RNTN),
            ),
            Part(
                f"by more than 1.96 standard errors of an accuracy on "
                f"{SST5['n_test']:,} sentences ({mean - RNTN:+.2f}, error {error:.2f})",
                bool(mean - RNTN > 1.96 * error),
            ),
        ],
    )


def sst5_fine_tuned(results):
    scores = results("sst5_finetune_scores").set_index("model")
    tests = results("sst5_finetune_comparisons").query("metric == 'accuracy'")
    line = tests.set_index("model").loc["linear"]
    gain = FINE_TUNED - FINE_TUNED_LINEAR
    return Finding(
        "; ".join(
            f"{percent(scores.loc[name])} with a {name} head" for name in scores.index
        )
        + f", {scores['n_train'].max():,.0f} training sentences",
        [
            ahead("more accurate than with a linear head", line),
            Part(
                f"by at least {gain:.2f} points",
                bool(100 * line["difference"] >= gain),
            ),
            Part(
                f"at least {FINE_TUNED:.2f} %",
                bool(100 * scores.loc[OWN, "accuracy"] >= FINE_TUNED),
            ),
        ],
    )


def yelp_level(results):
    scores = results("reviews").query("model == 'large'").set_index("dataset")
    if FULL_YELP not in scores.index:
        line = scores.loc[YELP_SAMPLE]
        return Finding(
            f"{percent(line)} on a sample of {line['n_train']:,.0f} training reviews, "
            f"{line['n_parameters'] / 1e6:.1f}M parameters",
            [],
            "the sample says nothing about the level that all 650,000 training "
            "reviews would reach",
        )
    line = scores.loc[FULL_YELP]
    mean = 100 * line["accuracy"]
    return Finding(
        f"{percent(line)}, {line['n_parameters'] / 1e6:.1f}M parameters",
        [
            Part(f"at least {YELP:.2f} %", bool(mean >= YELP)),
            Part(f"above {YELP_AVERAGE:.2f} %", bool(mean > YELP_AVERAGE)),
        ],
    )


def yelp_relu(results):
    tests = results("reviews_comparisons").query("metric == 'accuracy'")
    sets = set(tests["dataset"]) & {FULL_YELP, YELP_SAMPLE}
    name = FULL_YELP if FULL_YELP in sets else YELP_SAMPLE
    tests = tests[tests["dataset"].eq(name) & tests["features"].eq("minilm")]
    tests = tests.set_index(["reference", "model"])
    scores = results("reviews").query("dataset == @name and features == 'minilm'")
    scores = scores.set_index("model")
    gap = YELP - YELP_RELU
    largest = 0.0
    ours, parts = [], []
    for cubic, (relu, kind) in YELP_PAIRS.items():
        line = tests.loc[(cubic, relu)]
        largest = max(largest, 100 * line["difference"])
        parts.append(ahead(f"cubic ahead of ReLU, {kind}", line))
        ours.append(
            f"{kind} {percent(scores.loc[cubic])} against {percent(scores.loc[relu])}"
        )
    parts.append(
        Part(f"by {gap:.2f} points or more (at most {largest:+.2f})", largest >= gap)
    )
    return Finding("; ".join(ours), parts)


def corrupted_images(results):
    tests = results("cifar10c_comparisons")
    tests = tests[tests["metric"].eq("corrupted") & tests["model"].eq("relu")]
    scores = results("cifar10c_models").query("metric == 'corrupted'")
    scores = scores.set_index(["representation", "model"])
    ours, parts = [], []
    for line in tests.to_dict("records"):
        name = line["representation"]
        own, other = (
            report.format_mean_sd(*(100 * scores.loc[(name, model), ["mean", "sd"]]), 2)
            for model in (OWN, "relu")
        )
        ours.append(f"{own} against {other} on {name}")
        parts += [
            ahead(f"ahead of the matched network on {name}", line),
            Part(
                f"by {CORRUPTION:.2f} points or more on {name}",
                bool(100 * line["difference"] >= CORRUPTION),
            ),
        ]
    return Finding("; ".join(ours), parts)
