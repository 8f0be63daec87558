"""Data of the comparison of regularisers: tables, images and texts as matrices.

The eight sets were fixed beforehand; the four others serve to choose strengths alone.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.impute import SimpleImputer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted, validate_data

from benchmarks.data import data_folder, load_pima, load_tabular
from benchmarks.encoders import GloveEncoder, SentenceEncoder, encoded
from benchmarks.images import load_cifar10, load_mnist
from benchmarks.texts import load_reviews, load_sst5

# A third of the rows are for tests.
MAX_ROWS = 6000
# Pixels of CIFAR-10 that are averaged, in each direction.
_POOLED = 4


class Source(NamedTuple):
    """A data set: its kind, what its columns are, and ``load() -> X, y``."""

    kind: str
    columns: str
    load: Callable


class Set(NamedTuple):
    """A data set as it is fitted: at most :data:`MAX_ROWS` rows."""

    X: np.ndarray
    y: np.ndarray
    kind: str
    columns: str


class PixelScaler(TransformerMixin, BaseEstimator):
    """One mean and one standard deviation for all pixels.

    By column, pixels of the border would be divided by next to nothing.
    """

    def fit(self, X, y=None):
        """Learn both."""
        X = validate_data(self, X, dtype=np.float32)
        self.mean_, self.scale_ = X.mean(), X.std()
        return self

    def transform(self, X):
        """Standardise pixels."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float32, reset=False)
        return (X - self.mean_) / self.scale_


def standardiser(kind):
    """What stands before the networks for data of this kind."""
    if kind == "vision":
        return PixelScaler()
    return make_pipeline(SimpleImputer(strategy="median"), StandardScaler())


def load(source):
    """A data set, sampled by classes where it is large, always the same rows."""
    X, y = source.load()
    X, y = np.asarray(X, dtype=np.float32), np.unique(y, return_inverse=True)[1]
    if len(X) > MAX_ROWS:
        rows, _ = train_test_split(
            np.arange(len(X)), train_size=MAX_ROWS, stratify=y, random_state=0
        )
        X, y = X[rows], y[rows]
    return Set(X, y, source.kind, source.columns)


def _table(name):
    def load():
        return load_tabular(data_folder() / "tabular", name)

    return Source("tabular", "columns as they are", load)


def _mnist():
    images = load_mnist()
    return images.train.reshape(len(images.train), -1), images.y_train


def _cifar10():
    images = load_cifar10()
    n, height, width, colours = images.train.shape
    blocks = images.train.reshape(
        n, height // _POOLED, _POOLED, width // _POOLED, _POOLED, colours
    )
    return blocks.mean(axis=(2, 4)).reshape(n, -1), images.y_train


def _sst5():
    texts = load_sst5()["train"]
    return encoded(SentenceEncoder(), texts.texts), texts.y


def _yelp():
    texts = load_reviews("yelp")
    return encoded(GloveEncoder(), texts.texts), texts.y


def _coursera():
    texts = load_reviews("coursera", MAX_ROWS // 2)
    return encoded(SentenceEncoder(), texts.texts), texts.y


SOURCES = {
    "pima": Source("tabular", "columns, gaps filled by medians", load_pima),
    "phoneme": _table("phoneme"),
    "satellite": _table("mlb_Satellite"),
    "letter": _table("mlb_LetterRecognition"),
    "mnist": Source("vision", "28 x 28 pixels", _mnist),
    "cifar10": Source(
        "vision", "8 x 8 x 3 means of 4 x 4 pixels, re-encoded as JPEG", _cifar10
    ),
    "sst5": Source("language", "MiniLM embeddings of sentences, frozen", _sst5),
    "yelp": Source("language", "mean GloVe vectors of reviews", _yelp),
}
DEVELOPMENT = {
    "segment": _table("segment"),
    "magic": _table("pmlb_magic"),
    "optdigits": _table("pmlb_optdigits"),
    "coursera": Source("language", "MiniLM embeddings of reviews, frozen", _coursera),
}
