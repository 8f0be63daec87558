"""Data sets of the benchmarks, checked when they are read."""

import hashlib
import os
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

DATASETS = Path(__file__).parent / "datasets"

_PIMA_COLUMNS = [
    "pregnant",
    "glucose",
    "pressure",
    "triceps",
    "insulin",
    "mass",
    "pedigree",
    "age",
]
_PIMA_ZERO_IS_MISSING = ["glucose", "pressure", "triceps", "insulin", "mass"]
_PIMA_SUMS = [2953, 92847, 53073, 15772, 61286, 24570.3, 362.401, 25529]
_PIMA_FIRST_ROW = [6, 148, 72, 35, 0, 33.6, 0.627, 50]
_PIMA_CLASS_SIZES = [500, 268]


def load_pima(source="embedded"):
    """Pima Indians Diabetes, with the zeros that stand for missing values as NaN.

    Parameters
    ----------
    source : {"embedded", "openml"}, default="embedded"
        The copy in this folder, or OpenML's ``diabetes`` version 1, which is
        downloaded and then kept in scikit-learn's data folder.

    Returns
    -------
    X : DataFrame of shape (768, 8)
    y : Series of shape (768,)
        1 is diabetic.

    Raises
    ------
    ValueError
        If what was read is not the known table.
    """
    if source == "embedded":
        X = pd.read_csv(DATASETS / "pima.csv")
        y = X.pop("diabetes")
    elif source == "openml":
        X, y = _fetch_pima_from_openml()
    else:
        raise ValueError(f"source must be 'embedded' or 'openml', got {source!r}.")
    X = X.astype(float)
    _check_pima(X, y, source)
    X[_PIMA_ZERO_IS_MISSING] = X[_PIMA_ZERO_IS_MISSING].replace(0.0, np.nan)
    return X, y


def data_folder():
    """Folder of the data that the project does not ship.

    Raises
    ------
    FileNotFoundError
        If the environment variable CR_SKLEARN_DATA names no folder.
    """
    folder = os.environ.get("CR_SKLEARN_DATA", "")
    if not folder or not Path(folder).is_dir():
        raise FileNotFoundError(
            "This benchmark needs data that the project does not ship. Set the "
            "environment variable CR_SKLEARN_DATA to its folder; it is "
            f"{folder!r}."
        )
    return Path(folder)


def data_file(name):
    """Path of a file of CR_SKLEARN_DATA, once its size and SHA-256 are the known ones.

    Parameters
    ----------
    name : str
        As listed in ``benchmarks/datasets/files.csv``, with the folder.

    Raises
    ------
    FileNotFoundError
        If there is no such file, or no folder.
    ValueError
        If it holds something else, such as half of what it should.
    """
    known = pd.read_csv(DATASETS / "files.csv", index_col="file").loc[name]
    path = data_folder() / name
    if not path.is_file():
        raise FileNotFoundError(
            f"There is no {name} in CR_SKLEARN_DATA, {str(path.parents[1])!r}; it "
            f"holds: {known['source']}."
        )
    check_file(path, known["bytes"], known["sha256"])
    return path


def check_file(path, size, sha256):
    """Raise a ValueError unless the file has this size and this SHA-256."""
    found = path.stat().st_size
    if found == size:
        found, size = _sha256(path, path.stat().st_mtime_ns), sha256
    if found != size:
        raise ValueError(
            f"{path} is not the known file: its size or SHA-256 is {found}, not "
            f"{size}. It may be half a download; get it again."
        )


@cache
def _sha256(path, modified):
    """Digest of a file, computed once in a process as long as it is not modified."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def load_tabular(folder, name, max_rows=None):
    """A table of a folder of parquet files whose last column is ``target``.

    Parameters
    ----------
    folder : path-like
    name : str
        File name without its suffix.
    max_rows : int, default=None
        Larger tables are sampled, always the same rows.

    Returns
    -------
    X : DataFrame
    y : Series of str

    Raises
    ------
    FileNotFoundError, ValueError
        If the file is not there or its last column is not ``target``.
    """
    path = Path(folder, f"{name}.parquet")
    if not path.exists():
        raise FileNotFoundError(f"There is no {path}; give its folder with --data.")
    X = pd.read_parquet(path)
    if X.columns[-1] != "target":
        raise ValueError(
            f"The last column of {path} must be 'target', it is {X.columns[-1]!r}."
        )
    if max_rows is not None and len(X) > max_rows:
        X = X.sample(max_rows, random_state=0)
    y = X.pop("target").astype(str)
    return X.reset_index(drop=True), y.reset_index(drop=True)


def _fetch_pima_from_openml():
    from sklearn.datasets import fetch_openml

    X, labels = fetch_openml(
        "diabetes", version=1, return_X_y=True, as_frame=True, parser="auto"
    )
    # Other names for the same columns in the same order; the sums are checked.
    X = X.set_axis(_PIMA_COLUMNS[: X.shape[1]], axis=1)
    y = (labels == "tested_positive").astype(int).rename("diabetes")
    return X, y


def _check_pima(X, y, source):
    problem = None
    if list(X.columns) != _PIMA_COLUMNS or len(X) != sum(_PIMA_CLASS_SIZES):
        problem = f"{len(X)} rows and columns {list(X.columns)}"
    elif np.bincount(y).tolist() != _PIMA_CLASS_SIZES:
        problem = f"class sizes {np.bincount(y).tolist()}, not {_PIMA_CLASS_SIZES}"
    elif not np.allclose(X.sum(), _PIMA_SUMS, rtol=0, atol=1e-6):
        problem = f"column sums {X.sum().tolist()}, not {_PIMA_SUMS}"
    elif X.iloc[0].tolist() != _PIMA_FIRST_ROW:
        problem = f"first row {X.iloc[0].tolist()}, not {_PIMA_FIRST_ROW}"
    if problem:
        raise ValueError(
            f"The Pima table from source={source!r} is not the known one: {problem}."
        )
