"""Star ratings from what reviews say: ordered classes on frozen features.

``python -m benchmarks.reviews`` encodes 10,000 reviews each of four data sets by GloVe
and by MiniLM, fits every model on the same five folds, in which equal texts stay
together, and writes ``report.md`` with figures to ``reports/reviews``. The fits take an
hour of one core; before them, and once, MiniLM reads each set in four minutes of two.

With ``--data FOLDER`` it is Yelp Review Full instead, read from there, on its official
split: five seeds of every model on the same rows.
"""

from pathlib import Path
from typing import NamedTuple

from benchmarks import extra_packages

with extra_packages("papers"):
    import numpy as np
    import pandas as pd
    from sklearn.feature_extraction.text import HashingVectorizer
    from sklearn.model_selection import StratifiedKFold

    from benchmarks import command, reviews_report
    from benchmarks.encoders import GloveEncoder, SentenceEncoder, encoded
    from benchmarks.evaluation import Scoring
    from benchmarks.ordinal_scores import RANKS, score_ranks
    from benchmarks.protocols import Experiment, Split
    from benchmarks.reviews_models import LARGE_MODELS, MODELS, n_parameters
    from benchmarks.texts import REVIEWS, Texts, load_reviews, load_yelp_full

ROWS = Path("reports", "reviews", "rows.csv")
PACKAGES = ["cr_sklearn", "sklearn", "torch", "transformers"]
N_FOLDS = N_SEEDS = 5
MAX_ROWS = 10_000
# Where the models of 3.2 million parameters are fitted as well.
LARGE_SETS = ["yelp", "yelp_full"]
QUICK_SETS, QUICK_ROWS, QUICK_SPLITS = ["yelp"], 1_500, 3


def _hashed_words(texts):
    """Counts of words and pairs of words, which need no fit."""
    vectorizer = HashingVectorizer(
        ngram_range=(1, 2), n_features=2**18, alternate_sign=False, norm=None
    )
    return vectorizer.transform(texts)


FEATURES = {
    "minilm": lambda texts: encoded(SentenceEncoder(), texts),
    "glove": lambda texts: encoded(GloveEncoder(), texts),
    "words": _hashed_words,
}


class Corpus(NamedTuple):
    """Reviews, their splits, and how these were made in a few words."""

    reviews: Texts
    splits: list
    protocol: str


def _score(model, X, y, labels, probabilities):
    scores = score_ranks(model, X, y, labels, probabilities)
    return {**scores, "n_parameters": n_parameters(model)}


SCORING = Scoring([*RANKS.metrics, "n_parameters"], _score)


def main(argv=None):
    options = command.parser(
        "reviews",
        __doc__.splitlines()[0],
        quick=f"{QUICK_ROWS:,} reviews of {', '.join(QUICK_SETS)}, {QUICK_SPLITS} of "
        "the folds or seeds, without the large networks",
        rows=ROWS,
    )
    options.add_argument(
        "--sets", nargs="+", choices=REVIEWS, metavar="SET", help=f"of {[*REVIEWS]}"
    )
    options.add_argument(
        "--data",
        type=Path,
        metavar="FOLDER",
        help="Yelp Review Full: train.csv and test.csv, or parquet files, instead",
    )
    args = command.parse(options, argv)
    if args.data and args.sets:
        options.error("--sets has no meaning with --data")
    corpora = command.loaded(load, args)
    planned = experiments(corpora, large=not args.quick)
    rows = command.fit(args, planned, SCORING)
    result = reviews_report.Result(
        rows, {name: corpus.reviews for name, corpus in corpora.items()}
    )
    made_by = command.made_by(args, argv, PACKAGES)
    command.report_on(args, reviews_report, result, made_by)


def load(args):
    """Corpora by name, as the command line asks for them."""
    if args.data:
        parts = load_yelp_full(args.data, QUICK_ROWS if args.quick else None)
        return {"yelp_full": official(parts, QUICK_SPLITS if args.quick else N_SEEDS)}
    max_rows, n_splits = MAX_ROWS, N_FOLDS
    if args.quick:
        max_rows, n_splits = QUICK_ROWS, QUICK_SPLITS
    corpora = {}
    for name in args.sets or (QUICK_SETS if args.quick else REVIEWS):
        reviews = load_reviews(name, max_rows)
        folds = grouped_folds(reviews.groups, reviews.y)[:n_splits]
        corpora[name] = Corpus(reviews, folds, f"{N_FOLDS}-fold of {max_rows} rows")
    return corpora


def official(parts, n_seeds):
    """The corpus of a given training and test part, the same for every seed."""
    train, test = parts["train"], parts["test"]
    texts = np.concatenate([train.texts, test.texts])
    # Equal texts of both parts are one group.
    groups = pd.factorize(texts)[0]
    y = np.concatenate([train.y, test.y])
    reviews = Texts(texts, y, groups, train.levels)
    rows = np.split(np.arange(len(reviews.y)), [len(train.y)])
    splits = [Split(seed, 0, 1.0, seed, *rows) for seed in range(n_seeds)]
    return Corpus(reviews, splits, f"official split of {len(train.y)} rows")


def grouped_folds(groups, y):
    """Folds that are stratified by class, with rows of a group in one of them.

    Parameters
    ----------
    groups : ndarray of int, shape (n,)
    y : ndarray of int, shape (n,)
        The class of a group is that of its first row.

    Returns
    -------
    list of Split
    """
    names, first = np.unique(groups, return_index=True)
    folds = StratifiedKFold(N_FOLDS, shuffle=True, random_state=0)
    splits = []
    for fold, (_, test) in enumerate(folds.split(names, y[first])):
        in_test = np.isin(groups, names[test])
        rows = np.flatnonzero(~in_test), np.flatnonzero(in_test)
        splits.append(Split(0, fold, 1.0, fold, *rows))
    return splits


def experiments(corpora, large):
    """Every model on every corpus, encoded as the model wants it."""
    planned = []
    for name, corpus in corpora.items():
        for features, encode in FEATURES.items():
            models = dict(MODELS[features])
            if large and name in LARGE_SETS and features == "minilm":
                models |= LARGE_MODELS
            planned.append(
                Experiment(
                    name,
                    f"{features}, {corpus.protocol}",
                    encode(corpus.reviews.texts),
                    corpus.reviews.y,
                    corpus.splits,
                    {name: model.make for name, model in models.items()},
                )
            )
    return planned


if __name__ == "__main__":
    with extra_packages("papers"):
        main()
