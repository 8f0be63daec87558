"""What some libraries need around them to be models of the tabular suite.

Seconds are those of the processor, as in :mod:`benchmarks.evaluation`.
"""

import tempfile
import time
from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.compose import make_column_selector
from sklearn.model_selection import ParameterSampler, RandomizedSearchCV
from sklearn.preprocessing import LabelEncoder


class ColumnsByDtype(make_column_selector):
    """Selector that says what it selects: the hash of a model's settings reads it."""

    def __repr__(self):
        return f"ColumnsByDtype({self.dtype_include!r}, {self.dtype_exclude!r})"


CATEGORIES = ColumnsByDtype(dtype_include="category")
NUMBERS = ColumnsByDtype(dtype_exclude="category")


class TimedSearch(RandomizedSearchCV):
    """Random search that proposes no further candidate after ``seconds``.

    The first candidate is always tried, and what was begun is finished.
    """

    def __init__(
        self,
        estimator,
        param_distributions,
        *,
        n_iter,
        scoring,
        cv,
        random_state,
        seconds,
    ):
        super().__init__(
            estimator,
            param_distributions,
            n_iter=n_iter,
            scoring=scoring,
            cv=cv,
            random_state=random_state,
        )
        self.seconds = seconds

    def _run_search(self, evaluate_candidates):
        start = time.process_time()
        for candidate in ParameterSampler(
            self.param_distributions, self.n_iter, random_state=self.random_state
        ):
            evaluate_candidates([candidate])
            if time.process_time() - start > self.seconds:
                break


class LabelsAsNumbers(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    """For a library whose labels are 0 to K - 1."""

    def __init__(self, estimator):
        self.estimator = estimator

    def fit(self, X, y):
        encoder = LabelEncoder().fit(y)
        self.classes_ = encoder.classes_
        self.estimator_ = self._fitted(X, encoder.transform(y))
        return self

    def predict_proba(self, X):
        return self.estimator_.predict_proba(X)

    def predict(self, X):
        return self.classes_[self.estimator_.predict(X)]

    def _fitted(self, X, y):
        return clone(self.estimator).fit(X, y)


class TimedCatBoost(LabelsAsNumbers):
    """For CatBoost, which is told its categories and has none for missing values.

    It grows no tree after ``seconds``: its default of 1000 can take minutes, and fewer
    do better than none. With more than 10 classes, categories of up to 10 values are
    one-hot: target statistics for every class would leave time for ten trees. Labels
    that look like numbers it would sort as numbers.
    """

    def __init__(self, estimator, seconds):
        super().__init__(estimator)
        self.seconds = seconds

    def predict_proba(self, X):
        return super().predict_proba(_fill_categories(X))

    def predict(self, X):
        return self.classes_[self.estimator_.predict(_fill_categories(X)).ravel()]

    def _fitted(self, X, y):
        end = time.process_time() + self.seconds
        model = clone(self.estimator)
        if y.max() >= 10:
            model.set_params(one_hot_max_size=10)
        return model.fit(
            _fill_categories(X),
            y,
            cat_features=CATEGORIES(X),
            callbacks=[_Until(end)],
        )


class AutoGluon(ClassifierMixin, BaseEstimator):
    """AutoGluon's predictor behind scikit-learn's methods."""

    package = "autogluon.tabular"

    def __init__(self, seconds, random_state=None):
        self.seconds = seconds
        self.random_state = random_state

    def fit(self, X, y):
        from autogluon.tabular import TabularPredictor

        # It keeps its models on disk; the folder goes when the estimator does.
        self._folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self.predictor_ = TabularPredictor(
            label="target",
            eval_metric="log_loss",
            path=str(Path(self._folder.name, "models")),
            verbosity=0,
        ).fit(X.assign(target=y), time_limit=self.seconds, num_cpus=1, num_gpus=0)
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        # In single precision they may not sum to one.
        probabilities = self.predictor_.predict_proba(X)[self.classes_].to_numpy(float)
        return probabilities / probabilities.sum(axis=1, keepdims=True)

    def predict(self, X):
        return self.predictor_.predict(X).to_numpy()


class _Until:
    """Callback of CatBoost."""

    def __init__(self, end):
        self.end = end

    def after_iteration(self, info):
        return time.process_time() < self.end


def _fill_categories(X):
    columns = {
        name: X[name].cat.add_categories("(missing)").fillna("(missing)")
        for name in CATEGORIES(X)
    }
    return X.assign(**columns)
