"""The automatic strength: inner folds, stacking, and what a fit tells about them."""

import numpy as np
import pytest
import torch
from scipy.special import expit
from sklearn import config_context
from sklearn.metrics import log_loss
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    PredefinedSplit,
    ShuffleSplit,
    StratifiedKFold,
    cross_validate,
)

from cr_sklearn import ChainzRuleClassifier, ChainzRuleOrdinalRegressor
from cr_sklearn._rows import TrainingRows
from cr_sklearn.encoding._columns import read_columns
from cr_sklearn.heads._nominal import NominalHead
from cr_sklearn.nn import ChainzRuleNetwork, CrossEntropy
from cr_sklearn.search import _search
from cr_sklearn.search._candidates import LINEAR_STRENGTHS, candidates, strengths
from cr_sklearn.search._folds import inner_folds
from cr_sklearn.search._search import Search

# Of tables of at most 2,000 rows.
STRENGTHS = strengths(1000)
# scikit-learn's words, or, where an older one gives empty folds, ours.
TOO_FEW_GROUPS = "greater than the number of groups|(trains on|holds out) no row"


def automatic(**params):
    given = {"hidden_layer_sizes": (8,), "max_iter": 10, "random_state": 0, **params}
    return ChainzRuleClassifier(**given)


@pytest.fixture(scope="module")
def fitted(noisy):
    return automatic().fit(*noisy)


def test_the_strength_is_chosen_from_predictions_of_rows_not_trained_on(noisy):
    """A path of training losses would always prefer the weakest strength."""
    X, y = noisy
    path = automatic(max_iter=60, learning_rate_init=0.03).fit(X, y).dreg_path_
    assert path["dreg_strength"].tolist() == [*STRENGTHS, *LINEAR_STRENGTHS]
    assert np.argmin(path["log_loss"]) > 0
    weakest = automatic(
        max_iter=60, learning_rate_init=0.03, dreg_strength=STRENGTHS[0]
    ).fit(X, y)
    training_loss = log_loss(y, weakest.predict_proba(X))
    assert path["log_loss"][0] > training_loss


def test_each_strength_is_recorded_by_what_it_does(fitted):
    """Stronger DREG means calmer networks: the path must show the trade."""
    path = fitted.dreg_path_
    deep = path["sensitivity"][~path["linear"]]
    assert deep[0] > 1.3 * deep[-1]
    assert (path["tail_ratio"] >= 1).all()
    assert path["weight"].min() >= 0 < path["weight"].max()


def test_networks_kept_are_those_of_the_weighted_strengths(fitted):
    """Dead networks would cost time in every prediction."""
    weights = fitted.dreg_path_["weight"]
    kept = 5 * np.count_nonzero(weights)
    assert len(fitted.estimator_weights_) == len(fitted.coefs_[0]) == kept
    assert (fitted.estimator_weights_ > 0).all()
    assert fitted.estimator_weights_.sum() == pytest.approx(weights.sum())
    share = weights / weights.sum()
    expected = np.exp(share @ np.log(fitted.dreg_path_["dreg_strength"]))
    assert fitted.dreg_strength_ == pytest.approx(expected)


def test_oof_score_is_honest_about_noise(noisy, fitted):
    """The accuracy of predictions for rows that did not train, as score would have."""
    X, y = noisy
    assert 0.6 < fitted.oof_score_ < 0.95
    one_sided = automatic(class_weight={0: 1.0, 1: 0.0}).fit(X, y)
    assert one_sided.oof_score_ > fitted.oof_score_


def test_rows_of_one_group_stay_together(noisy):
    """Patients or days that leak between folds make every strength look good."""
    X, y = noisy
    groups = np.arange(len(y)) // 4
    given = automatic(cv=GroupKFold(3)).fit(X, y, groups=groups)
    listed = automatic(cv=list(GroupKFold(3).split(X, y, groups))).fit(X, y)
    np.testing.assert_array_equal(given.predict_proba(X), listed.predict_proba(X))
    automatic().fit(X, y, groups=groups)


def test_groups_reach_the_inner_folds_through_metadata_routing(noisy):
    """Cross-validation by groups must not leak them again inside."""
    X, y = noisy
    with config_context(enable_metadata_routing=True):
        model = automatic(max_iter=1).set_fit_request(groups=True)
        # Two groups are left to train on, fewer than inner folds.
        with pytest.raises(ValueError, match=TOO_FEW_GROUPS):
            cross_validate(
                model,
                X,
                y,
                cv=GroupKFold(3),
                params={"groups": np.arange(120) % 3},
                error_score="raise",
            )


def test_positions_given_as_cv_are_those_of_the_rows_given(noisy):
    """Rows of weight zero count as absent, without moving the other rows."""
    X, y = noisy
    weight = np.ones(len(y))
    weight[:10] = 0.0
    folds = list(StratifiedKFold(3).split(X, y))
    moved = [
        (train[train >= 10] - 10, held_out[held_out >= 10] - 10)
        for train, held_out in folds
    ]
    weighted = automatic(cv=folds).fit(X, y, sample_weight=weight)
    without = automatic(cv=moved).fit(X[10:], y[10:])
    np.testing.assert_allclose(weighted.predict_proba(X), without.predict_proba(X))


def test_any_number_of_folds_and_repeats(noisy):
    """A splitter may hold rows out twice or never."""
    X, y = noisy
    model = automatic(cv=ShuffleSplit(2, test_size=0.3, random_state=0)).fit(X, y)
    assert len(model.estimator_weights_) == 2 * np.count_nonzero(
        model.dreg_path_["weight"]
    )


def test_small_tables_use_the_documented_fixed_strength(noisy):
    """Held-out parts of a few rows can't tell strengths apart."""
    X, y = noisy
    model = automatic().fit(X[:14], y[:14])
    fixed = automatic(dreg_strength=0.01).fit(X[:14], y[:14])
    np.testing.assert_array_equal(model.predict_proba(X), fixed.predict_proba(X))
    assert model.dreg_strength_ == 0.01
    assert not hasattr(model, "dreg_path_")
    assert hasattr(automatic(cv=3).fit(X[:14], y[:14]), "dreg_path_")


@pytest.mark.parametrize("n_rows, n_folds", [(15, 3), (49, 3), (50, 5)])
def test_small_tables_use_fewer_folds(noisy, n_rows, n_folds):
    """Held-out parts of a few rows need to be as large as they can be."""
    X, y = noisy[0][:n_rows], np.arange(n_rows) % 2
    model, asked = (automatic(cv=cv).fit(X, y) for cv in ("auto", n_folds))
    np.testing.assert_array_equal(model.predict_proba(X), asked.predict_proba(X))


def folds_of(n_splits, y):
    return inner_folds(n_splits, *coded(y), 0)


def coded(y):
    """Head of the labels, and rows that have codes for them."""
    y, n = np.asarray(y), len(y)
    rows = TrainingRows(read_columns(np.zeros((n, 1))), y, np.ones(n))
    head = NominalHead()
    rows = head.fit(rows._replace(original=np.arange(n)))
    return head, rows


def search_of(n_splits, y):
    return Search(candidates((32,), len(y)), folds_of(n_splits, y))


def test_rare_classes_train_in_every_fold(noisy):
    """A class that a fold has never seen would get probability zero there."""
    y = noisy[1].copy()
    y[:3], y[3] = 7, 8
    with pytest.warns(UserWarning, match=r"classes \[8\] have a single row"):
        folds = folds_of(5, y)
    assert all({0, 1, 7, 8} == set(y[fold.training]) for fold in folds)
    held_out = np.concatenate([fold.held_out for fold in folds])
    np.testing.assert_array_equal(np.sort(held_out), np.flatnonzero(y != 8))


@pytest.mark.filterwarnings("ignore:The classes:UserWarning")
@pytest.mark.parametrize("kind", [ChainzRuleClassifier, ChainzRuleOrdinalRegressor])
@pytest.mark.parametrize("n_rare", [(1,), (2,), (4,), (5,), (1, 1), (3, 2)], ids=str)
def test_rare_classes_are_calibrated_in_the_large(kind, n_rare):
    """Expected losses are sums of probabilities: a factor of ten is a wrong answer."""
    rng = np.random.default_rng(0)
    X, fresh = rng.normal(size=(400, 3)), rng.normal(size=(4000, 3))
    y = (X[:, 0] > 0).astype(int)
    for number, n_rows in enumerate(n_rare):
        y[10 * number : 10 * number + n_rows] = 2 + number
    model = kind(max_iter=10, random_state=0).fit(X, y)
    expected = model.predict_proba(fresh)[:, 2:].sum(axis=0) / 10
    assert (np.abs(expected / n_rare - 1) < 0.4).all()
    assert model.oof_score_ <= 1 - sum(n_rare) / 400


def test_only_rare_classes_fall_back_to_the_fixed_strength():
    """Many classes of few rows are a table as small as their rows."""
    X, y = np.random.default_rng(0).normal(size=(80, 3)), np.arange(80) // 2
    assert automatic(max_iter=2).fit(X, y).dreg_strength_ == 0.01


def test_going_on_keeps_the_networks_and_drops_what_was_held_out(noisy):
    """Networks that go on see those rows: scores and scale are those of another fit."""
    X, y = noisy
    model = automatic(warm_start=True).fit(X, y)
    assert model.estimator_weights_.sum() != 1.0
    ratios = model.estimator_weights_ / model.estimator_weights_.sum()
    model.fit(X, y)
    np.testing.assert_allclose(model.estimator_weights_, ratios)
    model.partial_fit(X, y)
    np.testing.assert_allclose(model.estimator_weights_, ratios)
    assert not hasattr(model, "dreg_path_")
    assert not hasattr(model, "oof_score_")
    model.fit(X, y)
    model.set_params(warm_start=False, dreg_strength=0.1).fit(X, y)
    assert len(model.estimator_weights_) == 8


def test_early_stopping_holds_out_rows_that_are_in_no_fold(noisy):
    """The rows that stop a network must not also judge its strength."""
    X, y = noisy
    model = automatic(early_stopping=True, validation_fraction=0.25).fit(X, y)
    assert len(model.validation_loss_curve_) <= 10
    assert hasattr(model, "dreg_path_")


def test_the_choice_looks_at_enough_rows_and_no_more(noisy, monkeypatch):
    """A few weights need no million rows; all rows train all the same."""
    whole = search_of(4, noisy[1])
    monkeypatch.setattr(_search, "_CHOICE_ROWS", 50)
    part = search_of(4, noisy[1])
    counts = [len(fold.held_out) for fold in part.folds]
    assert 25 < sum(counts) <= 50
    assert whole.n_rows == part.n_rows
    for one, two in zip(whole.folds, part.folds, strict=True):
        assert len(one.training) + len(one.held_out) == len(noisy[1])
        assert np.isin(two.held_out, one.held_out).all()
    assert automatic(cv=4).fit(*noisy).oof_score_ > 0.5


def test_fewer_rows_in_a_fold_train_as_if_alone():
    """Folds of unequal size are filled up; the filling must not train."""
    from cr_sklearn._rows import RowGroups
    from cr_sklearn.training._batches import EncodedRows, PackedBatches

    rows = EncodedRows(torch.arange(9.0)[:, None], torch.arange(9), torch.ones(9))
    sets = [np.arange(9), np.array([2, 4, 6])]
    batches = PackedBatches(rows, 4, 2, RowGroups.of([0, 1], sets))
    seen = np.zeros((2, 9))
    for batch in batches:
        for member in range(2):
            np.add.at(seen[member], batch.y[member], batch.weight[member].numpy())
    np.testing.assert_allclose(seen[0], 1.0)
    np.testing.assert_allclose(seen[1, [2, 4, 6]], 3.0)
    assert seen[1].sum() == pytest.approx(9.0)


@pytest.mark.parametrize(
    "cv, groups, message",
    [
        ([(np.arange(100), np.arange(90, 120))], None, "10 rows both in training and"),
        ([(np.arange(100), np.array([], int))], None, "holds out no row"),
        ([(np.array([], int), np.arange(100))], None, "trains on no row"),
        ([], None, "gives no inner fold"),
        (3, np.zeros(120), TOO_FEW_GROUPS),
        (GroupKFold(3), np.arange(120) % 2, "number of splits n_splits=3 greater"),
        (GroupKFold(3), None, "'groups' parameter should not be None"),
    ],
    ids=["leak", "empty-test", "empty-train", "none", "one-group", "2-groups", "-"],
)
def test_folds_that_can_not_be_are_refused(noisy, cv, groups, message):
    """Each would give a score that is not out of fold, or no score."""
    with pytest.raises(ValueError, match=message):
        automatic(cv=cv).fit(*noisy, groups=groups)


def test_more_folds_than_any_class_has_rows_are_refused_when_asked_for(noisy):
    """Nobody asks for 100 folds to get a fixed strength."""
    with pytest.raises(ValueError, match="cv=100 is more than the rows of any class"):
        automatic(cv=100).fit(*noisy)


def test_a_class_that_a_fold_never_trains_on_is_refused(noisy):
    """Its networks would call that class impossible."""
    X, y = noisy
    order = np.argsort(y)
    halves = order[:60], order[60:]
    with pytest.raises(ValueError, match=r"no row of the classes \[\d\]"):
        automatic(cv=[halves, halves[::-1]]).fit(X, y)


def test_members_of_a_search_are_every_candidate_on_every_fold(noisy):
    """The order that the choice relies on."""
    _, y = noisy
    search = search_of(4, y)
    expected = [*STRENGTHS, *LINEAR_STRENGTHS]
    assert [one.dreg_strength for one in search.networks] == expected * 4
    layers = [(32,)] * len(STRENGTHS) + [()] * len(LINEAR_STRENGTHS)
    assert [one.hidden_layer_sizes for one in search.networks] == layers * 4
    assert len(search.groups([1, 2, 3, 4]).rows) == 4
    assert sorted(search.held_out.tolist()) == list(range(120))


def test_the_best_strengths_are_those_that_predict_and_modesty_is_forgiven(noisy):
    """Under a strong penalty the right answer comes late, and weakly at first."""
    _, y = noisy
    search = search_of(3, y)
    network = ChainzRuleNetwork(1, (), 1, members=3 * len(STRENGTHS)).double()
    slopes = torch.tensor([0.0, 1.0, -1.0, 0.05]).double().repeat(3)
    with torch.no_grad():
        network.input_weight[:, 0, 0] = slopes
    x = torch.from_numpy(3.0 * y - 1.5 + np.linspace(-2, 2, len(y)))[:, None]
    _, rows = coded(y)
    kept = search.best_members(network, 2, x, CrossEntropy(), rows)
    assert kept.tolist() == [1, 3, 5, 7, 9, 11]


def test_columns_that_act_one_by_one_are_left_to_linear_networks():
    """A strength that rules out interactions would weaken the columns as well."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 10))
    y = (rng.random(300) < expit(X @ np.linspace(-1, 1, 10))).astype(int)
    model = automatic(max_iter=30).fit(X, y)
    path = model.dreg_path_
    assert path["weight"][path["linear"]].sum() > 0.3 * path["weight"].sum()
    linear = ~model.coefs_[-1].any(axis=(1, 2))
    assert linear.any()
    model.partial_fit(X, y)
    np.testing.assert_array_equal(~model.coefs_[-1].any(axis=(1, 2)), linear)


def test_without_hidden_layers_every_candidate_is_linear(noisy):
    """The same network twice would only cost time."""
    model = automatic(hidden_layer_sizes=()).fit(*noisy)
    assert model.dreg_path_["linear"].tolist() == [True] * len(STRENGTHS)


OTHER_TABLES = {
    "position beyond": [(np.arange(100), np.arange(100, 200))],
    "negative position": [(np.arange(100), np.array([-1]))],
    "mask of another length": [(np.arange(200) < 100, np.arange(200) >= 100)],
    "no position": [(np.arange(100), np.array([100.5]))],
    "splitter": PredefinedSplit(np.arange(200) % 2),
}


@pytest.mark.parametrize("cv", OTHER_TABLES.values(), ids=OTHER_TABLES)
def test_folds_of_another_table_are_refused(noisy, cv):
    """Cut to fit, they would hold out other rows than was meant."""
    with pytest.raises(ValueError, match="folds are those of another table"):
        automatic(cv=cv).fit(*noisy)


def test_folds_that_can_be_read_once_are_refused(noisy):
    """The second fit would have none."""
    folds = KFold(3).split(noisy[0])
    with pytest.raises(ValueError, match=r"only once.*cv=list"):
        automatic(cv=folds).fit(*noisy)
