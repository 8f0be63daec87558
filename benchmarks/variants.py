"""ChainzRule without one of its ingredients that is no parameter, for the ablation.

``package`` names the package whose version their results depend on.
"""

import numpy as np
import torch

from cr_sklearn import ChainzRuleClassifier


class WithoutSkip(ChainzRuleClassifier):
    """No linear map from input to output, but in the linear candidates."""

    package = "cr_sklearn"

    def _build_network(self, *args):
        network = super()._build_network(*args)
        if network.activations:
            # It starts at zero, and without a gradient it stays there.
            is_first = torch.ones_like(network.input_weight)
            is_first[:, -network.n_outputs :] = 0.0
            network.input_weight.register_hook(is_first.mul)
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
    """The networks of the best candidate alone, with a weight of 1 in all."""

    package = "cr_sklearn"

    def fit(self, X, y):
        """Fit, then drop the others."""
        super().fit(X, y)
        if hasattr(self, "dreg_path_"):
            path = self.dreg_path_
            # By position: a deep and a linear candidate share a strength.
            losses = path["log_loss"][path["weight"] > 0]
            best = np.arange(len(losses)) == losses.argmin()
            kept = np.tile(best, len(self.estimator_weights_) // len(best))
            self.estimator_weights_ = kept / kept.sum()
        return self
