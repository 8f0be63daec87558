"""ChainzRule: polynomial networks with exact input-Jacobians, for scikit-learn."""

from importlib import import_module

__version__ = "0.1.0"

# Public name -> module. Imported on first use.
_PUBLIC = {
    "ChainzRuleClassifier": "cr_sklearn._classifier",
    "ChainzRuleOrdinalRegressor": "cr_sklearn._ordinal",
}
__all__ = ["ChainzRuleClassifier", "ChainzRuleOrdinalRegressor", "__version__"]


def __getattr__(name):
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *_PUBLIC})
