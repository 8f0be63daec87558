"""Sensitivity of predictions to each column of the user's table."""

from numbers import Integral, Real

import numpy as np
from sklearn.utils import Bunch, check_scalar

from cr_sklearn.encoding._columns import read_columns
from cr_sklearn.formulas import _numpy as xp
from cr_sklearn.formulas._encodings import bound_slope
from cr_sklearn.inference._derivatives import outputs_and_jacobian
from cr_sklearn.inspection._level_changes import Levels, TwoValued
from cr_sklearn.inspection._preprocessing import Preprocessing


def input_sensitivity(
    estimator,
    X,
    *,
    response_method="auto",
    reference=None,
    max_levels=20,
    squash_slope=0.1,
):
    r"""Measure the exact sensitivity of every prediction to every column.

    For a numeric column :math:`j` it is the norm of the derivatives of the outputs
    :math:`f`, in two units:

    .. math:: s_{ij} = \lVert \partial f(x_i) / \partial x_{ij} \rVert, \qquad
              \tilde s_{ij} = \sigma_j s_{ij}

    with :math:`\sigma_j` the standard deviation of the column in training, of which
    values beyond the quantiles of 1 % and 99 % count as at them. The norm is that of
    :meth:`~cr_sklearn.ChainzRuleClassifier.sensitivity`, the same for two classes and
    more.

    A categorical column has no derivative and is switched instead, with the rest of the
    row as it is; a numeric column of two values in training is switched as well. Of the
    levels c, with frequencies :math:`p_c` among the rows of ``reference``, and
    :math:`f(x_i; c)` the outputs with the column set to c,

    .. math:: s_{ij} = \frac{\sum_{c \ne x_{ij}} p_c \lVert f(x_i; c) - f(x_i) \rVert}
              {\sum_{c \ne x_{ij}} p_c}, \qquad
              \tilde s_{ij}^2 = \sum_c p_c \Big\lVert f(x_i; c)
              - \textstyle\sum_d p_d f(x_i; d) \Big\rVert^2

    The first is the mean change when the level switches to another one; the second the
    standard deviation of the outputs over the levels, which is what
    :math:`\tilde s` is of a linear numeric column. A missing value is a level of a
    categorical column where ``reference`` has some.

    Source: arXiv 2605.24340 for the Jacobian. NOTE[DIFF] The paper has numeric inputs
    alone.

    Parameters
    ----------
    estimator : ChainzRuleClassifier, ChainzRuleOrdinalRegressor or Pipeline
        Fitted. A pipeline ends with one of them; before it there may be scikit-learn's
        StandardScaler, MinMaxScaler, MaxAbsScaler, RobustScaler, SimpleImputer,
        OneHotEncoder and OrdinalEncoder, and ColumnTransformers and Pipelines of these.
    X : array-like or dataframe of shape (n_samples, n_features)
        As the estimator or pipeline takes it.
    response_method : {"auto", "decision_function", "predict_proba", \
            "predict_latent"}, default="auto"
        The outputs: logits of a classifier, probabilities, or the latent of an ordinal
        model. With two classes there is one output, of ``classes_[1]``, else one for
        each class. "auto" is the logits or the latent.
    reference : array-like or dataframe of shape (n_reference, n_features), default=None
        Rows that give the levels of categorical columns and their frequencies. None
        takes X. Give the training rows if X has few.
    max_levels : int, default=20
        Levels that a categorical column is switched to: the most frequent ones. Each
        costs as much as a prediction of all rows.
    squash_slope : float, default=0.1
        A value counts as squashed where the slope of the estimator's bound of the
        inputs is below this, in (0, 1). At 0.1 that is 5.7 robust standard deviations
        from the median. There the derivative is small because the input is bounded, not
        because the column does not matter.

    Returns
    -------
    result : :class:`~sklearn.utils.Bunch`
        With the attributes

        per_unit : ndarray of shape (n_samples, n_features)
            :math:`s_{ij}`, in outputs per unit of the column, or per switch. NaN where
            there is nothing to measure: a numeric value that is missing (or imputed by
            the pipeline), a switched column without another level.
        per_deviation : ndarray of shape (n_samples, n_features)
            :math:`\tilde s_{ij}`, in outputs per standard deviation. Columns can be
            compared by it. NaN where a numeric value is missing.
        per_unit_mean, per_deviation_mean : ndarray of shape (n_features,)
            Their means over the rows that have one: the global sensitivities.
        jacobian : ndarray of shape (n_samples, n_outputs, n_features)
            The derivatives with their signs, per unit. NaN for categorical columns.
        feature_names : ndarray of shape (n_features,)
            Names, or "x0", "x1", ... of an array.
        is_switched : ndarray of bool of shape (n_features,)
            Whether the column was switched: it is categorical or takes two values.
        scale : ndarray of shape (n_features,)
            :math:`\sigma_j`; 0 for columns that were constant in training or that the
            estimator is not given, NaN for switched ones.
        missing : ndarray of shape (n_features,)
            Fraction of the rows in which a numeric column has no value of its own.
        squashed : ndarray of shape (n_features,)
            Fraction of the rows in which a numeric column is squashed.
        squashed_rows : float
            Fraction of the rows in which any column is.

    Raises
    ------
    TypeError
        If the estimator is none of ours, or a step of the pipeline has no known way
        back to the columns.
    ValueError
        If a parameter is invalid, or ``reference`` has other columns than X.
    sklearn.exceptions.NotFittedError
        If the estimator is not fitted.

    See Also
    --------
    SensitivityDisplay : Draws the result.
    sklearn.inspection.permutation_importance : By loss instead of output.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from cr_sklearn import ChainzRuleClassifier
    >>> from cr_sklearn.inspection import input_sensitivity
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> model = ChainzRuleClassifier(random_state=0).fit(X, y == 2)
    >>> result = input_sensitivity(model, X, response_method="predict_proba")
    >>> str(result.feature_names[result.per_deviation_mean.argmax()])
    'petal length (cm)'
    """
    check_scalar(max_levels, "max_levels", Integral, min_val=1)
    check_scalar(
        squash_slope,
        "squash_slope",
        Real,
        min_val=0,
        max_val=1,
        include_boundaries="neither",
    )
    columns = read_columns(X)
    before = Preprocessing(estimator, columns)
    final = before.estimator
    table = columns
    if reference is not None:
        table = read_columns(reference)
        if table.feature_names != columns.feature_names:
            raise ValueError(
                f"reference must have the columns of X, {columns.feature_names}, got "
                f"{table.feature_names}."
            )
    response = _response(final, response_method)
    pairs = TwoValued(final._encoder, before.origin)
    outputs, jacobian, squashed, *switched = _derivatives(
        before, response, pairs, squash_slope
    )
    is_categorical = before.is_encoded.copy()
    categories = before.origin.source[final._encoder.is_categorical_]
    is_categorical[categories[categories >= 0]] = True
    jacobian[:, :, is_categorical] = np.nan
    squashed[:, is_categorical] = False
    scale = _user_scale(before.origin, final._encoder, columns.n_features)
    per_unit = np.linalg.norm(response.contrast(xp, jacobian), axis=1)
    missing = np.where(is_categorical, 0.0, np.isnan(per_unit).mean(axis=0))
    per_deviation = per_unit * scale
    for measured, by_pair in zip((per_unit, per_deviation), switched, strict=True):
        absent = np.isnan(per_unit[:, pairs.source])
        measured[:, pairs.source] = np.where(absent, np.nan, by_pair)
    levels = Levels(table, max_levels)
    for feature in np.flatnonzero(is_categorical).tolist():
        per_unit[:, feature], per_deviation[:, feature] = levels.switch(
            columns,
            feature,
            outputs,
            lambda X: final._from_outputs(
                before.transform(X), response.values, warn_of_unseen=False
            ),
            response.contrast,
        )
    is_switched = is_categorical.copy()
    is_switched[pairs.source] = True
    scale[is_switched] = np.nan
    return Bunch(
        per_unit=per_unit,
        per_deviation=per_deviation,
        per_unit_mean=_mean_of_present(per_unit),
        per_deviation_mean=_mean_of_present(per_deviation),
        jacobian=jacobian,
        feature_names=np.array(columns.feature_names, dtype=object),
        is_switched=is_switched,
        scale=scale,
        missing=missing,
        squashed=squashed.mean(axis=0),
        squashed_rows=float(squashed.any(axis=1).mean()),
    )


def _response(estimator, response_method):
    """Return the response of an estimator that a method gives."""
    head = estimator._head
    name = head.response_method if response_method == "auto" else response_method
    if name not in head.responses:
        raise ValueError(
            f"response_method of a {type(estimator).__name__} must be one of "
            f"{['auto', *head.responses]}, got {response_method!r}."
        )
    return head.responses[name]


def _derivatives(before, response, pairs, squash_slope):
    """Compute responses, their Jacobian in the user's columns, what is squashed, and
    what two-valued columns do.
    """
    estimator, origin = before.estimator, before.origin
    encoder, network = estimator._encoder, estimator._network

    def values(encoded):
        return response.contrast(xp, response.values(network.outputs(encoded)))

    def compute(encoded, standardised):
        outputs, jacobian = outputs_and_jacobian(
            encoder, network, encoded, standardised
        )
        jacobian = encoder.user_jacobian(
            response.jacobian(outputs, jacobian), standardised
        )
        squashed = bound_slope(xp, standardised) < squash_slope
        here = response.values(outputs)
        switched = pairs.switch(encoded, response.contrast(xp, here), values)
        return here, jacobian, squashed, *switched

    outputs, by_encoded, squashed_numeric, *switched = estimator._by_batch(
        before.table, compute, with_jacobian=True
    )
    squashed_encoded = origin.cut_off.copy()
    squashed_encoded[:, encoder.numeric_features_] |= squashed_numeric
    jacobian = np.zeros((*outputs.shape, before.imputed.shape[1]))
    squashed = np.zeros(before.imputed.shape, dtype=bool)
    for position in np.flatnonzero(origin.source >= 0):
        source = origin.source[position]
        slope = np.where(origin.cut_off[:, position], 0.0, origin.slope[position])
        jacobian[:, :, source] += by_encoded[:, :, position] * slope[:, None]
        squashed[:, source] |= squashed_encoded[:, position]
    np.copyto(jacobian, np.nan, where=before.imputed[:, None])
    return outputs, jacobian, squashed, *switched


def _user_scale(origin, encoder, n_features):
    """Return standard deviations of the user's columns; 0 for unused ones."""
    scale = np.zeros(n_features)
    n_numeric = len(encoder.scale_)
    units = encoder.deviation_[:n_numeric] * encoder.scale_
    for position, unit in zip(encoder.numeric_features_, units, strict=True):
        source = origin.source[position]
        if source >= 0 and scale[source] == 0.0:
            scale[source] = unit / abs(origin.slope[position])
    return scale


def _mean_of_present(values):
    """Average each column without NaN; NaN if there is nothing else."""
    present = ~np.isnan(values)
    count = present.sum(axis=0)
    total = np.where(present, values, 0.0).sum(axis=0)
    return np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)
