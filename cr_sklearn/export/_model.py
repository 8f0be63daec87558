"""From a fitted estimator to an ONNX model."""

import numpy as np
from onnx import TensorProto, checker, helper

import cr_sklearn
from cr_sklearn.encoding._categorical_features import categorical_mask
from cr_sklearn.encoding._columns import read_columns
from cr_sklearn.export import _arrays as xp
from cr_sklearn.export._arrays import GraphArray
from cr_sklearn.export._encoding import (
    ColumnInputs,
    MatrixInput,
    deviation_jacobian,
    encode,
    holds_strings,
    standardised_jacobian,
    user_jacobian,
)
from cr_sklearn.export._graph import IR_VERSION, OPSET, Graph
from cr_sklearn.export._network import evaluate, walk_back


def build(unwrapped, sensitivity, jacobian, X):
    """Write down an estimator and the steps before it.

    Parameters
    ----------
    unwrapped : Unwrapped
    sensitivity, jacobian, X
        See :func:`cr_sklearn.export.to_onnx`.
    """
    steps, estimator = unwrapped.steps, unwrapped.estimator
    types = _column_types(estimator) if steps is None else _table_types(steps, X)
    head = estimator._fitted_head
    names = [
        *head.graph_outputs,
        *["sensitivity"] * sensitivity,
        *["jacobian"] * jacobian,
    ]
    _refuse_names(types, names)
    graph = Graph([*types, *names])
    inputs = [GraphArray(graph, name, type_) for name, (type_, _) in types.items()]
    if steps is not None:
        columns = _steps_before(graph, steps, types, type(estimator).__name__)
    elif not hasattr(estimator, "feature_names_in_"):
        columns = MatrixInput(inputs[0])
    else:
        columns = ColumnInputs(inputs)
    outputs = [
        _output(graph, name, array, shape)
        for name, array, shape in _write_down(
            estimator, head, columns, sensitivity, jacobian
        )
    ]
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "cr_sklearn",
            [
                helper.make_tensor_value_info(name, type_, ["n", width])
                for name, (type_, width) in types.items()
            ],
            outputs,
            graph.constants,
        ),
        opset_imports=[helper.make_opsetid(*item) for item in graph.opsets.items()],
        ir_version=IR_VERSION,
        producer_name="cr_sklearn",
        producer_version=cr_sklearn.__version__,
    )
    helper.set_model_props(model, head.graph_properties())
    checker.check_model(model, full_check=True)
    return model


def _output(graph, name, array, shape):
    graph.add("Identity", array.name, output=name)
    return helper.make_tensor_value_info(name, array.element_type, ["n", *shape])


def _write_down(estimator, head, columns, sensitivity, jacobian):
    """Yield name, array and shape without the rows of everything asked for."""
    encoder, network = estimator._encoder, estimator._network
    n_derivatives = int(sensitivity or jacobian)
    encoding = encode(encoder, columns, n_derivatives)
    outputs, slopes = evaluate(network, encoding.encoded, n_derivatives)
    predictions = zip(
        head.graph_outputs, head.graph(xp, outputs), head.graph_widths(), strict=True
    )
    for name, array, width in predictions:
        yield name, array, [] if width is None else [width]
    if not n_derivatives:
        return
    by_encoded = walk_back(network, encoding.encoded, slopes)
    numeric, indicators = standardised_jacobian(encoder, by_encoded, encoding)
    if sensitivity:
        # A table of constants has none: its one encoded column moves nothing.
        parts = deviation_jacobian(encoder, numeric, indicators) or [by_encoded * 0.0]
        parts = [head.contrast(xp, part) for part in parts]
        squares = [xp.sum_(part * part, (1, 2)) for part in parts]
        yield "sensitivity", xp.sqrt(sum(squares[1:], start=squares[0])), []
    if jacobian:
        in_units = user_jacobian(encoder, by_encoded, numeric, encoding.missing)
        yield "jacobian", in_units, [network.n_outputs, estimator.n_features_in_]


def _column_types(estimator):
    """Return type and width of each input of a model without steps before."""
    encoder = estimator._encoder
    names = getattr(estimator, "feature_names_in_", None)
    types = []
    for feature, is_categorical in enumerate(encoder.is_categorical_):
        label = str(feature) if names is None else repr(names[feature])
        categories = encoder.categorical_.levels_.get(feature)
        if categories is not None:
            is_string = holds_strings(categories, label)
        else:
            is_string = is_categorical and names is not None
        types.append(TensorProto.STRING if is_string else TensorProto.DOUBLE)
        if is_string and names is None:
            raise ValueError(
                f"Column {label} holds strings, which a matrix of numbers can't. Fit "
                "on a dataframe whose columns have names: each is an input then."
            )
    if names is None:
        return {"X": (TensorProto.DOUBLE, len(types))}
    return {name: (type_, 1) for name, type_ in zip(names, types, strict=True)}


def _table_types(steps, X):
    """Return type and width of each input of the steps before an estimator."""
    n_features = steps.n_features_in_
    is_string = np.zeros(n_features, dtype=bool)
    if X is not None:
        columns = read_columns(X)
        if columns.n_features != n_features:
            raise ValueError(
                f"X has {columns.n_features} columns, but the pipeline was fitted on "
                f"{n_features}."
            )
        for feature in np.flatnonzero(categorical_mask(columns, "from_dtype")):
            levels, _ = columns.factorize(feature)
            is_string[feature] = holds_strings(levels, columns.label(feature))
    names = getattr(steps, "feature_names_in_", None)
    # ONNX Runtime has most of what skl2onnx writes in single precision alone.
    if names is None:
        return {"X": (TensorProto.FLOAT, n_features)}
    return {
        name: (TensorProto.STRING if string else TensorProto.FLOAT, 1)
        for name, string in zip(names, is_string, strict=True)
    }


def _refuse_names(types, outputs):
    if "" in types:
        raise ValueError(
            f"Column {list(types).index('')} has an empty name, which an input of a "
            "graph can't have. Rename it and fit again."
        )
    common = [name for name in outputs if name in types]
    if common:
        raise ValueError(
            f"Columns {common} have the names of outputs of the graph. Rename them and "
            "fit again."
        )


def _steps_before(graph, steps, types, estimator_name):
    """Convert the steps before an estimator, by skl2onnx."""
    import skl2onnx
    from skl2onnx.common import data_types

    by_type = {
        TensorProto.FLOAT: data_types.FloatTensorType,
        TensorProto.STRING: data_types.StringTensorType,
    }
    initial_types = [
        (name, by_type[type_]([None, width])) for name, (type_, width) in types.items()
    ]
    try:
        part = skl2onnx.convert_sklearn(
            steps,
            initial_types=initial_types,
            target_opset={"": OPSET, "ai.onnx.ml": 3},
        )
    except Exception as error:  # skl2onnx raises many types, also RuntimeError
        raise ValueError(
            f"skl2onnx can't convert the steps {list(steps.named_steps)}: {error} "
            "Export the last step alone and prepare its columns elsewhere."
        ) from error
    if len(part.graph.output) != 1:
        names = [output.name for output in part.graph.output]
        raise ValueError(
            f"The steps {list(steps.named_steps)} give several outputs in ONNX, "
            f"{names}; one matrix of numbers is needed."
        )
    result = part.graph.output[0]
    if result.type.tensor_type.elem_type == TensorProto.STRING:
        raise ValueError(
            f"The steps {list(steps.named_steps)} give strings; a matrix of numbers is "
            "needed. Encode categories in a step, or leave all columns to the "
            f"{estimator_name}, which encodes them itself."
        )
    matrix = GraphArray(graph, graph.include(part, result.name))
    return MatrixInput(xp.as_float(matrix))
