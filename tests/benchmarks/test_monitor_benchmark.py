"""The benchmarks of the monitor and of exported models say what they measured."""

import numpy as np
import pandas as pd
import pytest

from benchmarks import monitor, onnx_runtime


@pytest.mark.parametrize("name", monitor.SETS)
def test_held_out_rows_are_held_out_and_cut_into_batches(name):
    """Rows of the fit in the reference or in production would flatter the monitor."""
    parts, n_reference, _ = monitor.SETS[name]
    X, y, held_out = parts(seed=0)
    assert len(X) == len(y)
    assert X.shape[1] == held_out.shape[1] == monitor.N_COLUMNS
    assert (len(held_out) - n_reference) % monitor.N_BATCH == 0
    together = pd.DataFrame(np.concatenate([X, held_out]))
    # Pima has no row twice.
    assert not together.duplicated().any()


def test_rates_are_counted_over_reports_and_shifts():
    """A mean over monitors would give few reports the weight of many."""
    lines = pd.DataFrame(
        [
            {"data": "a", "shift": 0.0, "reports": 1, "not_ok": 1, "alert": 0},
            {"data": "a", "shift": 0.0, "reports": 9, "not_ok": 1, "alert": 1},
            {"data": "a", "shift": 0.5, "found_after": np.inf},
            {"data": "a", "shift": 0.5, "found_after": 10},
            {"data": "a", "shift": 1.0, "found_after": 1},
            {"data": "a", "shift": 1.0, "found_after": 2},
        ]
    )
    [row] = monitor.summary(lines).to_dict("records")
    assert row == {
        "data": "a",
        "undrifted_reports": 10,
        "false_alarms": 0.2,
        "false_alerts": 0.1,
        "shifts_0.5": 2,
        "at_once_0.5": 0.0,
        "within_10_0.5": 0.5,
        "shifts_1.0": 2,
        "at_once_1.0": 0.5,
        "within_10_1.0": 1.0,
    }
    text = monitor.rates_text(pd.DataFrame([row]))
    assert "% of false alarms, worst table <= 2. 20.00: missed" in text
    assert "% of shifts not found in 10 batches <= 0. 0.00: reached" in text


def test_differences_are_relative_to_the_row_and_at_least_absolute():
    """Rounding of small logits is no error; one among large logits is."""
    expected = np.array([[100.0, 1.0], [0.5, 0.1]])
    found = expected + np.array([[0.0, 1.0], [0.002, 0.0]])
    assert onnx_runtime._relative(found, expected) == pytest.approx(0.01)
    assert onnx_runtime._relative(found[1:], expected[1:]) == pytest.approx(0.002)


@pytest.mark.parametrize("module", [monitor, onnx_runtime])
@pytest.mark.parametrize("argv", [["speed"], ["--rounds", "0"]])
def test_bad_commands_stop_before_anything_is_fitted(module, argv, capsys):
    """A typing error must not cost minutes."""
    with pytest.raises(SystemExit):
        module.main(argv)
    assert argv[0].lstrip("-") in capsys.readouterr().err
