"""Cross-validation and grid search whose fits train side by side."""

import warnings

import numpy as np
from sklearn import get_config
from sklearn.base import is_classifier
from sklearn.model_selection import GridSearchCV, check_cv, cross_validate
from sklearn.utils import indexable

from cr_sklearn._replay import Replay, can_be_packed

__all__ = ["PackedGridSearchCV", "packed_cross_validate"]


def packed_cross_validate(
    estimator,
    X,
    y=None,
    *,
    groups=None,
    scoring=None,
    cv=None,
    n_jobs=None,
    verbose=0,
    **options,
):
    """:func:`sklearn.model_selection.cross_validate` with all folds in packed runs.

    The networks of all folds are members of a few packed networks, so that torch works
    on large tensors instead of many small ones. Columns are encoded inside each fold,
    and networks of different folds never influence each other. Fits of early stopping
    and of tables above 64 MiB when encoded train one after the other.

    Parameters
    ----------
    estimator : estimator instance
        A ChainzRule estimator, or a Pipeline that ends in one; the steps before are
        fitted twice in each fold. Others, and those with callbacks, are left to
        ``cross_validate``.
    X, y, groups, scoring, cv
        As in ``cross_validate``.
    n_jobs : int or None, default=None
        Processes among which the fits are dealt out. Within one process torch uses its
        threads, of which large packed runs make better use than small ones.
    verbose : int, default=0
        1 shows a progress bar over the fits; more is handed on as well.
    **options
        All others of ``cross_validate``, such as ``params`` and ``return_estimator``.

    Returns
    -------
    results : dict of ndarray
        As of ``cross_validate``. The scores are those of the ordinary loop but for
        rounding in the training: log-losses of Pima differ by less than 1e-6.
        ``"fit_time"`` is the share of a fit in the time of its run.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from cr_sklearn import ChainzRuleClassifier
    >>> from cr_sklearn.model_selection import packed_cross_validate
    >>> X, y = load_iris(return_X_y=True)
    >>> model = ChainzRuleClassifier(dreg_strength=0.01, random_state=0)
    >>> results = packed_cross_validate(model, X, y, cv=5)
    >>> results["test_score"].shape
    (5,)
    """
    given = {"scoring": scoring, "verbose": max(verbose - 1, 0), **options}
    if not can_be_packed(estimator):
        return cross_validate(
            estimator, X, y, groups=groups, cv=cv, n_jobs=n_jobs, **given
        )
    cv = _repeatable(cv, estimator, X, y, groups)
    replay = Replay(estimator)
    given |= {"groups": groups, "cv": cv}
    _record(cross_validate, replay.estimator, X, y, **{**given, **_UNSCORED})
    replay.train(n_jobs, verbose)
    results = cross_validate(replay.estimator, X, y, **given)
    results["fit_time"] = results["fit_time"] + replay.seconds
    return results


class PackedGridSearchCV(GridSearchCV):
    """:class:`sklearn.model_selection.GridSearchCV` with all fits in packed runs.

    The networks of all folds and of all candidates that differ in ``dreg_strength``,
    ``learning_rate_init``, ``weight_decay`` or ``random_state`` alone are members of a
    few packed networks. Candidates that differ in other parameters train in runs of
    their own. Parameters, attributes and methods are those of ``GridSearchCV``; see
    :func:`packed_cross_validate` for what is packed, and for ``n_jobs``.

    Attributes
    ----------
    cv_results_ : dict of ndarray
        As of ``GridSearchCV``, scores up to rounding in the training. Times of fits are
        shares of the time of their run.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from cr_sklearn import ChainzRuleClassifier
    >>> from cr_sklearn.model_selection import PackedGridSearchCV
    >>> X, y = load_iris(return_X_y=True)
    >>> search = PackedGridSearchCV(
    ...     ChainzRuleClassifier(dreg_strength=0.01, max_iter=5, random_state=0),
    ...     {"dreg_strength": [0.001, 0.01], "learning_rate_init": [0.01, 0.02]},
    ... )
    >>> search.fit(X, y).cv_results_["mean_test_score"].shape
    (4,)
    """

    def fit(self, X, y=None, **params):
        """Run the search.

        Parameters
        ----------
        X, y, **params
            As in ``GridSearchCV``.

        Returns
        -------
        self : PackedGridSearchCV
        """
        if not can_be_packed(self.estimator):
            return super().fit(X, y, **params)
        given = self.get_params(deep=False)
        n_jobs = given.pop("n_jobs")
        cv = _repeatable(self.cv, self.estimator, X, y, params.get("groups"))
        replay = Replay(self.estimator)
        given |= {"estimator": replay.estimator, "cv": cv}
        unscored = GridSearchCV(**{**given, **_UNSCORED, "refit": False})
        _record(unscored.fit, X, y, **params)
        replay.train(n_jobs, self.verbose)
        search = GridSearchCV(**given).fit(X, y, **params)
        own = self.get_params(deep=False)
        vars(self).update({k: v for k, v in vars(search).items() if k not in own})
        self._add_training_time(replay.seconds)
        return self

    def _add_training_time(self, seconds):
        results = self.cv_results_
        shape = len(results["params"]), self.n_splits_
        by_candidate = np.reshape(seconds[: np.prod(shape)], shape)
        results["mean_fit_time"] = results["mean_fit_time"] + by_candidate.mean(axis=1)
        results["std_fit_time"] = results["std_fit_time"] + by_candidate.std(axis=1)


def _no_score(estimator, X, y=None):
    return 0.0


# Options of the run that sees what is asked for.
_UNSCORED = {"scoring": _no_score, "error_score": np.nan, "verbose": 0}


def _record(ask, *args, **options):
    """Let scikit-learn ask for its fits; what fails now will fail again."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            ask(*args, **options)
        except Exception:
            return


def _repeatable(cv, estimator, X, y, groups):
    """Splits that are the same in both runs."""
    if get_config()["enable_metadata_routing"] and hasattr(cv, "split"):
        return cv  # which asks for its own metadata
    X, y, groups = indexable(X, y, groups)
    cv = check_cv(cv, y, classifier=is_classifier(estimator))
    return list(cv.split(X, y, groups))
