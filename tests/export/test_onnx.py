"""ONNX graphs against the estimators that they were written from."""

import json
import subprocess
import sys
import warnings

import numpy as np
import onnx
import pandas as pd
import polars as pl
import pytest
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_diabetes, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    OrdinalEncoder,
    StandardScaler,
)

from benchmarks.data import load_pima
from benchmarks.onnx_runtime import feeds, open_session
from cr_sklearn import ChainzRuleClassifier, ChainzRuleOrdinalRegressor
from cr_sklearn.export import to_onnx
from cr_sklearn.formulas._activations import ACTIVATIONS

SETTINGS = {
    "n_estimators": 2,
    "max_iter": 5,
    "dreg_strength": 0.01,
    "random_state": 0,
}


def small(**params):
    return ChainzRuleClassifier(**{**SETTINGS, **params})


def stages(names=("mild", "moderate", "severe"), **params):
    """An ordinal model whose ranks are not in alphabetical order, and its rows."""
    X, progression = load_diabetes(return_X_y=True, as_frame=True)
    y = np.array(names)[np.digitize(progression, [100, 200])]
    model = ChainzRuleOrdinalRegressor(**{**SETTINGS, "categories": names, **params})
    return model.fit(X, y), X


def run(model, rows, **options):
    """Outputs of the exported graph by name."""
    session = open_session(to_onnx(model, **options))
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, feeds(session, rows)), strict=True))


def assert_same(model, X, tolerance=1e-12, sample=None):
    """All four outputs are those of the estimator, up to rounding."""
    found = run(model, X, jacobian=True, X=sample)
    probabilities, sensitivity = model.predict_proba(X, return_sensitivity=True)
    near = {"rtol": tolerance, "atol": tolerance}
    np.testing.assert_allclose(found["probabilities"], probabilities, **near)
    np.testing.assert_allclose(found["sensitivity"], sensitivity, **near)
    if hasattr(model, "jacobian"):
        np.testing.assert_allclose(found["jacobian"], model.jacobian(X), **near)
    np.testing.assert_array_equal(found["label"], model.predict(X))
    return found


@pytest.mark.parametrize("as_array", [False, True], ids=["frame", "array"])
def test_pima_with_its_missing_values(as_array):
    """Stacked candidates, linear ones among them, on a table with many holes."""
    X, y = load_pima()
    if as_array:
        X = X.to_numpy()
    model = ChainzRuleClassifier(max_iter=5, random_state=0).fit(X, y)
    assert_same(model, X)


@pytest.mark.parametrize(
    "params",
    [
        *({"activation": name} for name in ACTIVATIONS),
        *({"degree": degree} for degree in (1, 2, 5)),
        *({"hidden_layer_sizes": sizes} for sizes in [(), (6,), (6, 5, 4)]),
        {"n_bins": 0},
        {"n_estimators": 1},
    ],
    ids=str,
)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_every_network_is_written_down(params, n_classes):
    """A kind of layer that is left out would be wrong in silence."""
    X, y = load_iris(return_X_y=True)
    X, y = X[y < n_classes], y[y < n_classes]
    model = small(**params).fit(X, y)
    # The error function is in single precision.
    assert_same(model, X, 1e-6 if params.get("activation") == "gelu" else 1e-12)


def test_every_kind_of_column(mixed_frame):
    """Numbers, categories, strings, booleans, each with missing and unseen values."""
    frame, y = mixed_frame
    model = small().fit(frame, y)
    assert_same(model, frame)
    changed = frame.copy()
    changed["city"] = changed["city"].cat.add_categories("Kyiv").where(frame.flag, None)
    changed["city"] = changed["city"].fillna("Kyiv")
    changed["note"] = "never seen"
    changed["income"] = np.where(frame.flag, 1e30, -1e30)
    changed["rooms"] = pd.array([pd.NA] * len(frame), dtype="Int64")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "No value of column 'note'", UserWarning)
        assert_same(model, changed)


@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("kind", [str, float])
def test_rare_categories_share_an_indicator(kind, gaps):
    """Rare, unseen and missing values are three things, or two."""
    rng = np.random.default_rng(0)
    codes = np.r_[np.repeat(np.arange(20), 10), np.arange(100, 400)]
    column = pd.Series(rng.permutation(codes)).map(kind)
    if gaps:
        column[::7] = None
    frame = pd.DataFrame({"a": column.astype("category"), "b": rng.normal(size=500)})
    model = small().fit(frame, (column.map(float) < 10).astype(int))
    assert model._encoder.categorical_.rare_share_[0] > 0.5
    assert len(model._encoder.categorical_.kept_[0]) == 20
    new = frame.assign(a=frame["a"].astype(object))
    new.loc[:30, "a"] = kind(1000)
    new.loc[30:60, "a"] = None
    assert_same(model, frame)
    assert_same(model, new)


@pytest.mark.parametrize("kind", [str, float])
def test_ids_with_gaps_keep_their_type(kind):
    """All are rare, but a graph must know what it is given."""
    column = pd.Series(np.arange(300)).map(kind)
    column[::7] = None
    frame = pd.DataFrame({"a": column.astype("category"), "b": np.arange(300) % 9})
    model = small().fit(frame, np.arange(300) % 2)
    assert len(model._encoder.categorical_.kept_[0]) == 1
    assert_same(model, frame)


def test_a_column_without_a_name_is_refused():
    """A CSV's index, as polars reads it."""
    frame = pl.DataFrame({"": range(40), "b": np.arange(40.0) % 7})
    model = small().fit(frame, np.arange(40) % 2)
    pipeline = make_pipeline(StandardScaler(), small()).fit(frame, np.arange(40) % 2)
    for estimator in (model, pipeline):
        with pytest.raises(ValueError, match="Column 0 has an empty name"):
            to_onnx(estimator)


def test_inputs_are_columns_by_name(mixed_frame):
    """Whoever calls the graph has the names of the table and no other help."""
    frame, y = mixed_frame
    graph = to_onnx(small().fit(frame, y)).graph
    types = {given.name: given.type.tensor_type for given in graph.input}
    assert list(types) == frame.columns.tolist()
    strings = {
        name
        for name, type_ in types.items()
        if type_.elem_type == onnx.TensorProto.STRING
    }
    assert strings == {"city", "note"}
    assert {type_.shape.dim[1].dim_value for type_ in types.values()} == {1}


def test_categories_that_are_numbers():
    """An array has no strings: its categories are codes."""
    rng = np.random.default_rng(0)
    X = np.c_[rng.integers(0, 4, 200), rng.normal(size=200)]
    y = (X[:, 0] == 2) | (X[:, 1] > 1)
    X[::9, 0] = np.nan
    model = small(categorical_features=[0]).fit(X, y)
    unseen = X.copy()
    unseen[::2, 0] = 7.0
    for rows in (X, unseen):
        assert_same(model, rows)


@pytest.mark.parametrize("link", ["logit", "probit", "cloglog"])
@pytest.mark.parametrize("rule", ["median", "argmax", "mean"])
def test_ordered_classes(link, rule):
    """Links, rules and the two orders of the labels are part of the graph."""
    model, X = stages(("low", "fair", "best"), link=link, predict_rule=rule)
    assert_same(model, X, 1e-6 if link == "probit" else 1e-12)


def test_tails_of_ordered_classes():
    """Far out one class has it all, and no probability is negative or undefined."""
    model, X = stages(link="probit")
    members = model._network.members
    wide = [*members.intercepts[:-1], members.intercepts[-1] * 50.0]
    model._network = members._replace(intercepts=wide).function()
    probabilities = assert_same(model, X, 1e-6)["probabilities"]
    assert (probabilities >= 0.0).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, atol=1e-6)


@pytest.mark.parametrize("labels", [[False, True], [1.0, 2.0], ["no", "yes"], [7, 9]])
def test_labels_keep_their_type(labels):
    """A label that comes back as a code would have to be translated by everyone."""
    X, y = load_iris(return_X_y=True)
    model = small().fit(X[y < 2], np.array(labels)[y[y < 2]])
    assert assert_same(model, X)["label"][0] == model.predict(X)[0]
    metadata = to_onnx(model).metadata_props
    assert {item.key: json.loads(item.value) for item in metadata} == {
        "classes": labels
    }


@pytest.mark.parametrize("rows", [1, 3])
def test_a_table_of_constants(rows):
    """The degenerate model is one of its prior: the graph must know the rows."""
    model = small().fit(np.ones((20, 2)), [0, 1] * 10)
    assert_same(model, np.ones((rows, 2)))


def test_a_column_of_one_category():
    """The encoder leaves it out; its input remains, and is not looked at."""
    frame = pd.DataFrame({"a": ["x"] * 20, "b": np.arange(20.0)})
    model = small().fit(frame, [0, 1] * 10)
    assert_same(model, frame)
    assert_same(model, frame.assign(a="y"))


@pytest.mark.parametrize("sensitivity", [False, True])
@pytest.mark.parametrize("jacobian", [False, True])
def test_outputs_are_those_asked_for(sensitivity, jacobian):
    """A graph without derivatives is a third of the nodes."""
    X, y = load_iris(return_X_y=True)
    found = run(small().fit(X, y), X, sensitivity=sensitivity, jacobian=jacobian)
    expected = {"label", "probabilities"}
    expected |= {"sensitivity"} if sensitivity else set()
    assert found.keys() == expected | ({"jacobian"} if jacobian else set())


def test_sensitivities_at_the_knots_of_ramps():
    """Knots are values of the data: most rows of a column of counts lie there."""
    values = np.tile(np.arange(1, 11) / 10.0, 10)
    model = small().fit(values[:, None], np.arange(100) % 3 == 0)
    assert len(model._encoder.ramps_.source_) > 2
    assert_same(model, values[:, None])


def test_steps_of_a_pipeline():
    """Imputer and scaler come by skl2onnx, in single precision, knots included."""
    X, y = load_pima()
    for rows in (X, X.to_numpy()):
        steps = SimpleImputer(strategy="median"), StandardScaler()
        model = make_pipeline(*steps, small()).fit(rows, y)
        assert_same(model, rows, 1e-5)


def test_categories_encoded_by_a_step():
    """Types of the inputs come from rows, since the steps don't tell them."""
    X, y = load_pima()
    X = X.assign(life=np.where(X["age"] > 30, "old", "young"), heavy=X["mass"] > 30)
    steps = make_column_transformer(
        (OneHotEncoder(sparse_output=False), ["life"]), remainder="passthrough"
    )
    model = make_pipeline(steps, small()).fit(X, y)
    assert_same(model, X, 1e-5, sample=X.head())
    with pytest.raises(ValueError, match=r"X has 9 columns.*fitted on 10"):
        to_onnx(model, X=X.drop(columns="age"))


@pytest.mark.parametrize(
    "step", [FunctionTransformer(np.log1p), FunctionTransformer(np.asarray)]
)
def test_a_step_that_cannot_be_converted(step):
    """The user must learn which one, and that nothing was written."""
    X, y = load_iris(return_X_y=True)
    model = make_pipeline(step, small()).fit(X, y)
    with pytest.raises(ValueError, match=r"can't convert.*functiontransformer"):
        to_onnx(model)


def test_a_step_that_gives_strings():
    """A matrix of strings has no place in the graph."""
    X = pd.DataFrame({"city": ["Bern", "Oslo"] * 20})
    steps = make_column_transformer(("passthrough", ["city"]))
    steps.set_output(transform="pandas")
    model = make_pipeline(steps, small()).fit(X, [0, 1] * 20)
    with pytest.raises(ValueError, match="give strings"):
        to_onnx(model, X=X)


def test_a_file_appears_complete_or_not_at_all(tmp_path):
    """A server that watches the folder must never load half a model."""
    X, y = load_iris(return_X_y=True)
    model = small().fit(X, y)
    path = tmp_path / "model.onnx"
    written = to_onnx(model, path)
    assert onnx.load(path) == written
    before = path.read_bytes()
    with pytest.raises(FileNotFoundError, match="no folder"):
        to_onnx(model, tmp_path / "elsewhere" / "model.onnx")
    with pytest.raises(IsADirectoryError, match="is a folder"):
        to_onnx(model, tmp_path)
    with pytest.raises(OSError):
        to_onnx(model, tmp_path / ("m" * 300))
    bad = make_pipeline(FunctionTransformer(np.log1p), model).fit(X, y)
    with pytest.raises(ValueError):
        to_onnx(bad, path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["model.onnx"]


def test_estimators_that_are_refused():
    """Another model, an unfitted one, and names, labels and levels ONNX can't hold."""
    X, y = load_iris(return_X_y=True, as_frame=True)
    with pytest.raises(TypeError, match="got LogisticRegression"):
        to_onnx(LogisticRegression())
    with pytest.raises(NotFittedError):
        to_onnx(small())
    named = X.set_axis(["label", "a", "jacobian", "b"], axis=1)
    with pytest.raises(ValueError, match=r"Columns \['label'\] have the names"):
        to_onnx(small().fit(named, y))
    days = pd.Categorical(pd.to_datetime(["2026-01-01", "2026-01-02"] * 75))
    with pytest.raises(TypeError, match=r"'day' are of the types.*datetime"):
        to_onnx(small().fit(X.assign(day=days), y))
    codes = pd.Categorical([2**53, 2**53 + 1] * 75)
    with pytest.raises(ValueError, match=r"9007199254740993.*no exact value"):
        to_onnx(small().fit(X.assign(code=codes), y))
    strings = np.array([["a"], ["b"]] * 20, dtype=object)
    model = small(categorical_features=[0]).fit(strings, [0, 1] * 20)
    with pytest.raises(ValueError, match=r"holds strings.*dataframe"):
        to_onnx(model)


def test_categories_of_a_step_stay_categories():
    """Codes of an OrdinalEncoder are exact in single precision."""
    X = pd.DataFrame({"city": ["Bern", "Oslo", "Rome"] * 20})
    model = make_pipeline(OrdinalEncoder(), small(categorical_features=[0]))
    model.fit(X, [0, 1, 1] * 20)
    assert_same(model, X, 1e-5, sample=X)


def test_export_needs_onnx_only_when_it_is_used():
    """A missing extra is said in one line, with what to install."""
    code = """
import sys
sys.modules["onnx"] = None
from cr_sklearn import ChainzRuleClassifier
from cr_sklearn.export import to_onnx
model = ChainzRuleClassifier(max_iter=1, dreg_strength=0.0).fit([[0.0], [1.0]], [0, 1])
try:
    to_onnx(model)
except ImportError as error:
    assert "'onnx'" in str(error) and "cr-sklearn[onnx]" in str(error), error
else:
    raise AssertionError("no error")
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
