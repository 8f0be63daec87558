"""Sensitivities of predictions by column and by layer, and Displays.

Nothing here imports torch, and matplotlib is imported when a display is drawn.
"""

from cr_sklearn.inspection._layers import layer_sensitivity
from cr_sklearn.inspection._plot._ordinal import OrdinalDisplay
from cr_sklearn.inspection._plot._polynomial import PolynomialDisplay
from cr_sklearn.inspection._plot._sensitivity import SensitivityDisplay
from cr_sklearn.inspection._plot._tail_ratio import TailRatioDisplay
from cr_sklearn.inspection._plot._training import DregPathDisplay, TrainingDisplay
from cr_sklearn.inspection._recorder import SensitivityRecorder
from cr_sklearn.inspection._sensitivity import input_sensitivity

__all__ = [
    "DregPathDisplay",
    "OrdinalDisplay",
    "PolynomialDisplay",
    "SensitivityDisplay",
    "SensitivityRecorder",
    "TailRatioDisplay",
    "TrainingDisplay",
    "input_sensitivity",
    "layer_sensitivity",
]
