"""State of an estimator: published at once, read at once, and what a file holds."""

import functools

import numpy as np

from cr_sklearn.training._isolation import TrainingInterrupted

# Of what a pickle holds. Raised when it changes.
FORMAT = 4


def published_at_once(method):
    """Make a fitting method work on a copy, whose state the estimator gets at the end.

    A fit that raises leaves the estimator as it was, and predictions in another thread
    are those of the fit before or of the new one.
    """

    @functools.wraps(method)
    def fit(self, *args, **kwargs):
        copy = object.__new__(type(self))
        vars(copy).update(vars(self))
        parameters = self.get_params(deep=False)
        # NumPy's small integers overflow where Python's do not.
        scalars = {k: v for k, v in parameters.items() if isinstance(v, np.generic)}
        vars(copy).update({name: value.item() for name, value in scalars.items()})
        try:
            method(copy, *args, **kwargs)
        except TrainingInterrupted:
            self.__dict__ = {**vars(copy), **scalars}
            raise
        self.__dict__ = {**vars(copy), **scalars}
        return self

    return fit


def of_one_fit(method):
    """Make a predicting method read the state of a single fit.

    A fit in another thread gives the estimator another dict of attributes; this one
    stays as it is.
    """

    @functools.wraps(method)
    def predict(self, *args, **kwargs):
        snapshot = object.__new__(type(self))
        snapshot.__dict__ = vars(self)
        return method(snapshot, *args, **kwargs)

    return predict


def weights_property(public, name, doc):
    """Make a property of arrays that predict, so that changes of them count."""

    def get(self):
        if "_network" not in vars(self):
            raise AttributeError(f"{type(self).__name__} has no weights before a fit.")
        arrays = getattr(self._network.members, name)
        return arrays if isinstance(arrays, np.ndarray) else tuple(arrays)

    def put(self, values):
        arrays = get(self)
        if isinstance(arrays, np.ndarray):
            arrays, values = [arrays], [values]
        shapes = [array.shape for array in arrays]
        if [np.shape(value) for value in values] != shapes:
            raise ValueError(f"{public} must have the shapes that it has, {shapes}.")
        for array, value in zip(arrays, values, strict=True):
            array[...] = value

    return property(get, put, doc=doc)


def check_format(name, found):
    """Refuse a saved estimator of another format.

    Parameters
    ----------
    name : str
        Name of its class.
    found : int or None
        None for versions that had no stamp.

    Raises
    ------
    ValueError
    """
    if found != FORMAT:
        raise ValueError(
            f"This {name} was saved by another version of cr_sklearn, in format "
            f"{found or 1}, where this version reads {FORMAT}. Load it with the "
            "version that saved it, or fit it again."
        )
