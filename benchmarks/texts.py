"""Texts with ordered labels: SST-5 and star ratings."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from benchmarks.data import data_file


class Texts(NamedTuple):
    """Texts, ranks and groups.

    Attributes
    ----------
    texts : ndarray of str, shape (n,)
    y : ndarray of int, shape (n,)
        Ranks, 0 for the worst.
    groups : ndarray of int, shape (n,)
        Equal for equal texts, which must not be in a training and a test part.
    levels : list of str
        What the ranks stand for.
    """

    texts: np.ndarray
    y: np.ndarray
    groups: np.ndarray
    levels: list


def load_sst5():
    """Sentences of the Stanford Sentiment Treebank with five classes, by its parts.

    Returns
    -------
    dict of Texts
        Keys "train", "dev" and "test": 8544, 1101 and 2210 sentences.
    """
    table = pd.read_csv(data_file("sst5/sst5.csv.gz"), keep_default_na=False)
    levels = ["very negative", "negative", "neutral", "positive", "very positive"]
    return {
        part: _texts(rows["text"], rows["label"], levels)
        for part, rows in table.groupby("split")
    }


def count_sst5_phrases():
    """Distinct labelled phrases of the training sentences' trees, RNTN's rows."""
    return len(pd.read_csv(data_file("sst5/sst5_train_phrases.csv.gz")))


def _yelp():
    table = pd.read_csv(data_file("yelp10k/yelp10k.csv.gz"), keep_default_na=False)
    return table["text"], table["stars"]


def _coursera():
    path = data_file("coursera/coursera_balanced.csv.gz")
    table = pd.read_csv(path, keep_default_na=False)
    return table["text"], table["rating"]


def _womens_clothing():
    path = data_file("womens_clothing/womens_clothing_reviews.csv.gz")
    table = pd.read_csv(path, keep_default_na=False)
    return table["Review Text"], table["Rating"]


def _imdb():
    table = pd.read_parquet(data_file("imdb50k/imdb50k.parquet"))
    return table["text"], table["rating"]


REVIEWS = {
    "yelp": _yelp,
    "coursera": _coursera,
    "womens_clothing": _womens_clothing,
    "imdb": _imdb,
}


def load_reviews(name, max_rows=None):
    """Reviews with their stars: 8 levels for "imdb" (no 5 and 6), else 5.

    Reviews without a text are left out.

    Parameters
    ----------
    name : {"yelp", "coursera", "womens_clothing", "imdb"}
    max_rows : int, default=None
        More rows are sampled, always the same.

    Returns
    -------
    Texts
    """
    texts, stars = REVIEWS[name]()
    rows = pd.DataFrame({"text": texts.astype(str).str.strip(), "stars": stars})
    rows = rows[rows["text"] != ""]
    if max_rows is not None and len(rows) > max_rows:
        rows = rows.sample(max_rows, random_state=0)
    levels, ranks = np.unique(rows["stars"], return_inverse=True)
    return _texts(rows["text"], ranks, [f"{level} stars" for level in levels])


def load_yelp_full(folder, max_rows=None):
    """Yelp Review Full by its official parts: 650,000 and 50,000 reviews.

    Parameters
    ----------
    folder : path-like
        With ``train.csv`` and ``test.csv``, stars and text in each line, with or
        without a header; or with ``train*.parquet`` and ``test*.parquet``, of the
        columns ``label`` and ``text``.
    max_rows : int, default=None
        Of each part; more are sampled, always the same.

    Returns
    -------
    dict of Texts
        Keys "train" and "test".

    Raises
    ------
    FileNotFoundError, ValueError
        If a part is not there or has other labels than five.
    """
    parts = {part: _yelp_part(Path(folder), part) for part in ("train", "test")}
    levels = np.unique(parts["train"]["label"])
    if len(levels) != 5 or not np.isin(parts["test"]["label"], levels).all():
        raise ValueError(
            f"The labels of Yelp Review Full must be five in {folder}, the same in "
            f"both parts; those of the training part are {levels.tolist()}."
        )
    names = [f"{star} stars" for star in range(1, 6)]
    loaded = {}
    for part, rows in parts.items():
        if max_rows is not None and len(rows) > max_rows:
            rows = rows.sample(max_rows, random_state=0)
        ranks = np.searchsorted(levels, rows["label"])
        loaded[part] = _texts(rows["text"], ranks, names)
    return loaded


def _yelp_part(folder, part):
    path = folder / f"{part}.csv"
    if path.exists():
        rows = pd.read_csv(
            path, header=None, names=["label", "text"], dtype=str, keep_default_na=False
        )
        rows = rows[rows["label"] != "label"]
        return rows.astype({"label": int})
    paths = sorted(folder.glob(f"{part}*.parquet"))
    if not paths:
        raise FileNotFoundError(
            f"There is neither {path} nor {part}*.parquet beside it; give the folder "
            "of Yelp Review Full."
        )
    return pd.concat(
        [pd.read_parquet(path, columns=["label", "text"]) for path in paths],
        ignore_index=True,
    )


def _texts(texts, ranks, levels):
    texts = np.asarray(texts, dtype=object)
    groups = pd.factorize(texts)[0]
    return Texts(texts, np.asarray(ranks, dtype=int), groups, levels)
