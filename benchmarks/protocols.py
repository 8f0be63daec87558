"""Splits, and fits that are run in parallel and recorded as they finish.

One row per fit is appended to a CSV file. A run that was stopped goes on where it was:
what is in the file with the same key and the same model settings is not fitted again.
"""

import csv
import hashlib
import time
import warnings
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module, metadata
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from joblib import Parallel, delayed, parallel_config
from sklearn import config_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import RepeatedStratifiedKFold, train_test_split
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from benchmarks.evaluation import CLASSES, SECONDS, FitTimeout, evaluate

KEY = [
    "dataset",
    "protocol",
    "model",
    "repeat",
    "fold",
    "fraction",
    "seed",
    "settings",
]
# Columns that older files lack, and what they are there.
_LATER = {"ece": "nan", "status": "ok"}


class Split(NamedTuple):
    """Positions of training and test rows, and the seed of the models fitted there."""

    repeat: int
    fold: int
    fraction: float
    seed: int
    train: np.ndarray
    test: np.ndarray


class Experiment(NamedTuple):
    """Every model on every split of one table.

    ``models`` maps names to ``make(seed)``, which returns an unfitted classifier.
    """

    dataset: str
    protocol: str
    X: Any
    y: Any
    splits: Sequence[Split]
    models: Mapping


def columns(scoring=CLASSES):
    """Columns of a file of fits that are scored by these metrics."""
    return [*KEY, "n_train", "n_test", *scoring.metrics, *SECONDS, "status"]


def repeated_folds(y, n_folds, n_repeats):
    """Repeated stratified k-fold; more repeats leave the earlier ones as they are."""
    folds = RepeatedStratifiedKFold(
        n_splits=n_folds, n_repeats=n_repeats, random_state=0
    )
    return [
        Split(i // n_folds, i % n_folds, 1.0, i, train, test)
        for i, (train, test) in enumerate(folds.split(np.zeros(len(y)), y))
    ]


def repeated_holdout(y, n_test, n_repeats, fractions=(1.0,)):
    """Stratified training and test parts, and stratified fractions of the former.

    Within a repeat, all fractions share the test part, and each contains the smaller
    ones.
    """
    y = np.asarray(y)
    splits = []
    for repeat in range(n_repeats):
        train, test = train_test_split(
            np.arange(len(y)), test_size=n_test, stratify=y, random_state=repeat
        )
        for fraction, part in nested_parts(y, train, fractions):
            splits.append(Split(repeat, 0, fraction, repeat, part, test))
    return splits


def nested_parts(y, rows, fractions):
    """Each fraction with its stratified part of shuffled rows, sorted.

    Each part contains the smaller ones.
    """
    by_class = [rows[y[rows] == label] for label in np.unique(y[rows])]
    for fraction in fractions:
        firsts = [part[: max(1, round(fraction * len(part)))] for part in by_class]
        yield fraction, np.sort(np.concatenate(firsts))


def settings_hash(estimator):
    """Short hash of all parameters of a model and of the versions that define it.

    Versions are those of the packages that the estimator and its parts come from.
    """
    with config_context(print_changed_only=False):
        text = estimator.__repr__(N_CHAR_MAX=10**6)
    parts = [estimator, *estimator.get_params(deep=True).values()]
    packages = {
        type(part).__module__.partition(".")[0]
        for part in parts
        if hasattr(part, "get_params")
    }
    # Our own wrappers have no version; they may name the package that they wrap.
    packages = packages - {"benchmarks"} | {
        part.package for part in parts if hasattr(part, "package")
    }
    versions = [f"{name} {package_version(name)}" for name in sorted(packages)]
    return hashlib.sha256("\n".join([text, *versions]).encode()).hexdigest()[:10]


def package_version(name):
    """Version of a package, from the package itself or from how it was installed."""
    found = getattr(import_module(name), "__version__", None)
    return found or metadata.version(name)


def run(
    experiments, path, *, scoring=CLASSES, n_jobs=2, progress=False, time_limit=None
):
    """Fit what is not yet recorded, and return the rows of these experiments.

    Parameters
    ----------
    experiments : list of Experiment
    path : path-like
        CSV file, made if it is not there. Rows of other experiments and settings stay
        in it and are left out of the result.
    scoring : Scoring, default=CLASSES
        A file holds fits of one scoring.
    n_jobs : int, default=2
        Processes, each on one thread.
    progress : bool, default=False
        Whether to show a bar on the error stream.
    time_limit : float, default=None
        Seconds that a fit may take. With a limit, a fit that exceeds it or fails is
        recorded without scores and the others go on; without, the first that fails
        ends the run.

    Returns
    -------
    DataFrame
        One row per fit, with :func:`columns`, in the order of the experiments.
        ``status`` is "ok", "timeout", or "failed: " and the class of the error.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    wanted = _tasks(experiments)
    done = {_key(row) for row in read_rows(path, scoring).to_dict("records")}
    missing = {key: task for key, task in wanted.items() if key not in done}
    with (
        path.open("a", newline="", encoding="utf-8") as file,
        tqdm(
            total=len(wanted),
            initial=len(wanted) - len(missing),
            disable=not progress,
            unit="fit",
            smoothing=0.05,
        ) as bar,
    ):
        writer = csv.DictWriter(file, columns(scoring), lineterminator="\n")
        if file.tell() == 0:
            writer.writeheader()
        # batch_size=1, so that no finished fit waits for others to be recorded.
        with parallel_config("loky", n_jobs=n_jobs, inner_max_num_threads=1):
            rows = Parallel(return_as="generator_unordered", batch_size=1)(
                delayed(_fit_row)(key, *task, scoring, time_limit)
                for key, task in missing.items()
            )
            for row in rows:
                writer.writerow(row)
                file.flush()
                bar.set_postfix_str(f"{row['dataset']} {row['model']}", refresh=False)
                bar.update()
    return recorded(experiments, path, scoring)


def recorded(experiments, path, scoring=CLASSES):
    """Rows of these experiments that the file holds, in the experiments' order."""
    rows = read_rows(path, scoring)
    position = {key: i for i, key in enumerate(_tasks(experiments))}
    found = [position.get(_key(row), -1) for row in rows.to_dict("records")]
    found, first = np.unique(found, return_index=True)
    return rows.iloc[first[found >= 0]].reset_index(drop=True)


def recorded_elsewhere(path, protocol, datasets, models):
    """Last rows of models that need not be installed here, whatever their settings."""
    rows = read_rows(path)
    rows = rows[
        rows["protocol"].eq(protocol)
        & rows["dataset"].isin(datasets)
        & rows["model"].isin(models)
    ]
    key = [name for name in KEY if name != "settings"]
    return rows.drop_duplicates(key, keep="last")


def forget(path, datasets, models, scoring=CLASSES):
    """Remove the rows of these models on these data sets from the file."""
    rows = read_rows(path, scoring)
    gone = rows["dataset"].isin(datasets) & rows["model"].isin(models)
    if gone.any():
        _write_rows(rows[~gone], path)


def read_rows(path, scoring=CLASSES):
    """Rows recorded so far.

    A last line that was cut off in the middle is removed from the file, and columns
    that it lacks because it is older are added to it.

    Raises
    ------
    ValueError
        If the file has other columns.
    """
    path, known = Path(path), columns(scoring)
    text = path.read_bytes() if path.exists() else b""
    complete = text[: text.rfind(b"\n") + 1]
    if len(complete) < len(text):
        path.write_bytes(complete)
    if not complete:
        return pd.DataFrame(columns=known)
    rows = pd.read_csv(path, dtype=object, keep_default_na=False)
    if list(rows.columns) == [name for name in known if name not in _LATER]:
        rows = rows.assign(**_LATER)[known]
        _write_rows(rows, path)
    if list(rows.columns) != known:
        raise ValueError(
            f"{path} was written by another version of the benchmark: its columns are "
            f"{list(rows.columns)}, not {known}. Move it away and run again."
        )
    # Not by read_csv, which may round the last digit of a fraction, part of the key.
    return rows.astype(
        {
            **dict.fromkeys(known, float),
            **dict.fromkeys(["repeat", "fold", "seed", "n_train", "n_test"], int),
            **dict.fromkeys(["dataset", "protocol", "model"], object),
            **dict.fromkeys(["settings", "status"], object),
        }
    )


def _write_rows(rows, path):
    """Replace the file, at once: a run that is stopped here must lose nothing."""
    path = Path(path)
    new = path.with_name(f"{path.name}.new")
    rows.to_csv(new, index=False, na_rep="nan", lineterminator="\n")
    new.replace(path)


def _tasks(experiments):
    tasks, settings = {}, {}
    for experiment in experiments:
        for split in experiment.splits:
            for name, make in experiment.models.items():
                if make not in settings:
                    settings[make] = settings_hash(make(0))
                key = (
                    experiment.dataset,
                    experiment.protocol,
                    name,
                    *split[:4],
                    settings[make],
                )
                tasks[key] = experiment.X, experiment.y, make, split
    return tasks


def _key(row):
    return tuple(row[name] for name in KEY)


def _fit_row(key, X, y, make, split, scoring, time_limit):
    train, test = split.train, split.test
    row = {
        **dict(zip(KEY, key, strict=True)),
        "n_train": len(train),
        "n_test": len(test),
        **dict.fromkeys([*scoring.metrics, *SECONDS], np.nan),
    }
    start = time.process_time()
    try:
        with _one_thread(), warnings.catch_warnings():
            # A default number of epochs that does not suffice is part of the default.
            warnings.simplefilter("ignore", ConvergenceWarning)
            # So is what an encoder makes of categories that few rows do not have.
            warnings.filterwarnings("ignore", "Found unknown categories", UserWarning)
            scores = evaluate(
                make(split.seed),
                _take(X, train),
                _take(y, train),
                _take(X, test),
                _take(y, test),
                scoring,
                time_limit,
            )
    except FitTimeout:
        status = "timeout"
    except Exception as error:
        if time_limit is None:
            fit = ", ".join(
                f"{name} {value}" for name, value in zip(KEY, key, strict=True)
            )
            raise RuntimeError(f"This fit failed: {fit}: {error}") from error
        status = f"failed: {type(error).__name__}"
    else:
        return {**row, **scores, "status": "ok"}
    return {**row, "fit_seconds": time.process_time() - start, "status": status}


def _take(data, rows):
    return data.iloc[rows] if hasattr(data, "iloc") else data[rows]


@contextmanager
def _one_thread():
    """One thread for everything, also where n_jobs=1 means the calling process."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(before)
