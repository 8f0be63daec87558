"""SST-5 sentences, frozen encoders: heads under identical conditions.

``python -m benchmarks.sst5`` reads the folder that CR_SKLEARN_DATA names, encodes the
sentences once, fits what is not yet recorded in ``reports/sst5/rows.csv``, writes
``report.md`` with figures there, and prints the tables. The official test part is kept
for the figures next to published ones, at fractions of the official training part. The
tests between models are those of random splits of all sentences.
"""

from pathlib import Path
from typing import NamedTuple

from benchmarks import extra_packages

with extra_packages("papers"):
    import numpy as np
    from sklearn.model_selection import train_test_split

    from benchmarks import command, sst5_report, texts
    from benchmarks.encoders import GloveEncoder, SentenceEncoder, encoded
    from benchmarks.ordinal_scores import RANKS
    from benchmarks.protocols import Experiment, Split, nested_parts
    from benchmarks.sst5_report import MODELS, OFFICIAL, RESAMPLED

PACKAGES = ["cr_sklearn", "sklearn", "torch", "transformers"]
ROWS = Path("reports", "sst5", "rows.csv")
# In this order: splits and the cache of features go by positions.
PARTS = ["train", "dev", "test"]
ENCODERS = {
    "minilm": SentenceEncoder("minilm", progress=True),
    "mpnet": SentenceEncoder("mpnet", progress=True),
    "glove": GloveEncoder(),
}
FRACTIONS = (0.05, 0.1, 0.25, 0.5, 1.0)
# Twice the columns take twice the time.
WIDE_MODELS = ["chainzrule", "ordinal", "relu", "lr", "lr_tuned"]


class Sentences(NamedTuple):
    """All sentences with their ranks; the test part's are the last ``n_test``."""

    texts: np.ndarray
    y: np.ndarray
    n_train: int
    n_test: int


class Plan(NamedTuple):
    """How much is run.

    Attributes
    ----------
    seeds : int
        Of the official protocol.
    official : dict
        By encoder, fractions and models.
    splits : int
        Of the resampled protocol.
    resampled : dict
        By encoder, models.
    fraction : float
        Of the official number of training rows, in the resampled protocol.
    """

    seeds: int
    official: dict
    splits: int
    resampled: dict
    fraction: float


FULL = Plan(
    5,
    {
        "minilm": (FRACTIONS, list(MODELS)),
        "mpnet": ((0.1, 1.0), WIDE_MODELS),
        "glove": ((0.1, 1.0), WIDE_MODELS),
    },
    10,
    {"minilm": [*WIDE_MODELS, "svm"]},
    1.0,
)
QUICK = Plan(
    2,
    {"minilm": ((0.05, 0.1), WIDE_MODELS)},
    2,
    {"minilm": WIDE_MODELS},
    0.1,
)


def load():
    """Sentences of all three parts."""
    parts = texts.load_sst5()
    return Sentences(
        np.concatenate([parts[name].texts for name in PARTS]),
        np.concatenate([parts[name].y for name in PARTS]),
        len(parts["train"].y),
        len(parts["test"].y),
    )


def official_splits(sentences, n_seeds, fractions):
    """The official test part, and fractions of the training part for each seed."""
    n = len(sentences.y)
    test = np.arange(n - sentences.n_test, n)
    splits = []
    for seed in range(n_seeds):
        rows = np.random.default_rng(seed).permutation(sentences.n_train)
        for fraction, part in nested_parts(sentences.y, rows, fractions):
            splits.append(Split(seed, 0, fraction, seed, part, test))
    return splits


def resampled_splits(sentences, n_splits, fraction):
    """Stratified splits of the distinct sentences of all parts, of official sizes."""
    _, distinct = np.unique(sentences.texts, return_index=True)
    splits = []
    for repeat in range(n_splits):
        train, test = train_test_split(
            distinct,
            train_size=round(fraction * sentences.n_train),
            test_size=sentences.n_test,
            stratify=sentences.y[distinct],
            random_state=repeat,
        )
        splits.append(Split(repeat, 0, fraction, repeat, np.sort(train), test))
    return splits


def experiments(sentences, features, plan):
    """Both protocols, on the features of each encoder.

    Parameters
    ----------
    sentences : Sentences
    features : dict of ndarray
        By encoder, those of all sentences.
    plan : Plan
    """
    y = sentences.y

    def experiment(encoder, protocol, splits, names):
        make = {name: MODELS[name].make for name in names}
        return Experiment(encoder, protocol, features[encoder], y, splits, make)

    resampled = resampled_splits(sentences, plan.splits, plan.fraction)
    return [
        *(
            experiment(
                encoder,
                OFFICIAL,
                official_splits(sentences, plan.seeds, fractions),
                names,
            )
            for encoder, (fractions, names) in plan.official.items()
        ),
        *(
            experiment(encoder, RESAMPLED, resampled, names)
            for encoder, names in plan.resampled.items()
        ),
    ]


def main(argv=None):
    options = command.parser(
        "sst5",
        __doc__.splitlines()[0],
        quick="MiniLM, a tenth of the sentences, two splits, some of the models",
        rows=ROWS,
    )
    args = command.parse(options, argv)
    plan = QUICK if args.quick else FULL
    sentences = command.loaded(load)
    n_phrases = command.loaded(texts.count_sst5_phrases)
    features = {
        name: command.loaded(encoded, ENCODERS[name], sentences.texts)
        for name in plan.official
    }
    rows = command.fit(args, experiments(sentences, features, plan), RANKS)
    result = sst5_report.Result(rows, sentences.n_train, n_phrases)
    made_by = command.made_by(args, argv, PACKAGES)
    command.report_on(args, sst5_report, result, made_by)


if __name__ == "__main__":
    with extra_packages("papers"):
        main()
