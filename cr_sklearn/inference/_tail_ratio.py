"""Tail ratio of sensitivities."""

import numpy as np


def tail_ratio(sensitivity):
    """Divide the 99 % quantile by the mean; NaN if all sensitivities are zero."""
    mean = sensitivity.mean()
    return float(np.quantile(sensitivity, 0.99) / mean) if mean > 0 else np.nan
