"""What a claim of a paper is, and how figures decide on it."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from benchmarks import report
from benchmarks.published import ALPHA

# What makes the CSV files whose names begin like this.
MAKE = {
    "ablation": "ablation",
    "cifar10c": "cifar10c",
    "cold_start": "cold-start",
    "mnist": "mnist",
    "pima": "pima",
    "regularizers": "regularizers",
    "reviews": "reviews",
    "speed": "speed",
    "sst5": "sst5",
    "sst5_finetune": "sst5-finetune",
    "tail_ratio": "tail-ratio",
}
REPRODUCED, PARTLY, NOT = "reproduced", "partly", "not reproduced"
NOT_COMPARABLE = "not comparable"
RULE = (
    "A claim is taken apart into conditions that figures either meet or do not; the "
    "last column says which. Where one model is to be better than another, the "
    "condition is that it is ahead in a paired test with a Holm-adjusted p below "
    f"{ALPHA:g}. The verdict is {REPRODUCED!r} if all conditions are met, {PARTLY!r} "
    f"if some are, {NOT!r} if none is, and {NOT_COMPARABLE!r} where the claim is "
    "about data that were not at hand."
)


class Part(NamedTuple):
    """A condition that a claim implies, in words with the figures, and its truth."""

    text: str
    met: bool


class Finding(NamedTuple):
    """What was measured: in words, by parts, and what else there is to say."""

    ours: str
    parts: list
    remark: str = ""

    @property
    def verdict(self):
        """By :data:`RULE`."""
        if not self.parts:
            return NOT_COMPARABLE
        n_met = sum(part.met for part in self.parts)
        if n_met == len(self.parts):
            return REPRODUCED
        return PARTLY if n_met else NOT

    @property
    def why(self):
        """Parts that are met, parts that are not, and the remark."""
        groups = [
            f"{word}: " + "; ".join(part.text for part in self.parts if part.met == met)
            for word, met in (("Met", True), ("Not met", False))
            if any(part.met == met for part in self.parts)
        ]
        if self.remark:
            groups.append(f"{self.remark[0].upper()}{self.remark[1:]}")
        return f"{'. '.join(groups)}."


class Claim(NamedTuple):
    """A claim of a paper.

    Attributes
    ----------
    claim : str
    published : str
        The paper's figure.
    protocol : str
        How our figures come about where that differs from the paper.
    find : callable
        ``find(results) -> Finding``, from :class:`Results` alone.
    """

    claim: str
    published: str
    protocol: str
    find: Callable


class Results:
    """CSV files of published figures, read when they are asked for.

    Attributes
    ----------
    made_by : dict
        First lines of the files that were read, by name.
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        self.made_by = {}

    def __call__(self, name):
        """Read a table.

        Raises
        ------
        FileNotFoundError
            If there is none of this name.
        """
        path = self.folder / f"{name}.csv"
        if not path.is_file():
            benchmark = max((key for key in MAKE if name.startswith(key)), key=len)
            raise FileNotFoundError(
                f"There is no {path}; make it with: make {MAKE[benchmark]} "
                "ARGS=--publish"
            )
        with path.open(encoding="utf-8") as file:
            self.made_by[name] = file.readline().removeprefix("#").strip()
        return pd.read_csv(path, comment="#")


def ahead(text, line, *, lower=False, unit=100):
    """Part: the reference is better than another model, significantly.

    Parameters
    ----------
    text : str
    line : Series or dict
        ``difference``, reference minus the other, and ``p_holm``.
    lower : bool, default=False
        Whether lower is better.
    unit : float, default=100
        What differences are multiplied by to be shown: accuracies in points.
    """
    difference, p = line["difference"], line["p_holm"]
    gain = -difference if lower else difference
    return Part(
        f"{text} ({unit * difference:+.2f}, p {report.format_p(p)})",
        bool(gain > 0 and p < ALPHA),
    )


def percent(line, metric="accuracy"):
    """Mean and sd of an accuracy in percent."""
    mean, sd = 100 * line[metric], 100 * line[f"{metric}_sd"]
    return report.format_mean_sd(mean, sd, 2)
