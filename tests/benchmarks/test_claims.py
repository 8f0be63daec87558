"""The claims of the papers: verdicts follow from tables, and from nothing else."""

import numpy as np
import pandas as pd
import pytest

from benchmarks import claims, command
from benchmarks.published import PIMA, SST5
from benchmarks.verdicts import (
    MAKE,
    NOT,
    NOT_COMPARABLE,
    PARTLY,
    REPRODUCED,
    Finding,
    Part,
    Results,
)

# Tables of all experiments are needed, and the page that is made of them.
complete = pytest.mark.skipif(
    not claims.PAGE.exists(), reason="docs/claims.md is not written yet"
)
PEERS = ["svm", "svm_tuned", "xgb", "xgb_tuned"]


def _tests(names, gain, p, **columns):
    """Paired tests of the reference against these models."""
    return [
        {**columns, "model": name, "difference": gain, "p": p, "p_holm": p}
        for name in names
    ]


def _tables(good, yelp="yelp_full"):
    """Tables in which every claim holds, or none that figures decide."""
    sign, p = (1, 0.001) if good else (-1, 0.5)
    pima = 0.86 if good else 0.74
    tables = {
        "pima_fractions": [
            {
                "model": name,
                "fraction": fraction,
                "n_fits": 6,
                "accuracy": pima - 0.1 * (name == "lr") * sign,
                "accuracy_sd": 0.03,
            }
            for name in ("chainzrule", "lr")
            for fraction in (0.1, 1.0)
        ],
        "pima_models": [
            {"protocol": protocol, "model": name, "metric": "accuracy", "mean": 0.8}
            for protocol in ("10-fold", "leaky 10-fold")
            for name in ("chainzrule", *PEERS)
        ],
        "pima_comparisons": _tests(PEERS, 0.03 * sign, p, metric="accuracy"),
        "sst5_scores": [
            {
                "protocol": "official",
                "encoder": "minilm",
                "model": "chainzrule",
                "fraction": 1.0,
                "accuracy": 0.5 if good else 0.4,
                "accuracy_sd": 0.01,
                "share_of_phrases": 0.05,
            }
        ],
        "sst5_published": [
            {"n_seeds": 5, "p_one_sided": 0.02, "p_published": SST5["p"]}
        ],
        "sst5_finetune_scores": [
            {
                "model": name,
                "n_train": 8544,
                "accuracy": 0.55 + 0.05 * sign,
                "accuracy_sd": 0.01,
            }
            for name in ("chainzrule", "linear")
        ],
        "sst5_finetune_comparisons": _tests(
            ["linear"], 0.01 * sign, p, metric="accuracy"
        ),
        "reviews": [
            {
                "dataset": yelp,
                "features": "minilm",
                "model": name,
                "n_train": 8000,
                "n_parameters": 3.2e6,
                "accuracy": 0.65 + 0.1 * sign,
                "accuracy_sd": 0.01,
            }
            for name in (
                "ordinal",
                "relu_dreg",
                "ordinal_step",
                "relu_dreg_step",
                "large",
                "large_relu",
            )
        ],
        "reviews_comparisons": [
            {
                **line,
                "metric": "accuracy",
                "dataset": yelp,
                "features": "minilm",
                "reference": reference,
            }
            for reference, others in {
                "ordinal": ["relu_dreg"],
                "ordinal_step": ["relu_dreg_step", "cubic_step"],
                "large": ["large_relu"],
            }.items()
            for line in _tests(others, 0.12 * sign, p)
        ],
        "cifar10c_models": [
            {
                "representation": "pixels",
                "model": name,
                "metric": "corrupted",
                "mean": 0.5,
                "sd": 0.01,
            }
            for name in ("chainzrule", "relu")
        ],
        "cifar10c_comparisons": _tests(
            ["relu"], 0.03 * sign, p, metric="corrupted", representation="pixels"
        ),
        "tail_ratio_pima": [
            {
                "network": name,
                "fraction": fraction,
                "seed": 0,
                "gradient": gradient,
                "tau": 1.01 + sign * 0.07 * (name != "ChainzRule")
                if good
                else 1.5 + fraction - 0.1 * (name != "ChainzRule"),
            }
            for name in (
                "ChainzRule",
                "ReLU",
                "ReLU + dropout",
                "ReLU + weight decay",
                "Logistic regression (degree 1)",
            )
            for fraction in (0.1, 1.0)
            for gradient in ("logit", "probability", "loss")
        ],
        "tail_ratio_shifts": [
            {
                "dataset": name,
                "level": level,
                "shift": "noise",
                "score": score,
                "auroc": 0.7
                + 0.01 * place
                + 0.1 * sign * (score != OTHER)
                - 0.25 * (not good),
            }
            for place, name in enumerate("abcdefgh")
            for level, scores in {
                "batch": ["tau", "1 - largest probability"],
                "row": ["logit norm", "probability norm", "1 - largest probability"],
            }.items()
            for score in scores
        ],
        "cold_start_ranks": [
            {
                "n_train": n,
                "metric": "accuracy",
                "model": name,
                "mean_rank": 2 - 0.5 * sign * (name == "chainzrule"),
            }
            for n in (25, 250)
            for name in ("chainzrule", "svm")
        ],
        "cold_start_comparisons": [
            line
            for n in (25, 250)
            for line in _tests(
                ["svm"], 0.1 * sign, p, metric="accuracy", n_train=n, n_sets=21
            )
        ],
        "speed_step": [
            {"variant": name, "ratio": 1.5 if good else 3.0}
            for name in ("none", "projected", "exact")
        ],
        "speed_single": [{"variant": "ChainzRule", "ratio": 0.5 if good else 2.0}],
        "mnist_parameters": [
            {
                "level": level,
                "model": "relu",
                "ratio": 16.0 if good else 0.9,
                "p_holm": p,
            }
            for level in (0.9, 0.95)
        ],
        "mnist_pairs": [
            {
                "metric": f"{gradient}_{what}",
                "model": "relu",
                "ratio": 1 - 0.3 * sign,
                "change": -0.3 * sign,
                "lower": 35 if good else 0,
                "n_pairs": 35,
                "p_holm": p,
            }
            for gradient in ("logit", "loss")
            for what in ("peak", "tau")
        ],
        "regularizers_regimes": [
            {
                "regime": regime,
                "activation": activation,
                "regularizer": name,
                "accuracy": 0.8,
                "place": place if good else 7 - place,
            }
            for regime, names in {
                "overall": ["dreg", "spectral", "none", "decay", "dropout", "igpen"],
                "clean": ["dreg", "spectral", "none", "decay", "dropout", "igpen"],
                "noise": ["spectral", "dreg", "none", "decay", "dropout", "igpen"],
            }.items()
            for activation in ("all", "gelu")
            for place, name in enumerate(names, start=1)
        ],
        "regularizers_cells": [
            {
                "regime": "overall",
                "dataset": name,
                "activation": "gelu",
                "regularizer": "dreg",
                "place": 1 if good else 3,
            }
            for name in ("cifar10", "yelp")
        ],
        "regularizers_comparisons": [
            {
                "regime": regime,
                "activation": "all",
                "unit": unit,
                "regularizer": name,
                "n": 8,
                "losses": 0 if good else 4,
                "difference": 0.01 * sign,
                "p_holm": p,
            }
            for regime in ("overall", "clean", "scarce - clean")
            for unit in ("set", "set and activation")
            for name in ("none", "decay", "dropout", "spectral", "igpen")
        ],
        "ablation": [
            {
                "change": name,
                "n_sets": 52,
                "log_loss": 0.3,
                "difference": -0.1 * sign * (name != "default"),
                "p": 0.001,
            }
            for name in ("default", "fixed strength 0.01")
        ],
    }
    return {name: pd.DataFrame(lines) for name, lines in tables.items()}


OTHER = "1 - largest probability"


@pytest.fixture
def written(tmp_path):
    """A function that writes tables and returns how to read them."""

    def write(tables):
        for name, table in tables.items():
            text = table.to_csv(index=False)
            (tmp_path / f"{name}.csv").write_text(f"# made by {name}\n{text}")
        return Results(tmp_path)

    return write


def _verdicts(results):
    return {
        claim.claim: finding.verdict
        for of_paper in claims.found(results).values()
        for claim, finding in of_paper
    }


def test_verdicts_follow_the_parts():
    """The rule that the page states is the one that is used."""
    met, missed = Part("a", True), Part("b", False)
    assert Finding("", [met, met]).verdict == REPRODUCED
    assert Finding("", [met, missed]).verdict == PARTLY
    assert Finding("", [missed]).verdict == NOT
    assert Finding("", []).verdict == NOT_COMPARABLE
    assert Finding("", [met, missed], "c").why == "Met: a. Not met: b. C."


def test_verdicts_turn_with_the_figures(written):
    """A verdict that stays when its figures are reversed was written by hand."""
    good = _verdicts(written(_tables(True)))
    bad = _verdicts(written(_tables(False)))
    # The paper's own p, which no table of ours changes.
    [fixed] = [name for name in good if "Bonferroni" in name]
    assert good.pop(fixed) == bad.pop(fixed) == PARTLY
    assert set(good.values()) == {REPRODUCED}
    assert set(bad.values()) == {NOT}


def test_a_sample_of_yelp_is_not_compared_with_the_full_set(written):
    """Its accuracy says nothing about that of 650,000 reviews."""
    verdicts = _verdicts(written(_tables(True, yelp="yelp")))
    compared = [verdict for name, verdict in verdicts.items() if "Yelp" in name]
    assert sorted(compared) == [NOT_COMPARABLE, NOT_COMPARABLE, REPRODUCED]


def test_a_lead_that_is_not_significant_is_none(written):
    """An average may be ahead by chance."""
    tables = _tables(True)
    tables["pima_comparisons"]["p_holm"] = 0.051
    verdicts = _verdicts(written(tables))
    assert verdicts["Statistically superior to SVM and XGBoost on Pima"] == NOT


def test_no_cell_of_the_page_is_empty(written):
    """A reader must not have to guess what was measured, or why it counts so."""
    text = claims.page(written(_tables(False, yelp="yelp")))
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    assert len(lines) > sum(len(paper.CLAIMS) for paper in claims.PAPERS)
    for line in lines:
        assert all(cell.strip() for cell in line.strip("|").split(" | ")), line
        assert "nan" not in line.lower().split()
    assert "results/pima_models.csv): made by pima_models" in text


def test_remarks_are_computed(written):
    """The p-values of six seeds against one number, by hand from Student's t."""
    text = "\n".join(claims.statistics_remarks(written(_tables(True))))
    assert "82.35 gives 0.0047, the same; two-sided it is 0.0094" in text
    assert "82.20 gives 0.0039, the same; two-sided it is 0.0079" in text
    assert "0.0362 is 0.0724, not below 0.05" in text
    assert "is 1.63 points above the best that is listed" in text
    error = np.sqrt(82.35 * 17.65 / PIMA["n_test"])
    assert f"{error:.2f} points on 154 test rows" in text


@pytest.mark.parametrize("name", ["sst5_finetune_scores", "cold_start_ranks"])
def test_a_missing_table_is_one_line_that_says_how_to_make_it(written, name):
    """Half a page would look like a whole one."""
    results = written(_tables(True))
    (results.folder / f"{name}.csv").unlink()
    with pytest.raises(FileNotFoundError) as error:
        claims.page(results)
    target = {"sst5_finetune_scores": "sst5-finetune", "cold_start_ranks": "cold-start"}
    assert f"{name}.csv; make it with: make {target[name]} ARGS=" in str(error.value)
    assert "\n" not in str(error.value)


@complete
def test_every_command_that_is_named_exists():
    """A reader would be told to run what is not there."""
    makefile = (command.ROOT / "Makefile").read_text(encoding="utf-8")
    for target in MAKE.values():
        assert f"\n{target}: " in makefile, target


@complete
def test_the_page_is_what_the_tables_say():
    """A page that was edited by hand, or is older than its tables, is not evidence."""
    results = Results(command.ROOT / command.RESULTS)
    assert claims.PAGE.read_text(encoding="utf-8") == claims.page(results)
