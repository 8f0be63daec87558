"""Timing: ratios are taken within a round, and goals are judged by them."""

import pandas as pd
import pytest

from benchmarks import speed, speed_use
from benchmarks.timing import ratios, take_turns


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


def test_unknown_parts_are_named(capsys):
    """Not in the middle of a run."""
    with pytest.raises(SystemExit):
        speed.main(["nothing"])
    assert "unknown: nothing" in capsys.readouterr().err
