"""Values of "auto" by the number of rows: they grow with it and do not jump."""

import numpy as np
import pytest

from cr_sklearn.search._candidates import strengths
from cr_sklearn.search._folds import _n_folds
from cr_sklearn.training._settings import input_step, n_rows_per_batch, n_units

ROWS = np.unique(np.geomspace(50, 1e6, 400).astype(int)).tolist()


@pytest.mark.parametrize(
    "function", [lambda n: n_rows_per_batch("auto", n), lambda n: n_units(n, 1)]
)
def test_sizes_grow_with_the_rows_and_do_not_jump(function):
    """A row more must not make another model."""
    sizes = np.array([function(n) for n in ROWS])
    assert (np.diff(sizes) >= 0).all()
    assert (sizes[1:] / sizes[:-1]).max() < 1.3
    assert sizes[-1] > sizes[0]


def test_strengths_become_fewer_and_weaker():
    """The data says more, and the choice matters less."""
    tables = [strengths(n) for n in ROWS]
    counts = [len(table) for table in tables]
    assert (np.diff(counts) <= 0).all() and np.abs(np.diff(counts)).max() == 1
    assert counts[0] == 4 and counts[-1] == 1
    weakest = np.array([table[0] for table in tables])
    assert (np.diff(weakest) <= 0).all()
    assert (weakest[:-1] / weakest[1:]).max() < 1.05


def test_held_out_parts_become_smaller():
    """The more rows, the fewer are needed to judge by."""
    for n, expected in {400: (5, 5), 1500: (6, 5), 2000: (6, 4), 9000: (8, 4)}.items():
        assert _n_folds(np.array([n // 2, n - n // 2])) == expected


def test_many_inputs_take_smaller_steps():
    """Those of a few dozen do not, and there is an end to it."""
    assert input_step(100.0) == 1.0
    assert input_step(500.0) == pytest.approx((128 / 500) ** 1.5)
    assert input_step(1e9) == 1 / 16
