"""Speed: ratios are taken within a round, operations and rules are what they say."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.special import expit
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import (
    scale_worker,
    speed,
    speed_gpu,
    speed_scale,
    speed_step,
    speed_use,
)
from benchmarks.flops import MatrixProduct, matrix_share, step_flops
from benchmarks.simulation import bayes_accuracy, log_odds, simulate
from benchmarks.timing import ratios, take_turns
from cr_sklearn._rows import RowGroups
from cr_sklearn.nn import CrossEntropy
from cr_sklearn.training._batches import EncodedRows
from cr_sklearn.training._loop import initial_network, train
from cr_sklearn.training._settings import TrainingSettings

TINY_TRAINING = speed_gpu.LargeTraining(
    n_rows=64,
    n_features=6,
    n_classes=3,
    hidden_layer_sizes=(4, 5),
    members=2,
    batch_size=16,
    max_iter=3,
    product_size=32,
)
SMALL_FIT = {"hidden_layer_sizes": (4,), "max_iter": 2}


def test_variants_take_turns():
    """A machine that slows down must slow all of them."""
    calls = []
    variants = {name: lambda name=name: calls.append(name) for name in "ab"}
    seconds = take_turns(variants, rounds=3)
    assert calls == ["a", "b"] * 4  # the first time of each is not counted
    assert [len(times) for times in seconds.values()] == [3, 3]


def test_a_ratio_is_the_median_of_those_within_a_round():
    """The ratio of medians would compare a fast round with a slow one."""
    table = ratios({"a": [1.0, 10.0, 2.0], "b": [3.0, 20.0, 4.0]}, "a")
    assert table["ratio"].tolist() == [1.0, 2.0]
    assert table["milliseconds"].tolist() == [2000.0, 4000.0]


@pytest.mark.parametrize("ratio, result", [(1.9, "reached"), (2.1, "missed")])
def test_goals_are_named_with_what_was_found(ratio, result):
    """A missed goal must not read like a figure."""
    [name] = speed_use.GOALS["predict"]
    table = pd.DataFrame({"variant": [name], "milliseconds": 1.0, "ratio": ratio})
    assert f"<= 2.0. {ratio:.2f}: {result}." in speed.use_text("predict", table)


def test_the_parts_say_how_they_were_made(tmp_path, capsys):
    """A figure without command, versions and machine can't be checked."""
    speed.main(["import", "--rounds", "1", "--out", str(tmp_path)])
    first = (tmp_path / "import.csv").read_text().splitlines()[0]
    assert first.startswith("# python -m benchmarks.speed import --rounds 1")
    assert "cr_sklearn" in capsys.readouterr().out


def test_sections_of_the_page_are_replaced_one_by_one():
    """A part measured anew must leave the others as they were measured."""
    page = speed.with_section(speed.TITLE, "predict", "old\n")
    page = speed.with_section(page, "step", "other\n")
    page = speed.with_section(page, "predict", "new\n")
    expected = "## step\n\n```text\nother\n```\n\n## predict\n\n```text\nnew\n```\n"
    assert page == f"{speed.TITLE}\n{expected}"


def test_unknown_parts_are_named(capsys):
    """Not in the middle of a run."""
    with pytest.raises(SystemExit):
        speed.main(["nothing"])
    assert "unknown: nothing" in capsys.readouterr().err


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("stream", ["exact", "projected", None])
@pytest.mark.parametrize(
    "n_features, hidden", [(5, (8, 6)), (30, (8, 6)), (30, (8,)), (5, ())]
)
def test_operations_of_a_step_are_those_that_torch_counts(
    n_features, hidden, stream, shared
):
    """A share of the matrix rate is worth no more than its count of operations."""
    members, batch_size, n_batches = 3, 24, 2
    network = initial_network(
        n_features,
        hidden,
        2,
        seeds=range(members),
        dtype="float64",
        device=torch.device("cpu"),
    )
    rng = np.random.default_rng(0)
    n_rows = batch_size * n_batches
    rows = EncodedRows.from_arrays(
        rng.standard_normal((n_rows, n_features)),
        rng.integers(2, size=n_rows),
        np.ones(n_rows),
        template=network.skip,
    )
    settings = TrainingSettings(
        max_iter=1,
        batch_size=batch_size,
        learning_rate_init=0.01,
        dreg_strength=[0.01 if stream else 0.0] * members,
        dreg_stream=stream or "projected",
    )
    groups = RowGroups([0]) if shared else None
    with FlopCounterMode(display=False) as counter:
        train(
            network, CrossEntropy(), rows, settings, list(range(members)), groups=groups
        )
    expected = n_batches * step_flops(network, batch_size, stream)
    assert counter.get_total_flops() == expected


def test_a_share_of_the_matrix_rate_is_taken_within_a_round():
    """A slow round slows the product as well, which is what it is there for."""
    product = MatrixProduct(2, torch.float32)
    assert product.flops == 16
    assert matrix_share(8, [1.0, 10.0, 1.0], product, [1.0, 10.0, 4.0]) == 0.5


def test_shares_of_a_step_are_of_one_rate():
    """Or they could not be compared from stream to stream."""
    table = speed_step.step(rounds=1, sizes=[(3, 1)])
    rates = table["flops"] / table["milliseconds"] / table["matrix_share"]
    np.testing.assert_allclose(rates, rates[0])
    assert "Goal: projected" in speed_step.step_text(table)


def test_the_best_accuracy_is_what_the_rule_gives():
    """A model is measured by it, so targets must follow the rule and nothing else."""
    X, y = simulate(30_000, seed=0)
    p = expit(log_odds(X))
    best = np.maximum(p, 1.0 - p)
    error = np.sqrt((best * (1.0 - best)).sum()) / len(best)
    assert abs(bayes_accuracy(X, y) - best.mean()) < 4 * error
    assert X.dtype == np.float32


def test_a_longer_simulated_table_starts_like_a_shorter_one():
    """More rows must be more of the same; another seed gives others."""
    X, y = simulate(20_000, seed=0)
    shorter, target = simulate(17_000, seed=0)
    np.testing.assert_array_equal(X[:17_000], shorter)
    np.testing.assert_array_equal(y[:17_000], target)
    assert not np.isin(simulate(100, seed=1)[0], X).all(axis=1).any()


@pytest.mark.skipif(
    scale_worker.PeakMemory().extra_bytes() is None,
    reason="the system keeps no mark of the highest memory that can be set back",
)
def test_peak_memory_counts_what_lived_for_a_moment():
    """That is what a machine runs out of; and what was before the start is not."""
    memory = scale_worker.PeakMemory()
    np.ones(2**24)
    assert memory.extra_bytes() > 0.9 * 2**27
    assert scale_worker.PeakMemory().extra_bytes() < 2**26


def test_a_fit_in_a_fresh_process_reports_what_it_cost(tmp_path, capfd):
    """Its rows, its data and its epochs, beside the figures derived from them."""
    speed.main(["scale", "--rows", "500", "--out", str(tmp_path)])
    [line] = pd.read_csv(tmp_path / "scale.csv", comment="#").to_dict("records")
    assert line["n_rows"] == 500
    assert line["data_bytes"] == 500 * (50 * 4 + 1)
    per_row = line["seconds"] / (500 * line["n_iter"])
    assert line["microseconds"] == pytest.approx(1e6 * per_row, rel=1e-4)
    assert 0.5 < line["accuracy"] < line["bayes_accuracy"] < 1.0
    captured = capfd.readouterr()
    assert "500 rows" in captured.err
    assert "Goals not measured" in captured.out


@pytest.mark.parametrize("ratio, result", [(1.4, "reached"), (1.6, "missed")])
def test_memory_is_judged_at_a_million_rows(ratio, result):
    """Where a table is small, what a fit needs in any case looks like a lot."""
    table = pd.DataFrame({"n_rows": [10**5, 10**6], "extra_bytes": [9e7, ratio * 2e8]})
    table["memory_ratio"] = [4.5, ratio]
    table["extra_bytes_per_row"] = table["extra_bytes"] / table["n_rows"]
    others = ["seconds", "microseconds", "time_ratio", "accuracy", "bayes_accuracy"]
    text = speed_scale.scale_text(table.assign(**dict.fromkeys(others, 0.5)))
    assert f"<= 1.5. {ratio:.2f}: {result}." in text
    assert f"over 100,000 <= 1.1. {ratio * 200 / 900:.2f}: reached." in text


def _training_figures(device):
    table = speed_gpu.training(device, 1, TINY_TRAINING)
    names = table["measurement"].str.replace("training, 64 x 6, ", "")
    return dict(zip(names, table["value"], strict=True))


def test_figures_of_the_large_training_belong_together():
    """Rate, share and parameters all follow from the same sizes and times."""
    found = _training_figures("cpu")
    # Inputs and skip, two layers behind, biases, coefficients.
    n_parameters = 6 * (4 + 3) + (4 * 5 + 5 * 3) + (4 + 5 + 3) + 3 * (4 + 5)
    assert found["parameters"] == pytest.approx(2 * n_parameters / 1e6)
    seconds = found["3 epochs"]
    assert found["rate"] * seconds * 1e6 == pytest.approx(3 * 64)
    network = initial_network(
        6, (4, 5), 3, seeds=[0, 1], dtype="float32", device=torch.device("cpu")
    )
    flops = 3 * 4 * step_flops(network, 16, "projected")
    matrix_rate = found["matrix rate, precision 'highest'"] * 1e12
    assert found["share of the matrix rate"] * matrix_rate * seconds == pytest.approx(
        flops
    )


def test_fits_on_one_device_do_not_differ():
    """What is reported as a difference must be that of the devices alone."""
    table = speed_gpu.fits("cpu", 1, **SMALL_FIT).set_index("measurement")["value"]
    assert table["largest difference of predict_proba"] == 0.0


@pytest.mark.skipif(
    torch.cuda.is_available() or torch.backends.mps.is_available(),
    reason="there is a GPU",
)
def test_without_a_gpu_nothing_is_written(tmp_path, capsys):
    """An empty table would look like a measurement."""
    speed.main(["gpu", "--out", str(tmp_path)])
    assert "torch finds no GPU here" in capsys.readouterr().out
    assert not list(tmp_path.iterdir())


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_gpu_measurements_on_cuda():
    """The same functions as on the CPU, with the memory that the card has given."""
    assert _training_figures("cuda")["peak memory"] > 0
    table = speed_gpu.fits("cuda", 1, dtype="float64", **SMALL_FIT)
    found = table.set_index("measurement")["value"]
    assert found["largest difference of predict_proba"] < 1e-5
