"""Outputs of a network to probabilities and labels, as nodes of a graph."""

import numpy as np
from onnx import TensorProto

from cr_sklearn._ordinal import ChainzRuleOrdinalRegressor
from cr_sklearn.export._network import normal_cdf
from cr_sklearn.heads._targets import is_numeric

_INT64 = np.iinfo(np.int64)
# exp(exp(x)) of more is infinite in any case.
_LARGEST = 700.0


def label_values(labels):
    """Labels as ONNX can hold them, and their type.

    Returns
    -------
    values : ndarray
    element_type : int

    Raises
    ------
    TypeError
        If they are neither strings nor numbers.
    ValueError
        If an integer needs more than 64 bits with a sign.
    """
    if labels.dtype.kind == "b":
        return labels, TensorProto.BOOL
    if is_numeric(labels) and labels.dtype.kind in "iuO":
        if labels.max() > _INT64.max or labels.min() < _INT64.min:
            wrong = max(labels.tolist(), key=abs)
            raise ValueError(
                f"Label {wrong} does not fit into ONNX's integers of 64 bits "
                "with a sign. Convert labels, for example with .astype(str), and fit "
                "again."
            )
        return labels.astype(np.int64), TensorProto.INT64
    if labels.dtype.kind == "f":
        return labels.astype(float), TensorProto.DOUBLE
    kinds = sorted({type(label).__name__ for label in labels.tolist()})
    if kinds != ["str"]:
        raise TypeError(
            f"The labels {labels.tolist()} are of the types {kinds}. ONNX has strings "
            "and numbers: convert them, for example with .astype(str), and fit again."
        )
    return labels, TensorProto.STRING


def predict(graph, estimator, outputs):
    """Write down ``predict_proba`` and ``predict``.

    Parameters
    ----------
    graph : Graph
    estimator : ChainzRuleClassifier or ChainzRuleOrdinalRegressor
        Fitted.
    outputs : str
        (n, n_outputs), or margins (n, K - 1).

    Returns
    -------
    probabilities : str
        (n, n_classes), columns in the order of ``classes_``.
    label : str
        (n,)
    """
    if isinstance(estimator, ChainzRuleOrdinalRegressor):
        probabilities, codes = _ordinal(graph, estimator, outputs)
        labels = estimator.categories_
    else:
        probabilities, codes = _classes(graph, estimator, outputs)
        labels = estimator.classes_
    return probabilities, graph.add("Gather", label_values(labels)[0], codes, axis=0)


def _classes(graph, estimator, outputs):
    add = graph.add
    if len(estimator.classes_) > 2:
        probabilities = add("Softmax", outputs, axis=1)
        return probabilities, add("ArgMax", outputs, axis=1, keepdims=0)
    both = graph.concat([add("Neg", outputs), outputs], 1)
    positive = add("Cast", add("Greater", outputs, 0.0), to=TensorProto.INT64)
    return add("Sigmoid", both), add("Squeeze", positive, np.array([1]))


def _ordinal(graph, estimator, margins):
    add = graph.add
    below, above = _LINKS[estimator._link](graph, add("Neg", margins))
    # The ends are at infinity, where F is 0 and 1.
    end = add("Mul", add("Slice", margins, *_first_column()), 0.0)
    one = add("Add", end, 1.0)
    below_low, below_high = (
        graph.concat([end, below], 1),
        graph.concat([below, one], 1),
    )
    above_low, above_high = (
        graph.concat([one, above], 1),
        graph.concat([above, end], 1),
    )
    # Exact in both tails, as class_probabilities.
    is_upper = add("Less", graph.concat([end, margins], 1), 0.0)
    ranked = add(
        "Where",
        is_upper,
        add("Sub", above_low, above_high),
        add("Sub", below_high, below_low),
    )
    # The error function of single precision may fall by a digit where it should rise.
    ranked = add("Max", ranked, 0.0)
    order = np.argsort(estimator.categories_)
    probabilities = add("Gather", ranked, order, axis=1)
    return probabilities, _RULES[estimator.predict_rule](graph, ranked, below)


def _median(graph, ranked, below):
    passed = graph.add("Less", below, 0.5)
    passed = graph.add("Cast", passed, to=TensorProto.INT64)
    return graph.add("ReduceSum", passed, np.array([1]), keepdims=0)


def _argmax(graph, ranked, below):
    return graph.add("ArgMax", ranked, axis=1, keepdims=0)


def _mean(graph, ranked, below):
    above = graph.add("Sub", 1.0, below)
    mean = graph.add("ReduceSum", above, np.array([1]), keepdims=0)
    return graph.add("Cast", graph.add("Round", mean), to=TensorProto.INT64)


_RULES = {"median": _median, "argmax": _argmax, "mean": _mean}


def _logit(graph, x):
    return graph.add("Sigmoid", x), graph.add("Sigmoid", graph.add("Neg", x))


def _probit(graph, x):
    return normal_cdf(graph, x), normal_cdf(graph, graph.add("Neg", x))


def _cloglog(graph, x):
    add = graph.add
    rate = add("Exp", add("Min", x, _LARGEST))
    above = add("Exp", add("Neg", rate))
    return add("Sub", 1.0, above), above


# F(x) and 1 - F(x).
_LINKS = {"logit": _logit, "probit": _probit, "cloglog": _cloglog}


def _first_column():
    return [np.array([bound]) for bound in (0, 1, 1)]
