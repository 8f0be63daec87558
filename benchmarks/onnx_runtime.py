"""Exported models in ONNX Runtime: the same numbers, and how long one row takes."""

import numpy as np
import onnxruntime
import pandas as pd

PROVIDERS = ["CPUExecutionProvider"]


def open_session(model, threads=1):
    """Session of an exported model on the CPU.

    Parameters
    ----------
    model : ModelProto
    threads : int, default=1

    Returns
    -------
    onnxruntime.InferenceSession
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=PROVIDERS
    )


def feeds(session, X):
    """Rows of a table as inputs of a session.

    Parameters
    ----------
    session : onnxruntime.InferenceSession
    X : DataFrame or ndarray of shape (n_samples, n_features)

    Returns
    -------
    dict of str to ndarray
    """
    types = {given.name: given.type for given in session.get_inputs()}
    if isinstance(X, np.ndarray):
        return {"X": X.astype(_number(types["X"]))}
    return {name: _column(X[name], type_) for name, type_ in types.items()}


def _column(column, type_):
    if type_ == "tensor(string)":
        values = column.astype(object).where(column.notna(), "").to_numpy()
    else:
        numbers = pd.to_numeric(column).astype("Float64")
        values = numbers.to_numpy(_number(type_), na_value=np.nan)
    return values.reshape(-1, 1)


def _number(type_):
    return np.float64 if type_ == "tensor(double)" else np.float32
