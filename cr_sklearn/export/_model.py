"""From a fitted estimator to an ONNX model."""

import json

import numpy as np
from onnx import TensorProto, checker, helper
from sklearn.pipeline import Pipeline

import cr_sklearn
from cr_sklearn.encoding._categorical_features import categorical_mask
from cr_sklearn.encoding._columns import read_columns
from cr_sklearn.export._encoding import (
    ColumnInputs,
    MatrixInput,
    encode,
    holds_strings,
    standardised_jacobian,
    user_jacobian,
)
from cr_sklearn.export._graph import IR_VERSION, OPSET, Graph
from cr_sklearn.export._labels import label_values, predict
from cr_sklearn.export._network import evaluate, walk_back

# Relative error of a number after a few operations in single precision.
_SINGLE = 2.0**-20


def build(estimator, sensitivity, jacobian, X):
    """Graph of an estimator or of a pipeline that ends with one.

    Parameters
    ----------
    estimator, sensitivity, jacobian, X
        See :func:`cr_sklearn.export.to_onnx`.

    Returns
    -------
    ModelProto
    """
    if isinstance(estimator, Pipeline):
        final = estimator[-1]
        types = _table_types(estimator, X)
    else:
        final = estimator
        types = _column_types(estimator)
    outputs = _outputs(final, sensitivity, jacobian)
    _refuse_names(types, outputs)
    graph = Graph([*types, *(output.name for output in outputs)])
    if isinstance(estimator, Pipeline):
        columns = _steps_before(graph, estimator, types)
    elif not hasattr(final, "feature_names_in_"):
        columns = MatrixInput(graph, "X")
    else:
        columns = ColumnInputs(graph, list(types))
    _write_down(graph, final, columns, sensitivity, jacobian)
    inputs = [
        helper.make_tensor_value_info(name, type_, ["n", width])
        for name, (type_, width) in types.items()
    ]
    model = helper.make_model(
        helper.make_graph(graph.nodes, "cr_sklearn", inputs, outputs, graph.constants),
        opset_imports=[helper.make_opsetid(*item) for item in graph.opsets.items()],
        ir_version=IR_VERSION,
        producer_name="cr_sklearn",
        producer_version=cr_sklearn.__version__,
    )
    classes = json.dumps(final.classes_.tolist())
    helper.set_model_props(model, {"classes": classes})
    checker.check_model(model, full_check=True)
    return model


def _write_down(graph, estimator, columns, sensitivity, jacobian):
    """Nodes of everything that is asked for."""
    encoder, network = estimator._encoder, estimator._network
    with_slopes = sensitivity or jacobian
    encoding = encode(graph, encoder, columns, with_slopes)
    outputs, slopes = evaluate(graph, network, encoding.encoded, with_slopes)
    probabilities, label = predict(graph, estimator, outputs)
    graph.add("Identity", label, output="label")
    graph.add("Identity", probabilities, output="probabilities")
    if not with_slopes:
        return
    by_encoded = walk_back(graph, network, encoding.encoded, slopes)
    numeric, indicators = standardised_jacobian(graph, encoder, by_encoded, encoding)
    if sensitivity:
        axes = np.array([1, 2])
        squares = [
            graph.add("ReduceSumSquare", part, axes, keepdims=0)
            for part in (numeric, indicators)
            if part is not None
        ]
        if not squares:
            # A table of constants: its one encoded column moves nothing.
            zero = graph.add("Mul", by_encoded, 0.0)
            squares = [graph.add("ReduceSum", zero, axes, keepdims=0)]
        total = squares[0] if len(squares) == 1 else graph.add("Add", *squares)
        graph.add("Sqrt", total, output="sensitivity")
    if jacobian:
        in_units = user_jacobian(graph, encoder, by_encoded, numeric, encoding.missing)
        graph.add("Identity", in_units, output="jacobian")


def _outputs(estimator, sensitivity, jacobian):
    double = TensorProto.DOUBLE
    n_classes, n_outputs = len(estimator.classes_), estimator._network.n_outputs
    _, label_type = label_values(estimator.classes_)
    infos = [("label", label_type, ["n"])]
    infos.append(("probabilities", double, ["n", n_classes]))
    if sensitivity:
        infos.append(("sensitivity", double, ["n"]))
    if jacobian:
        shape = ["n", n_outputs, estimator.n_features_in_]
        infos.append(("jacobian", double, shape))
    return [helper.make_tensor_value_info(*info) for info in infos]


def _column_types(estimator):
    """Type and width of each input of a model without steps before."""
    encoder = estimator._encoder
    names = getattr(estimator, "feature_names_in_", None)
    types = []
    for feature, is_categorical in enumerate(encoder.is_categorical_):
        label = str(feature) if names is None else repr(names[feature])
        categories = encoder.categories_.get(feature)
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


def _table_types(pipeline, X):
    """Type and width of each input of a pipeline."""
    n_features = pipeline.n_features_in_
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
    names = getattr(pipeline, "feature_names_in_", None)
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
    common = [output.name for output in outputs if output.name in types]
    if common:
        raise ValueError(
            f"Columns {common} have the names of outputs of the graph. Rename them and "
            "fit again."
        )


def _steps_before(graph, pipeline, types):
    """Nodes of the steps before the last, by skl2onnx."""
    import skl2onnx
    from skl2onnx.common import data_types

    by_type = {
        TensorProto.FLOAT: data_types.FloatTensorType,
        TensorProto.STRING: data_types.StringTensorType,
    }
    initial_types = [
        (name, by_type[type_]([None, width])) for name, (type_, width) in types.items()
    ]
    steps = pipeline[:-1]
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
            f"{type(pipeline[-1]).__name__}, which encodes them itself."
        )
    matrix = graph.as_double(graph.include(part, result.name))
    return MatrixInput(graph, matrix, rounding=_SINGLE)
