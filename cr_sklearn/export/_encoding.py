"""The encoding of columns and its derivative, as nodes of a graph."""

from numbers import Real
from typing import NamedTuple

import numpy as np

from cr_sklearn.encoding._encoder import BOUND, FAR_OUT
from cr_sklearn.encoding._piecewise import RISE


class MatrixInput:
    """Columns of one matrix.

    Parameters
    ----------
    graph : Graph
    name : str
        Tensor of shape (n, n_features).
    rounding : float, default=0.0
        Relative error that its values have.
    """

    def __init__(self, graph, name, rounding=0.0):
        self._graph, self._name = graph, name
        self.rounding = rounding

    def numeric(self, features):
        """Columns as a matrix of their own."""
        return self._graph.add("Gather", self._name, np.asarray(features), axis=1)

    def any_column(self):
        return self._name


class ColumnInputs:
    """Columns that are an input each.

    Parameters
    ----------
    graph : Graph
    names : list of str
        Tensors of shape (n, 1), one for each column.
    """

    rounding = 0.0

    def __init__(self, graph, names):
        self._graph, self._names = graph, names

    def numeric(self, features):
        """Columns as one matrix."""
        return self._graph.concat([self._names[feature] for feature in features], 1)

    def any_column(self):
        return self._names[0]


class Encoding(NamedTuple):
    """Names of what the network and its Jacobian need.

    Attributes
    ----------
    encoded : str
        (n, n_encoded)
    missing : str or None
        (n, n_numeric), bool; None where no numeric column varies.
    bound_slope : str or None
        (n, n_numeric), 0 where missing.
    ramp_slope : str or None
        (n, n_ramps); None where there are none.
    """

    encoded: str
    missing: str | None
    bound_slope: str | None
    ramp_slope: str | None


def holds_strings(categories, label):
    """Whether categories are strings, and not numbers.

    Raises
    ------
    TypeError
        If they are neither.
    ValueError
        If they are integers that double precision can't tell apart.
    """
    values = categories.tolist()
    if all(isinstance(value, str) for value in values):
        return True
    others = sorted({type(v).__name__ for v in values if not isinstance(v, Real)})
    if others:
        raise TypeError(
            f"The categories of column {label} are of the types {others}. ONNX has "
            "strings and numbers: convert the column, for example with .astype(str), "
            "and fit again."
        )
    inexact = [value for value in values if float(value) != value]
    if inexact:
        raise ValueError(
            f"Category {inexact[0]} of column {label} has no exact value in double "
            "precision. Convert the column with .astype(str) and fit again."
        )
    return False


def encode(graph, encoder, columns, with_slopes):
    """Write down :meth:`TabularEncoder.transform`.

    Parameters
    ----------
    graph : Graph
    encoder : TabularEncoder
        Fitted.
    columns : MatrixInput or ColumnInputs
    with_slopes : bool
        Whether the derivative is wanted too.

    Returns
    -------
    Encoding
    """
    add = graph.add
    parts, ramps = [], []
    missing = bound_slope = ramp_slope = None
    if len(encoder.numeric_features_):
        values = columns.numeric(encoder.numeric_features_)
        missing = add("IsNaN", values)
        present = graph.as_double(add("Not", missing))
        # At the centre both the bounded value and its place among the ramps are finite.
        values = add("Where", missing, encoder.center_, values)
        v = add("Div", add("Sub", values, encoder.center_), encoder.scale_)
        v = add("Clip", v, np.array(-FAR_OUT), np.array(FAR_OUT))
        by_bound = add("Div", v, BOUND)
        spread = add("Sqrt", add("Add", add("Mul", by_bound, by_bound), 1.0))
        parts.append(add("Div", v, spread))
        if with_slopes:
            cube = add("Mul", add("Mul", spread, spread), spread)
            bound_slope = add("Div", present, cube)
        if len(encoder.ramps_.source_):
            ramps.append(_ramps(graph, encoder.ramps_, v, present))
            if with_slopes:
                margin = columns.rounding * _magnitude(encoder)
                ramp_slope = _ramp_slopes(graph, encoder.ramps_, v, present, margin)
    parts += _indicators(graph, encoder, columns)
    parts += ramps
    if not parts:
        # A table of constants is one column, of zeros.
        rows = add("Shape", columns.any_column(), start=0, end=1)
        parts = [
            add("Expand", np.zeros((1, 1)), graph.concat([rows, np.array([1])], 0))
        ]
    return Encoding(graph.concat(parts, 1), missing, bound_slope, ramp_slope)


def standardised_jacobian(graph, encoder, jacobian, encoding):
    """Write down :meth:`TabularEncoder.standardised_jacobian`.

    Parameters
    ----------
    jacobian : str
        (n, n_outputs, n_encoded)

    Returns
    -------
    numeric : str or None
        (n, n_outputs, n_numeric), by standardised numeric columns.
    indicators : str or None
        (n, n_outputs, n_indicators).
    """
    add = graph.add
    n_numeric, n_inputs = len(encoder.numeric_features_), encoder.n_standardised
    numeric = indicators = None
    if n_numeric:
        slope = add("Unsqueeze", encoding.bound_slope, np.array([1]))
        numeric = add("Mul", _slice(graph, jacobian, 0, n_numeric), slope)
        if encoding.ramp_slope is not None:
            slope = add("Unsqueeze", encoding.ramp_slope, np.array([1]))
            of_ramps = _slice(graph, jacobian, n_inputs, encoder.n_encoded_)
            to_column = np.eye(n_numeric)[encoder.ramps_.source_]
            of_ramps = add("MatMul", add("Mul", of_ramps, slope), to_column)
            numeric = add("Add", numeric, of_ramps)
    if n_inputs > n_numeric:
        indicators = _slice(graph, jacobian, n_numeric, n_inputs)
    return numeric, indicators


def user_jacobian(graph, encoder, jacobian, numeric, missing):
    """Write down :meth:`TabularEncoder.user_jacobian`.

    Parameters
    ----------
    jacobian : str
        (n, n_outputs, n_encoded); for its number of rows and outputs.
    numeric : str or None
        From :func:`standardised_jacobian`.
    missing : str or None
        From :func:`encode`.

    Returns
    -------
    str
        (n, n_outputs, n_features)
    """
    add = graph.add
    rows = add("Shape", jacobian, start=0, end=2)
    shape = graph.concat([rows, np.array([2])], 0)
    # By position: varying numeric columns, then what all others have.
    parts = [add("Expand", np.array([[[0.0, np.nan]]]), shape)]
    if numeric is not None:
        missing = add("Unsqueeze", missing, np.array([1]))
        in_units = add("Div", numeric, encoder.scale_)
        parts.insert(0, add("Where", missing, np.array(np.nan), in_units))
    n_numeric = len(encoder.numeric_features_)
    position = n_numeric + encoder.is_categorical_.astype(np.int64)
    position[encoder.numeric_features_] = np.arange(n_numeric)
    return add("Gather", graph.concat(parts, 2), position, axis=2)


def _indicators(graph, encoder, columns):
    """Indicators of missing values and of each column's categories, centred."""
    add = graph.add
    start = len(encoder.missing_features_)
    parts = []
    if start:
        missing = add("IsNaN", columns.numeric(encoder.missing_features_))
        mean = encoder.indicator_mean_[:start]
        parts.append(add("Sub", graph.as_double(missing), mean))
    for feature, categories in encoder.categories_.items():
        has_rare = encoder.rare_share_[feature] > 0
        has_missing = encoder.missing_bucket_[feature]
        stop = start + len(categories) + has_rare + has_missing
        mean = encoder.indicator_mean_[start:stop]
        start = stop
        column = columns.numeric([feature])
        is_text = holds_strings(categories, str(feature))
        if not is_text:
            categories = categories.astype(float)
        own = graph.as_double(add("Equal", column, categories[None]))
        known = add("ReduceSum", own, np.array([1]))
        indicators = [own]
        unknown = add("Sub", 1.0, known)
        if has_rare:
            # Missing are NaN and the empty text.
            empty = np.array([[""]])
            gap = add("Equal", column, empty) if is_text else add("IsNaN", column)
            missing = add("Mul", graph.as_double(gap), unknown)
            indicators.append(add("Sub", unknown, missing))
        else:
            missing = unknown
        if has_missing:
            indicators.append(missing)
        centred = add("Sub", graph.concat(indicators, 1), mean)
        if not has_missing:
            # What has no indicator is the average row.
            centred = add("Mul", centred, add("Sub", 1.0, missing))
        parts.append(centred)
    return parts


def _ramps(graph, ramps, v, present):
    """Write down :meth:`PiecewiseLinear.transform`; 0 where missing."""
    add = graph.add
    share = add("Sub", add("Gather", v, ramps.source_, axis=1), ramps.lower_)
    share = add("Div", share, ramps.upper_ - ramps.lower_)
    share = add("Clip", share, np.array(0.0), np.array(1.0))
    value = add("Mul", add("Sub", share, ramps.mean_), RISE)
    return add("Mul", value, add("Gather", present, ramps.source_, axis=1))


def _ramp_slopes(graph, ramps, v, present, margin):
    """Write down :meth:`PiecewiseLinear.slope`.

    Knots are values of training rows, at which the slope is that to the right: values
    that were rounded to below one, by less than the margin, still belong there.
    """
    add = graph.add
    margin = margin[ramps.source_]
    v = add("Gather", v, ramps.source_, axis=1)
    rising = add(
        "And",
        add("LessOrEqual", ramps.lower_ - margin, v),
        add("Less", v, ramps.upper_ - margin),
    )
    slope = RISE / (ramps.upper_ - ramps.lower_)
    slope = add("Mul", graph.as_double(rising), slope)
    return add("Mul", slope, add("Gather", present, ramps.source_, axis=1))


def _magnitude(encoder):
    """Of each numeric column's values, in standardised units."""
    return 1.0 + np.abs(encoder.center_) / encoder.scale_


def _slice(graph, tensor, start, stop):
    bounds = [np.array([bound]) for bound in (start, stop, 2)]
    return graph.add("Slice", tensor, *bounds)
