import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline

from benchmarks import data, extra_packages
from benchmarks.data import data_folder, load_pima, load_tabular
from benchmarks.protocols import (
    KEY,
    SECONDS,
    Experiment,
    read_rows,
    repeated_folds,
    repeated_holdout,
    run,
    settings_hash,
)


@pytest.fixture(scope="module")
def pima():
    return load_pima()


def _logistic_regression(C=1.0):
    return lambda seed: make_pipeline(
        SimpleImputer(), LogisticRegression(C=C, solver="liblinear")
    )


def _experiment(pima, models=None, n_folds=3):
    X, y = pima
    models = models or {
        "lr": _logistic_regression(),
        "bayes": lambda seed: make_pipeline(SimpleImputer(), GaussianNB()),
    }
    splits = repeated_folds(y, n_folds, 1)
    return [Experiment("pima", f"{n_folds}-fold", X, y, splits, models)]


def _without_seconds(rows):
    return rows.drop(columns=SECONDS)


class TestPima:
    def test_zeros_that_mean_missing_are_nan_and_others_stay(self, pima):
        # Published counts. A zero number of pregnancies is a number.
        X, y = pima
        assert X.shape == (768, 8)
        assert y.sum() == 268
        missing = {"glucose": 5, "pressure": 35, "triceps": 227, "insulin": 374}
        counts = X.isna().sum()
        assert counts[counts > 0].to_dict() == {**missing, "mass": 11}
        assert (X["pregnant"] == 0).any()

    @pytest.mark.parametrize(
        ("change", "match"),
        [
            (lambda text: text.replace("6,148,72", "6,149,72"), "column sums"),
            (lambda text: text.rsplit("\n", 2)[0] + "\n", "767 rows"),
            (lambda text: text.replace("0.627,50,1", "0.627,50,0"), "class sizes"),
        ],
    )
    def test_a_changed_file_is_not_benchmarked(
        self, tmp_path, monkeypatch, change, match
    ):
        # Figures of a damaged table would look like any others.
        text = (data.DATASETS / "pima.csv").read_text()
        (tmp_path / "pima.csv").write_text(change(text))
        monkeypatch.setattr(data, "DATASETS", tmp_path)
        with pytest.raises(ValueError, match=match):
            load_pima()

    def test_openml_gives_the_same_table(self, pima, monkeypatch):
        # Its copy has other column names and string labels.
        raw = pd.read_csv(data.DATASETS / "pima.csv")
        labels = raw.pop("diabetes").map({0: "tested_negative", 1: "tested_positive"})
        raw.columns = ["preg", "plas", "pres", "skin", "insu", "mass", "pedi", "age"]
        monkeypatch.setattr(
            "sklearn.datasets.fetch_openml", lambda *args, **kwargs: (raw, labels)
        )
        X, y = load_pima(source="openml")
        pd.testing.assert_frame_equal(X, pima[0])
        pd.testing.assert_series_equal(y, pima[1])

    def test_unknown_source_is_named(self):
        with pytest.raises(ValueError, match="'embedded' or 'openml', got 'uci'"):
            load_pima("uci")


class TestTabular:
    def test_folder_comes_from_the_environment(self, tmp_path, monkeypatch):
        # A missing folder must say what to set, not fail in the middle of a run.
        monkeypatch.setenv("CR_SKLEARN_DATA", str(tmp_path))
        assert data_folder() == tmp_path
        for wrong in ("", str(tmp_path / "elsewhere")):
            monkeypatch.setenv("CR_SKLEARN_DATA", wrong)
            with pytest.raises(FileNotFoundError, match="CR_SKLEARN_DATA"):
                data_folder()

    def test_tables_are_sampled_alike_and_keep_their_dtypes(self, tmp_path):
        # The same rows for every model and run; categories stay categories.
        frame = pd.DataFrame(
            {
                "a": range(50),
                "c": pd.Categorical(["x", "y"] * 25),
                "target": [0, 1] * 25,
            }
        )
        frame.to_parquet(tmp_path / "some.parquet")
        X, y = load_tabular(tmp_path, "some", 20)
        again, _ = load_tabular(tmp_path, "some", 20)
        pd.testing.assert_frame_equal(X, again)
        assert X["c"].dtype == "category"
        assert y.tolist() == [str(a % 2) for a in X["a"]]

    def test_what_is_not_a_table_is_named(self, tmp_path):
        # A set with its target elsewhere would be fitted on its own labels.
        with pytest.raises(FileNotFoundError, match=r"no .*other\.parquet"):
            load_tabular(tmp_path, "other", 20)
        pd.DataFrame({"target": [0], "a": [1]}).to_parquet(tmp_path / "some.parquet")
        with pytest.raises(ValueError, match="must be 'target', it is 'a'"):
            load_tabular(tmp_path, "some", 20)


class TestSplits:
    def test_more_repeats_keep_the_earlier_ones(self, pima):
        # Otherwise recorded rows would belong to other splits after --repeats.
        few, many = repeated_folds(pima[1], 5, 1), repeated_folds(pima[1], 5, 2)
        assert len(many) == 10
        for a, b in zip(few, many, strict=False):
            assert a[:4] == b[:4]
            assert np.array_equal(a.test, b.test)

    def test_fractions_are_nested_stratified_and_share_the_test_rows(self, pima):
        # Then the curve over fractions differs by the number of rows alone.
        y = pima[1].to_numpy()
        small, large, full = repeated_holdout(y, 154, 1, (0.05, 0.5, 1.0))
        assert [len(split.train) for split in (small, large, full)] == [31, 307, 614]
        assert set(small.train) < set(large.train) < set(full.train)
        assert not set(full.train) & set(full.test)
        assert np.array_equal(small.test, full.test)
        assert len(full.test) == 154
        for split in (small, large, full):
            assert y[split.train].mean() == pytest.approx(y.mean(), abs=0.01)


class TestRun:
    def test_a_killed_run_goes_on_and_ends_with_the_same_rows(self, pima, tmp_path):
        # Nothing may be lost, fitted twice, or read from a half-written line.
        whole = run(_experiment(pima), tmp_path / "whole.csv", n_jobs=1)
        assert len(whole) == 6
        path = tmp_path / "killed.csv"
        text = (tmp_path / "whole.csv").read_text()
        lines = text.splitlines(keepends=True)
        path.write_text("".join(lines[:3]) + lines[3][: len(lines[3]) // 2])
        resumed = run(_experiment(pima), path, n_jobs=1)
        pd.testing.assert_frame_equal(
            _without_seconds(resumed), _without_seconds(whole)
        )
        recorded = path.read_text().splitlines(keepends=True)
        assert recorded[:3] == lines[:3]
        assert len(recorded) == 7

    def test_a_complete_run_fits_nothing(self, pima, tmp_path):
        # Rerunning only writes the report anew.
        path = tmp_path / "results.csv"
        first = run(_experiment(pima), path, n_jobs=1)
        before = path.read_bytes()
        again = run(_experiment(pima), path, n_jobs=1)
        pd.testing.assert_frame_equal(first, again)
        assert path.read_bytes() == before

    def test_rows_of_other_settings_are_ignored(self, pima, tmp_path):
        # A changed model must not inherit the figures of the earlier one.
        path = tmp_path / "results.csv"
        strong = run(
            _experiment(pima, {"lr": _logistic_regression(1e-4)}), path, n_jobs=1
        )
        weak = run(_experiment(pima, {"lr": _logistic_regression()}), path, n_jobs=1)
        assert len(weak) == len(strong) == 3
        assert not set(weak["settings"]) & set(strong["settings"])
        assert (weak["log_loss"] < strong["log_loss"]).all()
        assert len(read_rows(path)) == 6

    def test_other_protocols_in_the_file_are_left_out(self, pima, tmp_path):
        # A quick run must not mix with the full one.
        path = tmp_path / "results.csv"
        run(_experiment(pima, n_folds=2), path, n_jobs=1)
        rows = run(_experiment(pima, n_folds=3), path, n_jobs=1)
        assert set(rows["protocol"]) == {"3-fold"}

    def test_a_failing_fit_is_named(self, pima, tmp_path):
        # Among hundreds of fits the message must say which.
        models = {"broken": lambda seed: LogisticRegression()}
        with pytest.raises(RuntimeError, match=r"model broken, repeat 0, fold 0.*NaN"):
            run(_experiment(pima, models), tmp_path / "results.csv", n_jobs=1)

    def test_a_file_of_other_columns_is_not_extended(self, pima, tmp_path):
        # Its values would land under wrong names.
        path = tmp_path / "results.csv"
        path.write_text("dataset,score\npima,1\n")
        with pytest.raises(ValueError, match=r"results\.csv .* another version"):
            run(_experiment(pima), path, n_jobs=1)

    def test_keys_are_unique(self, pima, tmp_path):
        # Two fits of one key would be one row less after a restart.
        rows = run(_experiment(pima), tmp_path / "results.csv", n_jobs=1)
        assert not rows.duplicated(KEY).any()


class TestSettingsHash:
    def test_unchanged_defaults_count(self, monkeypatch):
        # repr shows changed parameters only: a new default must change the hash.
        before = settings_hash(_logistic_regression()(0))
        original = LogisticRegression.get_params

        def with_other_default(self, deep=True):
            return {**original(self, deep), "tol": 0.5}

        monkeypatch.setattr(LogisticRegression, "get_params", with_other_default)
        assert settings_hash(_logistic_regression()(0)) != before

    def test_versions_count(self, monkeypatch):
        # The same settings of another release are another model.
        from cr_sklearn import ChainzRuleClassifier

        before = settings_hash(ChainzRuleClassifier())
        other = settings_hash(LogisticRegression())
        monkeypatch.setattr("cr_sklearn.__version__", "999.0")
        assert settings_hash(ChainzRuleClassifier()) != before
        assert settings_hash(LogisticRegression()) == other

    def test_every_model_has_its_own_that_does_not_move(self):
        # It must not hold memory addresses, which differ in every process.
        pytest.importorskip("xgboost")
        from benchmarks.models import MODELS

        first, second = (
            [settings_hash(model.make(0)) for model in MODELS.values()] for _ in "12"
        )
        assert first == second
        assert len(set(first)) == len(MODELS)


class TestComparison:
    @pytest.fixture(autouse=True)
    def _packages(self):
        pytest.importorskip("baycomp")
        pytest.importorskip("statsmodels")

    def test_corrected_t_test_by_hand(self):
        # d = (1, 2, 3, 6): mean 3, variance 14/3, J = 4, rho = 1/4, so
        # t = 3 / sqrt((1/4 + 1/4) * 14/3) = 1.96396 with 3 degrees of freedom, for
        # which the distribution function is known in closed form.
        from benchmarks.comparison import corrected_mean

        estimate = corrected_mean([1, 2, 3, 6], 0.25)
        t = 3 / np.sqrt(7 / 3)
        x = t / np.sqrt(3)
        p = 1 - 2 / np.pi * (x / (1 + x**2) + np.arctan(x))
        assert estimate.mean == 3
        assert estimate.p == pytest.approx(p, abs=1e-12)
        # Quantile .975 of t with 3 degrees of freedom, from tables.
        half = 3.182446 * np.sqrt(7 / 3)
        assert_allclose([estimate.low, estimate.high], [3 - half, 3 + half], atol=1e-5)

    def test_correction_of_zero_is_the_ordinary_t_test(self):
        from scipy.stats import ttest_1samp

        from benchmarks.comparison import corrected_mean

        values = np.random.default_rng(0).normal(0.3, 1, 20)
        assert corrected_mean(values, 0.0).p == pytest.approx(
            ttest_1samp(values, 0).pvalue
        )

    def test_both_tests_have_the_same_posterior(self):
        # With a flat prior, the Bayesian P(worse) without ROPE is the one-sided p.
        import baycomp

        from benchmarks.comparison import corrected_mean

        rng = np.random.default_rng(1)
        a, b = rng.normal(size=(2, 30))
        left, _ = baycomp.two_on_single(a, b, rope=0, runs=3)
        estimate = corrected_mean(b - a, 1 / 9)
        one_sided = estimate.p / 2 if estimate.mean > 0 else 1 - estimate.p / 2
        assert left == pytest.approx(one_sided)

    def test_better_means_lower_for_losses_and_holm_multiplies_the_smallest_p(self):
        from benchmarks.comparison import bayesian_compare, compare

        rows = _made_up_rows()
        losses = compare(rows, "chainzrule", ["log_loss"]).set_index("model")
        assert (losses["difference"] < 0).all()
        smallest = losses["p"].min()
        assert losses["p_holm"].min() == pytest.approx(smallest * len(losses))
        odds = bayesian_compare(rows, "chainzrule", ["log_loss", "accuracy"])
        assert (odds["better"] > 0.9).all()
        assert_allclose(odds[["better", "same", "worse"]].sum(axis=1), 1.0)

    def test_the_papers_p_values_are_one_sample_tests(self):
        # Six seeds of 85.71 +- 2.01 against one published number each.
        from benchmarks.comparison import one_sample_p

        assert round(one_sample_p(85.71, 2.01, 6, 82.35), 4) == 0.0047
        assert round(one_sample_p(85.71, 2.01, 6, 82.20), 4) == 0.0039


def _made_up_rows(gain=0.05, n_folds=10):
    """Fits of all models of the Pima benchmark; ChainzRule is ahead by ``gain``."""
    from benchmarks.models import MODELS

    rng = np.random.default_rng(0)
    hard = rng.normal(0, 0.02, n_folds)
    lines = []
    for name in MODELS:
        ahead = gain if name == "chainzrule" else 0.0
        for fold in range(n_folds):
            score = 0.78 + ahead + hard[fold] + rng.normal(0, 0.005)
            lines.append(
                {
                    "protocol": "10-fold",
                    "model": name,
                    "repeat": 0,
                    "fold": fold,
                    "fraction": 1.0,
                    "n_train": 691,
                    "n_test": 77,
                    "accuracy": score,
                    "balanced_accuracy": score,
                    "roc_auc": score + 0.05,
                    "log_loss": 1.25 - score,
                    "brier": 0.5 - score / 2,
                    "tau": 1.5,
                    "fit_seconds": 1.0,
                    "predict_seconds": 0.1,
                }
            )
    return pd.DataFrame(lines)


class TestPimaReport:
    @pytest.fixture(autouse=True)
    def _packages(self):
        for name in ("baycomp", "statsmodels", "xgboost"):
            pytest.importorskip(name)

    def test_goals_follow_the_rows(self):
        # No verdict is written by hand.
        from benchmarks.pima_claims import goals

        assert set(goals(_made_up_rows(0.05))["Result"]) == {"reached"}
        assert set(goals(_made_up_rows(-0.05))["Result"]) == {"missed"}

    def test_report_and_published_figures_say_how_they_were_made(self, tmp_path):
        # A figure without its command, versions and machine can't be checked.
        from benchmarks import pima_report

        rows = dict.fromkeys(["honest", "fractions", "leaky"], _made_up_rows())
        pima_report.write(tmp_path, rows, "the command; the machine")
        pima_report.publish(tmp_path, rows, "the command; the machine")
        text = (tmp_path / "report.md").read_text(encoding="utf-8")
        assert "Made by `the command; the machine`" in text
        for image in tmp_path.glob("*.png"):
            assert f"]({image.name})" in text
        tables = list(tmp_path.glob("*.csv"))
        assert len(tables) == 3
        for path in tables:
            assert path.read_text().startswith("# the command; the machine\n")
            assert len(pd.read_csv(path, comment="#"))

    def test_leaky_imputation_uses_the_labels_of_test_rows(self, pima):
        # That is what makes its figures worthless; the honest protocol must not.
        X, y = pima
        test = np.arange(77)
        swapped = y.copy()
        swapped.iloc[test] = 1 - swapped.iloc[test]
        honest, leaky = _predictions_by_protocol(X, y, test)
        honest_swapped, leaky_swapped = _predictions_by_protocol(X, swapped, test)
        assert np.array_equal(honest, honest_swapped)
        assert not np.allclose(leaky, leaky_swapped, atol=0.01)


def _predictions_by_protocol(X, y, test):
    """Probabilities of test rows, by models trained on the others."""
    from benchmarks.pima import QUICK, experiments

    parts = experiments(X, y, {}, QUICK)
    train = np.setdiff1d(np.arange(len(y)), test)
    predictions = []
    for name in ("honest", "leaky"):
        table = parts[name][0].X
        model = _logistic_regression()(0).fit(table.iloc[train], y.iloc[train])
        predictions.append(model.predict_proba(table.iloc[test]))
    return predictions


def test_a_missing_package_is_one_line_that_says_what_to_install():
    # A newcomer's first command must not end in a traceback.
    with pytest.raises(SystemExit, match="'no_such'") as stop, extra_packages():
        import no_such  # noqa: F401
    message = str(stop.value)
    assert 'pip install -e ".[benchmarks]"' in message
    assert "\n" not in message
