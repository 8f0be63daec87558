"""The ordinal benchmark: its scores, heads, peers and report."""

import re

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LinearRegression

from benchmarks import (
    command,
    ordinal,
    ordinal_models,
    ordinal_report,
    ordinal_scale,
    suite,
)
from benchmarks.evaluation import evaluate
from benchmarks.models import Model
from benchmarks.ordinal_heads import Coral, CoralLoss, Corn, CornHead, CornLoss
from benchmarks.ordinal_scores import RANKS, RULES, by_rule, score_ranks
from benchmarks.ordinal_wrappers import RoundedRegressor
from benchmarks.simulation import bayes_accuracy, bayes_mae, log_odds, simulate
from benchmarks.suite_report import score_table
from cr_sklearn import ChainzRuleOrdinalRegressor

SHORT = {"hidden_layer_sizes": (4,), "max_iter": 2, "n_estimators": 1}


def _graded(n=90, seed=0):
    """A number with gaps, a category, and ranks 0 to 2 that both of them tell."""
    rng = np.random.default_rng(seed)
    a, city = rng.normal(size=n), rng.choice(["Bern", "Oslo", "Rome"], n)
    ranks = np.digitize(2 * a + (city == "Rome") + rng.normal(size=n), [-1.0, 1.0])
    a[::9] = np.nan
    return pd.DataFrame({"a": a, "city": pd.Categorical(city), "target": ranks})


class _Known:
    """A model of which only the labels are asked."""

    classes_ = np.array([0, 1, 2])


class TestScores:
    y = pd.Series([0, 0, 1, 2])
    probabilities = np.array(
        [[0.7, 0.2, 0.1], [0.4, 0.3, 0.3], [0.1, 0.8, 0.1], [0.45, 0.1, 0.45]]
    )

    def test_a_known_table(self):
        """By hand: ranks off by 0, 1, 0, 1; a rare class counts as a common one."""
        labels = np.array([0, 1, 1, 1])
        scores = score_ranks(_Known(), None, self.y, labels, self.probabilities)
        assert scores["mae"] == pytest.approx(2 / 4)
        assert scores["macro_mae"] == pytest.approx((1 / 2 + 0 + 1) / 3)
        assert scores["accuracy"] == pytest.approx(2 / 4)
        # Squared distances are 2 in all; of independent pairs 4 (.25^2 + .6875 + .1875)
        # with means .75 and .75, variances .6875 and .1875.
        assert scores["qwk"] == pytest.approx(1 - 2 / (4 * (0.6875 + 0.1875)))
        # Of each row, (P(y <= 0) - [r <= 0])^2 + (P(y <= 1) - [r <= 1])^2.
        rps = [0.09 + 0.01, 0.36 + 0.09, 0.01 + 0.01, 0.45**2 + 0.55**2]
        assert scores["rps"] == pytest.approx(np.mean(rps))
        loss = -np.log([0.7, 0.4, 0.8, 0.45]).mean()
        assert scores["log_loss"] == pytest.approx(loss)
        assert set(scores) == set(RANKS.metrics)

    def test_rules_read_different_ranks(self):
        """Median, mode and mean of 0.45, 0.1, 0.45 and of 0.4, 0.3, 0.3."""
        found = {
            name: rule(self.probabilities).tolist() for name, rule in RULES.items()
        }
        assert found["median"] == [0, 1, 1, 1]
        assert found["argmax"] == [0, 0, 1, 0]
        assert found["mean"] == [0, 1, 1, 1]
        scores = score_ranks(
            _Known(), None, self.y, np.zeros(4, dtype=int), self.probabilities
        )
        assert scores[by_rule("mae", "median")] == pytest.approx(2 / 4)
        assert scores[by_rule("mae", "argmax")] == pytest.approx(2 / 4)
        assert scores[by_rule("accuracy", "argmax")] == pytest.approx(3 / 4)
        assert scores["accuracy"] == pytest.approx(2 / 4)

    def test_rules_are_those_of_the_estimator(self):
        """What is said of ``predict_rule`` must hold for it."""
        table = _graded()
        X, y = table.drop(columns="target"), table["target"]
        model = ChainzRuleOrdinalRegressor(**SHORT, random_state=0).fit(X, y)
        for name, rule in RULES.items():
            ranks = rule(model.predict_proba(X))
            own = model.set_params(predict_rule=name).predict(X)
            np.testing.assert_array_equal(own, ranks)

    def test_labels_alone_have_no_scores_of_probabilities(self):
        """One-hot probabilities would be a claim that the model does not make."""
        X = np.arange(12.0)[:, None]
        y = np.repeat([0, 1, 2], 4)
        found = evaluate(RoundedRegressor(LinearRegression()), X, y, X, y, RANKS)
        assert np.isnan([found["rps"], found["log_loss"], found["mae_median"]]).all()
        assert found["mae"] < 0.3
        assert found["predict_seconds"] >= 0


class TestHeads:
    outputs = torch.tensor([[[1.0, -0.5]]], dtype=torch.float64)

    @staticmethod
    def _softplus(x):
        return np.log1p(np.exp(x))

    def test_coral_by_hand(self):
        """Every row answers every task: above 0 and above 1."""
        for rank, expected in [
            (0, self._softplus(1.0) + self._softplus(-0.5)),
            (1, self._softplus(-1.0) + self._softplus(-0.5)),
            (2, self._softplus(-1.0) + self._softplus(0.5)),
        ]:
            loss = CoralLoss()(self.outputs, torch.tensor([[rank]]))
            assert loss.item() == pytest.approx(expected)

    def test_corn_by_hand(self):
        """A row of rank 0 says nothing of what is above 1 given above 0."""
        for rank, expected in [
            (0, self._softplus(1.0)),
            (1, self._softplus(-1.0) + self._softplus(-0.5)),
            (2, self._softplus(-1.0) + self._softplus(0.5)),
        ]:
            loss = CornLoss()(self.outputs, torch.tensor([[rank]]))
            assert loss.item() == pytest.approx(expected)

    @pytest.mark.parametrize("loss", [CoralLoss(), CornLoss()])
    def test_slopes_are_those_of_the_loss(self, loss):
        """They are written by hand; training sees nothing else."""
        generator = torch.Generator().manual_seed(0)
        outputs = torch.randn(2, 5, 3, dtype=torch.float64, generator=generator)
        targets = torch.tensor([[0, 1, 2, 3, 3], [3, 2, 1, 0, 0]])
        outputs.requires_grad_()
        assert torch.autograd.gradcheck(lambda given: loss(given, targets), outputs)

    def test_probabilities_of_corn_by_hand(self):
        """P(rank > k) is the product of the chances up to k."""
        logits = np.log(np.array([[0.8 / 0.2, 0.25 / 0.75]]))
        assert_allclose(CornHead().predict_proba(logits), [[0.2, 0.6, 0.2]])
        assert CornHead().codes(None, logits).tolist() == [1]

    @pytest.mark.parametrize("head", [Coral, Corn])
    def test_heads_learn_the_order(self, head):
        """A head that is not trained would flatter ours."""
        rng = np.random.default_rng(0)
        X = rng.normal(size=(300, 2))
        y = np.digitize(3 * X[:, 0] + rng.logistic(size=300), [-2.0, 0.0, 2.0])
        model = head(random_state=0, max_iter=15).fit(X, y)
        assert np.abs(model.predict(X) - y).mean() < 0.6
        assert_allclose(model.predict_proba(X).sum(axis=1), 1.0)
        assert (model.predict_proba(X) >= 0.0).all()


# Of these only the behaviour is tested, so they are kept short.
OURS = ["ordinal", "chainzrule", "coral", "corn", "probit", "cloglog"]
FEW = {
    **{name: {"max_iter": 2} for name in OURS},
    "catboost": {"estimator__iterations": 10},
    "skordinal_network": {"nnpom__max_iter": 20},
}


@pytest.mark.parametrize("name", ordinal_models.MODELS)
@pytest.mark.filterwarnings("ignore")
def test_peers_keep_the_order_of_columns_and_labels(name):
    """Scorers take sorted classes for granted, and 10 comes after 9."""
    if name in ordinal_models.LIBRARIES:
        pytest.importorskip(ordinal_models.LIBRARIES[name])
    table = _graded(200)
    X, y = table.drop(columns="target"), table["target"].map({0: 2, 1: 9, 2: 10})
    model = ordinal_models.MODELS[name].make(0).set_params(**FEW.get(name, {}))
    model.fit(X, y)
    assert list(model.classes_) == [2, 9, 10]
    labels = np.asarray(model.predict(X))
    assert labels.shape == (200,)
    assert set(labels) <= {2, 9, 10}
    assert (labels == y).mean() > 0.45
    if hasattr(model, "predict_proba"):
        probabilities = model.predict_proba(X)
        assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
        for column, label in enumerate(model.classes_):
            here = (y == label).to_numpy()
            own = probabilities[:, column]
            assert own[here].mean() > own[~here].mean(), label
    else:
        assert name in {"skordinal_svm", "xgb_rounded"}


def _fits(scores):
    """Fits of one set from the scores of each model; NaN is what it has not."""
    lines = []
    for model, given in scores.items():
        base = dict.fromkeys(RANKS.metrics, 0.5)
        for fold in range(2):
            line = {"dataset": "one", "model": model, "repeat": 0, "fold": fold}
            lines.append({**line, "status": "ok", **base, **given})
    return pd.DataFrame(lines)


class TestRanks:
    def test_models_of_labels_alone_are_not_ranked_by_probabilities(self):
        """They share the last place nowhere: they did not run in that race."""
        rows = _fits(
            {
                "ordinal": {"mae": 0.3, "rps": 0.4},
                "xgb_rounded": {"mae": 0.2, "rps": np.nan},
                "lr": {"mae": 0.4, "rps": 0.3},
            }
        )
        by_mae = suite.summarise(rows, ["mae"]).set_index("model")["mean_rank"]
        assert by_mae.to_dict() == {"xgb_rounded": 1, "ordinal": 2, "lr": 3}
        by_rps = suite.summarise(rows, ["rps"]).set_index("model")["mean_rank"]
        assert by_rps.to_dict() == {"lr": 1, "ordinal": 2}
        text = score_table(rows, ["mae", "rps"], ordinal_report.LABELS)
        shown = text.set_index("Model")["RPS rank"]
        assert shown["XGBoost regression, rounded"] == "-"

    def test_a_model_that_always_fails_is_last(self):
        """Left out it would look better than one that runs."""
        rows = _fits({"ordinal": {"mae": 0.3}, "lr": {"mae": np.nan}})
        rows.loc[rows["model"] == "lr", "status"] = "failed: ValueError"
        by_mae = suite.summarise(rows, ["mae"]).set_index("model")["mean_rank"]
        assert by_mae.to_dict() == {"ordinal": 1, "lr": 2}

    def test_goals_are_reached_by_who_is_first_alone(self):
        """A tie is no lead, and less is better but for QWK."""
        rows = _fits(
            {
                "ordinal": {"mae": 0.3, "qwk": 0.6, "rps": 0.4},
                "lr": {"mae": 0.4, "qwk": 0.7, "rps": 0.4},
            }
        )
        mae, qwk, rps = ordinal_report.goal_lines(rows)
        assert "MAE: reached; 1.00 against 2.00 of Logistic regression" in mae
        assert "QWK: missed, place 2" in qwk
        assert "RPS: missed, place 1" in rps

    def test_links_are_compared_among_themselves(self):
        """Three versions of ours would push every peer down by three places."""
        by_rules = {by_rule("mae", "mean"): 0.1, by_rule("qwk", "argmax"): 0.9}
        rows = _fits({"ordinal": by_rules, "probit": {}, "lr": {}})
        result = ordinal_report.Result(rows, {}, 100, 1.0)
        assert set(result.main_rows["model"]) == {"ordinal", "lr"}
        links = result.link_rows()
        assert links["model"].nunique() == 6
        assert ordinal_report.winners(links).startswith(
            "First in mean rank by MAE: logit, mean (1.00); QWK: logit, argmax (1.00)"
        )


class TestCommand:
    @pytest.fixture
    def folder(self, tmp_path):
        for seed, name in enumerate(["one", "two"]):
            _graded(seed=seed).to_parquet(tmp_path / f"{name}.parquet")
        return tmp_path

    def test_labels_are_ranks_of_the_classes_that_are_left(self, tmp_path):
        """A gap would count as a distance of two; text would sort 10 before 9."""
        frame = _graded(200)
        frame["target"] = frame["target"].map({0: 1, 1: 9, 2: 10})
        frame.loc[:3, "target"] = 5  # too few for five folds
        frame.to_parquet(tmp_path / "some.parquet")
        table = ordinal.load(tmp_path, "some", 1000)
        assert sorted(set(table.y)) == [0, 1, 2]
        assert table.n_dropped_classes == 1
        counts = (frame["target"] == 10).sum()
        assert (table.y == 2).sum() == counts

    def test_text_as_target_is_named(self, tmp_path):
        """Its order would be a guess."""
        frame = _graded()
        frame["target"] = frame["target"].map({0: "low", 1: "mid", 2: "high"})
        frame.to_parquet(tmp_path / "some.parquet")
        with pytest.raises(ValueError, match="target of some must be numbers"):
            ordinal.load(tmp_path, "some", 1000)

    def test_report_and_published_figures_say_how_they_were_made(
        self, folder, monkeypatch, capsys
    ):
        """A figure without its command, versions and machine can't be checked."""
        for name in ("ordinal", "probit"):
            monkeypatch.setitem(
                ordinal_models.MODELS, name, Model(name, "short", _short)
            )
        few = ["ordinal", "lr", "skordinal_svm", "probit"]
        known = {name: ordinal_models.MODELS[name] for name in few}
        monkeypatch.setattr(ordinal, "MODELS", known | {"dummy": _DUMMY})
        monkeypatch.setattr(ordinal_report, "MODELS", known | {"dummy": _DUMMY})
        monkeypatch.setitem(ordinal_report.LABELS, "dummy", "Broken")
        monkeypatch.setattr(command, "ROOT", folder)
        pytest.importorskip("skordinal")
        (folder / "docs" / "images").mkdir(parents=True)
        where = ["--data", folder, "--rows", folder / "rows.csv"]
        ordinal.main([*map(str, [*where, "--out", folder / "out"]), "--publish"])
        text = (folder / "out" / "report.md").read_text(encoding="utf-8")
        assert "Made by `python -m benchmarks.ordinal --data" in text
        assert "20 failed" in text
        assert "First in mean rank by MAE:" in text
        assert "probit, argmax" in text
        images = {path.name for path in (folder / "out").glob("*.png")}
        assert images == set(re.findall(r"\]\((.*?\.png)\)", text))
        tables = list((folder / "benchmarks" / "results").glob("ordinal_*.csv"))
        assert len(tables) == 5
        for path in tables:
            assert path.read_text().startswith("# python -m benchmarks.ordinal --data")
            assert len(pd.read_csv(path, comment="#"))
        assert (folder / "docs" / "ordinal.md").exists()
        assert "skordinal REDSVM" in capsys.readouterr().out


def _short(seed):
    return ChainzRuleOrdinalRegressor(**SHORT, random_state=seed)


def _broken(seed):
    return DummyClassifier(strategy="constant", constant=99)


_DUMMY = Model("Broken", "names a class that is not there", _broken)


class TestScale:
    def test_the_best_possible_mae_is_that_of_the_rule(self):
        """Of the true median; no other reading of the rule may be better."""
        X, y = simulate(30_000, 0, 9, ordinal_scale.THRESHOLDS)
        best = bayes_mae(X, y, ordinal_scale.THRESHOLDS)
        shares = np.bincount(y) / len(y)
        assert shares.min() > 0.1
        for thresholds in ([-2.0, -0.9, 0.8, 2.0], [-3.4, -1.5, 1.3, 3.4]):
            assert bayes_mae(X, y, thresholds) > best
        assert best < np.abs(np.median(y) - y).mean() / 2

    def test_ranks_follow_the_odds(self):
        """Log-odds of a rank above k are those of the rule less the threshold."""
        X, y = simulate(200_000, 0, 7, (-1.0, 2.0))
        odds = log_odds(X)
        here = np.abs(odds - 1.0) < 0.1
        above = [(y[here] > k).mean() for k in (0, 1)]
        assert_allclose(above, [1 / (1 + np.exp(-2)), 1 / (1 + np.exp(1))], atol=0.03)

    def test_two_classes_are_a_special_case(self):
        """The figures of the classifier's scale stay what they were."""
        X, y = simulate(2000, 0)
        assert bayes_accuracy(X, y) == pytest.approx(1 - bayes_mae(X, y, (0.0,)))

    def test_a_fit_reports_what_it_cost(self, tmp_path, capsys):
        """Rows, parameters and epochs belong together with what is derived of them."""
        path = tmp_path / "scale.csv"
        size = "--rows 600 --columns 8 --parameters 20000 --threads 1 --epochs 2"
        ordinal_scale.main([*size.split(), "--out", str(path)])
        [line] = pd.read_csv(path, comment="#").to_dict("records")
        assert path.read_text().startswith("# python -m benchmarks.ordinal_scale")
        assert line["rows_per_second"] * line["seconds"] == pytest.approx(
            1200, rel=1e-4
        )
        assert 15_000 < line["n_parameters"] <= 20_000
        assert line["data_bytes"] == 600 * (8 * 4 + 1)
        assert line["bayes_mae"] < line["mae"] < line["majority_mae"]
        assert "Best possible" in capsys.readouterr().out

    def test_parameters_are_counted_as_they_are(self):
        """By the shapes of what a fit has kept, networks with and without layers."""
        X, y = simulate(300, 0, 8, ordinal_scale.THRESHOLDS)
        model = ChainzRuleOrdinalRegressor((3, 3), max_iter=1, random_state=0).fit(X, y)
        encoded = model.skip_coef_.shape[1]
        linear = encoded + 4
        deep = linear + 3 * encoded + 3 + (9 + 3) + 3 + 2 * 3 * 3
        assert ordinal_scale.count_parameters(model, 3) == 5 * (4 * deep + 2 * linear)
