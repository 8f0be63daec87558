"""The production monitor: what it measures, when it speaks up, how it travels."""

import json
import pickle
import subprocess
import sys
import urllib.request

import numpy as np
import pandas as pd
import pytest
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.parser import text_string_to_metric_families
from river import drift
from scipy.stats import ks_2samp
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from cr_sklearn import ChainzRuleClassifier, ChainzRuleOrdinalRegressor
from cr_sklearn.monitoring import PrometheusExporter, SensitivityMonitor, tail_ratio

SETTINGS = {
    "n_estimators": 1,
    "max_iter": 10,
    "dreg_strength": 0.01,
    "random_state": 0,
}
N_REFERENCE = 1000


def draw(n, seed, shift=0.0, column=2):
    X = np.random.default_rng(seed).normal(size=(n, 4))
    X[:, column] += shift
    return X


@pytest.fixture(scope="module")
def model():
    X = draw(400, 0)
    noise = np.random.default_rng(1).logistic(size=400)
    y = 2 * X[:, 0] + X[:, 1] * X[:, 2] > noise
    return ChainzRuleClassifier(**SETTINGS).fit(X, y)


@pytest.fixture
def monitor(model):
    return SensitivityMonitor.from_estimator(model, draw(N_REFERENCE, 2))


@pytest.fixture(scope="module")
def with_cities():
    """A model of a frame with a category and missing values, and a reference."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "age": rng.normal(40.0, 10.0, 600),
            "city": rng.choice(["Bern", "Oslo", "Rome"], 600),
        }
    )
    frame.loc[::10, "age"] = np.nan
    frame.loc[::15, "city"] = None
    y = (frame["age"] > 42) | (frame["city"] == "Rome")
    return ChainzRuleClassifier(**SETTINGS).fit(frame[:300], y[:300]), frame[300:]


def test_statistics_are_what_they_are_called(model, monitor):
    """Counting must not change what is measured: a per cent at most."""
    X = draw(500, 3, shift=0.7)
    X[:9, 0] = 8.0
    X[7:12, 1] = -8.0
    report, reference = monitor.update(X), draw(N_REFERENCE, 2)
    sensitivity = model.sensitivity(X)
    assert report.tail_ratio.value == pytest.approx(model.tail_ratio(X), rel=0.01)
    assert tail_ratio(sensitivity) == model.tail_ratio(X)
    assert report.sensitivity_mean.value == pytest.approx(sensitivity.mean())
    assert report.squashed_share.value == 12 / 500
    assert report.unseen_share.value == 0.0
    for column in range(4):
        exact = ks_2samp(X[:, column], reference[:, column]).statistic
        # Bins hold a 20th of the reference each.
        assert exact - 0.05 <= report.ks[str(column)].value <= exact + 1e-12
    exact = ks_2samp(sensitivity, model.sensitivity(reference)).statistic
    assert exact - 0.05 <= report.sensitivity_ks.value <= exact + 0.02


@pytest.mark.parametrize("n_rows", [60, 200, 2000])
def test_rows_like_the_reference_are_ok(model, monitor, n_rows):
    """A monitor that cries wolf is turned off: 2 in 100 reports at most."""
    X = draw(100 * n_rows, 4)
    sensitivity = model.sensitivity(X)
    batches = [slice(start, start + n_rows) for start in range(0, len(X), n_rows)]
    states = [monitor.update(X[rows], sensitivity[rows]).status for rows in batches]
    assert states.count("ok") >= 98
    assert "alert" not in states


def test_a_shift_is_found_in_its_column(monitor):
    """An alarm that does not say where leaves all the work to be done."""
    report = monitor.update(draw(200, 5, shift=1.0, column=2))
    assert report.status == "alert"
    assert {column for column, ks in report.ks.items() if ks.status != "ok"} == {"2"}


def test_bands_are_narrower_for_more_rows(monitor):
    """A fixed band would sleep over large batches or shout at small ones."""
    bands = [monitor.update(draw(n, 6)) for n in (60, 600, 6000)]
    for name in ("tail_ratio", "sensitivity_mean"):
        widths = [getattr(b, name).high - getattr(b, name).low for b in bands]
        assert widths == sorted(widths, reverse=True)
    for column in "0123":
        highs = [b.ks[column].high for b in bands]
        assert highs == sorted(highs, reverse=True)


def test_bands_know_that_the_reference_is_a_sample(model):
    """Of a small reference the next rows differ more than its own resamples do."""
    few, many = (
        SensitivityMonitor.from_estimator(model, draw(n, 7)).update(draw(200, 8))
        for n in (100, 10_000)
    )
    assert few.ks["0"].high > 1.3 * many.ks["0"].high
    assert few.squashed_share.high > many.squashed_share.high


def test_workers_add_up_to_one_monitor(model, monitor):
    """The tail ratio of all rows is not the mean of the workers' tail ratios."""
    state = monitor.to_dict()
    batches = [draw(300, 9), draw(100, 10, shift=2.0, column=0)]
    workers = [SensitivityMonitor.from_dict(state, model) for _ in batches]
    alone = [
        worker.update(batch) for worker, batch in zip(workers, batches, strict=True)
    ]
    collector = SensitivityMonitor.from_dict(json.loads(json.dumps(state)))
    for worker in workers:
        sent = json.loads(json.dumps(worker.to_dict()))
        collector.merge(SensitivityMonitor.from_dict(sent))
    merged, whole = collector.report(), monitor.update(np.concatenate(batches))
    assert merged.n_rows == 400
    for (*_, of_merged), (*_, of_whole) in zip(
        merged.statistics(), whole.statistics(), strict=True
    ):
        assert of_merged[:3] == pytest.approx(of_whole[:3])
        assert of_merged.status == of_whole.status
    mean = np.mean([report.tail_ratio.value for report in alone])
    assert abs(merged.tail_ratio.value - mean) > 0.02


def test_a_window_can_be_set_later(monitor):
    """It is a public attribute, and what it says must be so."""
    monitor.window = 400
    for seed in range(3):
        report = monitor.update(draw(150, seed))
    assert report.n_rows == 450


def test_a_window_rolls(model):
    """Requests of one row each are judged by the latest thousands of them."""
    monitor = SensitivityMonitor.from_estimator(model, draw(N_REFERENCE, 2), window=400)
    reports = [monitor.update(rows) for rows in np.split(draw(600, 11), 600)]
    assert reports[48].status == "too_few_rows"
    assert all(report.status == "ok" for report in reports[49:])
    assert reports[399].n_rows == 400
    # Old pieces leave whole, and are few.
    assert {report.n_rows for report in reports[400:]} <= set(range(400, 421))
    assert len(monitor.to_dict()["pieces"]) <= 22
    report = monitor.update(draw(400, 12, shift=1.0))
    assert report.n_rows == 400
    assert report.status == "alert"
    monitor.reset()
    assert monitor.report().n_rows == 0


def test_sensitivities_that_are_known_are_not_computed_again(model, monitor):
    """They come with the probabilities: counting alone costs little."""
    X = draw(200, 13)
    _, sensitivity = model.predict_proba(X, return_sensitivity=True)
    one, two = monitor.update(X), monitor.update(X, sensitivity)
    assert one.statistics() == two.statistics()
    assert monitor.update(X, 2 * sensitivity).sensitivity_mean.status == "alert"


def test_categories_and_missing_values(with_cities):
    """Both change in production more often than means do."""
    model, reference = with_cities
    monitor = SensitivityMonitor.from_estimator(model, reference)
    assert monitor.update(reference[::2]).status == "ok"
    fresh = reference[:200].reset_index(drop=True)
    fresh.loc[:19, "city"] = "Kyiv"
    report = monitor.update(fresh)
    assert report.unseen == {"city": 20}
    assert report.unseen_share.value == 0.1
    assert report.unseen_share.status == "alert"
    assert report.psi["age"].status == "ok"
    for column in ("age", "city"):
        fresh = reference[:200].reset_index(drop=True)
        fresh.loc[::2, column] = None
        report = monitor.update(fresh)
        flagged = [name for name, psi in report.psi.items() if psi.status != "ok"]
        assert flagged == [column]
    assert report.unseen == {"city": 0}


def test_a_category_that_the_reference_lacks_is_not_unseen(with_cities):
    """Unseen is what training did not see; the rest is distance."""
    model, reference = with_cities
    monitor = SensitivityMonitor.from_estimator(
        model, reference[reference["city"] != "Rome"]
    )
    report = monitor.update(reference[reference["city"] == "Rome"])
    assert report.unseen == {"city": 0}
    assert report.psi["city"].status == "alert"


def test_too_few_rows_are_measured_but_not_judged(monitor):
    """A p99 of ten rows is their maximum, of which nothing follows."""
    report = monitor.update(draw(10, 14, shift=5.0))
    assert report.status == "too_few_rows"
    assert report.sensitivity_mean.value > 0
    assert {statistic.status for *_, statistic in report.statistics()} == {
        "too_few_rows"
    }


def test_silence_is_not_calm(model, monitor):
    """Rows so far out that every derivative vanishes must not read as safe."""
    report = monitor.update(np.full((100, 4), 1e9))
    assert report.status == "alert"
    assert report.squashed_share.value == 1.0
    assert report.sensitivity_mean.status == "alert"
    report = monitor.update(draw(100, 15), np.zeros(100))
    assert np.isnan(report.tail_ratio.value)
    assert report.tail_ratio.status == "alert"
    assert json.loads(report.to_json())["tail_ratio"]["value"] is None


def test_a_report_in_its_three_forms(monitor):
    """Logs take JSON, dashboards frames; both say the same."""
    report = monitor.update(draw(200, 16, shift=1.0))
    state = json.loads(report.to_json())
    assert state == report.to_dict()
    assert state["status"] == report.status == "alert"
    frame = report.to_frame().set_index(["statistic", "column"])
    assert frame.loc[("ks", "2"), "value"].item() == state["ks"]["2"]["value"]
    assert len(frame) == len(report.statistics()) == 6 + 4 + 4
    assert (frame["n_rows"] == 200).all()


def test_reports_are_appended_to_files(monitor, tmp_path):
    """A history is what drift is seen in."""
    reports = [monitor.update(draw(200, seed)) for seed in (17, 18)]
    for report in reports:
        report.append_to(tmp_path / "log.jsonl")
        report.append_to(tmp_path / "log.parquet")
    lines = (tmp_path / "log.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [r.to_dict() for r in reports]
    frame = pd.read_parquet(tmp_path / "log.parquet")
    expected = pd.concat([r.to_frame() for r in reports], ignore_index=True)
    pd.testing.assert_frame_equal(frame, expected)
    with pytest.raises(ValueError, match=r"\.jsonl or \.parquet.*log\.csv"):
        reports[0].append_to(tmp_path / "log.csv")
    for name in ("log.jsonl", "log.parquet"):
        with pytest.raises(FileNotFoundError, match="elsewhere"):
            reports[0].append_to(tmp_path / "elsewhere" / name)
    (tmp_path / "broken.parquet").write_bytes(b"not parquet")
    with pytest.raises(Exception, match=r"(?i)parquet"):
        reports[0].append_to(tmp_path / "broken.parquet")
    assert (tmp_path / "broken.parquet").read_bytes() == b"not parquet"
    assert len(list(tmp_path.iterdir())) == 3


def test_a_saved_monitor_goes_on_where_it_was(model, tmp_path):
    """A restart must not forget the window, nor move the bands."""
    monitor = SensitivityMonitor.from_estimator(
        model, draw(N_REFERENCE, 2), window=1000, warn_rate=0.02, random_state=3
    )
    monitor.update(draw(300, 19))
    monitor.save(tmp_path / "monitor.json")
    loaded = SensitivityMonitor.load(tmp_path / "monitor.json", model)
    X = draw(300, 20)
    assert loaded.update(X).statistics() == monitor.update(X).statistics()
    assert loaded.to_dict() == monitor.to_dict()
    assert loaded.n_reference == N_REFERENCE
    with pytest.raises(FileNotFoundError, match="no folder"):
        monitor.save(tmp_path / "elsewhere" / "monitor.json")
    assert [file.name for file in tmp_path.iterdir()] == ["monitor.json"]


def test_serving_needs_no_torch(model, monitor, tmp_path):
    """The process that predicts and watches starts in a second."""
    monitor.save(tmp_path / "monitor.json")
    (tmp_path / "model").write_bytes(pickle.dumps(model))
    code = f"""
import pathlib, pickle, sys
import numpy as np
from cr_sklearn.monitoring import SensitivityMonitor
folder = pathlib.Path({str(tmp_path)!r})
model = pickle.loads((folder / "model").read_bytes())
monitor = SensitivityMonitor.load(folder / "monitor.json", model)
assert monitor.update(np.random.default_rng(0).normal(size=(100, 4))).status == "ok"
loaded = {{"torch", "prometheus_client", "onnx"}}.intersection(sys.modules)
assert not loaded, loaded
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_prometheus_scrapes_the_last_report(monitor):
    """Over real HTTP, from the caller's registry, statistics and status."""
    registry = CollectorRegistry()
    exporter = PrometheusExporter(registry)
    server, thread = start_http_server(0, addr="127.0.0.1", registry=registry)
    try:
        for shift, status in [(0.0, "ok"), (1.0, "alert")]:
            report = monitor.update(draw(200, 21, shift))
            exporter.show(report)
            url = f"http://127.0.0.1:{server.server_port}/metrics"
            with urllib.request.urlopen(url) as response:
                text = response.read().decode()
            found = {
                (sample.name, *sorted(sample.labels.values())): sample.value
                for family in text_string_to_metric_families(text)
                for sample in family.samples
            }
            name = "cr_sklearn_monitor"
            of_tau = found[f"{name}_value", "", "tail_ratio"]
            assert of_tau == report.tail_ratio.value
            assert found[f"{name}_high", "2", "ks"] == report.ks["2"].high
            assert found[f"{name}_low", "", "squashed_share"] == -np.inf
            assert found[f"{name}_rows",] == 200.0
            states = ["ok", "warn", "alert", "too_few_rows"]
            holds = [state for state in states if found[f"{name}_status", state]]
            assert holds == [status]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    with pytest.raises(ValueError, match="Duplicated timeseries"):
        PrometheusExporter(registry)
    PrometheusExporter(registry, prefix="other")
    with pytest.raises(TypeError, match="must be a MonitorReport, got 'ok'"):
        exporter.show("ok")


@pytest.mark.parametrize(
    "detector", [drift.ADWIN(), drift.PageHinkley(), drift.KSWIN(seed=0)], ids=repr
)
def test_river_detectors_are_fed(model, detector):
    """Whoever has a detector that they trust gives it the sensitivities."""
    for sensitivity in model.sensitivity(draw(1500, 22)):
        detector.update(sensitivity)
    was_calm = not detector.drift_detected
    found = False
    for sensitivity in 1.5 * model.sensitivity(draw(500, 23)):
        detector.update(sensitivity)
        found |= detector.drift_detected
    assert was_calm
    assert found


def test_columns_behind_the_steps_of_a_pipeline():
    """What is watched is what the model gets."""
    X = draw(400, 24)
    pipeline = make_pipeline(StandardScaler(), ChainzRuleClassifier(**SETTINGS))
    pipeline.fit(100 * X + 5, X[:, 0] > 0)
    monitor = SensitivityMonitor.from_estimator(pipeline, 100 * draw(500, 25) + 5)
    assert monitor.update(100 * draw(200, 26) + 5).status == "ok"
    report = monitor.update(100 * draw(200, 26, shift=1.0) + 5)
    assert report.ks["2"].status == "alert"


def test_ordered_classes_are_watched():
    """Any estimator with sensitivities is."""
    X = draw(300, 27)
    model = ChainzRuleOrdinalRegressor(**SETTINGS)
    model.fit(X, np.digitize(X[:, 0], [-1.0, 1.0]))
    monitor = SensitivityMonitor.from_estimator(model, draw(500, 28))
    assert monitor.update(draw(100, 29)).status == "ok"


def test_random_state_of_the_caller_is_left_alone(monitor):
    """Bands are drawn; nobody else's draws may change by it."""
    np.random.seed(0)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    monitor.update(draw(100, 30))
    np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_updates_that_are_refused(with_cities):
    """The message names what is wrong, and the window is as it was."""
    model, reference = with_cities
    monitor = SensitivityMonitor.from_estimator(model, reference, window=1000)
    monitor.update(reference)
    before = monitor.to_dict()
    known = model.sensitivity(reference)
    bad = [
        (reference[["age"]], None, ValueError, "(?s)missing:.*city"),
        (reference.assign(age=np.inf), None, ValueError, "'age'.*row 0"),
        (reference[:0], None, ValueError, "0 sample"),
        (reference, known[1:], ValueError, r"shape \(300,\).*got \(299,\)"),
        (reference, np.r_[-1.0, known[1:]], ValueError, "finite.*-1.0 in row 0"),
        (reference, np.r_[known[1:], np.nan], ValueError, "nan in row 299"),
    ]
    for X, sensitivity, error, message in bad:
        with pytest.raises(error, match=message):
            monitor.update(X, sensitivity)
        assert monitor.to_dict() == before


def test_monitors_that_are_refused(model):
    """References and models of which nothing can be learned."""
    make, X = SensitivityMonitor.from_estimator, draw(100, 31)
    with pytest.raises(TypeError, match="got LogisticRegression"):
        make(LogisticRegression(), X)
    with pytest.raises(NotFittedError):
        make(ChainzRuleClassifier(), X)
    with pytest.raises(ValueError, match="reference has 20 rows, but min_rows=50"):
        make(model, X[:20])
    constant = ChainzRuleClassifier(**SETTINGS).fit(np.ones((20, 4)), [0, 1] * 10)
    with pytest.raises(ValueError, match=r"All sensitivities.*are zero"):
        make(constant, X)
    for params in (
        {"min_rows": 1},
        {"window": 10},
        {"warn_rate": 0.2},
        {"warn_rate": 0.0},
        {"alert_rate": 0.03},
        {"random_state": -1},
    ):
        with pytest.raises(ValueError, match=next(iter(params))):
            make(model, X, **params)


def test_states_that_are_refused(model, monitor, tmp_path):
    """Counts of another model or reference do not add up."""
    X = draw(N_REFERENCE, 32)
    other = ChainzRuleClassifier(**SETTINGS).fit(X, X[:, 1] > 0)
    with pytest.raises(ValueError, match="made for another model"):
        SensitivityMonitor.from_dict(monitor.to_dict(), other)
    for foreign in (
        SensitivityMonitor.from_estimator(model, X),
        SensitivityMonitor.from_estimator(other, draw(N_REFERENCE, 2)),
    ):
        with pytest.raises(ValueError, match="different models or references"):
            monitor.merge(foreign)
    with pytest.raises(TypeError, match="Only a SensitivityMonitor"):
        monitor.merge({})
    collector = SensitivityMonitor.from_dict(monitor.to_dict())
    with pytest.raises(ValueError, match="no estimator"):
        collector.update(X)
    assert collector.report().status == "too_few_rows"
    with pytest.raises(ValueError, match="its format is None"):
        SensitivityMonitor.from_dict({"window": 3})
    (tmp_path / "half.json").write_text('{"format": 1')
    with pytest.raises(ValueError, match=r"half\.json does not hold JSON"):
        SensitivityMonitor.load(tmp_path / "half.json")
