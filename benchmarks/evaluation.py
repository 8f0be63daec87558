"""One fit: its scores, its seconds, and a limit on them.

Seconds are those of the processor. Every fit runs on one thread, so that on a machine
with nothing else to do they are those of the clock; next to other work they still are
what the fit takes.
"""

import signal
import time
from collections.abc import Callable
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    brier_score_loss,
    log_loss,
    roc_auc_score,
)

SECONDS = ["fit_seconds", "predict_seconds"]


class FitTimeout(BaseException):
    """A fit took longer than it may. Not an Exception: searches go on after those."""


class Scoring(NamedTuple):
    """What fits are scored by.

    ``score(model, X, y, labels, probabilities)`` returns a dict of ``metrics`` for what
    a fitted model predicts of test rows; probabilities are None where it has none.
    """

    metrics: list
    score: Callable


def evaluate(model, X_train, y_train, X_test, y_test, scoring, time_limit=None):
    """Fit a classifier and return its metrics and seconds on the test rows.

    Parameters
    ----------
    model : estimator
        Without ``predict_proba`` it has labels alone.
    X_train, y_train, X_test, y_test
    scoring : Scoring
    time_limit : float, default=None

    Raises
    ------
    FitTimeout
        If the fit takes more than ``time_limit`` seconds.
    """
    start = time.process_time()
    with at_most(time_limit):
        model.fit(X_train, y_train)
    fitted = time.process_time()
    if hasattr(model, "predict_proba"):
        probabilities = model.predict_proba(X_test)
        predicted = time.process_time()
        labels = model.predict(X_test)
    else:
        probabilities, labels = None, model.predict(X_test)
        predicted = time.process_time()
    return {
        **scoring.score(model, X_test, y_test, labels, probabilities),
        "fit_seconds": fitted - start,
        "predict_seconds": predicted - fitted,
    }


def score_classes(model, X, y, labels, probabilities):
    """Scores of classes without an order.

    With more than two classes ROC-AUC is the mean over pairs of classes, and there is
    no Brier score.
    """
    classes = model.classes_
    if len(classes) == 2:
        auc = roc_auc_score(y, probabilities[:, 1])
        brier = brier_score_loss(y, probabilities[:, 1], pos_label=classes[1])
    else:
        auc = roc_auc_score(y, probabilities, multi_class="ovo", labels=classes)
        brier = np.nan
    return {
        "accuracy": accuracy_score(y, labels),
        "balanced_accuracy": balanced_accuracy_score(y, labels),
        "roc_auc": auc,
        "log_loss": log_loss(y, probabilities, labels=classes),
        "brier": brier,
        "tau": model.tail_ratio(X) if hasattr(model, "tail_ratio") else np.nan,
        "ece": expected_calibration_error(y, probabilities, classes),
    }


CLASSES = Scoring(
    [
        "accuracy",
        "balanced_accuracy",
        "roc_auc",
        "log_loss",
        "brier",
        "tau",
        "ece",
    ],
    score_classes,
)


def expected_calibration_error(y, probabilities, classes, n_bins=10):
    """Mean gap between confidence and accuracy, over bins of equal width.

    Confidence is the probability of the likeliest class; bins count by their rows.
    """
    confidence = probabilities.max(axis=1)
    correct = np.asarray(classes)[probabilities.argmax(axis=1)] == np.asarray(y)
    bins = np.minimum((confidence * n_bins).astype(int), n_bins - 1)
    return np.abs(np.bincount(bins, correct - confidence)).sum() / len(confidence)


@contextmanager
def at_most(seconds):
    """Interrupt the block after this time, or fail at its end where nothing can."""
    if seconds is None:
        yield
        return
    start = time.process_time()
    can_interrupt = hasattr(signal, "SIGPROF")

    def interrupt(signum, frame):
        # The timer counts whole ticks and may be early by some.
        left = seconds - (time.process_time() - start)
        if left <= 0:
            raise FitTimeout
        signal.setitimer(signal.ITIMER_PROF, left)

    if can_interrupt:
        before = signal.signal(signal.SIGPROF, interrupt)
        signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    except BaseException as error:
        # Some libraries turn the interrupt into an error of their own.
        if time.process_time() - start < seconds:
            raise
        raise FitTimeout from error
    finally:
        if can_interrupt:
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.signal(signal.SIGPROF, before)
    if time.process_time() - start > seconds:
        raise FitTimeout
