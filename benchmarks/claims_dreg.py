"""Claims of arXiv 2606.23942, DREG as a penalty for any network, and what was found."""

from benchmarks import report
from benchmarks.published import ALPHA, DREG_P, N_RUNS, STRENGTH
from benchmarks.regularizers_tables import MESSY
from benchmarks.verdicts import Claim, Finding, Part, ahead

TITLE = (
    "arXiv 2606.23942, DREG: A Layer-Wise Jacobian Regularization as a "
    "General-Purpose Penalty"
)
OWN = "dreg"
LABELS = {
    "none": "no penalty",
    "decay": "weight decay",
    "dropout": "dropout",
    "spectral": "spectral norm",
    "igpen": "input-gradient penalty",
    OWN: "DREG",
}
# Those that the paper has DREG significantly ahead of.
BEATEN = ["none", "decay", "igpen"]


def most_accurate(results):
    parts, ours = [], []
    for regime in ("overall", "clean"):
        places = _places(results, regime)
        tests = _tests(results, regime)
        ours.append(f"{regime}: {_standings(places)}")
        parts.append(
            Part(f"first {regime}", bool(places["place"].idxmin() == OWN)),
        )
        parts += [
            ahead(f"ahead of {LABELS[name]} {regime}", tests.loc[name])
            for name in BEATEN
        ]
    by_set = _tests(results, "overall", "set")
    over_sets = ", ".join(
        f"{report.format_p(by_set.loc[name, 'p_holm'])} against {LABELS[name]}"
        for name in BEATEN
    )
    remark = (
        "the tests are over sets and activations, which are not independent; over the "
        f"sets alone p is {over_sets}, overall"
    )
    return Finding("; ".join(ours), parts, remark)


def noise(results):
    places = _places(results, "noise")
    parts = []
    for name, place in (("spectral", 1), (OWN, 2)):
        own = places.loc[name, "place"]
        parts.append(
            Part(f"{LABELS[name]} on place {place} (is on {own:g})", bool(own == place))
        )
    return Finding(_standings(places), parts)


def under_gelu(results):
    places = _places(results, "overall", "gelu")
    cells = results("regularizers_cells").query(
        "regime == 'overall' and activation == 'gelu' and regularizer == @OWN"
    )
    cells = cells.set_index("dataset")["place"]
    return Finding(
        _standings(places),
        [
            Part("first over all sets", bool(places["place"].idxmin() == OWN)),
            *(
                Part(f"first on {name} (is on {cells[name]:g})", bool(cells[name] == 1))
                for name in MESSY
            ),
        ],
    )


def scarce(results):
    tests = _tests(results, "scarce - clean")
    return Finding(
        "; ".join(
            f"{100 * line['difference']:+.2f} against {LABELS[name]}"
            for name, line in tests.iterrows()
        ),
        [
            ahead(f"larger against {LABELS[name]}", line)
            for name, line in tests.iterrows()
        ],
    )


def one_strength(results):
    overall = _tests(results, "overall").loc["none"]
    by_set = _tests(results, "overall", "set").loc["none"]
    ablation = results("ablation").set_index("change")
    fixed = ablation.loc["fixed strength 0.01"]
    worse = fixed["difference"] > 0 and fixed["p"] < ALPHA
    return Finding(
        f"{100 * overall['difference']:+.2f} points of accuracy against no penalty "
        f"over {by_set['n']:.0f} sets; on {fixed['n_sets']:.0f} tables a fixed "
        f"strength of 0.01 has a log-loss of {fixed['log_loss']:.3f}, strengths chosen "
        f"on inner folds have {ablation.loc['default', 'log_loss']:.3f}",
        [
            ahead("ahead of no penalty", overall),
            Part(
                f"behind no penalty on no set (is on {by_set['losses']:.0f} of "
                f"{by_set['n']:.0f})",
                bool(by_set["losses"] == 0),
            ),
            Part(
                "a fixed strength no worse than chosen ones by log-loss "
                f"({fixed['difference']:+.3f}, p {report.format_p(fixed['p'])})",
                not worse,
            ),
        ],
    )


def _places(results, regime, activation="all"):
    """Places and accuracies of the regularisers, the best first."""
    table = results("regularizers_regimes")
    table = table[table["regime"].eq(regime) & table["activation"].eq(activation)]
    return table.set_index("regularizer").sort_values("place")


def _tests(results, regime, unit="set and activation"):
    """Tests of DREG against each other, over all activations."""
    table = results("regularizers_comparisons")
    chosen = (
        table["regime"].eq(regime)
        & table["activation"].eq("all")
        & table["unit"].eq(unit)
    )
    return table[chosen].set_index("regularizer")


def _standings(places):
    return ", ".join(
        f"{LABELS[name]} {100 * accuracy:.2f}"
        for name, accuracy in places["accuracy"].items()
    )


_GRID = (
    "4 activations, 6 regularisers, 8 sets and 5 seeds of our own choice; strengths "
    "of the others from 4 further sets"
)

CLAIMS = [
    Claim(
        "DREG has the highest overall and clean accuracy of all regularisers, "
        "significantly against none, weight decay and IGPen",
        f"{N_RUNS} runs, p up to {DREG_P}",
        f"{_GRID}; overall is the mean of clean, noisy and 10 % of the rows",
        most_accurate,
    ),
    Claim(
        "Second in robustness against noise, behind spectral norm",
        "place 2",
        f"{_GRID}; Gaussian noise of half a standard deviation",
        noise,
    ),
    Claim(
        "The best regulariser under GELU, on messy vision and language too",
        "place 1",
        f"{_GRID}; {' and '.join(MESSY)} as messy sets",
        under_gelu,
    ),
    Claim(
        "The advantage is most pronounced when data are scarce",
        "claimed",
        f"{_GRID}; difference of the advantage with 10 % and with all of the rows, "
        "in points",
        scarce,
    ),
    Claim(
        "One fixed strength without tuning",
        f"10^-2.5 = {STRENGTH:.4f}",
        f"{_GRID}; and the ablation of this library's classifier",
        one_strength,
    ),
]
