import re
import signal
import time
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from benchmarks import command, suite, tabular, tabular_models, tabular_report
from benchmarks.evaluation import FitTimeout, at_most, expected_calibration_error
from benchmarks.models import Model
from benchmarks.protocols import SECONDS, columns, forget, read_rows, run
from cr_sklearn import ChainzRuleClassifier


def _frame(n=60, seed=0):
    """Numbers and a category, both with gaps, and a target of strings."""
    rng = np.random.default_rng(seed)
    a = rng.normal(size=n)
    city = rng.choice(["Bern", "Oslo", "Rome"], n).astype(object)
    target = np.where(a + (city == "Rome") > 0.3, "yes", "no")
    a[::9] = np.nan
    city[::7] = None
    return pd.DataFrame({"a": a, "b": rng.normal(size=n), "city": city}).assign(
        target=target
    )


@pytest.fixture
def folder(tmp_path):
    for seed, name in enumerate(["one", "two"]):
        _frame(seed=seed).to_parquet(tmp_path / f"{name}.parquet")
    return tmp_path


@pytest.fixture
def tables(folder):
    return {name: suite.load(folder, name, 1000) for name in suite.names(folder)}


def _on_numbers(step):
    """A quick classifier of column b, behind a function of the table."""
    return lambda seed: make_pipeline(
        FunctionTransformer(step), FunctionTransformer(_column_b), LogisticRegression()
    )


def _column_b(X):
    return X[["b"]]


def _as_it_is(X):
    return X


def _work(seconds):
    """Keep the processor busy; sleeping costs none of its time."""
    end = time.process_time() + seconds
    while time.process_time() < end:
        sum(range(1000))


def _slow(X):
    _work(0.5)
    return X


def _broken(X):
    raise ZeroDivisionError("as intended")


def _fits(tables, models, **kwargs):
    return suite.experiments(tables, models, "test", **kwargs)


class TestLoad:
    def test_rare_classes_are_dropped_after_sampling_and_counted(self, tmp_path):
        # A class that is missing from a fold has no AUC and no log-loss there.
        frame = _frame(600)
        frame.loc[:3, "target"] = "rare"
        frame.loc[4:15, "target"] = "rare once sampled"
        frame.to_parquet(tmp_path / "some.parquet")
        table = suite.load(tmp_path, "some", 100)
        assert set(table.y) == {"yes", "no"}
        assert table.n_dropped_classes == 2
        assert table.n_rows == 600
        assert suite.load(tmp_path, "some", 1000).n_dropped_classes == 1

    def test_samples_keep_the_shares_of_classes_and_are_always_the_same(self, folder):
        # Otherwise recorded rows would belong to other tables.
        table, again = (suite.load(folder, "one", 40) for _ in "12")
        pd.testing.assert_frame_equal(table.X, again.X)
        whole = suite.load(folder, "one", 1000)
        share, sampled = ((t.y == "yes").mean() for t in (whole, table))
        assert sampled == pytest.approx(share, abs=0.02)

    def test_texts_become_categories_and_named_columns_go(self, folder):
        # Peers recognise categories by their dtype.
        table = suite.load(folder, "one", 1000, without=["b"])
        assert table.X.dtypes.astype(str).to_dict() == {
            "a": "float64",
            "city": "category",
        }

    def test_a_sorted_set_is_shuffled(self, tmp_path):
        # Inner folds of neighbouring rows would differ from each other.
        _frame().sort_values("b").to_parquet(tmp_path / "some.parquet")
        assert not suite.load(tmp_path, "some", 1000).X["b"].is_monotonic_increasing

    def test_an_empty_folder_is_named(self, tmp_path):
        # It would end in an empty report.
        with pytest.raises(FileNotFoundError, match="no parquet file"):
            suite.names(tmp_path)


class TestRun:
    def test_every_set_comes_before_the_next_fold(self, tables, tmp_path):
        # A run that is stopped half-way must have compared all models on all sets.
        models = {"quick": _on_numbers(_as_it_is), "first": lambda seed: GaussianNB()}
        work = _fits(tables, models, first_fold_only=["first"])
        order = [(e.dataset, e.splits[0].repeat, e.splits[0].fold) for e in work]
        assert order[:3] == [("one", 0, 0), ("two", 0, 0), ("one", 0, 1)]
        assert len(work) == 2 * suite.N_FOLDS * 2
        assert [e.dataset for e in work if "first" in e.models] == ["one", "two"]

    def test_a_killed_run_loses_nothing(self, tables, tmp_path):
        # A suite takes hours; what is recorded must not be fitted twice.
        work = _fits(tables, {"quick": _on_numbers(_as_it_is)})
        whole = run(work, tmp_path / "whole.csv", n_jobs=1, time_limit=60)
        lines = (tmp_path / "whole.csv").read_text().splitlines(keepends=True)
        killed = tmp_path / "killed.csv"
        killed.write_text("".join(lines[:8]) + lines[8][:20])
        resumed = run(work, killed, n_jobs=1, time_limit=60)
        assert killed.read_text().splitlines(keepends=True)[:8] == lines[:8]
        pd.testing.assert_frame_equal(
            resumed.drop(columns=SECONDS), whole.drop(columns=SECONDS)
        )

    def test_a_fit_over_the_limit_is_recorded_and_ranks_last(self, tables, tmp_path):
        # It must neither hold the run up nor improve a model's mean.
        models = {"slow": _on_numbers(_slow), "quick": _on_numbers(_as_it_is)}
        work = _fits(tables, models)[:2]
        rows = run(work, tmp_path / "rows.csv", n_jobs=1, time_limit=0.2)
        slow = rows[rows["model"] == "slow"]
        assert set(slow["status"]) == {"timeout"}
        assert slow["log_loss"].isna().all()
        assert (slow["fit_seconds"] >= 0.2).all()
        places = suite.ranks(suite.mean_scores(rows, "log_loss"), "log_loss")
        assert (places["slow"] == 2).all()

    def test_a_crash_is_recorded_and_the_others_go_on(self, tables, tmp_path):
        # One peer's error must not cost a night.
        models = {"broken": _on_numbers(_broken), "quick": _on_numbers(_as_it_is)}
        work = _fits(tables, models)[:2]
        rows = run(work, tmp_path / "rows.csv", n_jobs=1, time_limit=60)
        assert rows["status"].tolist() == ["failed: ZeroDivisionError", "ok"] * 2

    def test_forgotten_rows_are_those_of_the_models_on_the_sets(self, tables, tmp_path):
        # --fresh for one model must keep what the others took hours for.
        path = tmp_path / "rows.csv"
        models = {"a": _on_numbers(_as_it_is), "b": _on_numbers(_as_it_is)}
        before = run(_fits(tables, models)[:2], path, n_jobs=1)
        forget(path, ["one"], ["a"])
        left = read_rows(path)
        assert len(left) == 3
        assert not ((left["dataset"] == "one") & (left["model"] == "a")).any()
        pd.testing.assert_frame_equal(left, before.iloc[1:].reset_index(drop=True))

    def test_an_older_file_gets_the_new_columns(self, tables, tmp_path):
        # Fits of before there were time limits are still good.
        path = tmp_path / "rows.csv"
        work = _fits(tables, {"quick": _on_numbers(_as_it_is)})[:2]
        rows = run(work, path, n_jobs=1)
        rows.drop(columns=["ece", "status"]).to_csv(path, index=False, na_rep="nan")
        again = run(work, path, n_jobs=1)
        assert list(pd.read_csv(path).columns) == columns()
        pd.testing.assert_frame_equal(
            again.drop(columns="ece"), rows.drop(columns="ece")
        )


class TestTimeLimit:
    @pytest.mark.skipif(not hasattr(signal, "SIGPROF"), reason="no SIGPROF here")
    def test_it_interrupts_and_puts_the_handler_back(self):
        # Somebody else's timer must still reach them.
        before = signal.getsignal(signal.SIGPROF)
        start = time.process_time()
        with pytest.raises(FitTimeout), at_most(0.05):
            _work(10)
        assert time.process_time() - start < 5
        assert signal.getsignal(signal.SIGPROF) is before
        assert signal.getitimer(signal.ITIMER_PROF)[0] == 0

    def test_an_error_that_hides_the_interrupt_is_a_timeout(self):
        # CatBoost answers it with a KeyboardInterrupt, which would end the run.
        with pytest.raises(FitTimeout), at_most(0.01):
            try:
                _work(0.05)
            finally:
                raise KeyboardInterrupt

    def test_an_error_in_time_stays_what_it_is(self):
        # It is a failure, not a timeout.
        with pytest.raises(ZeroDivisionError), at_most(60):
            raise ZeroDivisionError


class TestScores:
    def test_calibration_error_by_hand(self):
        # Confidences .95 and .92, one of two right: gap .435 in the last bin of 2 rows.
        # Confidence .65, right: gap .35 in a bin of 1. Together (2 x .435 + .35) / 3.
        probabilities = np.array([[0.95, 0.05], [0.08, 0.92], [0.35, 0.65]])
        y = pd.Series(["a", "a", "b"])
        error = expected_calibration_error(y, probabilities, np.array(["a", "b"]))
        assert error == pytest.approx((2 * 0.435 + 0.35) / 3)

    def test_certain_and_right_is_calibrated(self):
        # Confidence 1 belongs to the last bin, not to one beyond it.
        probabilities = np.array([[1.0, 0.0], [0.0, 1.0]])
        assert expected_calibration_error([0, 1], probabilities, [0, 1]) == 0

    def test_ranks_and_normalised_scores_by_hand(self):
        # Lower is better for a loss; ties and missing scores share their places.
        losses = pd.DataFrame(
            {
                "a": [0.1, 0.3],
                "b": [0.3, 0.3],
                "c": [np.nan, 0.5],
                "d": [np.nan, np.nan],
                "e": [0.2, 0.1],
            }
        )
        assert_allclose(
            suite.ranks(losses, "log_loss"), [[1, 3, 4.5, 4.5, 2], [2.5, 2.5, 4, 5, 1]]
        )
        assert_allclose(
            suite.normalised(losses, "log_loss"),
            [[1, 0, 0, 0, 0.5], [0.5, 0.5, 0, 0, 1]],
        )
        assert suite.ranks(losses, "roc_auc").loc[0, "b"] == 1

    def test_one_missing_fit_leaves_no_mean(self):
        # The mean of the easy folds would look like a good score.
        rows = _made_up_rows({"a": [0.1, np.nan], "b": [0.2, 0.4]})
        means = suite.mean_scores(rows, "log_loss").loc["set 0"]
        assert np.isnan(means["a"])
        assert means["b"] == pytest.approx(0.3)

    def test_only_splits_that_all_models_were_tried_on_count(self):
        # In a run that was stopped, a model may be ahead by an easy fold.
        rows = _made_up_rows({"a": [0.1, 0.2], "b": [0.2, 0.4]})
        assert len(suite.in_common(rows.iloc[:-1], ["a", "b"])) == 2
        assert len(suite.in_common(rows.iloc[:-1], ["a"])) == 2

    def test_wins_losses_and_the_signed_rank_test(self):
        # By hand: of 6 differences of one sign, the two-sided p is 2 / 2^6.
        rows = pd.concat(
            _made_up_rows(
                {
                    "a": [0.10, 0.11, 0.12],
                    "b": [0.50 + i / 100, 0.51, 0.52],
                    "c": [0.10, 0.20, np.nan],
                },
                f"set {i}",
            )
            for i in range(6)
        )
        table = suite.compare_over_sets(rows, "a", ["log_loss"]).set_index("model")
        assert table.loc["b", ["wins", "ties", "losses", "n_sets"]].tolist() == [
            6,
            0,
            0,
            6,
        ]
        assert table.loc["b", "difference"] < 0
        assert table.loc["b", "p"] == pytest.approx(2 / 2**6)
        assert table.loc["b", "p_holm"] == pytest.approx(4 / 2**6)
        # Nothing can be said of a model without scores.
        assert table.loc["c", "n_sets"] == 0
        assert table.loc["c", "p"] == 1


def _made_up_rows(log_loss, dataset="set 0"):
    """Fits of one set from the log-loss of each model on each fold."""
    return pd.DataFrame(
        [
            {
                "dataset": dataset,
                "model": model,
                "repeat": 0,
                "fold": fold,
                "n_train": 80,
                "n_test": 20,
                "log_loss": value,
                "status": "timeout" if np.isnan(value) else "ok",
            }
            for model, values in log_loss.items()
            for fold, value in enumerate(values)
        ]
    )


class TestReport:
    @pytest.fixture
    def main(self, folder, monkeypatch):
        """The command on two small sets, with a ChainzRule of few epochs."""
        short = Model("ChainzRule", "short", _short_chainzrule)
        monkeypatch.setitem(tabular_models.MODELS, "chainzrule", short)
        where = [
            "--data",
            folder,
            "--rows",
            folder / "rows.csv",
            "--out",
            folder / "out",
        ]

        def call(*args):
            tabular.main([str(arg) for arg in [*where, *args]])

        return call

    def test_report_and_published_figures_say_how_they_were_made(
        self, main, folder, monkeypatch, capsys
    ):
        # A figure without its command, versions and machine can't be checked.
        monkeypatch.setattr(command, "ROOT", folder)
        monkeypatch.setattr(tabular, "DEFAULT", ["chainzrule", "lr", "hgb"])
        monkeypatch.setattr(tabular, "FIRST_FOLD_ONLY", ["hgb"])
        monkeypatch.setattr(tabular_report, "FIRST_FOLD_ONLY", ["hgb"])
        (folder / "docs" / "images").mkdir(parents=True)
        main("--publish")
        text = (folder / "out" / "report.md").read_text(encoding="utf-8")
        assert "Made by `python -m benchmarks.tabular --data" in text
        assert "90 s of the processor" in text
        assert "## With HistGradientBoosting" in text
        images = {path.name for path in (folder / "out").glob("*.png")}
        assert images == set(re.findall(r"\]\((.*?\.png)\)", text))
        tables = list((folder / "benchmarks" / "results").glob("tabular_*.csv"))
        assert len(tables) == 4
        page = (folder / "docs" / "tabular.md").read_text(encoding="utf-8")
        for link in re.findall(r"\]\((.*?\.png)\)", page):
            assert (folder / "docs" / link).exists()
        for path in tables:
            assert path.read_text().startswith("# python -m benchmarks.tabular --data")
            assert len(pd.read_csv(path, comment="#"))
        assert "Logistic regression" in capsys.readouterr().out

    def test_models_on_request_are_reported_where_they_are_not_installed(
        self, main, folder, monkeypatch
    ):
        # AutoGluon needs an environment of its own; its rows come from there.
        monkeypatch.setattr(tabular, "DEFAULT", ["chainzrule", "lr"])
        main("--models", "lr,hgb", "--sets", "one")
        monkeypatch.setattr(tabular, "ON_REQUEST", ["hgb"])
        monkeypatch.setattr(tabular_report, "FIRST_FOLD_ONLY", ["hgb"])
        main()
        text = (folder / "out" / "report.md").read_text(encoding="utf-8")
        part = text[text.index("## With HistGradientBoosting") :]
        assert "first fold of each of 1 sets alone" in part
        assert "Logistic regression" in part

    def test_a_part_of_a_run_is_reported_without_fitting(self, main, folder, capsys):
        # The first folds of a run that was stopped are worth a look.
        with pytest.raises(SystemExit, match="holds no fits"):
            main("--models", "lr", "--report-only")
        main("--models", "lr", "--sets", "one")
        before = (folder / "rows.csv").read_bytes()
        main("--models", "lr", "--report-only")
        assert (folder / "rows.csv").read_bytes() == before
        assert "1 sets, 20 fits" in capsys.readouterr().out

    def test_a_single_model_is_reported(self, main, capsys):
        # There is nobody to compare it with.
        main("--models", "chainzrule", "--sets", "two")
        assert "1 sets, 10 fits" in capsys.readouterr().out

    @pytest.mark.parametrize(
        ("args", "match"),
        [
            (["--models", "nobody"], "Unknown models: nobody"),
            (["--sets", "three"], r"no .*three\.parquet"),
        ],
    )
    def test_what_is_unknown_is_named(self, main, args, match):
        # Not in the middle of a run.
        with pytest.raises(SystemExit, match=match):
            main(*args)


def _short_chainzrule(seed):
    return ChainzRuleClassifier(
        hidden_layer_sizes=(4,), max_iter=2, n_estimators=1, random_state=seed
    )


# Of these only the encoding is tested, so they are kept short.
SHORT = {
    "chainzrule": {"max_iter": 2},
    "catboost": {"estimator__iterations": 3},
    "xgb_tuned": {"estimator__n_iter": 2},
    "realmlp": {"realmlp_td_classifier__n_epochs": 2},
    "tabm": {"tabm_d_classifier__n_epochs": 2},
    "autogluon": {"seconds": 10},
}


def _short_model(name):
    if name in tabular_models.LIBRARIES:
        pytest.importorskip(tabular_models.LIBRARIES[name])
    return tabular_models.MODELS[name].make(0).set_params(**SHORT.get(name, {}))


class TestModels:
    # What other libraries warn of is theirs.
    @pytest.mark.filterwarnings("ignore")
    def test_settings_are_the_same_in_every_process(self):
        # A memory address in them would fit everything anew after each restart.
        for name, model in tabular_models.MODELS.items():
            if find_spec(tabular_models.LIBRARIES.get(name, "sklearn").split(".")[0]):
                text = model.make(0).__repr__(N_CHAR_MAX=10**6)
                assert " at 0x" not in text, name

    @pytest.mark.parametrize("name", tabular_models.MODELS)
    @pytest.mark.filterwarnings("ignore")
    def test_takes_categories_gaps_and_text_labels(self, name, tables):
        # A peer that needs a cleaner table than ChainzRule's would fail in the suite.
        model = _short_model(name)
        X, y = tables["one"].X, tables["one"].y
        cities = ["Rome", "Rome", None, "Bern", "Oslo"]
        unseen = X.iloc[:5].assign(
            city=pd.Categorical(cities, X["city"].cat.categories)
        )
        train = X["city"] != "Rome"
        model.fit(X[train], y[train])
        probabilities = model.predict_proba(unseen)
        assert list(model.classes_) == ["no", "yes"]
        assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
        assert np.shape(model.predict(unseen)) == (5,)
        assert set(model.predict(unseen)) <= {"no", "yes"}

    @pytest.mark.parametrize("name", tabular_models.MODELS)
    @pytest.mark.filterwarnings("ignore")
    def test_classes_are_in_scikit_learns_order(self, name, tables):
        # Scorers take it for granted; "10" comes before "9".
        model = _short_model(name)
        X = tables["one"].X
        y = pd.Series(np.where(X["city"] == "Rome", "9", "10"))
        model.fit(X, y)
        assert list(model.classes_) == ["10", "9"]
        if name not in ("realmlp", "tabm"):  # two epochs do not suffice for them
            assert roc_auc_score(y, model.predict_proba(X)[:, 1]) > 0.6
        assert set(model.predict(X)) <= {"10", "9"}
