"""SST-5 with frozen encoders: its parts, its tests between models, its report."""

import numpy as np
import pandas as pd
import pytest

from benchmarks import sst5, sst5_report
from benchmarks.ordinal_scores import RANKS


def _sentences(n=400, n_train=250, n_test=100, n_repeated=20):
    """Some sentences of the training part occur in the test part again."""
    rng = np.random.default_rng(0)
    texts = np.array([f"sentence {i}" for i in range(n)], dtype=object)
    texts[-n_repeated:] = texts[:n_repeated]
    return sst5.Sentences(texts, rng.integers(0, 5, n), n_train, n_test)


def test_official_parts_are_kept():
    """A figure beside published ones must be that of the same test sentences."""
    sentences = _sentences()
    splits = sst5.official_splits(sentences, 2, (0.1, 1.0))
    assert len(splits) == 4
    for split in splits:
        assert split.test.tolist() == list(range(300, 400))
        assert split.train.max() < 250
        counts = np.bincount(sentences.y[split.train])
        expected = split.fraction * np.bincount(sentences.y[:250])
        assert np.abs(counts - expected).max() <= 0.5
    small = [split.train.tolist() for split in splits if split.fraction == 0.1]
    assert small[0] != small[1]
    assert all(len(split.train) == 250 for split in splits if split.fraction == 1.0)


def test_no_sentence_is_in_both_random_parts():
    """A model that has seen a test sentence is rewarded for its memory."""
    sentences = _sentences()
    for split in sst5.resampled_splits(sentences, 3, 1.0):
        parts = [set(sentences.texts[rows]) for rows in (split.train, split.test)]
        assert [len(part) for part in parts] == [250, 100]
        assert not parts[0] & parts[1]


@pytest.mark.data
def test_parts_are_the_published_ones():
    """Their sizes are those that published figures are of."""
    sentences = sst5.load()
    assert (sentences.n_train, sentences.n_test) == (8544, 2210)
    assert np.bincount(sentences.y[-2210:]).tolist() == [279, 633, 389, 510, 399]


def _rows(gain):
    """Fits of all models; ChainzRule is ahead by ``gain`` and the SVM has labels."""
    rng = np.random.default_rng(0)
    lines = []
    for protocol, encoders in [("official", ["minilm", "glove"]), ("resampled", None)]:
        for encoder in encoders or ["minilm"]:
            for name in sst5_report.MODELS:
                for repeat in range(4):
                    score = 0.4 + gain * (name == "chainzrule") + rng.normal(0, 1e-3)
                    scores = dict.fromkeys(RANKS.metrics, score)
                    if name == "svm":
                        scores["log_loss"] = np.nan
                    key = (encoder, protocol, name, repeat, 0, 1.0, 8544, 2210, 1.0)
                    lines.append((*key, *scores.values()))
    names = ["dataset", "protocol", "model", "repeat", "fold", "fraction", "n_train"]
    return pd.DataFrame(
        lines, columns=[*names, "n_test", "fit_seconds", *RANKS.metrics]
    )


@pytest.mark.parametrize("gain, found", [(0.02, "reached"), (-0.02, "missed")])
def test_goals_follow_the_rows(gain, found):
    """No verdict is written by hand."""
    result = sst5_report.Result(_rows(gain), 8544, 159274)
    assert set(sst5_report.goals(result.resampled)["Result"]) == {found}


def test_report_says_how_it_was_made_and_shows_its_figures(tmp_path):
    """A figure without its command, versions and machine can't be checked."""
    result = sst5_report.Result(_rows(0.02), 8544, 159274)
    sst5_report.write(tmp_path / "report.md", result, "the command; the machine")
    sst5_report.publish(tmp_path, result, "the command; the machine")
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "Made by `the command; the machine`" in text
    figures = list(tmp_path.glob("*.png"))
    assert len(figures) == 2
    assert all(f"]({figure.name})" in text for figure in figures)
    tables = {path.stem: path for path in tmp_path.glob("*.csv")}
    assert set(tables) == {"sst5_scores", "sst5_comparisons", "sst5_published"}
    for path in tables.values():
        assert path.read_text().startswith("# the command; the machine\n")
    tests = pd.read_csv(tables["sst5_comparisons"], comment="#")
    by_metric = tests.groupby("metric")["model"].agg(set)
    # A model of labels alone has no log-loss to compare.
    assert by_metric["accuracy"] - by_metric["log_loss"] == {"svm"}


def test_the_papers_p_is_that_of_four_seeds_and_one_of_two_tests():
    """By hand: t of (46.20 - 45.7) / (0.37 / 2) with 3 degrees of freedom."""
    table = sst5_report.papers_p().set_index("n_seeds")
    assert table.loc[4, "p_one_sided"] == pytest.approx(0.0368, abs=1e-4)
    assert (table["p_bonferroni"] == 2 * 0.0362).all()
