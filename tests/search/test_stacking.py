"""Stacking: weights and calibration scale by the loss out of fold."""

import numpy as np
import pytest
from scipy.special import expit

from cr_sklearn.nn import CrossEntropy
from cr_sklearn.search._stacking import OutOfFoldLoss, stack


def binary_losses(logits, target):
    return OutOfFoldLoss(
        CrossEntropy(), logits[:, :, None], target, np.ones(len(target))
    )


def test_stacking_finds_the_calibrated_sum_of_the_informative_member():
    """Noise must get no weight, and modest logits their scale."""
    rng = np.random.default_rng(0)
    truth = rng.normal(0.0, 2.0, 2000)
    target = (rng.random(2000) < expit(truth)).astype(int)
    weights = stack(binary_losses(np.stack([rng.normal(size=2000), truth / 2]), target))
    assert weights[0] < 0.1
    assert weights[1] == pytest.approx(2.0, abs=0.2)


def test_stacking_is_finite_where_classes_are_separable():
    """A scale without bound would be certain of everything, also of its errors."""
    target = np.arange(50) % 2
    weights = stack(binary_losses(np.stack([2.0 * target - 1.0] * 2), target))
    assert weights.sum() < 50


def test_strengths_that_all_mislead_leave_one():
    """An ensemble of weight zero would answer nothing."""
    target = np.arange(50) % 2
    logits = np.stack([1.0 - 2.0 * target, 3.0 - 6.0 * target])
    np.testing.assert_array_equal(stack(binary_losses(logits, target)), [1.0, 0.0])


def test_weights_of_the_loss_are_those_of_repetition():
    """Stacking has to honour sample weights like the training does."""
    rng = np.random.default_rng(0)
    logits, target = rng.normal(size=(3, 30, 1)), rng.integers(0, 2, 30)
    times = rng.integers(1, 4, 30)
    weighted = OutOfFoldLoss(CrossEntropy(), logits, target, times.astype(float))
    repeated = OutOfFoldLoss(
        CrossEntropy(),
        np.repeat(logits, times, axis=1),
        np.repeat(target, times),
        np.ones(times.sum()),
    )
    np.testing.assert_allclose(stack(weighted), stack(repeated), atol=1e-6)
