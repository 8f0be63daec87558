"""Smooth ramps at quantiles."""

import numpy as np
import pytest

from cr_sklearn.encoding._ramps import SmoothRamps

FAR = np.array([[-1e100], [1e100]])


def fit_ramps(x, weight=None):
    x = np.asarray(x, dtype=float)
    x = x.reshape(len(x), -1)
    weight = np.ones(len(x)) if weight is None else weight
    return SmoothRamps(8).fit(x.T, x.shape[1], weight)


def counts(n_values, n=300):
    return np.random.default_rng(0).integers(0, n_values, n).astype(float)


def test_ramps_add_up_to_a_rise_through_all_quantiles():
    """Each holds an eighth of the rows, whatever the distribution's tails."""
    x = np.random.default_rng(0).lognormal(0.0, 2.0, size=(4000, 1))
    ramps = fit_ramps(x)
    assert len(ramps.source_) == 8
    half_way = (ramps.transform(x) + ramps.mean_ > 0.25).mean(axis=0)
    assert (np.diff(half_way) < 0).all()
    assert (half_way[1:] < np.arange(7, 0, -1) / 8).all()
    assert (half_way[:-1] > np.arange(7, 0, -1) / 8).all()
    total = ramps.transform(np.sort(x, axis=0)).sum(axis=1)
    assert (np.diff(total) >= 0).all()
    assert np.ptp(ramps.transform(FAR).sum(axis=1)) == pytest.approx(8 * 0.5)


def test_the_training_mean_is_zero():
    """A missing value is encoded as zeros, and must be the average row."""
    weight = np.random.default_rng(1).random(300)
    ramps = fit_ramps(counts(40), weight)
    mean = weight @ ramps.transform(counts(40)[:, None])
    np.testing.assert_allclose(mean, 0.0, atol=1e-12)


@pytest.mark.parametrize("n_values", [3, 6, 40, 250])
def test_slopes_from_the_left_and_from_the_right_agree(n_values):
    """Knots are values of the data: a kink would be where the rows are."""
    x = counts(n_values)
    ramps = fit_ramps(x)
    places = np.unique(x)
    places = np.concatenate([places, [places[0] - 1.0, places[-1] + 1.0]])[:, None]
    slope, step = ramps.slope(places), 1e-7
    value = ramps.transform(places)
    right = (ramps.transform(places + step) - value) / step
    left = (value - ramps.transform(places - step)) / step
    largest = ramps.slopes_.height.max()
    np.testing.assert_allclose(right, slope, atol=1e-4 * largest)
    np.testing.assert_allclose(left, slope, atol=1e-4 * largest)


def test_the_slope_at_a_knot_is_the_mean_of_both_sides():
    """No side of a value counts more than the other."""
    x = np.array([0.0, 1.0, 2.0, 4.0])
    ramps = fit_ramps(x)
    heights = 0.5 / np.diff(x)
    expected = np.zeros((4, 3))
    for ramp, height in enumerate(heights):
        expected[[ramp, ramp + 1], ramp] = height / 2
    np.testing.assert_allclose(ramps.slope(x[:, None]), expected)


def test_far_outside_nothing_changes():
    """Half the smallest gap beyond the outermost values is enough."""
    ramps = fit_ramps([0.0, 1.0, 3.0])
    outside = np.array([[-1e100], [-0.3], [3.6], [1e100]])
    assert not ramps.slope(outside).any()
    encoded = ramps.transform(outside) + ramps.mean_
    np.testing.assert_allclose(encoded, [[0, 0], [0, 0], [0.5, 0.5], [0.5, 0.5]])


def test_knots_that_nearly_coincide_are_one():
    """Between them the slope would be beyond all bounds."""
    x = np.concatenate([counts(3), counts(3) + 1e-12])
    ramps = fit_ramps(x)
    assert len(ramps.source_) == 2
    assert ramps.slopes_.height.max() == pytest.approx(0.5)
    assert np.isfinite(ramps.transform(x[:, None])).all()


def test_a_million_distinct_values():
    """Knots are quantiles then, and slopes stay finite."""
    x = np.random.default_rng(0).standard_normal(1_000_000)
    ramps = fit_ramps(x)
    assert len(ramps.source_) == 8
    assert np.isfinite(ramps.slope(x[:, None])).all()


def test_weights_that_leave_the_neighbourhood_of_a_knot_empty():
    """Nearly all weight on one value: it has a place of its own between the others."""
    x = np.arange(100.0)
    weight = np.full(100, 1e-12)
    weight[50] = 1.0
    ramps = fit_ramps(x, weight)
    assert ramps.source_.size == 4  # ends at 0, 49, 50, 51 and 99
    places = np.linspace(-5.0, 105.0, 500)[:, None]
    assert np.isfinite(ramps.transform(places)).all()
    assert (ramps.slope(places) >= 0.0).all()
    np.testing.assert_allclose(
        ramps.slope(np.array([[50.0]])), [[0.0, 0.25, 0.25, 0.0]]
    )


def test_missing_values_have_no_slope():
    """Values missing in training or only later are the average row."""
    x = counts(5)
    x[::3] = np.nan
    for ramps in (fit_ramps(x), fit_ramps(counts(5))):
        assert np.isnan(ramps.transform(np.array([[np.nan]]))).all()
        assert not ramps.slope(np.array([[np.nan]])).any()
        assert np.isfinite(ramps.transform(np.array([[2.0]]))).all()


def test_columns_of_few_values_have_a_ramp_between_any_two():
    """Ordered codes can then have any effect, like categories."""
    x = np.column_stack([np.arange(20) % 2, np.arange(20) % 3, np.arange(20) % 5])
    ramps = fit_ramps(x.astype(float))
    assert ramps.source_.tolist() == [1, 1, 2, 2, 2, 2]


def test_wide_tables_have_fewer_ramps():
    """Eight thousand inputs from a thousand columns would cost more than they tell."""
    x = np.random.default_rng(0).normal(size=(50, 200))
    assert len(fit_ramps(x).source_) == 400
    x = np.tile(x, 2)
    assert len(fit_ramps(x).source_) == 0


def test_a_frequent_value_has_a_place_of_its_own():
    """Quantiles alone would spend most knots on it, and few on the mass beside it."""
    rng = np.random.default_rng(0)
    x = np.r_[np.zeros(4000), rng.lognormal(size=1000)]
    ramps = fit_ramps(x)
    ends = ramps.slopes_.rise + ramps.slopes_.rise_width / 2
    assert abs(ends[0]) < 1e-12  # the spike, and next to it the least value above
    assert ends[1] == pytest.approx(np.sort(x)[4000])
    # The others hold an eighth of the rest each, or nearly.
    counts, _ = np.histogram(x[x > 0], [*ends[2:], np.inf])
    assert counts.max() < 250
