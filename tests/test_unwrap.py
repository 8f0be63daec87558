"""One function finds the fitted estimator, whatever wraps it."""

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import BaggingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    TunedThresholdClassifierCV,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from cr_sklearn import ChainzRuleClassifier
from cr_sklearn._unwrap import unwrap
from cr_sklearn.export import to_onnx
from cr_sklearn.inspection import input_sensitivity, layer_sensitivity


def small():
    return ChainzRuleClassifier(
        (4,), dreg_strength=0.01, n_estimators=1, max_iter=2, random_state=0
    )


def scaled():
    return make_pipeline(StandardScaler(), small())


WRAPPERS = {
    "alone": lambda: small(),
    "pipeline": lambda: scaled(),
    "search": lambda: GridSearchCV(small(), {"degree": [2]}, cv=2),
    "search of a pipeline": lambda: GridSearchCV(
        scaled(), {"chainzruleclassifier__degree": [2]}, cv=2
    ),
    "pipeline of a search": lambda: make_pipeline(
        StandardScaler(), GridSearchCV(small(), {"degree": [2]}, cv=2)
    ),
    "threshold": lambda: FixedThresholdClassifier(scaled(), threshold=0.3),
    "tuned threshold": lambda: TunedThresholdClassifierCV(small(), cv=2),
    "calibration": lambda: CalibratedClassifierCV(scaled(), cv=2, ensemble=False),
}


@pytest.mark.parametrize("name", WRAPPERS)
def test_estimators_are_found_in_wrappers(name, moons):
    """Who tunes a threshold still wants to know what a prediction leans on."""
    X, y = moons
    model = WRAPPERS[name]().fit(X, y)
    unwrapped = unwrap(model)
    assert unwrapped.transform(X).shape == X.shape
    result = input_sensitivity(model, X)
    assert result.per_unit.shape == X.shape
    expected = unwrapped.estimator.sensitivity(unwrapped.transform(X))
    found = np.linalg.norm(result.per_deviation, axis=1)
    np.testing.assert_allclose(found, expected)
    assert layer_sensitivity(model, X).layer_names == ["hidden 1", "output"]


def test_a_frozen_estimator_is_found(moons):
    """Calibration of a fitted model freezes it."""
    X, y = moons
    fitted = small().fit(X, y)
    frozen = FrozenEstimator(fitted)
    assert unwrap(frozen).estimator is fitted
    calibrated = CalibratedClassifierCV(frozen, ensemble=False).fit(X, y)
    assert unwrap(calibrated).estimator is fitted


@pytest.mark.parametrize(
    "make, error",
    [
        (lambda: LogisticRegression(), TypeError),
        (lambda: BaggingClassifier(small(), n_estimators=2), TypeError),
        (lambda: CalibratedClassifierCV(small(), cv=2, ensemble=True), TypeError),
    ],
)
def test_none_or_several_are_refused(make, error, moons):
    """Without the one model there is nothing to measure."""
    with pytest.raises(error, match="there is not one in a"):
        unwrap(make().fit(*moons))


@pytest.mark.parametrize("name", WRAPPERS)
def test_what_is_not_fitted_says_so(name):
    """Before the fit there is nothing to look at."""
    with pytest.raises(NotFittedError):
        unwrap(WRAPPERS[name]())


@pytest.mark.parametrize("name", ["threshold", "tuned threshold", "calibration"])
def test_wrappers_that_alter_predictions_are_not_exported(name, moons):
    """Their labels in the graph would be others without a word."""
    pytest.importorskip("onnx")
    with pytest.raises(TypeError, match="not those of the ChainzRuleClassifier"):
        to_onnx(WRAPPERS[name]().fit(*moons))


def test_a_search_of_a_pipeline_is_exported(moons):
    """It predicts as its best estimator does."""
    pytest.importorskip("skl2onnx")
    model = WRAPPERS["search of a pipeline"]().fit(*moons)
    session = onnxruntime_session(to_onnx(model))
    X = moons[0].astype(np.float32)
    [probabilities] = session.run(["probabilities"], {"X": X})
    np.testing.assert_allclose(probabilities, model.predict_proba(X), atol=1e-5)


def onnxruntime_session(model):
    import onnxruntime

    return onnxruntime.InferenceSession(model.SerializeToString())


def test_pipelines_in_pipelines_may_repeat_names(moons):
    """Names are unique within one pipeline alone."""
    X, y = moons
    inner = make_pipeline(StandardScaler(), small())
    model = make_pipeline(StandardScaler(), inner).fit(X, y)
    unwrapped = unwrap(model)
    assert len(unwrapped.steps) == 2
    np.testing.assert_allclose(
        unwrapped.estimator.predict_proba(unwrapped.transform(X)),
        model.predict_proba(X),
    )
