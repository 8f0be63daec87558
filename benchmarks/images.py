"""Images: MNIST, CIFAR-10 and the published CIFAR-10-C."""

import io
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from benchmarks.data import data_file


class Images(NamedTuple):
    """Training and test images.

    Attributes
    ----------
    train, test : ndarray of uint8, shape (n, height, width) or (n, height, width, 3)
    y_train, y_test : ndarray of int, shape (n,)
    """

    train: np.ndarray
    y_train: np.ndarray
    test: np.ndarray
    y_test: np.ndarray


def load_mnist():
    """60,000 and 10,000 handwritten digits of 28 x 28 pixels."""
    with np.load(data_file("mnist/mnist.npz")) as file:
        arrays = {name: file[name] for name in file.files}
    return Images(
        arrays["x_train"],
        arrays["y_train"].astype(int),
        arrays["x_test"],
        arrays["y_test"].astype(int),
    )


def load_cifar10():
    """50,000 and 10,000 photographs of 32 x 32 pixels in ten classes.

    The pixels went through JPEG at quality 75: they differ from CIFAR-10's own by 6 of
    255 on average.
    """
    with np.load(data_file("cifar10_jpeg/cifar10_jpeg.npz")) as file:
        coded, offsets = file["jpeg"].tobytes(), file["offsets"]
        y, is_train = file["y"].astype(int), file["is_train"].astype(bool)
    images = np.stack(
        [
            np.asarray(Image.open(io.BytesIO(coded[start:stop])))
            for start, stop in pairwise(offsets)
        ]
    )
    return Images(images[is_train], y[is_train], images[~is_train], y[~is_train])


def load_cifar10c(folder, names, n_images=10_000):
    """The published CIFAR-10-C: test images of CIFAR-10, corrupted, in five severities.

    Parameters
    ----------
    folder : path-like
        With ``labels.npy`` and, for each corruption, ``<name>.npy``.
    names : iterable of str
        Corruptions.
    n_images : int, default=10_000
        Of each severity.

    Returns
    -------
    images : dict of ndarray of uint8, shape (5, n_images, 32, 32, 3)
        Memory-mapped.
    y : ndarray of int, shape (n_images,)

    Raises
    ------
    FileNotFoundError, ValueError
        If a file is not there or is not what it should be.
    """
    shape = (5 * n_images, 32, 32, 3)
    images = {
        name: _mapped(folder, name, shape).reshape(5, n_images, *shape[1:])
        for name in names
    }
    y = _mapped(folder, "labels", shape[:1]).astype(int).reshape(5, n_images)
    if (y != y[0]).any():
        raise ValueError(f"The labels in {folder} differ between the severities.")
    return images, y[0]


def _mapped(folder, name, shape):
    path = Path(folder, f"{name}.npy")
    if not path.is_file():
        raise FileNotFoundError(f"There is no {path}, which CIFAR-10-C has.")
    array = np.load(path, mmap_mode="r")
    if array.shape != shape or array.dtype != np.uint8:
        raise ValueError(
            f"{path} must be uint8 of shape {shape}, it is {array.dtype} of shape "
            f"{array.shape}."
        )
    return array
