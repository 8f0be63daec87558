"""Images: MNIST and CIFAR-10."""

import io
from itertools import pairwise
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
