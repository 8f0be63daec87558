"""A third kind of target needs one file: this one."""

import pickle

import numpy as np
import pytest
import torch
from sklearn.base import RegressorMixin
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from cr_sklearn._base import BaseChainzRule
from cr_sklearn.export import to_onnx
from cr_sklearn.heads._head import Head
from cr_sklearn.inspection import SensitivityDisplay, input_sensitivity
from cr_sklearn.monitoring import SensitivityMonitor


class SquaredError(torch.nn.Module):
    def forward(self, outputs, targets):
        return 0.5 * (outputs[..., 0] - targets) ** 2

    def value_and_slope(self, outputs, targets):
        error = outputs - targets.unsqueeze(-1).to(outputs.dtype)
        return 0.5 * error[..., 0] ** 2, error


class ContinuousHead(Head):
    """Squared error of numbers, in their standard deviations."""

    graph_outputs = ("prediction",)
    response_method = "predict"

    def read(self, y):
        return np.asarray(y, dtype=float)

    def fit(self, rows, earlier=None):
        self.center = np.average(rows.target, weights=rows.weight)
        self.scale = rows.target.std()
        return rows._replace(target=(rows.target - self.center) / self.scale)

    def resume(self, rows, earlier=None):
        if earlier is None:
            return self.fit(rows)
        self.center, self.scale = earlier.center, earlier.scale
        return rows._replace(target=(rows.target - self.center) / self.scale)

    def output_layer(self, target, weight):
        return {"n_outputs": 1}

    def make_criterion(self):
        return SquaredError()

    def oof_score(self, outputs, rows, held_out):
        target = rows.target[held_out]
        return 1.0 - np.mean((outputs[:, 0] - target) ** 2) / target.var()

    def predict(self, outputs):
        return outputs[:, 0] * self.scale + self.center

    def graph(self, xp, outputs):
        return [self.predict(outputs)]


class ChainzRuleRegressor(RegressorMixin, BaseChainzRule):
    def __init__(
        self, hidden_layer_sizes=(16,), dreg_strength="auto", random_state=None
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.dreg_strength = dreg_strength
        self.random_state = random_state
        self.degree, self.activation = 3, "polynomial"
        self.cv = self.n_estimators = self.max_iter = self.batch_size = "auto"
        self.learning_rate_init, self.tol, self.n_iter_no_change = 0.02, 1e-4, 10
        self.early_stopping = self.warm_start = False
        self.categorical_features, self.n_bins = "from_dtype", 8
        self.device, self.dtype, self.verbose = "cpu", "auto", 0

    def _make_head(self):
        return ContinuousHead()


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 3))
    return X, 100.0 + 20.0 * X[:, 0] + 10.0 * np.sin(2.0 * X[:, 1])


@pytest.fixture(scope="module")
def model(data):
    return ChainzRuleRegressor(random_state=0).fit(*data)


def test_it_learns_with_the_automatic_strength(model, data):
    """Folds, stacking and the path know nothing of labels."""
    assert model.score(*data) > 0.95
    assert 0.9 < model.oof_score_ < 1.0
    assert len(model.dreg_path_["weight"]) == 6


def test_its_jacobian_is_the_derivative(model, data):
    """Inputs and encodings are those of every estimator."""
    X, step = data[0][:20], 1e-6
    expected = np.empty((20, 3))
    for column in range(3):
        moved = X.copy()
        moved[:, column] += step
        expected[:, column] = (model.predict(moved) - model.predict(X)) / step
    found = model.jacobian(X)[:, 0] * model._head.scale
    agree = np.isclose(found, expected, rtol=1e-3, atol=1e-3)
    assert agree.mean() > 0.9  # but where a row is on a knot


def test_it_is_inspected_watched_and_saved(model, data):
    """No room asks which head there is."""
    X, _ = data
    result = input_sensitivity(model, X)
    assert result.per_deviation_mean.argmax() == 0
    pytest.importorskip("matplotlib").use("Agg")
    display = SensitivityDisplay.from_estimator(model, X)
    assert "output" in display.ax_.get_xlabel()
    monitor = SensitivityMonitor.from_estimator(model, X)
    assert monitor.update(X[::2]).status == "ok"
    loaded = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))


def test_its_graph_predicts_the_same(model, data):
    """The formulas of a head serve NumPy and ONNX."""
    onnxruntime = pytest.importorskip("onnxruntime")
    X, _ = data
    session = onnxruntime.InferenceSession(to_onnx(model).SerializeToString())
    prediction, sensitivity = session.run(["prediction", "sensitivity"], {"X": X})
    np.testing.assert_allclose(prediction, model.predict(X))
    np.testing.assert_allclose(sensitivity, model.sensitivity(X))


def test_it_goes_on_and_stands_in_pipelines(data):
    """fit, warm start, early stopping and partial_fit are one skeleton."""
    X, y = data
    model = ChainzRuleRegressor(dreg_strength=0.001, random_state=0)
    for rows in np.array_split(np.arange(len(X)), 3):
        model.partial_fit(X[rows], y[rows])
    before = model.score(X, y)
    model.warm_start = model.early_stopping = True
    model.validation_fraction = 0.2
    assert model.fit(X, y).score(X, y) > before
    pipeline = make_pipeline(StandardScaler(), ChainzRuleRegressor(random_state=0))
    assert pipeline.fit(X, y).score(X, y) > 0.95
