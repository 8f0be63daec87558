"""Scores for ordered classes, usable as ``scoring=``."""

from contextlib import suppress

import numpy as np
from sklearn import get_config
from sklearn.utils.metadata_routing import MetadataRequest
from sklearn.utils.validation import check_consistent_length

from cr_sklearn._rows import checked_weight
from cr_sklearn._unwrap import unwrap
from cr_sklearn.heads._targets import checked_order, is_numeric, read_target

# By which probabilities of single precision may pass 0 and 1.
_ROUNDING = 1e-5


def ordinal_scorer(metric, *, categories=None):
    r"""Return a scorer that knows the order of the classes.

    With ranks :math:`r = 0, \dots, K - 1` of the true classes and :math:`\hat r` of the
    predicted ones, weighted means over the rows:

    - "mae": :math:`-\,\mathrm{mean}\,|\hat r - r|`, in ranks.
    - "macro_mae": minus the mean over the true classes of each one's MAE, so that rare
      classes count as much as others.
    - "qwk": Cohen's kappa with quadratic weights; 1 is perfect, 0 is chance. NaN where
      truth and predictions are one and the same class throughout.
    - "rps": minus the ranked probability score of ``predict_proba``,
      :math:`-\,\mathrm{mean} \sum_{k=0}^{K-2} \big(P(y \le k) - 1[r \le k]\big)^2`, not
      divided by K - 1. For two classes it is minus the Brier score.
    - "off_by_one": share of rows with :math:`|\hat r - r| \le 1`.

    All are better when greater: errors have a minus, as scikit-learn's ``neg_`` scorers
    do.

    Source: QWK: Cohen 1968, Weighted kappa; RPS: Epstein 1969, A scoring system for
    probability forecasts of ranked categories; macro MAE: Baccianella, Esuli and
    Sebastiani 2009, Evaluation measures for ordinal regression.

    Parameters
    ----------
    metric : {"mae", "macro_mae", "qwk", "rps", "off_by_one"}
    categories : array-like of shape (n_classes,), default=None
        All labels from lowest to highest. None takes the order of the fitted
        estimator's ``categories_`` (also inside a pipeline or search), else of an
        ordered pandas Categorical or polars Enum as ``y``, else that of numbers. Ranks
        are then those among the classes that the estimator was trained on and those in
        ``y``.

    Returns
    -------
    scorer : OrdinalScorer
        Callable as ``scorer(estimator, X, y, sample_weight=None)``, for any classifier.

    Raises
    ------
    ValueError
        Here, if metric or categories are invalid. When scoring, if the order of the
        labels is not known, or a label is not among ``categories``.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.model_selection import cross_val_score
    >>> from cr_sklearn.metrics import ordinal_scorer
    >>> X = np.linspace(-1, 1, 90)[:, None]
    >>> y = np.repeat(["low", "mid", "high"], 30)
    >>> scorer = ordinal_scorer("qwk", categories=["low", "mid", "high"])
    >>> scores = cross_val_score(LogisticRegression(), X, y, scoring=scorer)
    >>> bool(scores.mean() > 0.8)
    True
    """
    return OrdinalScorer(metric, categories)


class OrdinalScorer:
    """Scorer of ordered classes; made by :func:`ordinal_scorer`.

    Parameters
    ----------
    metric : str
    categories : array-like or None
    """

    def __init__(self, metric, categories=None):
        if metric not in _METRICS:
            raise ValueError(f"metric must be one of {list(_METRICS)}, got {metric!r}.")
        self.metric = metric
        self.categories = None if categories is None else checked_order(categories)
        self._request = MetadataRequest(owner=self)
        self._request.score.add_request(param="sample_weight", alias=None)

    def __repr__(self):
        order = "" if self.categories is None else f", categories={self.categories!r}"
        return f"ordinal_scorer({self.metric!r}{order})"

    def set_score_request(self, *, sample_weight):
        """Say whether cross-validation hands on weights, with metadata routing.

        Parameters
        ----------
        sample_weight : bool, str or None
            True asks for ``sample_weight``, a string for weights of that name. False
            ignores them; None, as it is at first, makes it an error to give them.

        Returns
        -------
        self : OrdinalScorer
        """
        if not get_config()["enable_metadata_routing"]:
            raise RuntimeError(
                "set_score_request needs metadata routing: "
                "sklearn.set_config(enable_metadata_routing=True)."
            )
        self._request.score.add_request(param="sample_weight", alias=sample_weight)
        return self

    def get_metadata_routing(self):
        """Return what is asked for, for scikit-learn's routing.

        Returns
        -------
        routing : MetadataRequest
        """
        return self._request

    def __call__(self, estimator, X, y, sample_weight=None):
        """Score a fitted estimator.

        Parameters
        ----------
        estimator : fitted classifier
        X : array-like or dataframe of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            True labels.
        sample_weight : array-like of shape (n_samples,), default=None

        Raises
        ------
        ValueError
            If X, y, weights or predictions are of different lengths, weights are
            negative, not finite or all zero, or predictions are no classes.
        """
        known = getattr(estimator, "classes_", ())
        true, declared = read_target(y, known=self.categories or known)
        check_consistent_length(X, true)
        weight = checked_weight(sample_weight, len(true))
        classes = np.asarray(estimator.classes_)
        order = self._order(estimator, declared, true, classes)
        rank = {label: position for position, label in enumerate(order)}
        score, by_probability = _METRICS[self.metric]
        if by_probability:
            predicted = np.zeros((len(true), len(order)))
            columns = _ranks(classes, rank, "estimator.classes_")
            probabilities = np.asarray(estimator.predict_proba(X))
            if probabilities.shape != (len(true), len(classes)):
                raise ValueError(
                    f"predict_proba(X) has shape {probabilities.shape} for {len(true)} "
                    f"rows and {len(classes)} classes."
                )
            _check_probabilities(probabilities)
            predicted[:, columns] = probabilities
        else:
            labels = np.asarray(estimator.predict(X))
            if labels.ndim == 2 and labels.shape[1] == 1:  # as of CatBoost
                labels = labels[:, 0]
            labels = read_target(labels, "predict(X)", known=order).values
            check_consistent_length(labels, true)
            predicted = _ranks(labels, rank, "predict(X)")
        return float(score(_ranks(true, rank, "y"), predicted, weight))

    def _order(self, estimator, declared, true, classes):
        """Return all labels from lowest to highest."""
        if self.categories is not None:
            return self.categories
        seen = {*true.tolist(), *classes.tolist()}
        fitted = _fitted_categories(estimator)
        if fitted is not None and seen <= set(fitted):
            return fitted
        # A test fold may bring a class that the estimator has not seen.
        if declared is not None and seen <= set(declared):
            return [label for label in declared if label in seen]
        if (
            is_numeric(true)
            and is_numeric(classes)
            and (fitted is None or fitted == sorted(fitted))
        ):
            return sorted(seen)
        raise ValueError(
            f"The order of the labels {sorted(seen)} is not known. Pass "
            f"ordinal_scorer({self.metric!r}, categories=[...]) from lowest to highest."
        )


def _fitted_categories(estimator):
    """Find the rank order of an estimator, also inside pipelines and searches."""
    with suppress(TypeError):  # of another library
        estimator = unwrap(estimator).estimator
    categories = getattr(estimator, "categories_", None)
    return None if categories is None else categories.tolist()


def _ranks(labels, rank, name):
    unique, inverse = np.unique(labels, return_inverse=True)
    unknown = [label for label in unique.tolist() if label not in rank]
    if unknown:
        raise ValueError(
            f"{name} contains {unknown}, not among the categories {list(rank)}."
        )
    return np.array([rank[label] for label in unique.tolist()])[inverse]


def _check_probabilities(probabilities):
    wrong = ~((probabilities >= -_ROUNDING) & (probabilities <= 1.0 + _ROUNDING))
    if wrong.any():
        raise ValueError(
            f"predict_proba(X) holds {probabilities[wrong][0]:g}, which is no "
            "probability."
        )


def _mae(true, predicted, weight):
    return -np.average(np.abs(predicted - true), weights=weight)


def _macro_mae(true, predicted, weight):
    total = np.bincount(true, weights=weight)
    distance = np.bincount(true, weights=weight * np.abs(predicted - true))
    return -(distance[total > 0] / total[total > 0]).mean()


def _qwk(true, predicted, weight):
    # Of independent ranks, the mean squared distance is that of the means and both
    # variances.
    means = [np.average(ranks, weights=weight) for ranks in (true, predicted)]
    chance = (means[0] - means[1]) ** 2 + sum(
        np.average((ranks - mean) ** 2, weights=weight)
        for ranks, mean in zip((true, predicted), means, strict=True)
    )
    if not chance > 0:
        return np.nan
    return 1.0 - np.average((predicted - true) ** 2, weights=weight) / chance


def _rps(true, probabilities, weight):
    cumulative = probabilities.cumsum(axis=1)[:, :-1]
    reached = true[:, None] <= np.arange(cumulative.shape[1])
    return -np.average(((cumulative - reached) ** 2).sum(axis=1), weights=weight)


def _off_by_one(true, predicted, weight):
    return np.average(np.abs(predicted - true) <= 1, weights=weight)


# Name -> (score of ranks, whether it is one of probabilities).
_METRICS = {
    "mae": (_mae, False),
    "macro_mae": (_macro_mae, False),
    "qwk": (_qwk, False),
    "rps": (_rps, True),
    "off_by_one": (_off_by_one, False),
}
