"""ChainzRule without one of its ingredients that is no parameter, for the ablation.

``package`` names the package whose version their results depend on.
"""

from unittest import mock

import numpy as np

from cr_sklearn import ChainzRuleClassifier, _training


class _NetWithoutSkip(_training._PackedNet):
    def train_step_single(self, batch, **fit_params):
        gradients, *sums = super().train_step_single(batch, **fit_params)
        if self.module_.activations:
            # The skip starts at zero, and without a gradient it stays there.
            gradients[0][:, -self.module_.n_outputs :] = 0.0
        return gradients, *sums


class WithoutSkip(ChainzRuleClassifier):
    """No linear map from input to output, but in the linear candidates."""

    package = "cr_sklearn"

    def fit(self, X, y):
        """Fit with a trainer that leaves the skip alone."""
        with mock.patch.object(_training, "_PackedNet", _NetWithoutSkip):
            return super().fit(X, y)


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
