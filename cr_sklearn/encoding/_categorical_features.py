"""Columns that are categorical, declared or by their looks."""

import numpy as np


def categorical_mask(columns, categorical_features):
    """Find the columns that are categorical, declared or by their looks.

    Parameters
    ----------
    columns : FrameColumns or ArrayColumns
    categorical_features : "from_dtype", array-like or None
        See :class:`~cr_sklearn.encoding._encoder.TabularEncoder`.

    Returns
    -------
    ndarray of bool of shape (n_features,)
    """
    mask = declared_mask(columns, categorical_features)
    if categorical_features is None:
        return mask
    return np.array(
        [
            is_declared or columns.looks_categorical(i)
            for i, is_declared in enumerate(mask)
        ]
    )


def declared_mask(columns, categorical_features):
    """Find the columns that the user, or their dtype, declares categorical.

    Raises
    ------
    ValueError
        If ``categorical_features`` does not fit the table.
    """
    n_features = columns.n_features
    if categorical_features is None:
        return np.zeros(n_features, dtype=bool)
    mask = columns.declared_by_dtype()
    if isinstance(categorical_features, str):
        if categorical_features != "from_dtype":
            raise ValueError(
                "categorical_features must be 'from_dtype', None, or a list of "
                f"booleans, positions or column names, got {categorical_features!r}."
            )
        return mask
    declared = np.asarray(categorical_features)
    if declared.size == 0:
        return mask
    if declared.dtype.kind == "b":
        if declared.shape != (n_features,):
            raise ValueError(
                f"categorical_features as booleans must have shape ({n_features},), "
                f"got {declared.shape}."
            )
        mask[declared] = True
    elif declared.dtype.kind in "iu":
        if declared.min() < 0 or declared.max() >= n_features:
            raise ValueError(
                "categorical_features as positions must lie in [0, "
                f"{n_features - 1}], got {declared.tolist()}."
            )
        mask[declared] = True
    elif declared.dtype.kind in "OU":
        for name in declared.tolist():
            mask[columns.position(name)] = True
    else:
        raise ValueError(
            "categorical_features must hold booleans, positions or column names, got "
            f"dtype {declared.dtype}."
        )
    return mask
