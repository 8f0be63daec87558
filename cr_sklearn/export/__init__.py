"""Fitted models for runtimes without Python."""

from cr_sklearn._files import write_whole
from cr_sklearn._unwrap import unwrap

__all__ = ["to_onnx"]


def to_onnx(estimator, path=None, *, sensitivity=True, jacobian=False, X=None):
    r"""Write a fitted model as an ONNX graph that knows its own derivative.

    Encoding, network, probabilities and labels are nodes of the standard operator set
    19, and so is the Jacobian, in reverse mode: any ONNX Runtime, in any language,
    gives the sensitivity of a prediction with it, without automatic differentiation.

    Parameters
    ----------
    estimator : ChainzRule estimator, or pipeline or search with one inside
        Fitted. The steps of a pipeline before it are converted by skl2onnx and give one
        matrix of numbers.
    path : path-like, default=None
        File to write. It appears complete or not at all. None writes none.
    sensitivity : bool, default=True
        Whether the graph has the output ``sensitivity``.
    jacobian : bool, default=False
        Whether the graph has the output ``jacobian``.
    X : dataframe of shape (n_samples, n_features), default=None
        Rows like those of the fit, from whose types a pipeline takes those of its
        inputs; needed if it takes strings. Other models know their types.

    Returns
    -------
    model : onnx.ModelProto
        Its metadata ``classes`` are ``classes_`` as JSON.

    Raises
    ------
    ImportError
        If onnx, or skl2onnx for a pipeline, is not installed.
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If the estimator is none of the above, or in a wrapper with a threshold or
        calibration, or if labels or categories are neither strings nor numbers.
    ValueError
        If the model knows one class only, if a column has the name of an output or
        none, if categories of an unnamed column are strings, if a label needs more than
        64 bits, or if skl2onnx can't convert a step.
    OSError
        If the file can't be written.

    Notes
    -----
    Inputs. A model of a table with named columns has an input for each column, with
    its name and of shape (n, 1): double precision for numbers and booleans, with NaN
    for missing values, and strings for categories. A string that training did not see,
    such as the empty one, counts as missing, as it does in Python. A categorical column
    of one value in training is a string that is not looked at. A model of an array has
    one input ``X`` of shape (n, n_features).

    Outputs. ``label`` (n,), ``probabilities`` (n, n_classes), ``sensitivity`` (n,) and
    ``jacobian`` (n, n_outputs, n_features), what ``predict``, ``predict_proba``,
    ``sensitivity`` and ``jacobian`` return. Of a pipeline the latter two are by the
    columns that its last step gets. Infinite values are an error in Python; here they
    are bounded like all others.

    Numbers are in double precision, inputs as well. The error function of activation
    "gelu" and link "probit" has seven digits. Numbers that go into the steps of a
    pipeline are in single precision, as most of what skl2onnx writes.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from cr_sklearn import ChainzRuleClassifier
    >>> from cr_sklearn.export import to_onnx
    >>> X, y = load_iris(return_X_y=True)
    >>> model = ChainzRuleClassifier(max_iter=5, random_state=0).fit(X, y)
    >>> [output.name for output in to_onnx(model).graph.output]
    ['label', 'probabilities', 'sensitivity']
    """
    unwrapped = unwrap(estimator)
    if unwrapped.altered_by:
        raise TypeError(
            f"The predictions of a {unwrapped.altered_by} are not those of the "
            f"{type(unwrapped.estimator).__name__} inside, and its threshold or "
            "calibration can't be written. Write the estimator inside, and apply them "
            "to its probabilities."
        )
    if unwrapped.estimator._head.is_constant:
        raise ValueError(
            f"The model knows one class, {unwrapped.estimator.classes_.tolist()[0]!r}, "
            "and answers nothing else: there is nothing to write."
        )
    try:
        from cr_sklearn.export._model import build
    except ModuleNotFoundError as error:
        raise ImportError(
            f"to_onnx needs the package {error.name!r}, which is not installed. Get it "
            'with: pip install "cr-sklearn[onnx]"'
        ) from error
    model = build(unwrapped, sensitivity, jacobian, X)
    if path is not None:
        write_whole(path, model.SerializeToString())
    return model
