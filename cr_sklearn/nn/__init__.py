"""The torch core: polynomial layers, packed networks, derivative stream, DREG.

Pure torch; imports nothing else of the package.
"""

from cr_sklearn.nn._activations import ACTIVATIONS, make_activation
from cr_sklearn.nn._dreg import STREAMS, dreg, n_tangent_dims, tangent_images
from cr_sklearn.nn._losses import CrossEntropy, CumulativeLink
from cr_sklearn.nn._network import PackedNetwork
from cr_sklearn.nn._poly import Polynomial
from cr_sklearn.nn._streams import Streams

__all__ = [
    "ACTIVATIONS",
    "STREAMS",
    "CrossEntropy",
    "CumulativeLink",
    "PackedNetwork",
    "Polynomial",
    "Streams",
    "dreg",
    "make_activation",
    "n_tangent_dims",
    "tangent_images",
]
