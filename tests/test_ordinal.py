"""ChainzRuleOrdinalRegressor: one latent, thresholds in order, and ranks of labels."""

import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import polars as pl
import pytest
import skops.io
import torch
from scipy.special import expit
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import BaggingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.metrics import log_loss
from sklearn.model_selection import (
    GridSearchCV,
    cross_val_predict,
    cross_val_score,
)

from cr_sklearn import ChainzRuleClassifier, ChainzRuleOrdinalRegressor

GRADES = ["poor", "fair", "good", "best"]


def small(**params):
    """Quick to fit; enough for behaviour, not for quality."""
    given = {"n_estimators": 2, "max_iter": 15, "dreg_strength": 0.01, **params}
    return ChainzRuleOrdinalRegressor(**{"random_state": 0, **given})


@pytest.fixture(scope="module")
def odds():
    """Rows, ranks 0 to 3, and the model they come from: slopes and thresholds."""
    rng = np.random.default_rng(0)
    slopes, thresholds = np.array([1.5, -1.0, 0.5, 0.0]), np.array([-2.0, 0.0, 1.0])
    X = rng.normal(size=(5000, 4))
    latent = X @ slopes + rng.logistic(size=5000)
    return X, np.digitize(latent, thresholds), slopes, thresholds


@pytest.fixture(scope="module")
def graded(odds):
    """200 of these rows."""
    X, y, _, _ = odds
    return X[:200], y[:200]


def test_proportional_odds_are_recovered(odds):
    """On data from the model itself, slopes and thresholds have true values."""
    X, y, slopes, thresholds = odds
    model = ChainzRuleOrdinalRegressor(
        hidden_layer_sizes=(), degree=1, n_bins=0, random_state=0
    ).fit(X, y)
    centre = np.abs(X).max(axis=1) < 1.5
    found = model.jacobian(X[centre])[:, 0].mean(axis=0)
    cosine = found @ slopes / np.linalg.norm(found) / np.linalg.norm(slopes)
    assert cosine > 0.99
    np.testing.assert_allclose(model.thresholds_, thresholds, atol=0.15)
    truth = X[centre] @ slopes
    assert np.corrcoef(model.predict_latent(X[centre]), truth)[0, 1] > 0.99


def test_a_latent_that_no_line_follows():
    """The polynomial layers must earn their keep here as well."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 2))
    y = np.digitize(4 * X[:, 0] * X[:, 1] + rng.logistic(size=600), [-2.0, 2.0])
    scores = [
        cross_val_score(
            ChainzRuleOrdinalRegressor(hidden, random_state=0),
            X,
            y,
            cv=3,
            scoring="neg_log_loss",
        ).mean()
        for hidden in ((32, 32), ())
    ]
    assert scores[0] > scores[1] + 0.2


@pytest.mark.parametrize("link", ["logit", "probit", "cloglog"])
def test_probabilities_are_those_of_latent_and_thresholds(graded, link):
    """Three views of one model: they must never contradict each other."""
    X, y = graded
    model = small(link=link, max_iter=40).fit(X, y)
    thresholds, latent = model.thresholds_, model.predict_latent(X)
    assert thresholds.shape == (3,)
    assert (np.diff(thresholds) > 0).all()
    inverse = {
        "logit": expit,
        "probit": lambda x: torch.special.ndtr(torch.from_numpy(x)).numpy(),
        "cloglog": lambda x: 1.0 - np.exp(-np.exp(x)),
    }[link]
    cumulative = model.predict_cumproba(X)
    np.testing.assert_allclose(
        cumulative[:, :-1], inverse(thresholds - latent[:, None]), atol=1e-12
    )
    assert (cumulative[:, -1] == 1.0).all()
    probabilities = model.predict_proba(X)
    np.testing.assert_allclose(probabilities.cumsum(axis=1), cumulative, atol=1e-12)
    np.testing.assert_allclose(np.exp(model.predict_log_proba(X)), probabilities)
    assert model.score(X, y) > 0.5


@pytest.mark.parametrize("link", ["logit", "probit", "cloglog"])
def test_predictions_far_outside_stay_probabilities(graded, link):
    """Production data has such rows."""
    model = small(link=link).fit(*graded)
    far = np.array([[1e30, -1e30, 0, 0], [-1e30, 1e30, 0, 0], [1e300, 0, 0, 1e-300]])
    probabilities = model.predict_proba(far)
    assert (probabilities >= 0.0).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, rtol=1e-12)


def test_two_classes_are_the_classifiers_model():
    """With as many rows of each even the start is the same, and all that follows."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 3))
    y = np.repeat([0, 1], 60)
    X[:, 0] += y
    given = {"dreg_strength": 0.01, "n_estimators": 2, "random_state": 0}
    ours = ChainzRuleOrdinalRegressor(dtype="float64", **given).fit(X, y)
    theirs = ChainzRuleClassifier(dtype="float64", **given).fit(X, y)
    np.testing.assert_allclose(
        ours.predict_proba(X), theirs.predict_proba(X), rtol=1e-6
    )
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
    np.testing.assert_allclose(
        ours.jacobian(X), theirs.jacobian(X), rtol=1e-5, atol=1e-9
    )


def test_jacobian_is_the_derivative_of_the_latent(graded):
    """And of nothing else: thresholds do not depend on the columns."""
    X, y = graded
    model = small().fit(X, y)
    X = X + 1e-5  # off the knots of the ramps
    jacobian = model.jacobian(X)
    assert jacobian.shape == (200, 1, 4)
    for column in range(4):
        step = np.zeros(4)
        step[column] = 1e-7
        difference = model.predict_latent(X + step) - model.predict_latent(X - step)
        np.testing.assert_allclose(
            jacobian[:, 0, column], difference / 2e-7, rtol=1e-4, atol=1e-5
        )
    assert model.sensitivity(X).shape == (200,)
    assert model.tail_ratio(X) >= 1.0


def test_columns_of_probabilities_follow_sorted_labels(graded):
    """scikit-learn's scorers assume it, and go wrong without a word otherwise."""
    X, y = graded
    labels = np.array(GRADES)[y]
    model = small(categories=GRADES, max_iter=40).fit(X, labels)
    assert model.classes_.tolist() == sorted(GRADES)
    assert model.categories_.tolist() == GRADES
    ranked = small(max_iter=40).fit(X, y)
    np.testing.assert_array_equal(model.predict(X), np.array(GRADES)[ranked.predict(X)])
    expected = ranked.predict_proba(X)[:, [3, 1, 2, 0]]
    np.testing.assert_array_equal(model.predict_proba(X), expected)
    np.testing.assert_array_equal(model.predict_cumproba(X), ranked.predict_cumproba(X))
    loss = log_loss(labels, model.predict_proba(X), labels=model.classes_)
    assert loss == pytest.approx(log_loss(y, ranked.predict_proba(X)))


CARRIERS = {
    "Series": lambda labels: pd.Series(pd.Categorical(labels, GRADES, ordered=True)),
    "Categorical": lambda labels: pd.Categorical(labels, GRADES, ordered=True),
    "Enum": lambda labels: pl.Series(labels.tolist(), dtype=pl.Enum(GRADES)),
}


@pytest.mark.parametrize("kind", CARRIERS)
def test_types_with_an_order_bring_it_along(graded, kind):
    """Where the user has said it once, asking again would invite mistakes."""
    X, y = graded
    labels = np.array(GRADES, dtype=object)[y]
    model = small().fit(X, CARRIERS[kind](labels))
    assert model.categories_.tolist() == GRADES
    expected = small(categories=GRADES).fit(X, labels)
    np.testing.assert_array_equal(model.predict_proba(X), expected.predict_proba(X))
    assert model.score(X, labels) == expected.score(X, labels)


def test_the_order_survives_cross_validation(graded):
    """Folds are slices of the Series, and keep its levels."""
    X, y = graded
    series = CARRIERS["Series"](np.array(GRADES)[y])
    by_type = cross_val_score(small(), X, series, cv=3, scoring="neg_log_loss")
    by_rank = cross_val_score(small(), X, y, cv=3, scoring="neg_log_loss")
    np.testing.assert_allclose(by_type, by_rank)


@pytest.mark.parametrize("given", ["type", "categories"])
def test_levels_without_rows_are_left_out(graded, given):
    """As in any classifier; a threshold between no rows could be anywhere."""
    X, y = graded
    labels = np.array(GRADES, dtype=object)[y]
    weight = (labels != "good").astype(float)
    levels = ["none", *GRADES]
    if given == "type":
        labels = pd.Series(pd.Categorical(labels, levels, ordered=True))
        model = small().fit(X, labels, sample_weight=weight)
    else:
        model = small(categories=levels).fit(X, labels, sample_weight=weight)
    assert model.categories_.tolist() == ["poor", "fair", "best"]
    assert model.predict_proba(X).shape == (200, 3)
    assert model.thresholds_.shape == (2,)


@pytest.mark.parametrize(
    "labels",
    [
        np.array([-5, 0, 10, 1000]),
        np.array([1.0, 2.0, 5.0, 7.0]),
        np.array([3, 7, 8, 9], dtype=np.uint8),
    ],
    ids=["gaps", "float", "uint8"],
)
def test_numbers_are_sorted_and_gaps_are_no_matter(graded, labels):
    """Ranks are all that an ordinal model knows of numbers."""
    X, y = graded
    model = small().fit(X, labels[y])
    np.testing.assert_array_equal(model.categories_, labels)
    assert model.predict(X).dtype == labels.dtype
    np.testing.assert_array_equal(
        model.predict_proba(X), small().fit(X, y).predict_proba(X)
    )


def test_categories_may_order_numbers_otherwise(graded):
    """Codes are not always ranks."""
    X, y = graded
    codes = np.array([9, 1, 5, 3])
    model = small(categories=codes).fit(X, codes[y])
    np.testing.assert_array_equal(model.categories_, codes)
    np.testing.assert_array_equal(model.classes_, [1, 3, 5, 9])
    np.testing.assert_array_equal(model.predict(X), codes[small().fit(X, y).predict(X)])


def test_rules_are_best_for_what_they_say(graded):
    """Median for the distance, mode for the hits, mean for the squared distance."""
    X, y = graded
    model = small().fit(X, y)
    probabilities = model.predict_proba(X)
    ranks = np.arange(4)
    distance = np.abs(ranks[:, None] - ranks)
    for rule, cost in (
        ("median", distance),
        ("argmax", distance > 0),
        ("mean", distance**2),
    ):
        model.set_params(predict_rule=rule)
        expected = probabilities @ cost
        chosen = expected[np.arange(200), model.predict(X)]
        np.testing.assert_allclose(chosen, expected.min(axis=1))
    rules = ["median", "argmax", "mean"]
    predictions = [model.set_params(predict_rule=rule).predict(X) for rule in rules]
    assert (predictions[0] != predictions[1]).any()
    assert (predictions[0] != predictions[2]).any()
    with pytest.raises(ValueError, match=r"must be one of.*got 'mode'"):
        model.set_params(predict_rule="mode").predict(X)


def test_expected_scores(graded):
    """Stars are averaged as numbers, grades as ranks or as the user values them."""
    X, y = graded
    stars = np.array([1, 2, 4, 5])
    model = small().fit(X, stars[y])
    probabilities = model.predict_proba(X)
    np.testing.assert_allclose(model.predict_expected(X), probabilities @ stars)
    named = small(categories=GRADES).fit(X, np.array(GRADES)[y])
    np.testing.assert_allclose(named.predict_expected(X), probabilities @ np.arange(4))
    worth = [-10.0, 0.0, 1.0, 100.0]
    np.testing.assert_allclose(named.predict_expected(X, worth), probabilities @ worth)
    for bad in ([1.0, 2.0], [0.0, 1.0, 2.0, np.nan]):
        with pytest.raises(ValueError, match=r"scores must hold a finite number.*poor"):
            named.predict_expected(X, bad)


def test_automatic_strength_stacks_margins(graded):
    """Weighted sums of networks must be one model with thresholds in order again."""
    X, y = graded
    model = ChainzRuleOrdinalRegressor(max_iter=10, random_state=0).fit(X, y)
    path = model.dreg_path_
    assert len(model.estimator_weights_) == 5 * np.count_nonzero(path["weight"])
    assert (np.diff(model.thresholds_) > 0).all()
    single = [
        -model.estimator_weights_[m] * model.intercepts_[-1][m]
        for m in range(len(model.estimator_weights_))
    ]
    np.testing.assert_allclose(model.thresholds_, np.sum(single, axis=0))
    assert 0.4 < model.oof_score_ < 0.9
    assert model.oof_score_ < model.score(X, y) + 0.1


def test_same_rows_weighted_or_repeated(odds):
    """Weights mean repetition, for thresholds and their start too."""
    X, y = odds[0][:60], odds[1][:60]
    weight = np.random.default_rng(0).integers(1, 4, 60)
    given = {"batch_size": 200, "class_weight": "balanced"}
    weighted = small(**given).fit(X, y, sample_weight=weight)
    repeated = small(**given).fit(np.repeat(X, weight, axis=0), np.repeat(y, weight))
    np.testing.assert_allclose(
        weighted.predict_cumproba(X), repeated.predict_cumproba(X), atol=1e-9
    )


def test_class_weight_is_by_label(graded):
    """A dict speaks of labels, not of ranks or of the sorted order."""
    X, y = graded
    labels = np.array(GRADES)[y]
    model = small(categories=GRADES)
    plain = model.fit(X, labels).predict_proba(X)[:, sorted(GRADES).index("poor")]
    weight = {"poor": 10.0, "fair": 1.0, "good": 1.0, "best": 1.0}
    heavy = model.set_params(class_weight=weight).fit(X, labels)
    assert heavy.predict_cumproba(X)[:, 0].mean() > plain.mean() + 0.1


def test_a_class_without_weight_takes_no_room(graded):
    """Its thresholds come together, and nothing becomes infinite."""
    X, y = graded
    given = {"class_weight": {0: 1.0, 1: 0.0, 2: 1.0, 3: 1.0}, "max_iter": 60}
    for link in ("logit", "probit", "cloglog"):
        model = small(link=link, **given).fit(X, y)
        probabilities = model.predict_proba(X)
        assert np.isfinite(probabilities).all()
        assert probabilities[:, 1].mean() < 0.1


def test_early_stopping_restores_the_thresholds(graded):
    """They belong to the best weights like all others."""
    X, y = graded
    model = small(early_stopping=True, max_iter=200, n_iter_no_change=3).fit(X, y)
    assert model.n_iter_ < 200
    assert (np.diff(model.thresholds_) > 0).all()
    assert min(model.validation_loss_curve_) < model.validation_loss_curve_[-1]


def test_warm_start_goes_on_from_the_thresholds(graded):
    """Starting them anew would undo what the weights have learned around them."""
    X, y = graded
    model = small(warm_start=True, max_iter=40).fit(X, y)
    first, thresholds = model.loss_curve_[-1], model.thresholds_
    model.set_params(max_iter=1, learning_rate_init=1e-9).fit(X, y)
    np.testing.assert_allclose(model.thresholds_, thresholds, rtol=1e-5)
    assert model.loss_curve_[-1] == pytest.approx(first, rel=0.02)
    with pytest.raises(
        ValueError, match=r"earlier fit, \[0, 1, 2, 3\].*\[3, 2, 1, 0\]"
    ):
        model.set_params(categories=[3, 2, 1, 0]).fit(X, y)


def test_partial_fit_learns_from_batches(graded):
    """Streams bring classes late or never; each has its threshold from the start."""
    X, y = graded
    model = small(learning_rate_init=0.02, batch_size=100, categories=[*GRADES, "top"])
    labels = np.array(GRADES)[y]
    low = y < 2
    model.partial_fit(X[low], labels[low], classes=[*GRADES, "top"])
    for _ in range(30):
        for part in np.array_split(np.arange(200), 2):
            model.partial_fit(X[part], labels[part])
    assert model.categories_.tolist() == [*GRADES, "top"]
    assert model.score(X, labels) > 0.5
    assert model.predict_proba(X)[:, model.classes_ == "top"].mean() < 0.05
    assert (np.diff(model.thresholds_) > 0).all()


def test_going_on_keeps_the_weights_of_networks(graded):
    """What was chosen from held-out rows can't be chosen again from these."""
    X, y = graded
    automatic = ChainzRuleOrdinalRegressor(max_iter=5, random_state=0).fit(X, y)
    weights = automatic.estimator_weights_
    automatic.partial_fit(X, y)
    np.testing.assert_array_equal(automatic.estimator_weights_, weights)


def test_set_params_does_not_reinterpret_the_fit(graded):
    """Another link would make other probabilities of the same weights."""
    X, y = graded
    model = small().fit(X, y)
    expected = model.predict_proba(X)
    model.set_params(link="probit", categories=GRADES)
    np.testing.assert_array_equal(model.predict_proba(X), expected)


def test_calibration_and_search_take_it_for_a_classifier(graded):
    """Stratified folds and probabilities by class are what they need."""
    X, y = graded
    labels = np.array(GRADES)[y]
    model = small(categories=GRADES)
    calibrated = CalibratedClassifierCV(model, cv=2).fit(X, labels)
    np.testing.assert_allclose(calibrated.predict_proba(X).sum(axis=1), 1.0)
    assert calibrated.score(X, labels) > 0.5
    search = GridSearchCV(model, {"link": ["logit", "probit"]}, cv=2).fit(X, labels)
    assert search.best_estimator_.score(X, labels) > 0.5
    out_of_fold = cross_val_predict(small(), X, y, cv=2, method="predict_proba")
    assert out_of_fold.shape == (200, 4)


def _dump_pickle(model, path):
    path.write_bytes(pickle.dumps(model))


def _dump_skops(model, path):
    skops.io.dump(model, path)


@pytest.mark.parametrize(
    "dump, load",
    [
        (
            _dump_pickle,
            "import pickle, pathlib; "
            "model = pickle.loads(pathlib.Path(path).read_bytes())",
        ),
        (
            _dump_skops,
            "import skops.io as sio; trusted = sio.get_untrusted_types(file=path); "
            "assert all(name.startswith('cr_sklearn.') for name in trusted), trusted; "
            "model = sio.load(path, trusted=trusted)",
        ),
    ],
    ids=["pickle", "skops"],
)
def test_saved_model_predicts_the_same_in_a_fresh_process(graded, dump, load, tmp_path):
    """Serving needs thresholds and link, but no torch."""
    X, y = graded
    model = small(link="probit", categories=GRADES).fit(X, np.array(GRADES)[y])
    dump(model, tmp_path / "model")
    np.save(tmp_path / "X.npy", X)
    np.save(tmp_path / "expected.npy", model.predict_proba(X))
    np.save(tmp_path / "labels.npy", model.predict(X))
    code = f"""
import sys
import numpy as np
path = {str(tmp_path / "model")!r}
{load}
X = np.load({str(tmp_path / "X.npy")!r})
expected = np.load({str(tmp_path / "expected.npy")!r})
np.testing.assert_array_equal(model.predict_proba(X), expected)
labels = np.load({str(tmp_path / "labels.npy")!r})
np.testing.assert_array_equal(model.predict(X), labels)
assert "skops" in sys.modules or "torch" not in sys.modules  # skops imports torch
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


@pytest.mark.parametrize("dtype", ["auto", "float32", "float64"])
def test_a_class_in_ten_thousand_has_a_threshold_of_its_own(odds, dtype):
    """Rare grades are the ones that ordinal models are asked about."""
    X, y = odds[0][:2000], odds[1][:2000].copy()
    y[X[:, 0].argmax()] = 9
    with pytest.warns(UserWarning, match=r"classes \[9\] have a single row"):
        model = ChainzRuleOrdinalRegressor(max_iter=2, dtype=dtype, random_state=0).fit(
            X, y
        )
    assert model.categories_.tolist() == [0, 1, 2, 3, 9]
    assert (np.diff(model.thresholds_) > 0).all()


BAD_LABELS = {
    "unordered strings": (np.array(["b", "a"] * 100), {}, r"order.*\['a', 'b'\].*Pass"),
    "unordered categorical": (
        pd.Series(["b", "a"] * 100, dtype="category"),
        {},
        "order of the labels.*is not known",
    ),
    "not integers": (np.linspace(0, 1, 200), {}, r"not integers, such as 0\.005.*bin"),
    "outside categories": (
        np.array(["a", "c"] * 100),
        {"categories": ["a", "b"]},
        r"y contains \['c'\], which are not among the categories \['a', 'b'\]\.$",
    ),
    "repeated categories": (
        np.array(["a", "b"] * 100),
        {"categories": ["a", "b", "a"]},
        r"2 different labels, got \['a', 'b', 'a'\]",
    ),
    "one category": (np.arange(200) % 2, {"categories": [1]}, r"got \[1\]"),
    "nested categories": (
        np.array(["a", "b"] * 100),
        {"categories": [["a"], ["b"]]},
        r"got \[\['a'\], \['b'\]\]",
    ),
    "missing": (
        pd.Series(pd.Categorical(["a", None] * 100, ["a", "b"], ordered=True)),
        {},
        "y contains missing values",
    ),
    "unknown link": (np.arange(200) % 3, {"link": "cauchit"}, "'link'.*'cauchit'"),
    "unknown rule": (
        np.arange(200) % 3,
        {"predict_rule": "mode"},
        "'predict_rule'.*'mode'",
    ),
}


@pytest.mark.parametrize("case", BAD_LABELS)
def test_bad_labels(graded, case):
    """The order is never guessed, and a fitted model survives the attempt."""
    X, y = graded
    bad, params, message = BAD_LABELS[case]
    model = small().fit(X, y).set_params(**params)
    before = dict(vars(model))
    with pytest.raises(ValueError, match=message):
        model.fit(X, bad)
    assert vars(model).keys() == before.keys()
    assert all(vars(model)[name] is value for name, value in before.items())


def test_labels_that_a_meta_estimator_re_codes_are_refused(graded):
    """Bagging hands on positions in the alphabetical order, which is no rank."""
    X, y = graded
    model, labels = small(categories=GRADES), np.array(GRADES)[y]
    message = r"contains \[0, 1, 2, 3\].*encode y by rank"
    with pytest.raises(ValueError, match=message):
        BaggingClassifier(model, n_estimators=2).fit(X, labels)
    with pytest.raises(ValueError, match=message):
        cross_val_predict(model, X, labels, method="predict_proba")
    assert (
        BaggingClassifier(small(), n_estimators=2, random_state=0).fit(X, y).score(X, y)
        > 0.5
    )


def test_partial_fit_needs_an_order_too(graded):
    """``classes`` is a set to scikit-learn; its order says nothing."""
    X, y = graded
    labels = np.array(GRADES)[y]
    with pytest.raises(ValueError, match=r"order of the labels.*is not known"):
        small().partial_fit(X, labels, classes=GRADES)
    with pytest.raises(ValueError, match=r"contains \['top'\].*not among.*'best'\]"):
        small(categories=GRADES).partial_fit(X, labels, classes=[*GRADES, "top"])


@pytest.mark.parametrize(
    "method",
    [
        "predict",
        "predict_proba",
        "predict_cumproba",
        "predict_expected",
        "predict_latent",
        "jacobian",
    ],
)
def test_before_fit(method):
    """NotFittedError is what pipelines and users look for."""
    with pytest.raises(NotFittedError, match="not fitted yet"):
        getattr(small(), method)(np.eye(4))
    assert not hasattr(small(), "thresholds_")


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("link", ["logit", "probit", "cloglog"])
def test_cuda_agrees_with_the_cpu(graded, link):
    """The device is a matter of speed, not of the model."""
    X, y = graded
    on_cpu = small(dtype="float64", link=link).fit(X, y)
    on_cuda = small(dtype="float64", link=link, device="cuda").fit(X, y)
    np.testing.assert_allclose(
        on_cpu.predict_proba(X), on_cuda.predict_proba(X), rtol=1e-5, atol=1e-6
    )
