"""Labels of any container: their values, their order, and what can't be classes."""

import datetime
import pickle
import warnings
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import sklearn
from sklearn import config_context
from sklearn.ensemble import BaggingClassifier
from sklearn.model_selection import cross_validate
from sklearn.multioutput import MultiOutputClassifier
from sklearn.utils.fixes import parse_version

from cr_sklearn import ChainzRuleClassifier, ChainzRuleOrdinalRegressor
from cr_sklearn.export import to_onnx
from cr_sklearn.heads._targets import checked_order, read_target
from cr_sklearn.metrics import ordinal_scorer

KINDS = [ChainzRuleClassifier, ChainzRuleOrdinalRegressor]
X = np.random.default_rng(0).normal(size=(120, 3))
RANKS = np.digitize(X[:, 0], [-0.5, 0.5])
GRADES = ["low", "mid", "high"]
WORDS = np.array(GRADES)[RANKS]
ARROW = pa.DictionaryArray.from_arrays(pa.array(RANKS), pa.array(GRADES), ordered=True)
CATEGORICAL = pd.Categorical(WORDS, GRADES, ordered=True)


def small(kind=ChainzRuleOrdinalRegressor, **given):
    return kind(**{"max_iter": 3, "dreg_strength": 0.01, "random_state": 0, **given})


ORDERED = {
    "categorical": CATEGORICAL,
    "series": pd.Series(CATEGORICAL),
    "frame": pd.DataFrame({"y": CATEGORICAL}),
    "polars": pl.Series(WORDS, dtype=pl.Enum(GRADES)),
    "polars frame": pl.DataFrame({"y": WORDS}, schema={"y": pl.Enum(GRADES)}),
    "arrow": ARROW,
    "arrow chunks": pa.chunked_array([ARROW]),
    "arrow table": pa.table({"y": ARROW}),
    "pandas on arrow": pd.Series(ARROW, dtype=pd.ArrowDtype(ARROW.type)),
}


@pytest.mark.filterwarnings("ignore:A column-vector y")
@pytest.mark.parametrize("y", ORDERED.values(), ids=ORDERED)
def test_a_declared_order_is_kept(y):
    """It is the user's statement, wherever it is written."""
    model = small().fit(X, y)
    assert model.categories_.tolist() == GRADES
    np.testing.assert_array_equal(
        model.predict(X), small().fit(X, CATEGORICAL).predict(X)
    )
    assert model.score(X, y) == np.mean(model.predict(X) == WORDS)


@pytest.mark.parametrize("order", [["low", "high", "mid"], ["high", "mid", "low"]])
def test_chunks_that_contradict_each_other_declare_no_order(order):
    """Arrow would take that of the first one."""
    other = pa.DictionaryArray.from_arrays(
        pa.array(RANKS[60:]), pa.array(order), ordered=True
    )
    with pytest.raises(ValueError, match=r"order of the labels.*not known"):
        small().fit(X, pa.chunked_array([ARROW[:60], other]))


def test_chunks_that_lack_a_label_keep_the_order():
    """Each has a dictionary of its own."""
    part = pa.DictionaryArray.from_arrays(
        pa.array(RANKS[:60] // 2), pa.array(["low", "high"]), ordered=True
    )
    model = small().fit(X, pa.chunked_array([part, ARROW[60:]]))
    assert model.categories_.tolist() == GRADES


def test_fractions_are_labels_where_their_order_is_declared():
    """Half stars are; a continuous target is not."""
    halves = RANKS / 2
    declared = small().fit(X, pd.Categorical(halves, ordered=True))
    given = small(categories=[0.0, 0.5, 1.0]).fit(X, halves)
    np.testing.assert_array_equal(declared.predict(X), given.predict(X))
    assert given.score(X, halves) == np.mean(given.predict(X) == halves)
    assert ordinal_scorer("mae")(given, X, halves) <= 0.0
    for refused in (small(), small(categories=[0, 1])):
        with pytest.raises(ValueError, match=r"continuous.*0\.5"):
            refused.fit(X, halves)


def test_an_order_may_be_given_as_an_ordered_categorical():
    """Its unique values come by first appearance, its classes of partial_fit too."""
    unique = CATEGORICAL.unique()
    assert list(unique) != GRADES
    assert small(categories=unique).fit(X, WORDS).categories_.tolist() == GRADES
    model = small().partial_fit(X, WORDS, classes=unique)
    assert model.categories_.tolist() == GRADES
    with pytest.raises(ValueError, match="first call to partial_fit is"):
        model.partial_fit(X, pd.Categorical(WORDS, GRADES[::-1], ordered=True))


def test_a_word_is_no_order():
    """Its letters were one."""
    with pytest.raises(TypeError, match="'low'"):
        ordinal_scorer("mae", categories="low")


def test_intervals_are_classes_in_their_order():
    """That is what pandas.qcut gives."""
    y = pd.qcut(pd.Series(X[:, 0]), 3)
    model = small().fit(X, y)
    assert model.categories_.tolist() == list(y.cat.categories)
    assert 0.0 <= model.score(X, y) <= 1.0
    assert ordinal_scorer("mae")(model, X, y) <= 0.0


@pytest.mark.parametrize(
    "unordered", [set, frozenset, dict.fromkeys], ids=["set", "frozenset", "dict"]
)
def test_a_set_has_no_order(unordered):
    """Strings are in another order in every process."""
    for refused in (
        lambda: small(categories=unordered(GRADES)).fit(X, WORDS),
        lambda: ordinal_scorer("mae", categories=unordered(GRADES)),
        lambda: checked_order(unordered(GRADES)),
    ):
        with pytest.raises(ValueError, match="no order of its own"):
            refused()


def test_codes_of_a_tool_are_not_taken_for_categories():
    """They are in alphabetical order; the message says what to do instead."""
    bagging = BaggingClassifier(small(categories=GRADES), n_estimators=2)
    with pytest.raises(ValueError, match=r"BalancedBaggingClassifier.*encode y by ra"):
        bagging.fit(X, CATEGORICAL)


EXACT = {
    "Int64": pd.array([2**60 + int(r) for r in RANKS], dtype="Int64"),
    "UInt64": pd.array([2**63 + int(r) for r in RANKS], dtype="UInt64"),
    "series": pd.Series([2**60 + int(r) for r in RANKS], dtype="Int64"),
    "polars": pl.Series([2**60 + int(r) for r in RANKS]),
    "arrow": pa.array([2**60 + int(r) for r in RANKS]),
    "objects": np.array([2**60 + int(r) for r in RANKS], dtype=object),
    "beyond 64 bits": np.array([2**70 + int(r) for r in RANKS], dtype=object),
    "decimals": [Decimal(2**60 + int(r)) for r in RANKS],
}


@pytest.mark.parametrize("y", EXACT.values(), ids=EXACT)
def test_large_integers_stay_apart(y):
    """As floats, neighbours above 2**53 are one."""
    model = small(ChainzRuleClassifier).fit(X, y)
    expected = sorted(
        {int(value) for value in list(y.to_pylist() if hasattr(y, "to_pylist") else y)}
    )
    assert [int(label) for label in model.classes_] == expected


def test_labels_that_onnx_cannot_hold_are_refused():
    """They would come back as other numbers."""
    pytest.importorskip("onnx")
    for name in ("UInt64", "beyond 64 bits"):
        model = small().fit(X, EXACT[name])
        with pytest.raises(ValueError, match="does not fit into ONNX's integers"):
            to_onnx(model)


@pytest.mark.parametrize("values", [[2**63, 2**63 + 1, -1], [2**60, 2**60 + 1, 0.0]])
def test_a_list_is_read_as_it_is(values):
    """NumPy makes floats of these, in which neighbours are one."""
    y = [values[r] for r in RANKS]
    assert small(ChainzRuleClassifier).fit(X, y).classes_.tolist() == sorted(values)


def test_later_batches_of_another_integer_type_keep_their_classes():
    """NumPy compares signed and unsigned ones as floats."""
    large = 2**60 + (RANKS > 0)
    models = [small(ChainzRuleClassifier) for _ in range(2)]
    for model, dtype in zip(models, (np.int64, np.uint64), strict=True):
        for _ in range(3):
            model.partial_fit(X, large.astype(dtype), classes=[2**60, 2**60 + 1])
    np.testing.assert_array_equal(*(model.predict_proba(X) for model in models))


def objects(values):
    return np.array([*values, None], dtype=object)[:-1]


KEPT = {
    "booleans": (objects((RANKS > 1).tolist()), bool),
    "nullable booleans": (pd.array(RANKS > 1, dtype="boolean"), bool),
    "integers": (objects(RANKS.tolist()), np.integer),
    "strings": (objects(WORDS.tolist()), str),
    "dates": (objects([datetime.date(2020, 1, 1 + r) for r in RANKS]), datetime.date),
}


@pytest.mark.parametrize("y, kind", KEPT.values(), ids=KEPT)
def test_objects_of_one_kind_are_classes(y, kind):
    """A column of a database is one of objects."""
    model = small(ChainzRuleClassifier).fit(X, y)
    assert isinstance(model.predict(X)[0], (kind, np.bool_))


REFUSED = {
    "mixed": (
        objects([1 if r else "a" for r in RANKS]),
        r"types \['number', 'str'\].*str",
    ),
    "boolean or number": (
        objects([True if r else 2 for r in RANKS]),
        "'bool', 'number'",
    ),
    "mixed ordered": (
        pd.Categorical(
            objects([1 if r else "a" for r in RANKS]), ["a", 1], ordered=True
        ),
        r"rename_categories\(str\)",
    ),
    "list": ([1 if r else "a" for r in RANKS], r"types \['number', 'str'\]"),
    "list of booleans and numbers": ([True if r else 2 for r in RANKS], "'bool'"),
    "lazy frame": (pl.LazyFrame({"y": RANKS}), "lazy frame.*collect"),
    "structures": (np.zeros(120, dtype=[("a", int)]), "can't be classes"),
    "bytes": (objects([b"a" if r else b"b" for r in RANKS]), "bytes.*astype"),
    "dates": (
        np.array(["2020-01-01", "2021"], "M8[D]")[RANKS % 2],
        "dates or dur.*str",
    ),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("y, message", REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_classes_names_a_way_out(kind, y, message):
    """An unknown label type is a riddle."""
    with pytest.raises(TypeError, match=message):
        small(kind).fit(X, y)


def test_missing_labels_name_their_row():
    """In every container."""
    gaps = (None, np.nan, pd.NA)
    for y in (
        *(pd.Series(["a", "b", gap, "a"], dtype=object) for gap in gaps),
        ["a", "b", np.nan, "a"],
        np.ma.array([0, 1, 1, 0], mask=[0, 0, 1, 0]),
    ):
        with pytest.raises(ValueError, match="missing values, the first in row 2"):
            read_target(y)


@pytest.mark.parametrize("weight", [-1, np.nan, np.inf, "a", None])
def test_class_weights_are_finite_and_not_negative(weight):
    """A negative one trains away from its class, one of no row now in the next fit."""
    model = small(ChainzRuleClassifier, class_weight={0: weight, 1: 3})
    for y in ((RANKS > 0).astype(int), np.ones(120, int)):
        with pytest.raises(ValueError, match=rf"class_weight.*got {weight} for class "):
            model.fit(X, y)


def test_weights_whose_sum_overflows_are_refused():
    """Without a word about columns."""
    y = (RANKS > 0).astype(int)
    with pytest.raises(ValueError, match=r"class_weight.*overflows"):
        small(ChainzRuleClassifier, class_weight={0: 1e308, 1: 1e308}).fit(X, y)
    with pytest.raises(ValueError, match=r"sample_weight.*overflows"):
        small(ChainzRuleClassifier).fit(X, y, np.full(120, 1e308))


@pytest.mark.parametrize("weight", [np.zeros(120), -np.ones(120), np.full(120, np.nan)])
def test_accuracy_refuses_wrong_weights(weight):
    """It was NaN, a wrong number, or a ZeroDivisionError."""
    with pytest.raises(ValueError, match="weight"):
        small().fit(X, RANKS).score(X, RANKS, weight)


def test_accuracy_refuses_labels_of_another_type():
    """It was 0 without a word."""
    with pytest.raises(ValueError, match=r"'0'.*of another type"):
        small().fit(X, RANKS).score(X[RANKS == 0], RANKS[RANKS == 0].astype(str))


def test_only_a_fit_warns_of_many_classes():
    """A list of classes has no repetitions, and a few rows need none."""
    classes = np.arange(30)
    model = small(ChainzRuleClassifier).partial_fit(X[:30], classes, classes=classes)
    model.score(X[:30], classes)
    if parse_version(sklearn.__version__) >= parse_version("1.7"):
        with pytest.warns(UserWarning, match="greater than 50%"):
            small(ChainzRuleClassifier).fit(X[:30], classes.astype(str))


ONE = "y contains one class, 1, among"


@pytest.mark.parametrize("kind", KINDS)
def test_one_class_is_a_constant_prediction_and_one_warning(kind):
    """A bootstrap or a column of many may bring one by chance."""
    weight = (RANKS == 1).astype(float)
    for given in ({"y": np.ones(120, int)}, {"y": RANKS, "sample_weight": weight}):
        with pytest.warns(UserWarning, match=ONE) as caught:
            model = small(kind).fit(X, **given)
        assert len(caught) == 1
    for twin in (model, pickle.loads(pickle.dumps(model))):
        assert set(twin.predict(X)) == {1}
        np.testing.assert_array_equal(twin.predict_proba(X), np.ones((120, 1)))
        assert not twin.jacobian(X).any()
        assert not twin.sensitivity(X).any()
    if kind is ChainzRuleOrdinalRegressor:
        assert not model.predict_latent(X).any()
        assert (model.predict_expected(X) == 1).all()
    else:
        assert model.decision_function(X).shape == (120,)
    with pytest.raises(ValueError, match="knows one class, 1"):
        to_onnx(model)
    with pytest.raises(ValueError, match="fitted to one class, 1"):
        model.partial_fit(X, RANKS)


@pytest.mark.filterwarnings("ignore:y contains one class:UserWarning")
def test_one_class_needs_no_order():
    """There is nothing to put in order."""
    assert set(small().fit(X, ["a"] * 120).predict(X)) == {"a"}


@pytest.mark.filterwarnings("ignore:y contains one class:UserWarning")
@pytest.mark.parametrize("kind", KINDS)
def test_tools_may_bring_one_class(kind):
    """The whole fit must not end for one of many."""
    rare = (np.arange(120) < 2).astype(int)
    bagging = BaggingClassifier(
        small(kind), n_estimators=6, max_samples=0.2, random_state=0
    ).fit(X, rare)
    assert bagging.predict_proba(X).shape == (120, 2)
    both = np.c_[RANKS, np.ones(120, int)]
    assert (MultiOutputClassifier(small(kind)).fit(X, both).predict(X)[:, 1] == 1).all()


class Column:
    """Classifier that predicts a column, as CatBoost does of several classes."""

    classes_ = np.arange(3)

    def __init__(self, predicted):
        self.predicted = predicted

    def predict(self, X):
        return self.predicted


def test_a_column_of_predictions_is_a_list_of_them():
    """Its score was NaN in every cross-validation."""
    one, two = RANKS[::-1], RANKS[::-1][:, None]
    scorer = ordinal_scorer("mae")
    assert scorer(Column(one), X, RANKS) == scorer(Column(two), X, RANKS) < 0


WRONG = {
    "length of X": ({"X": X[:1]}, "inconsistent"),
    "length of weights": ({"sample_weight": np.ones(3)}, "sample_weight.shape"),
    "zero weights": ({"sample_weight": np.zeros(120)}, "at least one non-zero"),
    "weights of nan": ({"sample_weight": np.full(120, np.nan)}, "contains NaN"),
    "negative weights": ({"sample_weight": -np.ones(120)}, "Negative values"),
}


@pytest.mark.parametrize("given, message", WRONG.values(), ids=WRONG)
def test_scores_of_wrong_arguments_are_refused(given, message):
    """A number would be believed."""
    with pytest.raises(ValueError, match=message):
        ordinal_scorer("mae")(Column(RANKS), **{"X": X, "y": RANKS, **given})


@pytest.mark.parametrize("values", [RANKS + 0.5, np.where(RANKS, RANKS, np.nan)])
def test_predictions_that_are_no_classes_are_refused(values):
    """Regressors have other scorers."""
    with pytest.raises(ValueError, match=r"predict\(X\) contains"):
        ordinal_scorer("mae")(Column(values), X, RANKS)


def test_weights_are_routed_when_they_are_asked_for():
    """Without a request they would be dropped in silence."""
    weight = np.random.default_rng(0).integers(1, 5, 120).astype(float)
    given = {"cv": 3, "params": {"sample_weight": weight}, "error_score": "raise"}
    with config_context(enable_metadata_routing=True):
        model = small().set_fit_request(sample_weight=True)
        silent = ordinal_scorer("mae").set_score_request(sample_weight=False)
        asked = ordinal_scorer("mae").set_score_request(sample_weight=True)
        results = [
            cross_validate(model, X, RANKS, scoring=scorer, **given)["test_score"]
            for scorer in (silent, asked)
        ]
        assert not np.array_equal(*results)
        with pytest.raises(ValueError, match="sample_weight"):
            cross_validate(model, X, RANKS, scoring=ordinal_scorer("mae"), **given)
    with pytest.raises(RuntimeError, match="enable_metadata_routing"):
        ordinal_scorer("mae").set_score_request(sample_weight=True)


def test_a_scorer_survives_pickling():
    """Searches send it to other processes."""
    scorer = pickle.loads(pickle.dumps(ordinal_scorer("qwk", categories=GRADES)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert scorer(small(categories=GRADES).fit(X, WORDS), X, WORDS) <= 1.0
