"""The stream of reviews: what is saved serves alike, and other texts are noticed."""

import os

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.pipeline import Pipeline, make_pipeline

from cr_sklearn import ChainzRuleOrdinalRegressor
from docs.examples.sentiment_stream import stream, stream_report

FOOD = ["soup", "waiter", "table", "bread", "wine", "menu"]
FILMS = ["actor", "plot", "scene", "camera", "script", "score"]
WORDS = ["awful", "bland", "fine", "good", "superb"]


def _reviews(subject, n, seed):
    """Texts of a subject whose words of praise tell the rank, mostly."""
    rng = np.random.default_rng(seed)
    ranks = rng.integers(5, size=n)
    said = np.clip(ranks + rng.integers(-1, 2, size=n), 0, 4)
    texts = [" ".join([*rng.choice(subject, 8), *[WORDS[rank]] * 2]) for rank in said]
    return pd.DataFrame({"text": texts, "rank": ranks})


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    pipeline = Pipeline(
        [
            (
                "encode",
                make_pipeline(
                    HashingVectorizer(n_features=2**10),
                    TruncatedSVD(6, random_state=0),
                ),
            ),
            (
                "stars",
                ChainzRuleOrdinalRegressor((8,), n_bins=0, max_iter=10, random_state=0),
            ),
        ]
    )
    stream.fit(pipeline, _reviews(FOOD, 600, 0), _reviews(FOOD, 800, 1), folder)
    return folder


@pytest.fixture(scope="module")
def served(saved):
    batches = [("food", _reviews(FOOD, 64, seed)) for seed in range(2, 12)]
    batches += [("films", _reviews(FILMS, 64, seed)) for seed in range(12, 14)]
    return stream.serve(saved, batches)


def test_other_subjects_are_noticed_at_once_and_the_own_is_not(served):
    """What the example promises, without the reviews and the encoder."""
    found = stream_report.detections(served).set_index("source")
    assert found["first_alert"]["films"] == 1
    assert found["drift"].to_dict() == {"food": False, "films": True}
    assert found["alert"]["food"] == 0


def test_what_was_saved_predicts_like_the_pipeline(saved, served):
    """Stages that are timed one by one must add up to the pipeline's own answers."""
    pipeline = joblib.load(saved / "pipeline.joblib")
    for batch, mae in zip(range(2, 5), served["mae"], strict=False):
        reviews = _reviews(FOOD, 64, batch)
        ranks = pipeline.predict(reviews["text"])
        assert mae == pytest.approx(np.abs(ranks - reviews["rank"]).mean())


def test_speeds_are_those_after_the_first_batch(served):
    """The first one loads the encoder: it would slow all others in the mean."""
    slow = served.copy()
    slow.loc[0, ["encode", "predict", "monitor"]] = 1e6
    after, before = (stream_report.speeds(table) for table in (slow, served))
    pd.testing.assert_series_equal(after["milliseconds"], before["milliseconds"])
    parts = before["milliseconds"][:3].max()
    assert parts <= before["milliseconds"].iloc[3]


@pytest.mark.data
@pytest.mark.skipif("CR_SKLEARN_DATA" not in os.environ, reason="needs the reviews")
def test_no_review_is_in_two_parts():
    """A review that was fitted would be no news, and one of the reference no drift."""
    fit, reference, batches = stream.parts([("yelp", 2), ("imdb", 1)], 100, 80)
    texts = pd.concat([fit, reference, *(batch for _, batch in batches)])["text"]
    assert len(texts) == 100 + 80 + 3 * stream.BATCH
    assert texts.is_unique
    assert batches[-1][1]["rank"].isna().all()
