"""scikit-learn's callbacks, where scikit-learn has them."""

import numpy as np
import pytest

from cr_sklearn import ChainzRuleClassifier, ChainzRuleOrdinalRegressor

pytest.importorskip("sklearn.callback", reason="needs scikit-learn >= 1.9")


class Recorder:
    """Scores the model at the end of each epoch; may ask to stop."""

    def __init__(self, stop_after=None):
        self.stop_after = stop_after
        self.events = []
        self.scores = []

    def setup(self, estimator, context):
        self.events.append("setup")

    def teardown(self, estimator, context):
        self.events.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.events.append(("begin", context.task_name))

    def on_fit_task_end(self, estimator, context, *, X, y, fitted_estimator):
        self.events.append(("end", context.task_name))
        if context.task_name == "epoch":
            self.scores.append(fitted_estimator.score(X, y))
        return len(self.scores) == self.stop_after


def small():
    return ChainzRuleClassifier(
        dreg_strength=0.01, n_estimators=1, max_iter=5, random_state=0
    )


def test_callbacks_see_every_epoch_with_a_usable_estimator(moons):
    """Monitoring a score during the fit needs a model that can predict."""
    recorder = Recorder()
    model = small().set_callbacks(recorder).fit(*moons)
    epoch = [("begin", "epoch"), ("end", "epoch")]
    assert recorder.events == [
        "setup", ("begin", "fit"), *5 * epoch, ("end", "fit"), "teardown"
    ]  # fmt: skip
    assert recorder.scores[-1] == model.score(*moons)
    plain = small().fit(*moons)
    np.testing.assert_array_equal(
        plain.decision_function(moons[0]), model.decision_function(moons[0])
    )


def test_a_callback_can_stop_the_fit(moons):
    """Early stopping by the user's own rule."""
    recorder = Recorder(stop_after=2)
    model = small().set_callbacks(recorder).fit(*moons)
    assert model.n_iter_ == 2
    assert not model.interrupted_
    assert recorder.events[-2:] == [("end", "fit"), "teardown"]


def test_callbacks_see_an_ordinal_model_with_its_thresholds(moons):
    """Thresholds, link and order of the labels are part of what predicts."""
    X, y = moons
    labels = np.array(["never", "always"])[y]
    recorder = Recorder()
    model = ChainzRuleOrdinalRegressor(
        categories=["never", "always"], link="probit", max_iter=5, random_state=0
    )
    model.set_callbacks(recorder).fit(X, labels)
    assert len(recorder.scores) == 5
    assert min(recorder.scores) > 0.5
    assert len(set(recorder.scores)) > 1


def test_callbacks_are_torn_down_when_the_fit_fails(moons):
    """A progress bar left open would hang the terminal."""
    recorder = Recorder()
    model = small().set_params(learning_rate_init=1e300).set_callbacks(recorder)
    with pytest.raises(ValueError, match="not finite"):
        model.fit(*moons)
    assert recorder.events[-1] == "teardown"


def test_ctrl_c_keeps_a_usable_estimator_and_says_so(moons):
    """A long training is not lost, and no loop around it goes on."""

    class PressCtrlC(Recorder):
        def on_fit_task_begin(self, estimator, context):
            if context.task_name == "epoch" and len(self.scores) == 3:
                raise KeyboardInterrupt

    model = small().set_callbacks(PressCtrlC())
    with pytest.raises(KeyboardInterrupt, match="after 3 epochs"):
        model.fit(*moons)
    assert model.interrupted_
    assert model.n_iter_ == 3
    assert model.score(*moons) > 0.5
