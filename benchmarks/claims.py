"""Every claim of the ChainzRule papers beside what was measured, with a verdict.

``python -m benchmarks.claims`` writes ``docs/claims.md`` from the CSV files in
``benchmarks/results``, and from nothing else: figures, verdicts and reasons follow from
them by a rule that the page states.
"""

import argparse
from collections import Counter

from benchmarks import extra_packages

with extra_packages():
    import numpy as np
    import pandas as pd

    from benchmarks import (
        claims_chainzrule,
        claims_dreg,
        claims_layerwise,
        command,
        report,
    )
    from benchmarks.comparison import one_sample_p
    from benchmarks.models import MODELS
    from benchmarks.published import (
        ALPHA,
        N_TESTS,
        PIMA,
        PIMA_BASELINES,
        RNTN,
        SST5,
        TAU,
        YELP_AVERAGE,
        YELP_BEST_LISTED,
        YELP_MODELS,
    )
    from benchmarks.verdicts import (
        NOT,
        NOT_COMPARABLE,
        PARTLY,
        REPRODUCED,
        RULE,
        Results,
    )

PAGE = command.ROOT / "docs" / "claims.md"
PAPERS = [claims_chainzrule, claims_layerwise, claims_dreg]
VERDICTS = [REPRODUCED, PARTLY, NOT, NOT_COMPARABLE]


def found(results):
    """Findings by paper and claim.

    Parameters
    ----------
    results : Results

    Returns
    -------
    dict of list of (Claim, Finding)
        By title of the paper.
    """
    return {
        paper.TITLE: [(claim, claim.find(results)) for claim in paper.CLAIMS]
        for paper in PAPERS
    }


def page(results):
    """The page of the documentation.

    Raises
    ------
    FileNotFoundError
        If a table is missing.
    """
    papers = found(results)
    counts = Counter(
        finding.verdict for claims in papers.values() for _, finding in claims
    )
    summary = ", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS)
    remarks = statistics_remarks(results)
    sources = [
        f"- [{name}.csv](../{command.RESULTS.as_posix()}/{name}.csv): {line}"
        for name, line in results.made_by.items()
    ]
    sections = [
        "# Claims of the papers",
        "Written by `python -m benchmarks.claims` from the tables in "
        f"`benchmarks/results`. Of {counts.total()} claims: {summary}.",
        RULE,
        *(f"## {title}\n\n{report.markdown(_table(c))}" for title, c in papers.items()),
        "## Statistics\n\nWhat can be computed from the papers' own figures.\n\n"
        + "\n".join(f"- {remark}" for remark in remarks),
        "## Tables\n\n" + "\n".join(sources),
    ]
    return "\n\n".join(sections) + "\n"


def _table(claims):
    return pd.DataFrame(
        {
            "Claim": [claim.claim for claim, _ in claims],
            "Paper": [claim.published for claim, _ in claims],
            "Here": [finding.ours for _, finding in claims],
            "Protocol here": [claim.protocol for claim, _ in claims],
            "Verdict": [f"**{finding.verdict}**" for _, finding in claims],
            "Why": [finding.why for _, finding in claims],
        }
    )


def statistics_remarks(results):
    """Sentences about the papers' statistics, with figures computed here."""
    remarks = []
    for name, (value, p) in PIMA_BASELINES.items():
        one_sided = one_sample_p(PIMA["mean"], PIMA["sd"], PIMA["n"], value)
        error = np.sqrt(value * (100 - value) / PIMA["n_test"])
        same = round(one_sided, 4) == p
        remarks.append(
            f"Pima, p = {p:.4f} against {MODELS[name].label}: a one-sided one-sample "
            f"t-test of {PIMA['n']} seeds against the one published number {value:.2f} "
            f"gives {one_sided:.4f}{', the same' if same else ''}; two-sided it is "
            f"{2 * one_sided:.4f}. That number has an error of its own, {error:.2f} "
            f"points on {PIMA['n_test']} test rows, which such a test leaves out."
        )
    by_seeds = results("sst5_published")
    shown = ", ".join(
        f"{line.p_one_sided:.4f} with {line.n_seeds:.0f}"
        for line in by_seeds.itertuples()
    )
    twice = N_TESTS * SST5["p"]
    remarks += [
        f"SST-5, p = {SST5['p']} against RNTN: a one-sided one-sample t-test of "
        f"{SST5['mean']:.2f} ± {SST5['sd']:.2f} against {RNTN} gives {shown} seeds. "
        f"With Bonferroni's correction for {N_TESTS} tests "
        f"{SST5['p']} is {twice:.4f}, {'not ' if twice >= ALPHA else ''}below "
        f"{ALPHA:g}, while the abstract says that all p are below it after the "
        "correction.",
        f"Yelp Review Full: the average of {YELP_MODELS} models, {YELP_AVERAGE:.2f}, "
        f"is {YELP_AVERAGE - YELP_BEST_LISTED:.2f} points above the best that is "
        f"listed, {YELP_BEST_LISTED:.2f}; no average is above its largest part, so the "
        "two are not of the same models.",
        _linear_tau(results),
    ]
    return remarks


def _linear_tau(results):
    fits = results("tail_ratio_pima")
    linear = fits[
        fits["network"].str.startswith("Logistic") & fits["gradient"].eq("logit")
    ]
    means = linear.groupby("fraction")["tau"].mean()
    return (
        "tau of the logit of a linear model is exactly 1, whatever the data; with this "
        f"library's bounded inputs it is {means.min():.2f} to {means.max():.2f} on "
        f"Pima. The paper's {TAU[0]:.2f} to {TAU[1]:.2f} are "
        f"{'below' if TAU[1] < means.min() else 'not below'} that."
    )


def main(argv=None):
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.claims", description=__doc__.splitlines()[0]
    )
    parser.parse_args(argv)
    results = Results(command.ROOT / command.RESULTS)
    PAGE.write_text(command.loaded(page, results), encoding="utf-8")
    for title, claims in found(results).items():
        lines = pd.DataFrame(
            [(finding.verdict, claim.claim) for claim, finding in claims],
            columns=["Verdict", title],
        )
        print(f"{report.terminal(lines)}\n")
    print(f"Page: {PAGE}")


if __name__ == "__main__":
    with extra_packages():
        main()
