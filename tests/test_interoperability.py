"""With the rest of scikit-learn and with files."""

import pickle
import subprocess
import sys

import joblib
import numpy as np
import pytest
import sklearn
import skops.io
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_iris
from sklearn.ensemble import BaggingClassifier, StackingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    cross_val_predict,
    cross_val_score,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.fixes import parse_version

from cr_sklearn import ChainzRuleClassifier


def small(**params):
    given = {"n_estimators": 1, "max_iter": 15, "dreg_strength": 0.01, **params}
    return ChainzRuleClassifier(**{"random_state": 0, **given})


def test_grid_search_in_a_pipeline(moons):
    """Strength and degree are hyperparameters like any other."""
    pipeline = make_pipeline(StandardScaler(), small(n_estimators=2))
    grid = {
        "chainzruleclassifier__dreg_strength": [0.001, 1000.0],
        "chainzruleclassifier__degree": [1, 3],
    }
    search = GridSearchCV(pipeline, grid, scoring="neg_log_loss", cv=3).fit(*moons)
    assert search.best_params_["chainzruleclassifier__dreg_strength"] == 0.001
    assert search.best_score_ > -0.5


def test_grid_search_results_are_the_parameters_own(moons):
    """A parameter that the fit ignores would give equal columns."""
    grid = {"degree": [1, 2, 3], "dreg_strength": [0.0, 0.1]}
    search = GridSearchCV(small(), grid, scoring="neg_log_loss", cv=2).fit(*moons)
    assert len(set(search.cv_results_["mean_test_score"])) == 6


def test_cross_validation_in_processes(moons):
    """n_jobs must change the time, not the scores."""
    one = cross_val_score(small(), *moons, cv=3, scoring="neg_log_loss")
    two = cross_val_score(small(), *moons, cv=3, scoring="neg_log_loss", n_jobs=2)
    np.testing.assert_allclose(one, two, rtol=1e-5)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda model: CalibratedClassifierCV(model, cv=2),
        lambda model: BaggingClassifier(model, n_estimators=2, random_state=0),
        lambda model: StackingClassifier(
            [("cr", model), ("lr", LogisticRegression(max_iter=1000))], cv=2
        ),
        OneVsRestClassifier,
    ],
    ids=["calibrated", "bagging", "stacking", "one-vs-rest"],
)
def test_meta_estimators(wrap):
    """They rely on tags, clone, weights and probabilities together."""
    X, y = load_iris(return_X_y=True)
    model = wrap(small(max_iter=80)).fit(X, np.array(["a", "b", "c"])[y])
    assert model.score(X, np.array(["a", "b", "c"])[y]) > 0.9
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1.0)


def test_cross_val_predict_gives_out_of_fold_probabilities(moons):
    """Stacking by hand starts here."""
    probabilities = cross_val_predict(small(), *moons, cv=3, method="predict_proba")
    assert probabilities.shape == (200, 2)


def test_pandas_output_of_a_transformer_reaches_the_columns(mixed_frame):
    """set_output pipelines keep names and dtypes; the classifier must use them."""
    frame, y = mixed_frame
    frame = frame.drop(columns=["empty"])
    transformer = make_column_transformer(
        (StandardScaler(), ["income"]),
        remainder="passthrough",
        verbose_feature_names_out=False,
    ).set_output(transform="pandas")
    model = make_pipeline(transformer, small(max_iter=150)).fit(frame, y)
    assert model[-1].feature_names_in_.tolist() == frame.columns.tolist()
    assert model[-1]._encoder.is_categorical_.sum() == 4
    assert model.score(frame, y) > 0.7


def test_clone_is_unfitted_and_equal_in_parameters():
    """Searches clone; a parameter changed by the constructor would be lost."""
    model = small(hidden_layer_sizes=[4, 4], class_weight={0: 1.0, 1: 2.0})
    copy = clone(model)
    assert copy.get_params() == model.get_params()
    assert not hasattr(clone(model.fit(np.eye(4), [0, 1, 0, 1])), "coefs_")


def _dump_pickle(model, path):
    path.write_bytes(pickle.dumps(model))


def _dump_skops(model, path):
    skops.io.dump(model, path)


LOADERS = {
    "pickle": (
        _dump_pickle,
        "import pickle, pathlib; model = pickle.loads(pathlib.Path(path).read_bytes())",
    ),
    "joblib": (joblib.dump, "import joblib; model = joblib.load(path)"),
    "skops": (
        _dump_skops,
        "import skops.io as sio; "
        "trusted = sio.get_untrusted_types(file=path); "
        "assert all(name.startswith('cr_sklearn.') for name in trusted), trusted; "
        "model = sio.load(path, trusted=trusted)",
    ),
}


@pytest.mark.parametrize("kind", LOADERS)
def test_saved_model_predicts_the_same_in_a_fresh_process(kind, mixed_frame, tmp_path):
    """Models are trained here and served there; and serving needs no torch."""
    frame, y = mixed_frame
    model = small().fit(frame, y)
    dump, load = LOADERS[kind]
    dump(model, tmp_path / "model")
    frame.to_pickle(tmp_path / "X")
    np.save(tmp_path / "expected.npy", model.predict_proba(frame))
    np.save(tmp_path / "jacobian.npy", model.jacobian(frame))
    code = f"""
import sys
import numpy as np
import pandas as pd
path = {str(tmp_path / "model")!r}
{load}
X = pd.read_pickle({str(tmp_path / "X")!r})
np.testing.assert_array_equal(
    model.predict_proba(X), np.load({str(tmp_path / "expected.npy")!r})
)
np.testing.assert_array_equal(
    model.jacobian(X), np.load({str(tmp_path / "jacobian.npy")!r})
)
# skops itself imports torch
assert {kind!r} == "skops" or "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_html_repr_shows_the_docstring_as_tooltips():
    """The docstring is the documentation that notebook users see."""
    html = small()._repr_html_()
    if parse_version(sklearn.__version__) < parse_version("1.8"):
        pytest.skip("tooltips exist from scikit-learn 1.8 on")
    for text in ("dreg_strength", "Weight", "of the penalty; 0 turns it off"):
        assert text in html
