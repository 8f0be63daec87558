"""What some libraries need around them to be models of the ordinal benchmark."""

import warnings

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone


class RoundedRegressor(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    """Regression on the ranks 0 to K - 1, rounded to the nearest: labels alone."""

    def __init__(self, estimator):
        self.estimator = estimator

    def fit(self, X, y):
        self.classes_, ranks = np.unique(y, return_inverse=True)
        self.estimator_ = clone(self.estimator).fit(X, ranks)
        return self

    def predict(self, X):
        ranks = np.rint(self.estimator_.predict(X)).astype(int)
        return self.classes_[np.clip(ranks, 0, len(self.classes_) - 1)]


class StatsmodelsOrdered(ClassifierMixin, BaseEstimator):
    """Statsmodels' OrderedModel behind scikit-learn's methods, fitted by BFGS."""

    package = "statsmodels"

    def __init__(self, distr="logit", maxiter=500):
        self.distr = distr
        self.maxiter = maxiter

    def fit(self, X, y):
        from statsmodels.miscmodels.ordinal_model import OrderedModel

        self.classes_, ranks = np.unique(y, return_inverse=True)
        # It refuses constant columns: the thresholds are its constants.
        self._varying = np.ptp(X, axis=0) > 0
        with warnings.catch_warnings():
            # Of overflow on the way and of no convergence on separable classes.
            warnings.simplefilter("ignore")
            model = OrderedModel(ranks, X[:, self._varying], distr=self.distr)
            self.result_ = model.fit(
                method="bfgs", maxiter=self.maxiter, disp=False, skip_hessian=True
            )
        return self

    def predict_proba(self, X):
        return np.asarray(self.result_.predict(X[:, self._varying]))

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]
