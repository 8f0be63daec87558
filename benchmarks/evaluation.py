"""One fit: its scores, its seconds, and a limit on them.

Seconds are those of the processor. Every fit runs on one thread, so that on a machine
with nothing else to do they are those of the clock; next to other work they still are
what the fit takes.
"""

import signal
import time
from contextlib import contextmanager

import numpy as np
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    brier_score_loss,
    log_loss,
    roc_auc_score,
)

METRICS = [
    "accuracy",
    "balanced_accuracy",
    "roc_auc",
    "log_loss",
    "brier",
    "tau",
    "ece",
]
SECONDS = ["fit_seconds", "predict_seconds"]


class FitTimeout(BaseException):
    """A fit took longer than it may. Not an Exception: searches go on after those."""


def evaluate(model, X_train, y_train, X_test, y_test, time_limit=None):
    """Fit a classifier and return its metrics and seconds on the test rows.

    With more than two classes ROC-AUC is the mean over pairs of classes, and there is
    no Brier score.

    Raises
    ------
    FitTimeout
        If the fit takes more than ``time_limit`` seconds.
    """
    start = time.process_time()
    with at_most(time_limit):
        model.fit(X_train, y_train)
    fitted = time.process_time()
    probabilities = model.predict_proba(X_test)
    predicted = time.process_time()
    labels, classes = model.predict(X_test), model.classes_
    if len(classes) == 2:
        auc = roc_auc_score(y_test, probabilities[:, 1])
        brier = brier_score_loss(y_test, probabilities[:, 1], pos_label=classes[1])
    else:
        auc = roc_auc_score(y_test, probabilities, multi_class="ovo", labels=classes)
        brier = np.nan
    return {
        "accuracy": accuracy_score(y_test, labels),
        "balanced_accuracy": balanced_accuracy_score(y_test, labels),
        "roc_auc": auc,
        "log_loss": log_loss(y_test, probabilities, labels=classes),
        "brier": brier,
        "tau": model.tail_ratio(X_test) if hasattr(model, "tail_ratio") else np.nan,
        "ece": expected_calibration_error(y_test, probabilities, classes),
        "fit_seconds": fitted - start,
        "predict_seconds": predicted - fitted,
    }


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
