"""The comparison of sensitivities with permutation importance and SHAP."""

import numpy as np
import pytest

from benchmarks import agreement


def test_equal_orders_agree_fully_and_reversed_ones_not_at_all():
    """Only the order of the columns is compared, not the units of the measures."""
    order = np.arange(1.0, 7.0)
    importances = {"sensitivity": order, "permutation": order**3, "SHAP": -order}
    result = agreement.compare(importances)
    assert result["spearman sensitivity-permutation"] == pytest.approx(1.0)
    assert result["top sensitivity-permutation"] == 3
    assert result["spearman sensitivity-SHAP"] == pytest.approx(-1.0)
    assert result["top sensitivity-SHAP"] == 0
