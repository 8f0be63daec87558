"""Repeated cross-validation: all fits in one packed run, against a loop."""

from functools import partial

import numpy as np
import pandas as pd
import torch
from sklearn.model_selection import RepeatedStratifiedKFold, cross_validate

from benchmarks import report
from benchmarks.data import load_pima
from benchmarks.timing import goal_line, ratios, take_turns
from cr_sklearn import ChainzRuleClassifier

GOAL = 0.2
# DREG strengths of the two comparisons.
STRENGTHS = ("auto", 0.01)


def pack(rounds, n_splits=5, n_repeats=10, n_jobs=2, **params):
    """Repeated cross-validation on Pima by log-loss, packed and not.

    All get the same classifier, folds and scoring. Two cores can serve a packed run as
    threads of torch or as processes. The machine should be idle: where cores are busy,
    threads wait for each other.

    Parameters
    ----------
    rounds, n_splits, n_repeats : int
    n_jobs : int
        Processes of the loop, and of one of the packed runs.
    **params
        Of the classifier, where not the defaults.

    Returns
    -------
    DataFrame
        By ``dreg_strength`` and ``variant``: ``milliseconds``, their ``ratio`` to the
        loop, and ``max_difference``, the largest absolute difference of a fold's score
        from that of the loop.
    """
    from cr_sklearn.model_selection import packed_cross_validate

    reference = f"cross_validate, n_jobs={n_jobs}"
    variants = {
        reference: (cross_validate, n_jobs),
        f"packed, n_jobs={n_jobs}": (packed_cross_validate, n_jobs),
        "packed": (packed_cross_validate, None),
    }
    X, y = load_pima()
    cv = RepeatedStratifiedKFold(n_splits=n_splits, n_repeats=n_repeats, random_state=0)
    tables = []
    for strength in STRENGTHS:
        model = ChainzRuleClassifier(dreg_strength=strength, random_state=0, **params)
        scores = {}

        def run(name, model=model, scores=scores):
            validate, processes = variants[name]
            results = validate(
                model, X, y, cv=cv, scoring="neg_log_loss", n_jobs=processes
            )
            scores[name] = results["test_score"]

        seconds = take_turns({name: partial(run, name) for name in variants}, rounds)
        table = ratios(seconds, reference)
        table["max_difference"] = [
            np.abs(scores[name] - scores[reference]).max() for name in table["variant"]
        ]
        tables.append(table.assign(dreg_strength=str(strength)))
    return pd.concat(tables, ignore_index=True)


def pack_text(table):
    """Table of a run of :func:`pack`, with its goals."""
    shown = pd.DataFrame(
        {
            "Cross-validation": table["variant"],
            "dreg_strength": table["dreg_strength"],
            "s": table["milliseconds"].div(1e3).map("{:.2f}".format),
            "Ratio": table["ratio"].map("{:.2f}".format),
            "Largest difference of a score": table["max_difference"].map(
                "{:.1e}".format
            ),
        }
    )
    packed = table[table["variant"].str.startswith("packed")]
    return "\n".join(
        [
            "Repeated cross-validation on Pima by log-loss, threads without n_jobs: "
            f"{torch.get_num_threads()}\n",
            report.terminal(shown),
            *(
                goal_line(f"{name}, dreg_strength={strength}", ratio, GOAL)
                for name, strength, ratio in zip(
                    packed["variant"],
                    packed["dreg_strength"],
                    packed["ratio"],
                    strict=True,
                )
            ),
        ]
    )
