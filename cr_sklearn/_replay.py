"""Fits that are recorded when asked for, trained together, and handed out afterwards.

scikit-learn's own loops run twice: once to see what they ask for, without training,
and once to score. So splitting, cloning, routing and scoring stay theirs, and a fit
that was not foreseen is an ordinary one.
"""

import time
from itertools import chain

import joblib
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils.parallel import Parallel, delayed
from tqdm.auto import tqdm

from cr_sklearn._base import BaseChainzRule


def last_step(estimator):
    """The estimator, or the last step of a Pipeline."""
    if isinstance(estimator, Pipeline):
        return estimator.steps[-1][1]
    return estimator


def can_be_packed(estimator):
    """Whether its fits can train together: a ChainzRule estimator without callbacks."""
    last = last_step(estimator)
    return isinstance(last, BaseChainzRule) and not getattr(
        last, "_skl_callbacks", None
    )


class Replay:
    """Fits of one estimator.

    Parameters
    ----------
    estimator : estimator instance
        Of which :func:`can_be_packed` says so; stays as it is.

    Attributes
    ----------
    estimator : estimator instance
        A clone whose fits are recorded, and after :meth:`train` handed out. A fitted
        clone of it is of the original class again.
    seconds : list of float
        Of each fit handed out since then, its share of the training.
    """

    def __init__(self, estimator):
        self._calls, self._fitted, self._trained = {}, {}, False
        self.seconds = []
        last = last_step(estimator)
        replay, original = self, type(last)

        def fit(self, X, y=None, **params):
            return replay._fit(self, original, X, y, params)

        recorded = type(original.__name__, (original,), {"fit": fit})
        substitute = clone(last)
        substitute.__class__ = recorded
        self.estimator = substitute
        if last is not estimator:
            self.estimator = clone(estimator)
            self.estimator.steps[-1] = (estimator.steps[-1][0], substitute)

    def train(self, n_jobs=None, verbose=0):
        """Train what was recorded.

        Parameters
        ----------
        n_jobs : int or None
            Processes that the fits are dealt out to; None is this one.
        verbose : int
            Above 0 shows a progress bar over the fits.
        """
        self._trained = True
        calls, self._calls = self._calls, {}
        n_parts = max(1, min(joblib.effective_n_jobs(n_jobs), len(calls)))
        items = list(calls.items())
        parts = [dict(items[part::n_parts]) for part in range(n_parts)]
        trained = map(_fit_calls, parts)
        if n_parts > 1:
            trained = Parallel(n_parts)(delayed(_listed)(part) for part in parts)
        with tqdm(total=len(calls), desc="fits", disable=verbose <= 0) as bar:
            for key, *fitted in chain.from_iterable(trained):
                self._fitted[key] = fitted
                bar.update()

    def _fit(self, estimator, original, X, y, params):
        key = joblib.hash((estimator.get_params(), X, y, sorted(params.items())))
        estimator.__class__ = original
        if not self._trained:
            self._calls[key] = estimator, X, y, params
            return estimator
        if key not in self._fitted:
            self.seconds.append(0.0)
            return estimator.fit(X, y, **params)
        attributes, seconds = self._fitted[key]
        self.seconds.append(seconds)
        vars(estimator).update(attributes)
        return estimator


def _listed(calls):
    return list(_fit_calls(calls))


def _fit_calls(calls):
    """Yield key, fitted attributes and seconds of the fits that could be trained."""
    # Training alone needs torch.
    from cr_sklearn._joint import fit_together

    asked = {}

    def prepared():
        for key, (estimator, X, y, params) in calls.items():
            estimator = clone(estimator)
            try:
                estimator._validate_params()
                fit = estimator._prepare_fit(X, y, **params)
            except (TypeError, ValueError):
                continue  # the ordinary fit will say why
            asked[fit] = key, estimator
            yield fit

    start = time.perf_counter()
    for run in fit_together(prepared()):
        seconds = (time.perf_counter() - start) / max(len(run), 1)
        for fit in run:
            key, estimator = asked.pop(fit)
            given = estimator.get_params(deep=False)
            fitted = {k: v for k, v in vars(estimator).items() if k not in given}
            yield key, fitted, seconds
        start = time.perf_counter()
