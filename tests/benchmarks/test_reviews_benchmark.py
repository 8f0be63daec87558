"""The review benchmark: its folds, the official data, its counts and its report."""

import re

import numpy as np
import pandas as pd
import pytest

from benchmarks import reviews, reviews_report
from benchmarks.reviews_models import LARGE_LAYERS, MODELS, n_parameters
from benchmarks.texts import Texts, load_yelp_full
from cr_sklearn import ChainzRuleOrdinalRegressor
from cr_sklearn.nn import ChainzRuleNetwork

STARS = [5, 1, 2, 3, 4]


def test_equal_texts_are_in_one_part():
    """A review that is in the training rows too would be recognised, not read."""
    rng = np.random.default_rng(0)
    groups = rng.integers(60, size=200)
    y = rng.integers(5, size=200)
    folds = reviews.grouped_folds(groups, y)
    for fold in folds:
        assert not set(groups[fold.train]) & set(groups[fold.test])
        assert len(fold.train) + len(fold.test) == len(y)
    tested = np.concatenate([fold.test for fold in folds])
    np.testing.assert_array_equal(np.sort(tested), np.arange(len(y)))


class TestYelpFull:
    """The 650,000 reviews themselves are not at hand: their formats have to do."""

    texts = [f'good "{n}", and more' for n in range(5)]

    def _written(self, folder, form):
        for part in ("train", "test"):
            if form == "parquet":
                # As on Hugging Face, where labels begin at 0.
                table = pd.DataFrame({"label": np.array(STARS) - 1, "text": self.texts})
                table.to_parquet(folder / f"{part}-00000-of-00001.parquet")
                continue
            table = pd.DataFrame({"label": STARS, "text": self.texts})
            table.to_csv(
                folder / f"{part}.csv",
                index=False,
                header=form == "with a header",
                quoting=1,
            )
        return folder

    @pytest.mark.parametrize("form", ["csv", "with a header", "parquet"])
    def test_every_form_gives_the_same_reviews(self, tmp_path, form):
        """Stars off by one, or a header read as a review, would go unnoticed."""
        parts = load_yelp_full(self._written(tmp_path, form))
        for part in parts.values():
            assert part.y.tolist() == [4, 0, 1, 2, 3]
            assert part.texts.tolist() == self.texts

    def test_the_official_split_is_kept(self, tmp_path):
        """Figures on other rows could not be set beside the paper's."""
        parts = load_yelp_full(self._written(tmp_path, "csv"), max_rows=3)
        corpus = reviews.official(parts, n_seeds=2)
        assert [split.seed for split in corpus.splits] == [0, 1]
        assert len(set(corpus.reviews.groups)) == len(set(corpus.reviews.texts))
        for split in corpus.splits:
            assert corpus.reviews.texts[split.train].tolist() == (
                parts["train"].texts.tolist()
            )
            assert corpus.reviews.y[split.test].tolist() == parts["test"].y.tolist()

    def test_a_missing_part_is_named(self, tmp_path):
        """The command shows this as one line."""
        self._written(tmp_path, "csv")
        (tmp_path / "test.csv").unlink()
        with pytest.raises(FileNotFoundError, match=r"test\.csv nor test\*\.parquet"):
            load_yelp_full(tmp_path)

    def test_other_labels_are_refused(self, tmp_path):
        """Yelp Polarity has the same files, with two labels."""
        for part in ("train", "test"):
            (tmp_path / f"{part}.csv").write_text('"1","bad"\n"2","good"\n')
        with pytest.raises(ValueError, match="must be five"):
            load_yelp_full(tmp_path)


def _fit_parameters(hidden):
    rng = np.random.default_rng(0)
    model = ChainzRuleOrdinalRegressor(
        hidden, n_estimators=1, dreg_strength=0.01, n_bins=0, max_iter=1, random_state=0
    ).fit(rng.normal(size=(60, 7)), rng.integers(5, size=60))
    return n_parameters(model)


def test_parameters_are_counted_as_torch_counts_them():
    """Claims of so many parameters rest on this count."""
    network = ChainzRuleNetwork(7, (6, 4), 1, thresholds=(-1.0, 0.0, 1.0, 2.0))
    assert _fit_parameters((6, 4)) == sum(p.numel() for p in network.parameters())


def test_the_large_network_has_the_papers_size():
    """3.2 million, with the columns of MiniLM and five levels."""
    network = ChainzRuleNetwork(384, LARGE_LAYERS, 1, thresholds=(-1.0, 0.0, 1.0, 2.0))
    count = sum(p.numel() for p in network.parameters())
    assert count == pytest.approx(3.2e6, rel=0.05)


def _made_up_rows(gain):
    """Fits of some models; ours are ahead of those with ReLU by ``gain``."""
    rng = np.random.default_rng(0)
    lines = []
    for features, models in MODELS.items():
        for name in {"ordinal", "relu_dreg", "bag"} & set(models):
            ahead = -gain if name.startswith("relu") else 0.0
            for fold in range(5):
                score = 0.5 + ahead + rng.normal(0, 0.003)
                lines.append(
                    {
                        "dataset": "yelp",
                        "protocol": f"{features}, made up",
                        "model": name,
                        "repeat": 0,
                        "fold": fold,
                        "fraction": 1.0,
                        "seed": fold,
                        "n_train": 80,
                        "n_test": 20,
                        "fit_seconds": 1.0,
                        **dict.fromkeys(reviews.SCORING.metrics, score),
                    }
                )
    return pd.DataFrame(lines)


@pytest.fixture(scope="module")
def texts():
    words = np.array(["good", "bad", "good"], dtype=object)
    return Texts(words, np.array([1, 0, 1]), np.array([0, 1, 0]), ["1 star", "2 stars"])


@pytest.mark.parametrize(
    ("gain", "verdict"), [(0.1, "yes"), (-0.1, "no, behind"), (0.0, "not told apart")]
)
def test_the_verdict_follows_the_rows(texts, gain, verdict):
    """No verdict on the paper's claim is written by hand."""
    result = reviews_report.Result(_made_up_rows(gain), {"yelp": texts})
    lines = [
        line
        for line in reviews_report.terminal(result).splitlines()
        if "| Yelp" in line
    ]
    assert len(lines) == 2
    assert all(line.endswith(f"| {verdict} |") for line in lines)


def test_published_figures_have_what_a_claim_needs(texts, tmp_path):
    """Means without seeds and tests, or a page without its pictures, prove nothing."""
    result = reviews_report.Result(_made_up_rows(0.1), {"yelp": texts})
    page = tmp_path / "reviews.md"
    reviews_report.write(page, result, "the command; the machine", "reviews_")
    reviews_report.publish(tmp_path, result, "the command; the machine")
    images = re.findall(r"\]\((reviews_\w+\.png)\)", page.read_text(encoding="utf-8"))
    assert len(images) == 2
    assert all((tmp_path / image).exists() for image in images)
    figures = pd.read_csv(tmp_path / "reviews.csv", comment="#")
    assert (figures["n_seeds"] == 5).all()
    assert figures[["accuracy", "accuracy_sd", "n_parameters"]].notna().all(axis=None)
    tests = pd.read_csv(tmp_path / "reviews_comparisons.csv", comment="#")
    assert (tests["p_holm"] >= tests["p"]).all()
    pair = tests[(tests["reference"] == "ordinal") & (tests["model"] == "relu_dreg")]
    assert set(pair["features"]) == {"minilm", "glove"}
    assert (pair.loc[pair["metric"] == "accuracy", "difference"] > 0.08).all()


def test_a_stopped_run_is_reported_as_far_as_it_went(texts):
    """Pairs are compared on the splits that both have, if there are two."""
    rows = _made_up_rows(0.1)
    later = rows["model"].eq("bag") & rows["fold"].gt(2)
    tests = reviews_report.comparisons(
        reviews_report.Result(rows[~later], {"yelp": texts}).main_rows
    )
    assert set(tests["model"]) == {"relu_dreg", "bag"}
    one = reviews_report.Result(rows[rows["fold"] == 0], {"yelp": texts})
    assert reviews_report.comparisons(one.main_rows).empty
    assert "ReLU + DREG" in reviews_report.terminal(one)
