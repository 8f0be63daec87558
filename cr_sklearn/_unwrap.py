"""The fitted ChainzRule estimator inside whatever wraps it."""

from typing import Any, NamedTuple

from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from cr_sklearn._base import BaseChainzRule


class Unwrapped(NamedTuple):
    """A fitted estimator, and the steps of pipelines before it.

    Attributes
    ----------
    steps : Pipeline or None
        None where the estimator gets the table as it is.
    estimator : BaseChainzRule
    altered_by : str or None
        Name of a wrapper that makes other predictions of those of the estimator, by a
        threshold or a calibration.
    """

    steps: Any
    estimator: Any
    altered_by: str | None = None

    def transform(self, X):
        """Return what the estimator is given for a table."""
        return X if self.steps is None else self.steps.transform(X)


def unwrap(model):
    """Find the fitted ChainzRule estimator in pipelines, searches and wrappers.

    Parameters
    ----------
    model : estimator
        Fitted: a ChainzRule estimator; or one inside Pipeline, searches such as
        GridSearchCV, FrozenEstimator, TunedThresholdClassifierCV,
        FixedThresholdClassifier, or CalibratedClassifierCV with ensemble=False.

    Raises
    ------
    TypeError
        If there is none, or several.
    sklearn.exceptions.NotFittedError
        If it is not fitted.
    """
    found, steps, altered_by = model, {}, None
    while not isinstance(found, BaseChainzRule):
        if isinstance(found, Pipeline):
            # Steps of pipelines inside pipelines may have the same names.
            depth = f"inner_{len(steps)}_" if steps else ""
            steps |= {f"{depth}{name}": step for name, step in found.steps[:-1]}
            found = found.steps[-1][1]
        else:
            if not (hasattr(found, "best_estimator_") or _is_frozen(found)):
                altered_by = altered_by or type(found).__name__
            found = _inner(model, found)
    check_is_fitted(found)
    return Unwrapped(Pipeline([*steps.items()]) if steps else None, found, altered_by)


def _is_frozen(wrapper):
    return type(wrapper).__name__ == "FrozenEstimator"


def _inner(model, wrapper):
    """Return the one estimator that a wrapper has fitted."""
    calibrated = getattr(wrapper, "calibrated_classifiers_", None)
    if calibrated is not None and len(calibrated) == 1:
        return calibrated[0].estimator
    if calibrated is None and not hasattr(wrapper, "estimators_"):
        for name in ("best_estimator_", "estimator_"):
            if hasattr(wrapper, name):
                return getattr(wrapper, name)
        if _is_frozen(wrapper):
            return wrapper.estimator
        if hasattr(wrapper, "estimator"):
            check_is_fitted(wrapper)
    raise TypeError(
        "A fitted ChainzRule estimator is needed, or a pipeline, search or wrapper "
        f"with one inside, got {model!r}: there is not one in a "
        f"{type(wrapper).__name__}."
    )
