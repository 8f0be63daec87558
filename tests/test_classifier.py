"""ChainzRuleClassifier: what users of scikit-learn expect, and the Jacobians."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import cross_val_score

from cr_sklearn import ChainzRuleClassifier
from cr_sklearn.encoding._columns import read_columns


def small(**params):
    """Quick to fit; enough for behaviour, not for quality."""
    given = {"n_estimators": 2, "max_iter": 15, "dreg_strength": 0.01, **params}
    return ChainzRuleClassifier(**{"random_state": 0, **given})


def test_learns_what_a_linear_model_cannot(moons):
    """The polynomial layers must earn their keep."""
    score = cross_val_score(ChainzRuleClassifier(random_state=0), *moons).mean()
    linear = cross_val_score(LogisticRegression(), *moons).mean()
    assert score > linear + 0.05


def test_regularisation_beats_none_on_noise():
    """The central claim: penalised Jacobians make polynomials usable."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 10))
    y = (X[:, 0] + rng.normal(size=300) > 0).astype(int)
    train, test = slice(0, 150), slice(150, None)
    losses = [
        log_loss(
            y[test],
            ChainzRuleClassifier(dreg_strength=strength, random_state=0)
            .fit(X[train], y[train])
            .predict_proba(X[test]),
        )
        for strength in (0.0, 0.1)
    ]
    assert losses[1] < losses[0] - 0.1


@pytest.mark.parametrize(
    "labels",
    [
        np.array(["no", "yes"]),
        np.array([-3, 40]),
        np.array([False, True]),
        np.array([0.0, 1.0]),
        np.array(["a", "b"], dtype=object),
    ],
    ids=["str", "int", "bool", "float", "object"],
)
def test_any_label_type_comes_back(moons, labels):
    """Predictions are compared to the user's own labels."""
    X, y = moons
    model = small(max_iter=40).fit(X, labels[y])
    np.testing.assert_array_equal(model.classes_, labels)
    predicted = model.predict(X)
    assert predicted.dtype == labels.dtype
    assert np.mean(predicted == labels[y]) > 0.8


@pytest.mark.parametrize("n_classes", [2, 3, 5])
def test_as_many_classes_as_rows(n_classes):
    """The smallest table with so many classes is still a table."""
    X = np.arange(2.0 * n_classes).reshape(n_classes, 2)
    labels = [f"class {k}" for k in range(n_classes)]
    model = small(max_iter=100, learning_rate_init=0.05).fit(X, labels)
    assert model.predict(X).tolist() == labels


def test_multiclass_probabilities():
    """With K classes there are K logits; softmax of them is what is returned."""
    X, y = load_iris(return_X_y=True)
    model = small(max_iter=60).fit(X, y)
    logits, probabilities = model.decision_function(X), model.predict_proba(X)
    assert logits.shape == (150, 3)
    exponentials = np.exp(logits)
    np.testing.assert_allclose(
        probabilities, exponentials / exponentials.sum(axis=1, keepdims=True)
    )
    np.testing.assert_allclose(np.exp(model.predict_log_proba(X)), probabilities)
    assert model.score(X, y) > 0.95


@pytest.mark.parametrize("n_classes", [2, 3])
def test_jacobian_equals_central_differences_in_the_users_units(n_classes):
    """Exact means exact: encoding, network and averaging included."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "metres": rng.normal(1e4, 3e3, 150),
            "grams": rng.normal(1e-3, 1e-4, 150),
            "kind": pd.Categorical(rng.choice(["a", "b"], 150)),
        }
    )
    frame.loc[::10, "grams"] = np.nan
    y = rng.integers(0, n_classes, 150)
    model = small().fit(frame, y)
    jacobian = model.jacobian(frame)
    assert jacobian.shape == (150, 1 if n_classes == 2 else 3, 3)
    for column, step in [("metres", 0.1), ("grams", 1e-8)]:
        above, below = frame.copy(), frame.copy()
        above[column] += step
        below[column] -= step
        difference = model.decision_function(above) - model.decision_function(below)
        difference = difference.reshape(150, -1) / (2 * step)
        present = frame[column].notna().to_numpy()
        position = frame.columns.get_loc(column)
        np.testing.assert_allclose(
            jacobian[present, :, position],
            difference[present],
            rtol=1e-4,
            atol=1e-6 * np.abs(difference).max(),
        )
        assert np.isnan(jacobian[~present, :, position]).all()
    assert np.isnan(jacobian[:, :, 2]).all()


def test_jacobian_on_integers_is_the_slope_to_the_left_and_to_the_right():
    """Counts lie on the knots of the ramps: a kink there would be on most rows."""
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.integers(0, n, 300) for n in (3, 12, 90)]).astype(float)
    y = X[:, 0] + (X[:, 1] > 5) + rng.normal(size=300) > 2
    model = small().fit(X, y)
    ends = np.array([[0.0], [1.0]]) * np.ptp(X, axis=0) + X.min(axis=0)
    out = np.array([[-1.0], [1.0]])
    X = np.vstack([X, ends, ends + out, ends + 1e6 * out])
    jacobian, here = model.jacobian(X)[:, 0], model.decision_function(X)
    for column in range(3):
        largest = np.abs(jacobian[:, column]).max()
        for step in (1e-5, -1e-5):
            moved = X.copy()
            moved[:, column] += step
            made = moved[:, column] - X[:, column]
            slope = (model.decision_function(moved) - here) / made
            np.testing.assert_allclose(slope, jacobian[:, column], atol=0.01 * largest)


@pytest.mark.parametrize("weighted", [False, True])
def test_slopes_are_finite_whatever_the_values_of_a_column(weighted):
    """Few values, nearly equal ones and far ones; missing only at prediction."""
    rng = np.random.default_rng(0)
    near = rng.integers(0, 3, 90) + 1e-12 * rng.integers(0, 2, 90)
    gaps = np.where(rng.random(90) < 0.3, np.nan, rng.normal(size=90))
    few = [rng.integers(0, n_values, 90) for n_values in (1, 2, 3)]
    X = np.column_stack([*few, near, gaps, rng.normal(size=90)]).astype(float)
    weight = np.where(X[:, 2] == 1, 1e-9, 1.0) if weighted else None
    model = small(max_iter=4).fit(X, rng.integers(0, 2, 90), sample_weight=weight)
    new = np.vstack([X, np.full((1, 6), 1e300), np.full((1, 6), -1e300)])
    new = np.vstack([new, np.full((1, 6), np.nan)])
    assert np.isfinite(model.predict_proba(new)).all()
    assert np.isfinite(model.sensitivity(new)).all()
    given = ~np.isnan(new)
    given[:, 0] = False  # constant in training
    assert np.isfinite(model.jacobian(new)[:, 0][given]).all()


def test_sensitivity_is_the_norm_of_the_standardised_jacobian(moons):
    """Units differ between columns; the norm is over comparable ones."""
    X, y = moons
    model = small().fit(X, y)
    low, high = np.quantile(X, [0.01, 0.99], axis=0, method="averaged_inverted_cdf")
    deviation = np.clip(X, low, high).std(axis=0)
    expected = np.linalg.norm(model.jacobian(X)[:, 0] * deviation, axis=1)
    np.testing.assert_allclose(model.sensitivity(X), expected)
    rescaled = small().fit(X * [1e6, 1e-6], y)
    np.testing.assert_allclose(
        rescaled.sensitivity(X * [1e6, 1e-6]), expected, rtol=1e-6
    )


def test_sensitivity_covers_categories():
    """A model of categories alone still leans on its inputs."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"c": rng.choice(["a", "b", "c"], 100)})
    model = small(max_iter=40).fit(frame, (frame["c"] == "a").to_numpy())
    assert (model.sensitivity(frame) > 0.1).all()


def test_tail_ratio_of_a_linear_model_is_one(moons):
    """A fact to check the definition by: constant Jacobian, no tail."""
    X, y = moons
    linear = small(hidden_layer_sizes=()).fit(X, y)
    near = X[np.abs(X).max(axis=1) < 0.2]
    assert linear.tail_ratio(near) == pytest.approx(1.0, abs=0.02)
    norms = small(max_iter=60).fit(X, y).sensitivity(X)
    tau = small(max_iter=60).fit(X, y).tail_ratio(X)
    assert tau == pytest.approx(np.quantile(norms, 0.99) / norms.mean())
    assert tau > 1.2


def test_tail_ratio_without_any_sensitivity_is_nan():
    """0 / 0 has no answer; 1 would read as perfectly even."""
    model = small().fit(np.ones((20, 2)), [0, 1] * 10)
    assert np.isnan(model.tail_ratio(np.ones((5, 2))))


def test_a_table_of_constants_predicts_the_class_frequencies():
    """There is nothing else to know."""
    y = np.r_[np.zeros(30), np.ones(10)]
    model = ChainzRuleClassifier(random_state=0, max_iter=200).fit(np.ones((40, 2)), y)
    assert model.predict_proba([[1.0, 1.0]])[0, 1] == pytest.approx(0.25, abs=0.01)


def test_same_seed_same_model(moons):
    """Reproducible to the last bit, as random_state promises."""
    X, y = moons
    one, two = small().fit(X, y), small().fit(X, y)
    np.testing.assert_array_equal(one.decision_function(X), two.decision_function(X))
    other = small(random_state=1).fit(X, y)
    assert not np.allclose(one.decision_function(X), other.decision_function(X))
    random_state = np.random.RandomState(0)
    first = small(random_state=random_state).fit(X, y).decision_function(X)
    second = small(random_state=random_state).fit(X, y).decision_function(X)
    assert not np.allclose(first, second)


def test_a_weight_of_two_is_the_row_twice(moons):
    """Weights mean repetition: encoding, loss, penalty and class weights."""
    X, y = moons[0][:60], moons[1][:60]
    weight = np.random.default_rng(0).integers(0, 3, 60)
    given = {"batch_size": 200, "class_weight": "balanced"}
    weighted = small(**given).fit(X, y, sample_weight=weight)
    repeated = small(**given).fit(np.repeat(X, weight, axis=0), np.repeat(y, weight))
    np.testing.assert_allclose(
        weighted.decision_function(X), repeated.decision_function(X), atol=1e-9
    )


def test_only_ratios_of_weights_matter(moons):
    """Otherwise dreg_strength would mean something else for each user."""
    X, y = moons
    weight = np.random.default_rng(0).random(len(y))
    one = small(dtype="float64").fit(X, y, sample_weight=weight)
    two = small(dtype="float64").fit(X, y, sample_weight=1000 * weight)
    np.testing.assert_allclose(
        one.decision_function(X), two.decision_function(X), rtol=1e-6
    )


@pytest.mark.parametrize("class_weight", ["balanced", {0: 1.0, 1: 9.0}])
def test_class_weight_moves_the_decision(class_weight):
    """With one class in ten, the rare class must gain."""
    rng = np.random.default_rng(0)
    y = (rng.random(300) < 0.1).astype(int)
    X = rng.normal(size=(300, 2)) + y[:, None]
    plain = small().fit(X, y).predict(X).mean()
    assert small(class_weight=class_weight).fit(X, y).predict(X).mean() > plain + 0.1


def test_batches_of_rows_do_not_change_predictions(moons):
    """A service that scores row by row must agree with the batch job."""
    X, y = moons
    model = small().fit(X, y)
    by_row = np.concatenate([model.predict_proba(row[None]) for row in X])
    np.testing.assert_allclose(model.predict_proba(X), by_row, rtol=1e-12)


def test_predictions_far_outside_stay_probabilities(moons):
    """Cubics of cubics overflow on raw inputs; bounded ones do not."""
    X, y = moons
    model = small(hidden_layer_sizes=(8, 8, 8)).fit(X, y)
    probabilities = model.predict_proba(np.array([[1e30, -1e30], [1e300, 0.0]]))
    assert np.isfinite(probabilities).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)


def test_frames_of_any_kind(mixed_frame):
    """Raw tables in, predictions out; columns are found by name."""
    frame, y = mixed_frame
    model = small(max_iter=60).fit(frame, y)
    assert model.feature_names_in_.tolist() == frame.columns.tolist()
    assert model.score(frame, y) > 0.8
    with pytest.raises(ValueError, match="must be in the same order"):
        model.predict(frame[frame.columns[::-1]])
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(frame.drop(columns="city").assign(town="Rome"))
    frame = frame.drop(columns="empty")
    np.testing.assert_allclose(
        small().fit(frame, y).predict_proba(frame),
        small().fit(pl.from_pandas(frame), y).predict_proba(pl.from_pandas(frame)),
    )


def test_the_users_data_stays_as_it_was(mixed_frame):
    """Fitting must never write into what it is given."""
    frame, y = mixed_frame
    X = np.random.default_rng(0).normal(size=(len(y), 3))
    X[::5, 0] = np.nan
    copies = frame.copy(), X.copy(), y.copy()
    model = small().fit(frame, y)
    model.jacobian(frame)
    small().fit(X, y).jacobian(X)
    pd.testing.assert_frame_equal(frame, copies[0])
    np.testing.assert_array_equal(X, copies[1])
    np.testing.assert_array_equal(y, copies[2])


def test_warm_start_goes_on(moons):
    """A second fit starts from the first, on the same encoding."""
    X, y = moons
    model = small(warm_start=True).fit(X, y)
    first = model.loss_curve_[-1]
    encoder = model._encoder
    model.fit(X, y)
    assert model._encoder is encoder
    assert model.n_iter_ == len(model.loss_curve_) == 30
    assert model.loss_curve_[15] < model.loss_curve_[0]
    assert model.loss_curve_[-1] < first


def test_warm_start_refuses_another_problem(moons):
    """Weights of other classes or another architecture can't be continued."""
    X, y = moons
    model = small(warm_start=True).fit(X, y)
    with pytest.raises(ValueError, match=r"classes of the earlier fit, \[0, 1\]"):
        model.fit(X, y + 1)
    with pytest.raises(ValueError, match="differ from the earlier fit"):
        model.set_params(hidden_layer_sizes=(5,)).fit(X, y)
    model = small(warm_start=True, activation="relu").fit(X, y)
    with pytest.raises(ValueError, match="differ from the earlier fit"):
        model.set_params(activation="tanh").fit(X, y)


def test_parameters_set_after_the_fit_do_not_change_predictions(moons):
    """set_params prepares the next fit; it must not reinterpret the weights."""
    X, y = moons
    model = small(activation="relu").fit(X, y)
    expected = model.predict_proba(X)
    model.set_params(activation="tanh", n_estimators=7, degree=5)
    np.testing.assert_array_equal(model.predict_proba(X), expected)


def test_partial_fit_learns_from_batches(moons):
    """Each call is one epoch; the optimiser remembers between calls."""
    X, y = moons
    model = small(learning_rate_init=0.01, batch_size=100)
    for _ in range(20):
        for part in np.array_split(np.arange(len(y)), 2):
            model.partial_fit(X[part], y[part], classes=[0, 1])
    assert model.score(X, y) > 0.85
    assert model.n_iter_ == 40
    # Adam's moments are those of 40 calls, not of the last one.
    assert all(int(entry["step"]) > 40 for entry in model._optimizer_state)


def test_partial_fit_knows_classes_that_a_batch_lacks(moons):
    """Streams bring classes in any order."""
    X, y = moons
    model = small().partial_fit(X[y == 0], y[y == 0], classes=[0, 1, 2])
    assert model.predict_proba(X).shape == (200, 3)


def test_curves_have_an_entry_for_every_epoch(moons):
    """They are drawn over one axis, also when training goes on."""
    model = small(warm_start=True, max_iter=3).fit(*moons)
    model.set_params(early_stopping=True).fit(*moons)
    model.partial_fit(*moons)
    curves = model.loss_curve_, model.dreg_curve_, model.validation_loss_curve_
    assert {len(curve) for curve in curves} == {model.n_iter_} == {7}
    assert np.isnan(model.validation_loss_curve_).tolist() == [True] * 3 + [
        False
    ] * 3 + [True]


def test_early_stopping_uses_rows_of_its_own(moons):
    """Stopping by the training loss would never stop an overfit."""
    X, y = moons
    model = small(early_stopping=True, max_iter=500, n_iter_no_change=3).fit(X, y)
    assert model.n_iter_ < 500
    assert len(model.validation_loss_curve_) == model.n_iter_
    assert small().fit(X, y).validation_loss_curve_ is None


@pytest.mark.parametrize("activation", ["relu", "gelu", "silu", "tanh"])
def test_other_activations(moons, activation):
    """DREG is offered with any of them."""
    X, y = moons
    model = small(activation=activation, max_iter=60, dreg_strength=0.001).fit(X, y)
    assert model.score(X, y) > 0.85
    assert model.polynomial_coefs_ == ()
    assert np.isfinite(model.dreg_curve_).all()


def test_the_ensemble_averages_its_members(moons):
    """decision_function must be one function, so that its Jacobian exists."""
    X, y = moons
    model = small(n_estimators=3).fit(X, y)
    fitted = model._network.members
    encoded, _ = model._encoder.transform(read_columns(X))
    alone = [
        fitted.take([m])._replace(member_weights=np.ones(1)).function().outputs(encoded)
        for m in range(3)
    ]
    assert not np.allclose(alone[0], alone[1])
    np.testing.assert_allclose(model.decision_function(X), np.mean(alone, axis=0)[:, 0])


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_agrees_with_the_cpu(moons):
    """The device is a matter of speed, not of the model."""
    X, y = moons
    on_cpu = small(dtype="float64").fit(X, y)
    on_cuda = small(dtype="float64", device="cuda").fit(X, y)
    np.testing.assert_allclose(
        on_cpu.decision_function(X), on_cuda.decision_function(X), rtol=1e-5, atol=1e-6
    )
