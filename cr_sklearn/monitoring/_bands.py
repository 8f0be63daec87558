"""Bands in which statistics of undrifted rows stay, by their number."""

from typing import NamedTuple

import numpy as np

from cr_sklearn.monitoring._counts import (
    kolmogorov_smirnov,
    norm_values,
    population_stability_index,
    quantile_99,
)

# Draws of each statistic, and how few they may be in a wide table, so that all columns
# together have at most so many.
_N_DRAWS, _LEAST_DRAWS, _ALL_DRAWS = 2000, 500, 100_000
# Share of the draws from which the tail beyond is extrapolated.
_TAIL = 0.05
_SENSITIVITY_BINS = 20


class Band(NamedTuple):
    """Warn outside of (low, high), alert outside of (alert_low, alert_high)."""

    low: float
    high: float
    alert_low: float
    alert_high: float


def measure(bins, counts, reference):
    """Compute statistics of counts, and their distance to those of a reference.

    Parameters
    ----------
    bins : RowBins
    counts, reference : Counts
        Counts of one row at least.

    Returns
    -------
    dict of (str, str or None) to float
        By name and column.
    """
    n = counts.n_rows
    mean = counts.norm_sum / n
    top = float(quantile_99(counts.norms, norm_values(bins.first_norm)))
    groups = _sensitivity_groups(reference)
    by_group = [np.add.reduceat(c.norms, groups) for c in (counts, reference)]
    found = {
        ("tail_ratio", None): top / mean if mean > 0 else np.nan,
        ("sensitivity_mean", None): mean,
        ("sensitivity_ks", None): float(kolmogorov_smirnov(*by_group)),
        ("sensitivity_psi", None): float(population_stability_index(*by_group)),
        ("squashed_share", None): counts.n_squashed / n,
        ("unseen_share", None): counts.n_unseen / n,
    }
    for column, part in zip(bins.columns, bins.slices, strict=True):
        pair = counts.columns[part], reference.columns[part]
        if not column.is_categorical:
            found["ks", column.label] = float(kolmogorov_smirnov(*pair))
        found["psi", column.label] = float(population_stability_index(*pair))
    return found


def bootstrap_bands(bins, reference, n_rows, warn_rate, alert_rate, seed):
    r"""Make the band of each statistic of ``n_rows`` rows drawn like the reference.

    Both the rows and a reference as large as the given one are drawn from its counts,
    since the reference is a sample too. Shares come from the beta-binomial distribution
    that is their prediction. All statistics together leave their bands at a rate of
    ``warn_rate`` at most: each has a level of :math:`1 - (1 - r)^{1/J}`, J being their
    number. Beyond the last 20th of the draws tails are taken as exponential, which is
    on the safe side of a normal one.
    """
    rng = np.random.default_rng([seed, n_rows])
    itself = measure(bins, reference, reference)
    levels = [
        1.0 - (1.0 - rate) ** (1.0 / len(itself)) for rate in (warn_rate, alert_rate)
    ]
    n_draws = min(_N_DRAWS, max(_LEAST_DRAWS, _ALL_DRAWS // max(len(bins.columns), 1)))

    def draw_twice(counts):
        """Draw counts of so many rows, and of as many as there are, by like shares."""
        total = counts.sum()
        shares = counts / total
        return [rng.multinomial(n, shares, n_draws) for n in (n_rows, total)]

    bands = _norm_bands(bins, reference, draw_twice, levels, itself)
    for name, count in [
        ("squashed_share", reference.n_squashed),
        ("unseen_share", reference.n_unseen),
    ]:
        rate = rng.beta(count + 0.5, reference.n_rows - count + 0.5, n_draws)
        bands[name, None] = _upper_band(rng.binomial(n_rows, rate) / n_rows, levels)
    for column, part in zip(bins.columns, bins.slices, strict=True):
        pair = draw_twice(reference.columns[part])
        bands["psi", column.label] = _upper_band(
            population_stability_index(*pair), levels
        )
        if not column.is_categorical:
            bands["ks", column.label] = _upper_band(kolmogorov_smirnov(*pair), levels)
    return bands


def _norm_bands(bins, reference, draw_twice, levels, itself):
    """Make the bands of what is computed from the sensitivities."""
    filled = np.flatnonzero(reference.norms)
    values = norm_values(bins.first_norm)[filled]
    rows, again = draw_twice(reference.norms[filled])
    tiny = 1e-9 * itself["sensitivity_mean", None]
    means = [np.maximum(c @ values / c.sum(axis=1), tiny) for c in (rows, again)]
    ratios = [
        np.maximum(quantile_99(c, values) / mean, 1e-9)
        for c, mean in zip((rows, again), means, strict=True)
    ]
    bands = {}
    for name, (of_rows, of_reference) in [
        ("tail_ratio", ratios),
        ("sensitivity_mean", means),
    ]:
        change = np.log(of_rows / of_reference)
        # Half of the level on each side.
        steps = [
            step
            for level in levels
            for step in (-_beyond(-change, level / 2), _beyond(change, level / 2))
        ]
        bands[name, None] = Band(*(itself[name, None] * np.exp(steps)).tolist())
    # Groups start at bins that are filled.
    groups = np.searchsorted(filled, _sensitivity_groups(reference))
    by_group = [np.add.reduceat(c, groups, axis=1) for c in (rows, again)]
    for name, distance in [
        ("sensitivity_ks", kolmogorov_smirnov),
        ("sensitivity_psi", population_stability_index),
    ]:
        bands[name, None] = _upper_band(distance(*by_group), levels)
    return bands


def _sensitivity_groups(reference):
    """Return the first bins of groups of about as many sensitivities each."""
    up_to = np.cumsum(reference.norms)
    levels = np.arange(1, _SENSITIVITY_BINS) / _SENSITIVITY_BINS * up_to[-1]
    filled = np.flatnonzero(reference.norms)
    starts = filled[np.searchsorted(up_to[filled], levels, side="right")]
    return np.unique([0, *starts[starts > filled[0]]])


def _upper_band(draws, levels):
    high, alert_high = (_beyond(draws, level) for level in levels)
    return Band(-np.inf, high, -np.inf, alert_high)


def _beyond(draws, level):
    """Extrapolate the value exceeded at a level below that of any draw."""
    start = np.quantile(draws, 1.0 - _TAIL)
    excess = draws[draws > start] - start
    if not len(excess):
        return float(start)
    share = len(excess) / len(draws)
    return float(start + excess.mean() * max(np.log(share / level), 0.0))
