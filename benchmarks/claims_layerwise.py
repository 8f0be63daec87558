"""Claims of arXiv 2605.15463 on MNIST and Yelp, and what was found."""

from benchmarks import report
from benchmarks.claims_texts import FULL_YELP, YELP_SAMPLE, yelp_level
from benchmarks.published import (
    ALPHA,
    FEWER_PARAMETERS,
    N_PAIRS,
    PEAK_CHANGE,
    YELP,
)
from benchmarks.verdicts import Claim, Finding, Part, ahead

TITLE = "arXiv 2605.15463, Layer-wise Derivative Controlled Networks"
STANDARD = "relu"
GRADIENTS = ["logit", "loss"]


def fewer_parameters(results):
    needed = results("mnist_parameters").query("model == @STANDARD")
    ratio = needed["ratio"]
    fewer = (ratio > 1) & (needed["p_holm"] < ALPHA)
    best = needed.loc[ratio.idxmax()]
    return Finding(
        f"{ratio.min():.2f} to {ratio.max():.2f} times fewer at equal accuracies of "
        f"{needed['level'].min():.1%} to {needed['level'].max():.1%}",
        [
            Part(
                f"significantly fewer at every accuracy ({int(fewer.sum())} of "
                f"{len(needed)})",
                bool(fewer.all()),
            ),
            Part(
                f"{FEWER_PARAMETERS:g} times fewer at any (most {best['ratio']:.2f} at "
                f"{best['level']:.1%})",
                bool(best["ratio"] >= FEWER_PARAMETERS),
            ),
        ],
    )


def peak_gradients(results):
    pairs = _pairs(results)
    parts = []
    for gradient in GRADIENTS:
        line = pairs.loc[f"{gradient}_peak"]
        lower = line["ratio"] < 1 and line["p_holm"] < ALPHA
        parts += [
            Part(
                f"lower {gradient} gradients (p {report.format_p(line['p_holm'])})",
                bool(lower),
            ),
            Part(
                f"by {-PEAK_CHANGE:.1%} or more",
                bool(lower and line["change"] <= PEAK_CHANGE),
            ),
        ]
    return Finding(
        "; ".join(
            f"{gradient} gradient {pairs.loc[f'{gradient}_peak', 'change']:+.1%}"
            for gradient in GRADIENTS
        ),
        parts,
    )


def tail_ratios(results):
    pairs = _pairs(results)
    parts = []
    for gradient in GRADIENTS:
        line = pairs.loc[f"{gradient}_tau"]
        parts += [
            Part(
                f"lower on average by the {gradient} gradient (p "
                f"{report.format_p(line['p_holm'])})",
                bool(line["ratio"] < 1 and line["p_holm"] < ALPHA),
            ),
            Part("in all pairs", bool(line["lower"] == line["n_pairs"])),
        ]
    return Finding(
        "; ".join(
            "{} gradient lower in {:.0f} of {:.0f} pairs, {:+.1%} on average".format(
                gradient, *pairs.loc[f"{gradient}_tau", ["lower", "n_pairs", "change"]]
            )
            for gradient in GRADIENTS
        ),
        parts,
    )


def yelp_under_dreg(results):
    level = yelp_level(results)
    tests = results("reviews_comparisons").query(
        "metric == 'accuracy' and features == 'minilm' and "
        "reference == 'ordinal_step' and model == 'cubic_step'"
    )
    tests = tests.set_index("dataset")
    name = FULL_YELP if FULL_YELP in tests.index else YELP_SAMPLE
    gain = ahead("DREG ahead of the same network without it", tests.loc[name])
    found = f"{gain.text}, {'significant' if gain.met else 'not significant'}"
    return level._replace(remark="; ".join(filter(None, [level.remark, found])))


def _pairs(results):
    return results("mnist_pairs").query("model == @STANDARD").set_index("metric")


_SINGLE = (
    "single networks of two hidden layers, several widths and seeds; settings chosen "
    "by width on validation images for both families"
)

CLAIMS = [
    Claim(
        '"Fair Fight": fewer parameters at equal or better accuracy',
        f"{FEWER_PARAMETERS:g} times",
        f"MNIST, {_SINGLE}; parameters interpolated at equal accuracy",
        fewer_parameters,
    ),
    Claim(
        "Peak gradient volatility on MNIST, average change",
        f"{PEAK_CHANGE:+.1%}",
        f"{_SINGLE}; 99.9th percentile of the norms of the gradients of loss and "
        "logits, since the paper does not define it",
        peak_gradients,
    ),
    Claim(
        "Lower tail ratio in all pairs of networks on MNIST",
        f"{N_PAIRS} of {N_PAIRS}",
        f"{_SINGLE}; a pair has one width and seed",
        tail_ratios,
    ),
    Claim(
        "Yelp Review Full, ordinal, under explicit DREG, in percent",
        f"{YELP:.2f}",
        "a sample of 10,000 Yelp reviews and frozen MiniLM, unless Yelp Review Full "
        "is given",
        yelp_under_dreg,
    ),
]
