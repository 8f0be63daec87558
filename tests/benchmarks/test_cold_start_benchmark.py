"""The cold start: its draws, and what it says of them."""

import re

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from benchmarks import cold_start, cold_start_report, command, suite
from benchmarks.models import Model
from benchmarks.protocols import columns

SHARES = {"common": 0.6, "less": 0.31, "rare": 0.09}


def _labels(n):
    rng = np.random.default_rng(0)
    return np.sort(rng.choice(list(SHARES), n, p=list(SHARES.values())))


class TestDraws:
    @pytest.mark.parametrize("n_rows", [600, 5000])
    def test_test_rows_are_outside_of_all_draws(self, n_rows):
        """A drawn row that is tested on would make any model look good."""
        training, test = cold_start.draw(_labels(n_rows), 0)
        assert len(test) == min(n_rows - 250, cold_start.MAX_TEST)
        assert not set(test) & set(training[250])
        assert {n: len(rows) for n, rows in training.items()} == {
            n: n for n in cold_start.SIZES
        }

    def test_larger_draws_contain_the_smaller_ones(self):
        """Then scores by size differ by the number of rows alone."""
        training, _ = cold_start.draw(_labels(2000), 1)
        for small, large in zip(cold_start.SIZES, cold_start.SIZES[1:], strict=False):
            assert set(training[small]) < set(training[large])

    def test_every_class_has_two_rows_in_the_smallest_draw(self):
        """With one row neither Platt's method nor an inner fold is possible."""
        y = _labels(3000)
        assert pd.Series(y).value_counts(normalize=True).min() > 0.08
        for seed in range(10):
            training, _ = cold_start.draw(y, seed)
            assert pd.Series(y[training[25]]).value_counts().min() >= 2

    def test_sets_are_chosen_by_the_manifest_alone(self, tmp_path):
        """Sets must not be picked by what a model makes of them."""
        manifest = pd.DataFrame(
            [
                ("good", 600, 5, 48),
                ("few_rows", 599, 2, 200),
                ("many_classes", 900, 6, 150),
                ("rare_class", 1000, 2, 79),
                ("also_good", 1000, 2, 80),
            ],
            columns=["name", "n", "n_classes", "min_class"],
        )
        with pytest.raises(FileNotFoundError, match=r"manifest\.csv"):
            cold_start.set_names(tmp_path)
        manifest.to_csv(tmp_path / "manifest.csv", index=False)
        assert cold_start.set_names(tmp_path) == ["also_good", "good"]

    @pytest.mark.data
    def test_there_are_more_than_twenty_sets(self):
        """Fewer would leave ranks undecided."""
        folder = cold_start.data_folder() / "tabular"
        assert len(cold_start.set_names(folder)) > 20


def _fits(log_loss, n_sets=8, sizes=(25, 50), n_draws=2):
    """Fits whose log-loss is that of the model; sets differ in difficulty."""
    rng = np.random.default_rng(0)
    lines = []
    for place in range(n_sets):
        for n in sizes:
            for draw in range(n_draws):
                for model, value in log_loss.items():
                    loss = value + 0.1 * place + 0.001 * rng.normal()
                    lines.append(
                        dict.fromkeys(columns(), 0.0)
                        | {
                            "dataset": f"set {place}",
                            "model": model,
                            "repeat": draw,
                            "n_train": n,
                            "n_test": 100,
                            "log_loss": loss,
                            "roc_auc": 1 - loss / 3,
                            "accuracy": 1 - loss / 2,
                            "status": "ok",
                        }
                    )
    return pd.DataFrame(lines)


class TestReport:
    def test_leaders_follow_the_fits(self):
        """Nothing about who is first is written by hand."""
        rows = _fits({"chainzrule": 0.3, "lr": 0.4, "svm": 0.5})
        own = cold_start_report.leaders(cold_start_report.Result.of(rows, 100, 1))
        assert set(own["First"]) == {"ChainzRule"}
        assert set(own["Significantly ahead / behind"]) == {"2 / 0 of 2"}
        rows = _fits({"chainzrule": 0.5, "lr": 0.4, "svm": 0.3})
        behind = cold_start_report.leaders(cold_start_report.Result.of(rows, 100, 1))
        assert set(behind["First"]) == {"SVM"}
        assert set(behind["Significantly ahead / behind"]) == {"0 / 2 of 2"}

    def test_a_failed_fit_is_last_and_named(self):
        """A model that fails on hard draws must not gain by it."""
        rows = _fits({"chainzrule": 0.3, "lr": 0.4, "svm": 0.2}, sizes=(25,))
        lost = (rows["model"] == "svm") & (rows["dataset"] == "set 0")
        rows.loc[lost, ["log_loss", "roc_auc", "accuracy"]] = np.nan
        rows.loc[lost, "status"] = "failed: ValueError"
        result = cold_start_report.Result.of(rows, 100, 1)
        places = suite.ranks(suite.mean_scores(result.rows, "log_loss"), "log_loss")
        assert places.loc["set 0", "svm"] == 3
        assert "SVM with 25 rows: 2 (failed: ValueError)" in (
            cold_start_report._protocol_text(result)
        )

    def test_the_critical_distance_is_nemenyis(self):
        """By Demsar's table 5: q = 2.343 for three models; over 30 sets."""
        distance = cold_start_report.critical_distance(3, 30)
        assert distance == pytest.approx(2.343 * np.sqrt(3 * 4 / (6 * 30)), rel=1e-3)

    def test_draws_that_a_model_misses_are_left_out(self):
        """In a run that was stopped a model may be ahead by an easy draw."""
        rows = _fits({"chainzrule": 0.3, "lr": 0.4}).iloc[:-1]
        assert len(cold_start_report.Result.of(rows, 100, 1).rows) == len(rows) - 1


def test_the_command_draws_fits_and_publishes(tmp_path, monkeypatch, capsys):
    """A figure without its command, versions and machine can't be checked."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "tabular"
    (tmp_path / "docs" / "images").mkdir(parents=True)
    folder.mkdir()
    for name in ("one", "two"):
        a = rng.normal(size=(700, 2))
        frame = pd.DataFrame(a, columns=["a", "b"])
        frame["target"] = a[:, 0] + rng.normal(size=700) > 0
        frame.to_parquet(folder / f"{name}.parquet")
    pd.DataFrame(
        {"name": ["one", "two"], "n": 700, "n_classes": 2, "min_class": 300}
    ).to_csv(folder / "manifest.csv", index=False)
    models = {
        "chainzrule": Model("ChainzRule", "short", lambda seed: LogisticRegression()),
        "rf": Model("Forest", "a tree", lambda seed: DecisionTreeClassifier()),
    }
    monkeypatch.setenv("CR_SKLEARN_DATA", str(tmp_path))
    monkeypatch.setattr(command, "ROOT", tmp_path)
    monkeypatch.setattr(cold_start, "MODELS", models)
    monkeypatch.setattr(cold_start, "N_DRAWS", 2)
    out, rows = tmp_path / "out", tmp_path / "rows.csv"
    cold_start.main(
        ["--rows", str(rows), "--out", str(out), "--jobs", "1", "--publish"]
    )
    page = (tmp_path / "docs" / "cold_start.md").read_text(encoding="utf-8")
    assert "Made by `python -m benchmarks.cold_start --rows" in page
    for link in re.findall(r"\]\((.*?\.png)\)", page):
        assert (tmp_path / "docs" / link).exists()
    tables = list((tmp_path / "benchmarks" / "results").glob("cold_start_*.csv"))
    assert len(tables) == 4
    for path in tables:
        assert path.read_text().startswith("# python -m benchmarks.cold_start --rows")
        assert set(pd.read_csv(path, comment="#")["n_train"]) == {25, 50, 100, 250}
    assert "Mean rank by Log-loss" in capsys.readouterr().out
