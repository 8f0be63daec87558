"""What experiments on texts and images read: data, weights, cached features."""

import hashlib

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from benchmarks import command, data, encoders
from benchmarks.encoders import GloveEncoder, SentenceEncoder, encoded, package_file
from benchmarks.images import load_cifar10, load_mnist
from benchmarks.texts import REVIEWS, load_reviews, load_sst5

WHOLE = b"all of the file"


@pytest.fixture
def known(tmp_path, monkeypatch):
    """A folder of data with one known file."""
    folder = tmp_path / "known"
    (folder / "set").mkdir(parents=True)
    (folder / "set" / "rows.csv").write_bytes(WHOLE)
    table = pd.DataFrame(
        {
            "file": ["set/rows.csv"],
            "bytes": [len(WHOLE)],
            "sha256": [hashlib.sha256(WHOLE).hexdigest()],
            "source": ["the rows of somebody"],
        }
    )
    table.to_csv(tmp_path / "files.csv", index=False)
    monkeypatch.setattr(data, "DATASETS", tmp_path)
    monkeypatch.setenv("CR_SKLEARN_DATA", str(folder))
    return folder / "set" / "rows.csv"


class TestDataFile:
    @pytest.mark.parametrize("damaged", [WHOLE[:7], WHOLE[::-1]])
    def test_half_a_download_is_never_read(self, known, damaged):
        # Half a set would train, and give figures that look like any others.
        assert data.data_file("set/rows.csv") == known
        known.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"rows\.csv is not the known file"):
            data.data_file("set/rows.csv")

    def test_a_missing_file_is_named_with_its_source(self, known):
        # One who has only some of the data must learn which are missing.
        known.unlink()
        with pytest.raises(FileNotFoundError, match="the rows of somebody"):
            data.data_file("set/rows.csv")

    def test_a_command_ends_in_one_line(self, known):
        # A traceback hides what to do.
        known.unlink()
        with pytest.raises(SystemExit, match=r"^There is no set/rows\.csv [^\n]*$"):
            command.loaded(data.data_file, "set/rows.csv")


class _Lengths(GloveEncoder):
    """Encodes texts by their length, and counts how often."""

    calls = 0

    def __init__(self, factor=1.0):
        self.factor = factor

    def weights(self):
        return "none"

    def transform(self, X):
        """Encode."""
        type(self).calls += 1
        return np.array([[self.factor * len(text)] for text in X], dtype=np.float32)


class TestEncoders:
    def test_features_are_computed_once_for_the_same_contents(
        self, tmp_path, monkeypatch
    ):
        # Encoding takes minutes; stale features would be those of other texts.
        monkeypatch.setenv("CR_SKLEARN_CACHE", str(tmp_path))
        _Lengths.calls = 0
        texts = np.array(["a", "bc"], dtype=object)
        first = encoded(_Lengths(), texts)
        np.testing.assert_array_equal(encoded(_Lengths(), texts.copy()), first)
        assert _Lengths.calls == 1
        np.testing.assert_array_equal(encoded(_Lengths(2.0), texts), 2 * first)
        encoded(_Lengths(), np.array(["a", "bd"], dtype=object))
        assert _Lengths.calls == 3

    def test_weights_of_a_package_that_is_not_there_are_named(self):
        # One line must say what to install.
        with pytest.raises(ModuleNotFoundError, match="no-such-weights is not"):
            package_file("no-such-weights", "model.bin")

    def test_weights_that_were_changed_are_not_loaded(self, tmp_path, monkeypatch):
        # Other weights give other features under the same name.
        path, digest = package_file("joblib", "pool.py")
        assert hashlib.sha256(path.read_bytes()).hexdigest() == digest
        changed = tmp_path / "pool.py"
        changed.write_bytes(path.read_bytes() + b"\n")

        class Changed:
            name, size = "pool.py", path.stat().st_size
            hash = next(
                file.hash
                for file in encoders.metadata.files("joblib")
                if file.name == "pool.py"
            )

            def locate(self):
                return changed

        monkeypatch.setattr(encoders.metadata, "files", lambda package: [Changed()])
        with pytest.raises(ValueError, match="is not the known file"):
            package_file("joblib", "pool.py")

    def test_sentence_encoder_is_a_transformer_without_state(self):
        # It goes through pipelines, clones and joblib, without its weights.
        pytest.importorskip("transformers")
        try:
            package_file(*encoders.MINILM)
        except ModuleNotFoundError:
            pytest.skip("the weights of MiniLM are not installed")
        encoder = SentenceEncoder()
        texts = ["Good food.", "I waited for an hour and then left again.", "Bad."]
        rows = encoder.transform(texts)
        assert rows.shape == (3, 384)
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1.0, rtol=1e-5)
        assert "_model" not in encoder.__getstate__()
        # One at a time, as in production: the same, whatever is beside a text.
        again = clone(encoder)
        for text, row in zip(texts, rows, strict=True):
            np.testing.assert_allclose(again.transform([text])[0], row, atol=1e-5)


@pytest.mark.data
class TestKnownData:
    def test_sst5_has_its_official_parts(self):
        # Figures are compared with published ones on these sentences.
        parts = load_sst5()
        sizes = {name: len(part.y) for name, part in parts.items()}
        assert sizes == {"train": 8544, "dev": 1101, "test": 2210}
        assert np.bincount(parts["test"].y).tolist() == [279, 633, 389, 510, 399]

    @pytest.mark.parametrize("name", REVIEWS)
    def test_equal_reviews_are_one_group(self, name):
        # In a training and a test part at once they would be learnt by heart.
        reviews = load_reviews(name, 2000)
        assert len(reviews.texts) == 2000
        assert len(np.unique(reviews.groups)) == len(set(reviews.texts))
        assert set(reviews.y) == set(range(len(reviews.levels)))

    def test_images_are_those_of_the_papers(self):
        # 6,000 of each class in CIFAR-10; MNIST's digits are not balanced.
        cifar, mnist = load_cifar10(), load_mnist()
        assert cifar.train.shape == (50_000, 32, 32, 3)
        assert np.bincount(cifar.y_test).tolist() == [1000] * 10
        assert mnist.test.shape == (10_000, 28, 28)
        assert np.bincount(mnist.y_train)[[0, 5]].tolist() == [5923, 5421]
