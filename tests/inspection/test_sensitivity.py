"""Sensitivities by column and by layer: what they promise to be."""

import os
import subprocess
import sys

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    RobustScaler,
    StandardScaler,
)

from benchmarks import suite
from benchmarks.data import data_folder, load_pima
from cr_sklearn import ChainzRuleClassifier, ChainzRuleOrdinalRegressor
from cr_sklearn.formulas import _numpy
from cr_sklearn.inspection import (
    SensitivityRecorder,
    input_sensitivity,
    layer_sensitivity,
)
from cr_sklearn.nn import ChainzRuleNetwork, dreg
from cr_sklearn.training import _weights

SMALL = {
    "hidden_layer_sizes": (6, 5),
    "dreg_strength": 0.003,
    "n_estimators": 2,
    "max_iter": 8,
    "random_state": 0,
}


@pytest.fixture(scope="module")
def table():
    """Two numeric columns on very different scales, two categorical ones, 3 grades."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "income": rng.lognormal(8.0, 0.5, 150),
            "ratio": rng.normal(0.0, 0.01, 150),
            "city": pd.Categorical(rng.choice(["Bern", "Oslo", "Rome"], 150)),
            "owner": rng.choice(["no", "yes"], 150, p=[0.8, 0.2]),
        },
        index=rng.permutation(150),
    )
    latent = np.log(X["income"]) - 8.0 + 60.0 * X["ratio"] + 2.0 * (X["city"] == "Rome")
    return X, np.digitize(latent, [0.0, 1.2])


@pytest.fixture(scope="module")
def smooth(table):
    """Three classes, without ramps: differentiable everywhere."""
    return ChainzRuleClassifier(n_bins=0, **SMALL).fit(*table)


def central_differences(predict, X, column, step):
    def moved(by):
        return np.atleast_2d(predict(X.assign(**{column: X[column] + by})).T).T

    return (moved(step) - moved(-step)) / (2.0 * step)


def norms(changes, of_probabilities=False):
    """The definition: of logits by their pairs, of probabilities with half the square.

    Changes are (n, k).
    """
    k = changes.shape[1]
    if k > 1 and not of_probabilities:
        pairs = changes[:, :, None] - changes[:, None]
        return np.sqrt((pairs**2).sum(axis=(1, 2)) / k)
    return np.sqrt((changes**2).sum(axis=1) / min(k, 2))


def assert_is_derivative(result, predict, X, columns):
    """Jacobian and norms are those of the predictions, in the units of X."""
    for position, column in enumerate(X.columns):
        if column not in columns:
            continue
        expected = central_differences(predict, X, column, columns[column])
        scale = np.abs(expected).max()
        assert scale > 0
        np.testing.assert_allclose(
            result.jacobian[:, :, position], expected, rtol=1e-4, atol=1e-5 * scale
        )
        np.testing.assert_allclose(
            result.per_unit[:, position],
            norms(expected, predict.__name__ == "predict_proba"),
            rtol=1e-4,
            atol=1e-5 * scale,
        )
        np.testing.assert_allclose(
            result.per_deviation[:, position],
            result.per_unit[:, position] * result.scale[position],
        )


NUMERIC = {"income": 0.5, "ratio": 1e-5}


def test_logits_and_probabilities_of_several_classes_by_user_units(table, smooth):
    """Whoever reads 0.3 per euro must be able to move a row and see it."""
    X, _ = table
    result = input_sensitivity(smooth, X)
    assert_is_derivative(result, smooth.decision_function, X, NUMERIC)
    result = input_sensitivity(smooth, X, response_method="predict_proba")
    assert_is_derivative(result, smooth.predict_proba, X, NUMERIC)
    assert result.is_switched.tolist() == [False, False, True, True]
    assert np.isnan(result.scale[2:]).all()


def test_two_classes_have_one_output(table):
    """Two columns that mirror each other would count everything twice."""
    X, y = table
    model = ChainzRuleClassifier(n_bins=0, **SMALL).fit(X, y > 0)
    for name, predict in {
        "decision_function": model.decision_function,
        "predict_proba": lambda X: model.predict_proba(X)[:, 1],
    }.items():
        result = input_sensitivity(model, X, response_method=name)
        assert_is_derivative(result, predict, X, NUMERIC)


@pytest.mark.parametrize("link", ["logit", "probit", "cloglog"])
def test_latent_and_probabilities_of_ordered_classes(table, link):
    """Every link has a density of its own, and classes are sorted by label."""
    X, y = table
    grades = np.array(["poor", "fair", "good"])
    model = ChainzRuleOrdinalRegressor(
        n_bins=0, link=link, categories=grades, **SMALL
    ).fit(X, grades[y])
    result = input_sensitivity(model, X)
    assert_is_derivative(result, model.predict_latent, X, NUMERIC)
    result = input_sensitivity(model, X, response_method="predict_proba")
    assert_is_derivative(result, model.predict_proba, X, NUMERIC)


def test_categories_are_switched_with_the_frequencies_of_the_reference(table, smooth):
    """The definition in the docstring, by hand."""
    X, _ = table
    rows, reference = X[:20], X[20:]
    result = input_sensitivity(smooth, rows, reference=reference)
    for position, column in [(2, "city"), (3, "owner")]:
        shares = reference[column].value_counts(normalize=True)
        here = smooth.decision_function(rows)
        change, others, outputs = 0.0, 0.0, []
        for level, share in shares.items():
            switched = smooth.decision_function(rows.assign(**{column: level}))
            other = (rows[column] != level).to_numpy() * share
            change += other * norms(switched - here)
            others += other
            outputs.append(switched)
        outputs = np.array(outputs)
        shares = shares.to_numpy()[:, None, None]
        centred = outputs - (shares * outputs).sum(axis=0)
        square = np.array([norms(one) ** 2 for one in centred])
        deviation = np.sqrt((shares[:, 0] * square).sum(axis=0))
        assert change.min() > 0
        np.testing.assert_allclose(result.per_unit[:, position], change / others)
        np.testing.assert_allclose(
            result.per_deviation[:, position], deviation, rtol=1e-6
        )


@pytest.fixture(scope="module")
def flagged():
    """A model of a number and a column of two values, and its rows."""
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=300), np.where(rng.random(300) < 0.3, 9, 5)])
    y = np.digitize(X[:, 0] + (X[:, 1] == 9), [0.0, 1.0])
    return ChainzRuleClassifier(**SMALL).fit(X, y), X


def test_columns_of_two_values_are_switched(flagged):
    """Between them there are no rows; one row is enough, since training knows both."""
    model, X = flagged
    result = input_sensitivity(model, X)
    assert result.is_switched.tolist() == [False, True]
    low, high = (
        model.decision_function(np.c_[X[:, 0], X[:, 1] * 0 + v]) for v in (5, 9)
    )
    change = norms(high - low)
    np.testing.assert_allclose(result.per_unit[:, 1], change, rtol=1e-6)
    share = (X[:, 1] == 9).mean()
    deviation = np.sqrt(share * (1.0 - share)) * change
    np.testing.assert_allclose(result.per_deviation[:, 1], deviation, rtol=1e-6)
    alone = input_sensitivity(model, X[:1])
    np.testing.assert_allclose(alone.per_unit, result.per_unit[:1])
    assert not np.isnan(result.jacobian).any()


def test_other_values_of_a_column_of_two(flagged):
    """A third value switches to both; a missing one has nothing to switch from."""
    model, X = flagged
    X = X[:3].copy()
    X[:, 1] = [5.0, 6.0, np.nan]
    result = input_sensitivity(model, X)
    assert np.isnan(result.per_unit[2, 1]) and np.isnan(result.per_deviation[2, 1])
    at = [model.decision_function(np.c_[X[:, 0], np.full(3, v)]) for v in (5, 6, 9)]
    share = (flagged[1][:, 1] == 9).mean()
    expected = (1 - share) * norms(at[0] - at[1]) + share * norms(at[2] - at[1])
    assert result.per_unit[1, 1] == pytest.approx(expected[1])


def test_a_column_with_a_spike_can_be_compared():
    """By the quartiles alone its deviation was that of the spike."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 2))
    spike = rng.random(600) < 0.7
    X[spike, 0] = 1e-4 * rng.choice([-1.0, 1.0], spike.sum())
    y = 3.0 * X[:, 0] + 0.5 * X[:, 1] + rng.logistic(size=600) > 0
    result = input_sensitivity(ChainzRuleClassifier(**SMALL).fit(X, y), X)
    assert result.scale[0] == pytest.approx(X[:, 0].std(), rel=0.1)


def test_a_flag_leans_as_the_same_flag_of_categories():
    """One column of zeros and ones, or two indicators: the same standard deviation."""
    rng = np.random.default_rng(0)
    flag = (rng.random(400) < 0.3).astype(float)
    y = (rng.random(400) < 0.2 + 0.5 * flag).astype(int)
    X = pd.DataFrame({"flag": flag})
    kinds = [X, X.astype("category")]
    models = [
        ChainzRuleClassifier(hidden_layer_sizes=()).fit(kind, y) for kind in kinds
    ]
    for model, kind in zip(models, kinds, strict=True):
        switch = np.ptp(model.decision_function(kind))
        expected = np.sqrt(flag.mean() * (1.0 - flag.mean())) * switch
        np.testing.assert_allclose(model.sensitivity(kind), expected, rtol=0.1)


def test_sensitivity_compares_logits_with_each_other(table):
    """What they have in common changes no prediction; of two it is the one slope."""
    X, y = table
    X = X[["income", "ratio"]]
    model = ChainzRuleClassifier(**SMALL).fit(X, y)
    by_column = input_sensitivity(model, X).per_deviation
    np.testing.assert_allclose(model.sensitivity(X), np.linalg.norm(by_column, axis=1))
    head, gradient = model._head, np.random.default_rng(0).normal(size=(5, 1, 4))
    three = gradient * [[[-0.5], [0.5], [0.0]]] + np.ones((5, 1, 4))
    three[:, 2] = three[:, :2].mean(axis=1)
    length = np.linalg.norm(head.contrast(_numpy, three), axis=1)
    np.testing.assert_allclose(length, np.abs(gradient[:, 0]))


def test_one_row_takes_its_levels_from_the_reference(table, smooth):
    """A single request has no other level to switch to, and says so."""
    X, _ = table
    alone = input_sensitivity(smooth, X[:1])
    assert np.isnan(alone.per_unit[0, 2:]).all()
    assert (alone.per_deviation[0, 2:] == 0).all()
    all_rows = input_sensitivity(smooth, X)
    with_reference = input_sensitivity(smooth, X[:1], reference=X)
    np.testing.assert_allclose(with_reference.per_unit, all_rows.per_unit[:1])
    np.testing.assert_allclose(with_reference.per_deviation, all_rows.per_deviation[:1])


def test_rare_levels_beyond_the_limit_are_left_out(table, smooth):
    """A column of a thousand levels must not cost a thousand predictions."""
    X, _ = table
    two = X["city"].value_counts().index[:2]
    limited = input_sensitivity(smooth, X, max_levels=2)
    kept = X["city"].isin(two).to_numpy()
    known = input_sensitivity(smooth, X, reference=X[kept])
    np.testing.assert_allclose(limited.per_unit[:, 2], known.per_unit[:, 2])


def test_frames_of_every_kind_and_arrays_give_the_same(table):
    """The kind of table is no part of the model."""
    X, y = table
    X = X.astype({"city": str, "owner": str})
    y = y > 0
    expected = input_sensitivity(ChainzRuleClassifier(**SMALL).fit(X, y), X)
    by_polars = pl.DataFrame({name: X[name].tolist() for name in X})
    coded = X.assign(
        city=pd.factorize(X["city"], sort=True)[0],
        owner=pd.factorize(X["owner"], sort=True)[0],
    ).to_numpy(dtype=float)
    for rows, params in [(by_polars, {}), (coded, {"categorical_features": [2, 3]})]:
        model = ChainzRuleClassifier(**SMALL, **params).fit(rows, y)
        result = input_sensitivity(model, rows)
        for name in ("per_unit", "per_deviation"):
            np.testing.assert_allclose(result[name], expected[name], rtol=1e-6)
    assert result.feature_names.tolist() == ["x0", "x1", "x2", "x3"]
    assert expected.feature_names.tolist() == list(X.columns)


def test_missing_values_have_no_derivative_and_are_counted(table):
    """NaN says "nothing to measure"; a zero would say "does not matter"."""
    X, y = table
    X = X.copy()
    X.iloc[:30, 0] = np.nan
    X["city"] = X["city"].astype(object)
    X.iloc[30:60, 2] = None
    model = ChainzRuleClassifier(**SMALL).fit(X, y)
    result = input_sensitivity(model, X)
    assert np.isnan(result.per_unit[:30, 0]).all()
    assert not np.isnan(result.per_unit[30:, 0]).any()
    assert result.per_unit_mean[0] == pytest.approx(result.per_unit[30:, 0].mean())
    assert result.missing.tolist() == [0.2, 0.0, 0.0, 0.0]
    # A missing category is a level like others.
    assert not np.isnan(result.per_unit[:, 2]).any()


def test_squashed_rows_are_told_beside_the_sensitivity(table):
    """Far out the derivative vanishes: that must not read as calm."""
    X, y = table
    model = ChainzRuleClassifier(**SMALL).fit(X, y)
    far = X.copy()
    far.iloc[:60, 1] = 1e3
    result = input_sensitivity(model, far)
    assert result.squashed[1] == pytest.approx(0.4)
    assert result.squashed_rows == pytest.approx(0.4)
    assert (result.per_deviation[:60, 1] < 1e-6).all()
    # The slope of the bound is 0.1 at 5.7 deviations: 1 deviation squashes at 0.9.
    assert input_sensitivity(model, X, squash_slope=0.9).squashed[1] > 0.1
    assert input_sensitivity(model, X).squashed[1] < 0.05


SCALERS = {
    "standard": StandardScaler(),
    "centred": StandardScaler(with_std=False),
    "min-max": MinMaxScaler((2.0, 5.0)),
    "clipped": MinMaxScaler(clip=True),
    "max-abs": MaxAbsScaler(),
    "robust": RobustScaler(),
    "unscaled": RobustScaler(with_scaling=False),
    "identity": FunctionTransformer(),
    "two steps": make_pipeline(RobustScaler(), MinMaxScaler()),
    "skipped": "passthrough",
}


@pytest.mark.parametrize("scaler", SCALERS.values(), ids=SCALERS)
def test_scalers_before_the_estimator_leave_the_units_of_the_user(table, scaler):
    """A derivative by a scaled column is in no unit that anybody knows."""
    X, y = table
    X = X[["income", "ratio"]]
    pipeline = make_pipeline(scaler, ChainzRuleClassifier(n_bins=0, **SMALL))
    pipeline.fit(X, y)
    # Of a clipped range the ends are no inner points.
    inner = X.drop(index=[*X.idxmin(), *X.idxmax()])
    result = input_sensitivity(pipeline, inner)
    assert_is_derivative(result, pipeline.decision_function, inner, NUMERIC)


@pytest.mark.parametrize("scaler", SCALERS.values(), ids=SCALERS)
def test_a_standard_deviation_is_the_same_behind_every_scaler(table, scaler):
    """What a column is scaled by beforehand is undone by the estimator's own scale."""
    X, y = table
    X = X[["income", "ratio"]]
    pipeline = make_pipeline(scaler, ChainzRuleClassifier(**SMALL)).fit(X, y)
    alone = ChainzRuleClassifier(**SMALL).fit(X, y)
    expected = input_sensitivity(alone, X).scale
    np.testing.assert_allclose(input_sensitivity(pipeline, X).scale, expected)


def test_what_a_scaler_clips_counts_as_squashed(table):
    """The derivative is zero there because of the range, not of the column."""
    X, y = table
    X = X[["income", "ratio"]]
    pipeline = make_pipeline(MinMaxScaler(clip=True), ChainzRuleClassifier(**SMALL))
    pipeline.fit(X, y)
    far = X.copy()
    far.iloc[:15, 0] = 2.0 * X["income"].max()
    result = input_sensitivity(pipeline, far)
    assert (result.per_unit[:15, 0] == 0).all()
    assert (result.per_unit[15:, 0] > 0).all()
    assert result.squashed.tolist() == [0.1, 0.0]


def mixed_pipeline(encoder):
    """Scaled and imputed numbers beside encoded categories, in another order."""
    parts = [
        ("categories", encoder, ["owner", "city"]),
        (
            "numbers",
            make_pipeline(SimpleImputer(add_indicator=True), StandardScaler()),
            ["ratio", "income"],
        ),
    ]
    return make_pipeline(
        ColumnTransformer(parts, sparse_threshold=0.0),
        ChainzRuleClassifier(n_bins=0, **SMALL),
    )


@pytest.mark.parametrize(
    "encoder",
    [OneHotEncoder(drop="first"), OneHotEncoder(), OrdinalEncoder()],
    ids=repr,
)
def test_encoded_columns_are_switched_in_the_table_of_the_user(table, encoder):
    """A level of a category is a set of columns behind the encoder."""
    X, y = table
    pipeline = mixed_pipeline(encoder).fit(X, y)
    result = input_sensitivity(pipeline, X)
    assert_is_derivative(result, pipeline.decision_function, X, NUMERIC)
    assert result.is_switched.tolist() == [False, False, True, True]
    here = pipeline.decision_function(X)
    other = X["owner"].map({"no": "yes", "yes": "no"})
    switched = pipeline.decision_function(X.assign(owner=other))
    expected = norms(switched - here)
    np.testing.assert_allclose(result.per_unit[:, 3], expected, atol=1e-12)


def test_imputed_values_have_no_derivative(table):
    """The row has no value there that could change."""
    X, y = table
    X = X.copy()
    X.iloc[:15, 0] = np.nan
    pipeline = mixed_pipeline(OneHotEncoder()).fit(X, y)
    result = input_sensitivity(pipeline, X)
    assert np.isnan(result.per_unit[:15, 0]).all()
    assert result.missing.tolist() == [0.1, 0.0, 0.0, 0.0]
    given = X[15:]
    assert_is_derivative(
        input_sensitivity(pipeline, given), pipeline.decision_function, given, NUMERIC
    )


def test_zeros_that_an_imputer_takes_for_missing(table):
    """Not only NaN stands for a value that is not there; empty columns are dropped."""
    X, y = table
    X = X[["ratio", "income"]].assign(empty=0.0)[["empty", "ratio", "income"]]
    X.iloc[:15, 2] = 0.0
    imputer = SimpleImputer(missing_values=0.0)
    model = ChainzRuleClassifier(n_bins=0, **SMALL)
    with pytest.warns(UserWarning, match="empty"):
        pipeline = make_pipeline(imputer, model).fit(X, y)
        result = input_sensitivity(pipeline, X)
    assert result.missing.tolist() == [1.0, 0.0, 0.1]
    assert np.isnan(result.per_unit_mean[0])
    assert result.scale[0] == 0
    given = X[15:]
    with pytest.warns(UserWarning, match="empty"):
        assert_is_derivative(
            input_sensitivity(pipeline, given),
            pipeline.decision_function,
            given,
            NUMERIC,
        )


def test_columns_that_no_step_hands_on_do_not_matter(table):
    """Dropped columns are in the table of the user all the same."""
    X, y = table
    pipeline = make_pipeline(
        make_column_transformer((StandardScaler(), ["ratio"])),
        ChainzRuleClassifier(**SMALL),
    ).fit(X, y)
    result = input_sensitivity(pipeline, X)
    assert result.per_unit_mean[1] > 0
    assert result.per_deviation_mean[[0, 2, 3]].tolist() == [0.0, 0.0, 0.0]


def test_categories_handed_on_to_the_estimator_stay_categories(table):
    """The estimator encodes strings itself, also behind a ColumnTransformer."""
    X, y = table
    scaled = make_column_transformer(
        (StandardScaler(), ["income", "ratio"]),
        remainder="passthrough",
        verbose_feature_names_out=False,
    ).set_output(transform="pandas")
    pipeline = make_pipeline(scaled, ChainzRuleClassifier(n_bins=0, **SMALL)).fit(X, y)
    result = input_sensitivity(pipeline, X)
    assert result.is_switched.tolist() == [False, False, True, True]
    assert_is_derivative(result, pipeline.decision_function, X, NUMERIC)


def test_steps_without_a_way_back_are_named(table):
    """Guessing a derivative would be worse than having none."""
    X, y = table
    X = X[["income", "ratio"]]
    model = ChainzRuleClassifier(**SMALL)
    for step, named in [
        (PCA(), "'pca', a PCA"),
        (FunctionTransformer(np.log1p), "'functiontransformer': .*log1p"),
        (
            make_column_transformer((make_pipeline(PCA()), ["income", "ratio"])),
            "'columntransformer__pipeline__pca', a PCA",
        ),
    ]:
        pipeline = make_pipeline(step, model).fit(X, y)
        with pytest.raises(TypeError, match=f"before step {named}"):
            input_sensitivity(pipeline, X)


def test_columns_in_another_order_are_refused(table):
    """A ColumnTransformer finds columns by name; positions would be mixed up."""
    X, y = table
    pipeline = mixed_pipeline(OneHotEncoder()).fit(X, y)
    with pytest.raises(ValueError, match="feature names"):
        input_sensitivity(pipeline, X[X.columns[::-1]])


@pytest.mark.parametrize(
    "params, error, message",
    [
        ({"response_method": "predict"}, ValueError, "'decision_function'.*'predict'"),
        ({"response_method": "predict_latent"}, ValueError, "predict_latent"),
        ({"max_levels": 0}, ValueError, "max_levels == 0"),
        ({"squash_slope": 1.0}, ValueError, "squash_slope == 1.0"),
        ({"reference": pd.DataFrame({"a": [1.0]})}, ValueError, "reference.*'a'"),
    ],
)
def test_bad_arguments_are_named(table, smooth, params, error, message):
    """An error that tells what was given saves looking it up."""
    with pytest.raises(error, match=message):
        input_sensitivity(smooth, table[0], **params)


def test_estimators_that_are_not_ours_or_not_fitted_are_refused(table):
    """There is no Jacobian to be had from them."""
    X, _ = table
    for measure in (input_sensitivity, layer_sensitivity):
        with pytest.raises(TypeError, match="LogisticRegression"):
            measure(LogisticRegression(), X)
        with pytest.raises(NotFittedError):
            measure(ChainzRuleClassifier(), X)


@pytest.mark.parametrize("hidden", [(6, 5), (7,), ()], ids=str)
@pytest.mark.parametrize("activation", ["polynomial", "gelu"])
def test_norms_of_layers_are_those_that_dreg_penalises(table, hidden, activation):
    """The report takes the penalty apart, so its parts must be the same."""
    X, y = table
    params = {**SMALL, "hidden_layer_sizes": hidden, "activation": activation}
    model = ChainzRuleClassifier(**params).fit(X, y)
    network = ChainzRuleNetwork(
        model._encoder.n_encoded_, hidden, 3, members=2, activation=activation
    ).double()
    _weights.load(network, activation, model._network.members)
    encoded, _ = model._encoder.transform(model._read(X))
    # (layers, members, rows)
    _, squares = dreg(network, torch.from_numpy(encoded))
    expected = squares.detach().numpy().mean(axis=2).T
    result = layer_sensitivity(model, X)
    np.testing.assert_allclose(result.norms**2, expected)
    np.testing.assert_allclose(result.mean_norms**2, expected.mean(axis=0))
    assert result.shares.sum() == pytest.approx(1.0)
    assert len(result.layer_names) == len(hidden) + 1


def test_linear_and_deep_parts_are_those_of_the_function(table):
    """Linear networks of a search count for the linear part alone."""
    X, y = table
    model = ChainzRuleClassifier(max_iter=4, random_state=0).fit(X, y > 0)
    encoded, _ = model._encoder.transform(model._read(X))
    network = model._network
    _, jacobian = network.outputs_and_jacobian(encoded)
    linear = np.tensordot(model.estimator_weights_, model.skip_coef_, 1)
    deep = np.linalg.norm(jacobian - linear.T, axis=(1, 2))
    result = layer_sensitivity(model, X)
    assert result.linear_norm == pytest.approx(np.linalg.norm(linear))
    assert result.deep_norm == pytest.approx(np.sqrt(np.mean(deep**2)))
    assert result.deep_norm > 0


def test_recorder_ends_where_the_fitted_estimator_is(table):
    """The last point of the curve is what tail_ratio says afterwards."""
    pytest.importorskip("sklearn.callback", reason="needs scikit-learn >= 1.9")
    X, y = table
    recorder = SensitivityRecorder(X[:40])
    model = ChainzRuleClassifier(**SMALL)
    for _ in range(2):  # a second fit starts anew
        model.set_callbacks(recorder).fit(X, y)
        assert len(recorder.tail_ratio_curve_) == model.n_iter_
    assert recorder.tail_ratio_curve_[-1] == pytest.approx(model.tail_ratio(X[:40]))
    mean = model.sensitivity(X[:40]).mean()
    assert recorder.sensitivity_curve_[-1] == pytest.approx(mean)
    assert len(set(recorder.sensitivity_curve_)) == model.n_iter_


def test_import_loads_neither_torch_nor_matplotlib():
    """Reading numbers must not wait for what draws or trains."""
    code = (
        "import cr_sklearn.inspection, sys; "
        "assert not {'torch', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def real_tables():
    """Pima, with missing values; and tables with categories, where they are."""
    yield "pima", *load_pima()
    if "CR_SKLEARN_DATA" in os.environ:
        for name in ("credit_g", "hepatitis", "r_mlc_churn"):
            X, y, *_ = suite.load(data_folder() / "tabular", name, 500)
            yield name, X, y


def test_derivatives_of_real_tables_are_those_of_the_raw_columns():
    """With ramps, as by default: they have no kinks, wherever the rows lie."""
    for name, X, y in real_tables():
        X = X.astype(dict.fromkeys(X.select_dtypes("number"), float))
        model = ChainzRuleClassifier(random_state=0, max_iter=5).fit(X, y)
        result = input_sensitivity(model, X)
        here = model.decision_function(X)
        for position in np.flatnonzero(result.scale > 0):
            column = X.columns[position]
            step = 1e-6 * result.scale[position]
            there = X.assign(**{column: X[column] + step})
            # The step that was made, of a number with a finite number of digits.
            made = there[column] - X[column]
            expected = (model.decision_function(there) - here) / made
            given = X[column].notna()
            np.testing.assert_allclose(
                result.jacobian[given, 0, position],
                expected[given],
                rtol=1e-4,
                atol=1e-4 * result.per_unit_mean[position],
                err_msg=f"{column} of {name}",
            )
            assert np.isnan(result.jacobian[~given, 0, position]).all()
