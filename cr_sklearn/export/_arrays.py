"""An ONNX graph as the array namespace of formulas.

:mod:`cr_sklearn.formulas` computes with NumPy or torch; with arrays of a graph the same
formulas append nodes to it.
"""

import numpy as np
from onnx import TensorProto

from cr_sklearn.heads._targets import is_numeric


class GraphArray:
    """A tensor of a graph, with the operators of an array.

    Parameters
    ----------
    graph : Graph
    name : str
    element_type : int, default=TensorProto.DOUBLE
    """

    # NumPy arrays leave operators to this class.
    __array_ufunc__ = None

    def __init__(self, graph, name, element_type=TensorProto.DOUBLE):
        self.graph, self.name, self.element_type = graph, name, element_type

    def apply(self, operation, *others, element_type=TensorProto.DOUBLE, **attributes):
        """Append an operation whose first input is this tensor."""
        return _apply(
            self.graph, operation, [self, *others], element_type, **attributes
        )

    def __add__(self, other):
        return self.apply("Add", other)

    __radd__ = __add__

    def __mul__(self, other):
        return self.apply("Mul", other)

    __rmul__ = __mul__

    def __sub__(self, other):
        return self.apply("Sub", other)

    def __rsub__(self, other):
        return _apply(self.graph, "Sub", [other, self])

    def __rtruediv__(self, other):
        return _apply(self.graph, "Div", [other, self])

    def __truediv__(self, other):
        return self.apply("Div", other)

    def __matmul__(self, other):
        return self.apply("MatMul", other)

    def __neg__(self):
        return self.apply("Neg")

    def __lt__(self, other):
        return self.apply("Less", other, element_type=TensorProto.BOOL)

    def __ge__(self, other):
        return self.apply("GreaterOrEqual", other, element_type=TensorProto.BOOL)

    def __gt__(self, other):
        return self.apply("Greater", other, element_type=TensorProto.BOOL)

    def __and__(self, other):
        return self.apply("And", other, element_type=TensorProto.BOOL)

    def __getitem__(self, index):
        """Take a range of the last axis, or one column of a matrix as a vector."""
        _, columns = index
        if isinstance(columns, slice):
            ends = [columns.start or 0, columns.stop]
            return self.apply(
                "Slice", *(np.array([end]) for end in ends), np.array([-1])
            )
        return self.apply("Gather", np.array(columns), axis=1)

    def reshape(self, *shape):
        """Change the shape."""
        return self.apply("Reshape", np.array(shape))


def _apply(graph, operation, inputs, element_type=TensorProto.DOUBLE, **attributes):
    names = [one.name if isinstance(one, GraphArray) else one for one in inputs]
    return GraphArray(graph, graph.add(operation, *names, **attributes), element_type)


def _graph_of(arrays):
    return next(one.graph for one in arrays if isinstance(one, GraphArray))


# The functions of the namespace.


def addcmul(c, a, b):
    """Return ``c + a b``."""
    return a * b + c


def horner(q, z, a=None, out=None):
    """Return ``a + q z``."""
    return q * z if a is None else q * z + a


def multiply(a, b, out=None):
    """Return the product."""
    return a * b


def maximum(x, low, out=None):
    """Return x, at least a number."""
    return x.apply("Max", low)


def minimum(x, high):
    """Return x, at most a number."""
    return x.apply("Min", high)


def clip(x, low, high):
    """Return x between two bounds, numbers or one for each column."""
    return minimum(maximum(x, np.asarray(low)), np.asarray(high))


def exp(x):
    """Return the exponential function."""
    return x.apply("Exp")


def expm1(x):
    """Return ``exp(x) - 1``, with cancellation near 0."""
    return exp(x) - 1.0


def sqrt(x):
    """Return the square root."""
    return x.apply("Sqrt")


def hypot_1(x):
    """Return ``sqrt(1 + x^2)``, for numbers whose squares do not overflow."""
    return sqrt(x * x + 1.0)


def tanh(x, out=None):
    """Return the hyperbolic tangent."""
    return x.apply("Tanh")


def sigmoid(x):
    """Return the logistic function."""
    return x.apply("Sigmoid")


def normal_cdf(x):
    """Return the standard normal distribution function.

    ONNX Runtime has the error function in single precision alone: seven digits.
    """
    single = (x / np.sqrt(2.0)).apply("Cast", to=TensorProto.FLOAT)
    erf = single.apply("Erf").apply("Cast", to=TensorProto.DOUBLE)
    return (erf + 1.0) * 0.5


def softmax(x, axis):
    """Return shares that sum to 1 along an axis."""
    return x.apply("Softmax", axis=axis)


def argmax(x, axis):
    """Return the position of the largest value along an axis."""
    return x.apply("ArgMax", axis=axis, keepdims=0, element_type=TensorProto.INT64)


def sum_(x, axis):
    """Sum along an axis."""
    axes = np.atleast_1d(axis)
    return x.apply("ReduceSum", axes, keepdims=0, element_type=x.element_type)


def rint(x):
    """Round to the nearest integer, halves to the even one."""
    return x.apply("Round")


def where(condition, a, b):
    """Choose from two tensors."""
    return condition.apply("Where", a, b)


def is_present(x):
    """Return 1.0 where a value is not missing, else 0.0."""
    return as_float(isnan(x).apply("Not"))


def isnan(x):
    """Find missing values."""
    return x.apply("IsNaN", element_type=TensorProto.BOOL)


def equal(x, values):
    """Compare with constants."""
    return x.apply("Equal", values, element_type=TensorProto.BOOL)


def as_float(condition, like=None):
    """Return 1.0 where a condition holds, else 0.0."""
    return condition.apply("Cast", to=TensorProto.DOUBLE)


def as_integer(values):
    """Convert to integers."""
    to = TensorProto.INT64
    return values.apply("Cast", to=to, element_type=to)


def concat(arrays, axis):
    """Join tensors and constants; one alone stays as it is."""
    if len(arrays) == 1:
        return arrays[0]
    return _apply(_graph_of(arrays), "Concat", arrays, axis=axis)


def broadcast_to(values, like):
    """Repeat values to the shape of a tensor."""
    return values if isinstance(values, GraphArray) else like * 0.0 + values


def zeros_column(like):
    """Return a column of zeros, as many as a matrix has rows."""
    return like[:, :1] * 0.0


def zero_rows(like):
    """Return a column of zeros, as many as a tensor of any type has rows."""
    rows = like.apply("Shape", start=0, end=1)
    shape = concat([rows, np.array([1])], 0)
    return _apply(like.graph, "Expand", [np.zeros((1, 1)), shape])


def expand_dims(x, axis):
    """Insert an axis of length 1."""
    return x.apply("Unsqueeze", np.array([axis]))


def take(values, index, axis=0):
    """Pick by position: from a tensor, or labels by a tensor of positions."""
    if isinstance(values, GraphArray):
        return values.apply(
            "Gather", index, axis=axis, element_type=values.element_type
        )
    values, element_type = label_values(values)
    return _apply(index.graph, "Gather", [values, index], element_type, axis=axis)


_INT64 = np.iinfo(np.int64)


def label_values(labels):
    """Convert labels to what ONNX can hold, with the type of its elements.

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
