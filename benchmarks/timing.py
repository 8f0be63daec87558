"""Ratios of times measured in one run, variants taking turns, and their goals."""

import statistics
import time

import pandas as pd


def take_turns(variants, rounds):
    """Time variants one after the other, for so many rounds.

    A machine that slows down then slows all of them.

    Parameters
    ----------
    variants : dict of callable
        By name; each does once what is timed. All are called once before the first
        round, so that imports and caches count for none.
    rounds : int

    Returns
    -------
    dict of list of float
        Seconds by name, one per round.
    """
    for run in variants.values():
        run()
    seconds = {name: [] for name in variants}
    for _ in range(rounds):
        for name, run in variants.items():
            start = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def ratios(seconds, reference):
    """Medians of seconds, and of their ratios to a reference within a round.

    Parameters
    ----------
    seconds : dict of list of float
        From :func:`take_turns`.
    reference : str
        Name of the variant that the others are compared with.

    Returns
    -------
    DataFrame
        Columns ``variant``, ``milliseconds`` and ``ratio``.
    """
    lines = []
    for name, times in seconds.items():
        by_round = [
            own / other for own, other in zip(times, seconds[reference], strict=True)
        ]
        lines.append(
            {
                "variant": name,
                "milliseconds": 1e3 * statistics.median(times),
                "ratio": statistics.median(by_round),
            }
        )
    return pd.DataFrame(lines)


def goal_line(name, found, goal):
    """Say what was aimed at, what was found, and whether that is within the goal."""
    result = "reached" if found <= goal else "missed"
    return f"Goal: {name} <= {goal}. {found:.2f}: {result}."
