"""The CIFAR-10-C benchmark: its corruptions, its replicates, scores and report."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from benchmarks import cifar10c, cifar10c_report, cifar10c_scores
from benchmarks.comparison import compare
from benchmarks.corruptions import (
    COMMON,
    CONDITIONS,
    CORRUPTIONS,
    FROST,
    FROST_PICTURES,
    corrupt,
)
from benchmarks.encoders import package_file
from benchmarks.images import Images, load_cifar10c

BLURS = ["defocus_blur", "glass_blur", "motion_blur", "zoom_blur", "gaussian_blur"]
# Their constants grow, or shrink, in one direction alone.
GROWING = [
    "gaussian_noise",
    "shot_noise",
    "impulse_noise",
    "speckle_noise",
    "defocus_blur",
    "zoom_blur",
    "gaussian_blur",
    "brightness",
    "contrast",
    "fog",
    "jpeg_compression",
]


def _skip_without(name):
    if name == "spatter":
        pytest.importorskip("cv2")
    if name == "frost":
        try:
            package_file(FROST, FROST_PICTURES[0])
        except ModuleNotFoundError as error:
            pytest.skip(str(error))


@pytest.fixture(scope="module")
def photographs():
    """Six smooth images with an edge, not too dark and not too bright."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:32, :32] / 31
    phase, slope = rng.uniform(0, 6, (2, 6, 1, 1, 3))
    waves = np.sin(phase + slope * rows[..., None] + 4 * columns[..., None])
    waves[:, 8:20, 10:24] *= -0.7
    return (128 + 70 * waves).astype(np.uint8)


class TestCorruptions:
    def test_nineteen_in_five_severities(self):
        """A missing severity would silently average over fewer conditions."""
        assert len(CORRUPTIONS) == 19 and len(COMMON) == 15
        assert len(CONDITIONS) == 95
        for corruption in CORRUPTIONS.values():
            assert len({np.size(constant) for constant in corruption.constants}) == 1
            assert len(set(corruption.constants)) == 5

    @pytest.mark.parametrize("name", CORRUPTIONS)
    def test_seeded_by_corruption_and_severity(self, photographs, name):
        """Cached features are of the same images only if these are always the same."""
        _skip_without(name)
        before = photographs.copy()
        found = [corrupt(photographs, name, severity) for severity in range(1, 6)]
        for severity, images in enumerate(found, start=1):
            assert images.dtype == np.uint8 and images.shape == photographs.shape
            assert_array_equal(images, corrupt(photographs, name, severity))
            assert (images != photographs).any(axis=(1, 2, 3)).all()
        assert len({images.tobytes() for images in found}) == 5
        assert_array_equal(photographs, before)

    @pytest.mark.parametrize("name", GROWING)
    def test_severity_moves_images_further_away(self, photographs, name):
        """Severities in the wrong order would turn every picture by severity around."""
        errors = [
            np.abs(corrupt(photographs, name, severity) - photographs.astype(float))
            for severity in range(1, 6)
        ]
        errors = [error.mean() for error in errors]
        assert errors == sorted(errors) and errors[4] > 1.3 * errors[0]

    @pytest.mark.parametrize("name", [*BLURS, "elastic_transform", "pixelate"])
    def test_an_even_surface_stays_even(self, name):
        """Weights that do not add up to 1, or edges that let black in, would show."""
        even = np.full((3, 32, 32, 3), 100, dtype=np.uint8)
        for severity in [1, 3, 5]:
            images = corrupt(even, name, severity)
            assert np.abs(images.astype(int) - 100).max() <= 1

    def test_noise_is_as_strong_as_in_cifar10c(self):
        """ImageNet-C's constants are up to four times as large."""
        grey = np.full((20, 32, 32, 3), 128, dtype=np.uint8)
        for severity, sd in enumerate([0.04, 0.06, 0.08, 0.09, 0.10], start=1):
            noise = corrupt(grey, "gaussian_noise", severity) / 255
            assert noise.std() == pytest.approx(sd, rel=0.02)
        hit = corrupt(grey, "impulse_noise", 5) != 128
        assert hit.mean() == pytest.approx(0.07, rel=0.05)

    def test_glass_takes_neighbouring_pixels(self, photographs):
        """With next to no blur, every pixel is one that was there or one up or left."""
        images = corrupt(photographs, "glass_blur", 1)[:, 2:, 2:]
        neighbours = [
            photographs[:, 2 - up : 32 - up, 2 - left : 32 - left]
            for up in (0, 1)
            for left in (0, 1)
        ]
        same = [(images == other).all(axis=-1) for other in neighbours]
        assert np.any(same, axis=0).all()
        assert 0.1 < np.mean(same[0]) < 0.9

    def test_motion_is_along_a_line_to_one_side(self):
        """A point becomes a line that begins in it, at most 45 degrees from level."""
        point = np.zeros((40, 32, 32, 3), dtype=np.uint8)
        point[:, 16, 16] = 255
        for image in corrupt(point, "motion_blur", 5)[..., 0]:
            rows, columns = np.nonzero(image)
            assert image[16, 16] > 0
            assert columns.max() <= 16 and columns.min() <= 12
            assert (np.abs(rows - 16) <= 16 - columns + 1).all()

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"name": "rain"}, "'rain'"),
            ({"severity": 6}, "severity must be 1 to 5, got 6"),
            ({"images": np.zeros((2, 32, 32, 3))}, "float64"),
            ({"images": np.zeros((2, 28, 28), dtype=np.uint8)}, r"\(2, 28, 28\)"),
        ],
    )
    def test_bad_input_is_named(self, photographs, change, message):
        """Float images from 0 to 1 would otherwise come back black."""
        arguments = {"images": photographs, "name": "fog", "severity": 1, **change}
        with pytest.raises(ValueError, match=message):
            corrupt(**arguments)


def _write_official(folder, n_images, labels):
    """Images whose first pixel tells severity and label."""
    for position, name in enumerate(CORRUPTIONS):
        images = np.zeros((5, n_images, 32, 32, 3), dtype=np.uint8)
        images[:, :, 0, 0, 0] = position
        images[:, :, 0, 0, 1] = np.arange(1, 6)[:, None]
        images[:, :, 0, 0, 2] = labels
        np.save(folder / f"{name}.npy", images.reshape(-1, 32, 32, 3))
    np.save(folder / "labels.npy", np.tile(labels, 5).astype(np.uint8))


class TestRows:
    def test_replicates_share_no_image(self):
        """Else their differences would not be independent, and p too small."""
        y = np.repeat(np.arange(4), 30)
        parts = cifar10c.disjoint(y, 3, 20)
        assert parts.shape == (3, 20) and len(np.unique(parts)) == 60
        for part in parts:
            assert np.bincount(y[part]).tolist() == [5, 5, 5, 5]

    def test_rows_and_labels_belong_together(self, tmp_path, monkeypatch):
        """Every block of a test holds its condition's images, with their own labels."""
        y_official = np.array([1, 0, 2, 0, 2, 1, 1, 2, 0])
        _write_official(tmp_path, 9, y_official)
        official, y_corrupted = load_cifar10c(tmp_path, CORRUPTIONS, n_images=9)
        assert_array_equal(y_corrupted, y_official)

        y_train, y_test = np.repeat([0, 1, 2], 8), np.repeat([0, 1, 2], 4)
        own = [np.zeros((len(y), 32, 32, 3), dtype=np.uint8) for y in (y_train, y_test)]
        for images, y in zip(own, (y_train, y_test), strict=True):
            images[:, 0, 0, 2] = y
        images = Images(own[0], y_train, own[1], y_test)
        parts = cifar10c.Parts(
            cifar10c.disjoint(y_train, 2, 12),
            cifar10c.disjoint(y_test, 2, 3),
            cifar10c.disjoint(y_corrupted, 2, 3),
        )
        monkeypatch.setattr(
            cifar10c, "REPRESENTATIONS", {"corner": lambda x: x[:, 0, 0].copy()}
        )
        X = cifar10c.represent(images, parts, official, n_jobs=1)["corner"]
        y = cifar10c.labels(images, y_corrupted, parts)
        assert_array_equal(X[:, 2], y)
        first, second = cifar10c.splits(parts)
        rows = np.concatenate([*first[-2:], *second[-2:]])
        assert_array_equal(np.sort(rows), np.arange(len(X)))
        for split in (first, second):
            assert (X[split.train, :2] == 0).all()
            blocks = X[split.test].reshape(96, 3, 3)[1:]
            names = list(CORRUPTIONS)
            expected = [(names.index(name), s) for name, s in CONDITIONS.values()]
            assert_array_equal(blocks[:, 0, :2], expected)

    def test_other_files_are_refused(self, tmp_path):
        """ImageNet-C or half a download must not be taken for CIFAR-10-C."""
        with pytest.raises(FileNotFoundError, match=r"fog\.npy"):
            load_cifar10c(tmp_path, ["fog"])
        _write_official(tmp_path, 3, np.arange(3))
        with pytest.raises(ValueError, match=r"\(50000, 32, 32, 3\)"):
            load_cifar10c(tmp_path, ["fog"])
        np.save(tmp_path / "labels.npy", np.arange(15, dtype=np.uint8))
        with pytest.raises(ValueError, match="differ between the severities"):
            load_cifar10c(tmp_path, ["fog"], n_images=3)

    def test_missing_data_is_one_line(self, monkeypatch):
        """A traceback would not say which variable to set."""
        monkeypatch.delenv("CR_SKLEARN_DATA", raising=False)
        with pytest.raises(SystemExit, match="CR_SKLEARN_DATA"):
            cifar10c.main(["--report-only"])


class _Known:
    classes_ = np.array([0, 1])


def _rows(lead):
    """Five replicates of three models; ours leads by ``lead`` and some noise."""
    rng = np.random.default_rng(0)
    accuracy = rng.uniform(0.5, 0.7, (5, len(CONDITIONS)))
    lines = []
    for dataset in ["features", "pixels"]:
        for model, more in [("chainzrule", lead), ("relu", 0.0), ("lr", 0.01)]:
            for repeat in range(5):
                found = accuracy[repeat] + more + rng.normal(0, 0.005, len(CONDITIONS))
                lines.append(
                    {
                        "dataset": dataset,
                        "model": model,
                        "repeat": repeat,
                        "fold": 0,
                        "fraction": 1.0,
                        "n_train": 100,
                        "n_test": 960,
                        "clean": 0.9,
                        "corrupted": found.mean(),
                        "common": found[:75].mean(),
                        "drop": 0.9 - found.mean() + rng.normal(0, 0.001),
                        "clean_log_loss": 0.3,
                        "log_loss": 1.0 - more + rng.normal(0, 0.01),
                        "fit_seconds": 1.0,
                        "predict_seconds": 1.0,
                        **dict(zip(CONDITIONS, found, strict=True)),
                    }
                )
    return pd.DataFrame(lines)


class TestScores:
    def test_conditions_are_scored_apart(self):
        """By hand: clean all right, the common ones half, the further ones not."""
        y = np.tile([0, 1], 96)
        labels = y.copy()
        labels[2 : 2 + 150 : 2] = 1
        labels[152:] = 1 - y[152:]
        probabilities = np.full((len(y), 2), 0.5)
        probabilities[:2] = [[0.8, 0.2], [0.2, 0.8]]
        scores = cifar10c.SCORING.score(_Known(), None, y, labels, probabilities)
        assert set(scores) == set(cifar10c.SCORING.metrics)
        assert scores["clean"] == 1 and scores["common"] == 0.5
        assert scores["corrupted"] == pytest.approx(0.5 * 15 / 19)
        assert scores["drop"] == pytest.approx(1 - 0.5 * 15 / 19)
        assert scores["jpeg_compression 5"] == 0.5 and scores["speckle_noise 1"] == 0
        assert scores["clean_log_loss"] == pytest.approx(-np.log(0.8))
        assert scores["log_loss"] == pytest.approx(np.log(2))

    def test_independent_replicates_need_no_correction(self):
        """The test is the ordinary paired one, which has its level here."""
        rows = _rows(0.02).query("dataset == 'pixels'")
        table = compare(rows, "chainzrule", ["corrupted"], test_to_train=0.0)
        scores = rows.pivot(index="repeat", columns="model", values="corrupted")
        expected = stats.ttest_rel(scores["chainzrule"], scores["relu"])
        found = table.set_index("model").loc["relu"]
        assert_allclose(found["p"], expected.pvalue)
        assert found["p"] < compare(rows, "chainzrule", ["corrupted"])["p"].min()

    def test_leads_by_corruption(self):
        """Ahead everywhere by two points of one model, and by one of the other."""
        rows = _rows(0.02).query("dataset == 'pixels'")
        table = cifar10c_scores.over_corruptions(rows).set_index("model")
        assert table["wins"].tolist() == [19, 19] and table["losses"].eq(0).all()
        assert_allclose(table["difference"], [0.02, 0.01], atol=0.002)
        assert (table["p_holm"] < 0.001).all()
        cells = cifar10c_scores.by_condition(rows)
        own = cells["model"] == "chainzrule"
        assert (cells.loc[own, "difference"] == 0).all()
        assert_allclose(
            cells[~own].groupby("model")["difference"].mean()[["lr", "relu"]],
            [0.01, 0.02],
            atol=0.001,
        )


class TestReport:
    @staticmethod
    def _result(lead, photographs):
        return cifar10c_report.Result(_rows(lead), cifar10c.FULL, False, photographs[0])

    @pytest.mark.parametrize(("lead", "found"), [(0.02, "reached"), (-0.02, "missed")])
    def test_goal(self, photographs, lead, found):
        """A miss has to be called one."""
        lines = cifar10c_report.goal_lines(self._result(lead, photographs))
        assert len(lines) == 2
        for line in lines:
            assert f": {found}; {'+' if lead > 0 else '-'}" in line

    def test_page_and_figures(self, tmp_path, photographs):
        """Every heading says that the images are not the original ones."""
        _skip_without("spatter")
        _skip_without("frost")
        page = tmp_path / "report.md"
        result = self._result(0.02, photographs)
        cifar10c_report.write(page, result, "by a test", "some_")
        text = page.read_text()
        assert text.count("JPEG-coded") >= 5
        for name in ["examples", "severities", "differences"]:
            assert f"(some_{name}.png)" in text
            assert (tmp_path / f"some_{name}.png").stat().st_size > 10_000
        cifar10c_report.publish(tmp_path, result, "by a test")
        tables = {
            path.stem: pd.read_csv(path, comment="#") for path in tmp_path.glob("*.csv")
        }
        assert set(tables) == {
            f"cifar10c_{name}"
            for name in ["models", "comparisons", "corruptions", "conditions"]
        }
        assert len(tables["cifar10c_conditions"]) == 2 * 3 * 95
