"""ChainzRule without one of its ingredients that is no parameter, for the ablation.

``package`` names the package whose version their results depend on.
"""

import numpy as np

from cr_sklearn import ChainzRuleClassifier


class WithoutSkip(ChainzRuleClassifier):
    """No linear map from input to output."""

    package = "cr_sklearn"

    def _build_network(self, *args):
        network = super()._build_network(*args)
        network.skip.requires_grad_(False)
        return network


class WithoutScale(ChainzRuleClassifier):
    """Weights of the strengths that sum to 1: no calibration scale."""

    package = "cr_sklearn"

    def fit(self, X, y):
        """Fit, then divide."""
        super().fit(X, y)
        self.estimator_weights_ = (
            self.estimator_weights_ / self.estimator_weights_.sum()
        )
        return self


class OneStrength(ChainzRuleClassifier):
    """The networks of the best strength alone, with a weight of 1 in all."""

    package = "cr_sklearn"

    def fit(self, X, y):
        """Fit, then drop the others."""
        super().fit(X, y)
        if hasattr(self, "dreg_path_"):
            path = self.dreg_path_
            weighted = np.where(path["weight"] > 0, path["log_loss"], np.inf)
            kept = self._strengths == path["dreg_strength"][np.argmin(weighted)]
            self.estimator_weights_ = kept / kept.sum()
        return self
