"""CIFAR-10-C: heads on frozen features and on pixels, tested on corrupted images.

``python -m benchmarks.cifar10c`` reads CIFAR-10 from the folder that CR_SKLEARN_DATA
names, corrupts test images in 19 ways and five severities, fits what is not yet
recorded in ``reports/cifar10c/rows.csv`` and writes ``report.md`` with figures there.

Five replicates have nothing in common: each has training images and test images of its
own, so that differences between them are independent. Models see clean images alone
until they are tested, and choose their setting on inner folds of those.
"""

from benchmarks import extra_packages

with extra_packages("papers"):
    from pathlib import Path
    from typing import NamedTuple

    import numpy as np
    from joblib import Parallel, delayed, parallel_config
    from tqdm import tqdm

    from benchmarks import cifar10c_report, command
    from benchmarks.cifar10c_models import MODELS, REGULARISED
    from benchmarks.cifar10c_scores import N_BLOCKS, SCORING
    from benchmarks.corruptions import (
        CONDITIONS,
        CORRUPTIONS,
        corrupt,
    )
    from benchmarks.encoders import ImageEncoder, encoded
    from benchmarks.images import load_cifar10, load_cifar10c
    from benchmarks.protocols import Experiment, Split

ROWS = Path("reports", "cifar10c", "rows.csv")
PACKAGES = ["cr_sklearn", "sklearn", "torch", "scipy", "PIL", "cv2"]


class Plan(NamedTuple):
    """How much is run: replicates, and images of each."""

    replicates: int
    n_train: int
    n_test: int


FULL = Plan(5, 5000, 1000)
QUICK = Plan(2, 1000, 50)


class Parts(NamedTuple):
    """Positions of images by replicate: training, clean test, corrupted test.

    Clean and corrupted images of a test are the same but for official CIFAR-10-C, which
    has no clean ones and another order.
    """

    train: np.ndarray
    clean: np.ndarray
    corrupted: np.ndarray


def main(argv=None):
    args = _parse(argv)
    plan = QUICK if args.quick else FULL
    images = command.loaded(load_cifar10)
    official, y_corrupted = None, images.y_test
    if args.official is not None:
        official, y_corrupted = command.loaded(
            load_cifar10c, args.official, CORRUPTIONS
        )
    parts = Parts(
        disjoint(images.y_train, plan.replicates, plan.n_train),
        disjoint(images.y_test, plan.replicates, plan.n_test),
        disjoint(y_corrupted, plan.replicates, plan.n_test),
    )
    y = labels(images, y_corrupted, parts)
    X = dict.fromkeys(REPRESENTATIONS)
    if not args.report_only:
        X = command.loaded(represent, images, parts, official, args.jobs)
    models = {
        name: model.make
        for name, model in MODELS.items()
        if not (args.quick and name in REGULARISED)
    }
    source = "official" if args.official else "JPEG"
    protocol = f"{source}, {plan.n_train} to train, {plan.n_test} to test"
    experiments = [
        Experiment(name, protocol, X[name], y, splits(parts), models)
        for name in REPRESENTATIONS
    ]
    rows = command.fit(args, experiments, SCORING)
    result = cifar10c_report.Result(
        rows, plan, args.official is not None, images.test[EXAMPLE]
    )
    made_by = command.made_by(args, argv, PACKAGES)
    command.report_on(args, cifar10c_report, result, made_by)


def disjoint(y, n_parts, n_rows):
    """Samples that share no row and have equally many rows of each class.

    Returns
    -------
    ndarray of int, shape (n_parts, n_rows)
        Sorted positions.
    """
    rng = np.random.default_rng(0)
    classes = np.unique(y)
    n = n_rows // len(classes)
    by_class = [
        rng.permutation(np.flatnonzero(y == label))[: n_parts * n].reshape(n_parts, n)
        for label in classes
    ]
    return np.sort(np.concatenate(by_class, axis=1), axis=1)


def splits(parts):
    """Rows of each replicate in the table that :func:`represent` returns.

    Test rows are those of the clean images, then those of every condition.
    """
    n_replicates, n_train = parts.train.shape
    n_test = parts.clean.shape[1]
    train = np.arange(parts.train.size).reshape(n_replicates, n_train)
    test = parts.train.size + np.arange(N_BLOCKS * parts.clean.size)
    test = test.reshape(N_BLOCKS, n_replicates, n_test)
    return [
        Split(
            replicate, 0, 1.0, replicate, train[replicate], test[:, replicate].ravel()
        )
        for replicate in range(n_replicates)
    ]


def labels(images, y_corrupted, parts):
    """Classes of the rows of the table that :func:`represent` returns."""
    corrupted = y_corrupted[parts.corrupted.ravel()]
    return np.concatenate(
        [
            images.y_train[parts.train.ravel()],
            images.y_test[parts.clean.ravel()],
            np.tile(corrupted, len(CONDITIONS)),
        ]
    )


def represent(images, parts, official, n_jobs):
    """Tables of all images, in each representation.

    Rows are the training images by replicate, the clean test images by replicate, and
    the corrupted ones by condition and replicate.

    Parameters
    ----------
    images : Images
    parts : Parts
    official : dict of ndarray or None
        CIFAR-10-C, to be used instead of corrupted ``images``.
    n_jobs : int
        Processes.

    Returns
    -------
    dict of ndarray
    """
    with parallel_config("loky", n_jobs=n_jobs, inner_max_num_threads=1):
        blocks = Parallel(return_as="generator", batch_size=1)(
            _blocks(images, parts, official)
        )
        n_blocks = len(parts.train) + N_BLOCKS
        blocks = list(tqdm(blocks, total=n_blocks, unit="block"))
    return {
        name: np.concatenate([block[name] for block in blocks])
        for name in REPRESENTATIONS
    }


def _blocks(images, parts, official):
    for part in parts.train:
        yield delayed(_represented)(images.train[part])
    clean = images.test[parts.clean.ravel()]
    yield delayed(_represented)(clean)
    for name, severity in CONDITIONS.values():
        if official is None:
            yield delayed(_corrupted)(clean, name, severity)
        else:
            chosen = official[name][severity - 1][parts.corrupted.ravel()]
            yield delayed(_represented)(chosen)


def _corrupted(images, name, severity):
    return _represented(corrupt(images, name, severity))


def _represented(images):
    return {name: function(images) for name, function in REPRESENTATIONS.items()}


def _features(images):
    return encoded(ImageEncoder(), images)


def _pixels(images):
    """Means over squares of 2 x 2 pixels, 768 columns from 0 to 1."""
    n, height, width, channels = images.shape
    squares = images.reshape(n, height // 2, 2, width // 2, 2, channels)
    return (squares.mean(axis=(2, 4)) / 255).reshape(n, -1).astype(np.float32)


REPRESENTATIONS = {"features": _features, "pixels": _pixels}
# A photograph that is shown under every corruption.
EXAMPLE = 2003


def _parse(argv):
    options = command.parser(
        "cifar10c",
        __doc__.splitlines()[0],
        quick=f"{QUICK.replicates} replicates of {QUICK.n_train:,} training and "
        f"{QUICK.n_test} test images, without {' and '.join(REGULARISED)}",
        rows=ROWS,
    )
    options.add_argument(
        "--official",
        type=Path,
        metavar="FOLDER",
        help="folder of CIFAR-10-C's .npy files, to test on those instead",
    )
    return command.parse(options, argv)


if __name__ == "__main__":
    with extra_packages("papers"):
        main()
