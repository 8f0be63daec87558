"""ChainzRule without one of its ingredients that is no parameter, for the ablation.

``package`` names the package whose version their results depend on.
"""

from unittest import mock

import numpy as np

from cr_sklearn import ChainzRuleClassifier
from cr_sklearn.nn import Streams
from cr_sklearn.training import _halving, _selection
from cr_sklearn.training import _loop as _training
from cr_sklearn.training._optimizer import FlatAdamW


class _TrainedBy(ChainzRuleClassifier):
    """Trains with a net of its own."""

    package = "cr_sklearn"
    net = None

    def fit(self, X, y):
        """Fit with that net."""
        with mock.patch.object(_training, "_PackedNet", self.net):
            return super().fit(X, y)


class _NetWithoutSkip(_training._PackedNet):
    def train_step_single(self, batch, **fit_params):
        gradients, *sums = super().train_step_single(batch, **fit_params)
        if self.module_.activations:
            # The skip starts at zero, and without a gradient it stays there.
            gradients[0][:, -self.module_.n_outputs :] = 0.0
        return gradients, *sums


class WithoutSkip(_TrainedBy):
    """No linear map from input to output, but in the linear candidates."""

    net = _NetWithoutSkip


class _NetAnnealed(_training._PackedNet):
    def _learning_rate(self, progress):
        self.progress_ = progress
        return super()._learning_rate(progress)

    def train_step_single(self, batch, **fit_params):
        full = self.strengths_
        self.strengths_ = full * min(1.0, 0.1 + 1.8 * getattr(self, "progress_", 0.0))
        try:
            return super().train_step_single(batch, **fit_params)
        finally:
            self.strengths_ = full


class Annealed(_TrainedBy):
    """The strength rises from a tenth to its full value in the first half."""

    net = _NetAnnealed


class _OutputStreams(Streams):
    def backward(self, grad_outputs, grad_norms):
        grad_norms = grad_norms.clone()
        grad_norms[:-1] = 0.0
        return super().backward(grad_outputs, grad_norms)


class _NetOutputPenalty(_training._PackedNet):
    def initialize_optimizer(self, *args, **kwargs):
        super().initialize_optimizer(*args, **kwargs)
        self.streams_ = _OutputStreams(self.module_)
        return self


class OutputPenalty(_TrainedBy):
    """The output's Jacobian alone is penalised, not those of the hidden layers."""

    net = _NetOutputPenalty


class _HermiteAdamW(FlatAdamW):
    """AdamW on the coefficients of z, z^2 - 1 and z^3 - 3 z."""

    def step(self, gradients, learning_rate):
        is_cubic = [p.dim() == 3 and p.shape[1] == 3 for p in self.parameters[2:]]
        cubics = [n for n, found in enumerate(is_cubic, 2) if found]
        before = {n: self.parameters[n].detach()[:, 2].clone() for n in cubics}
        for n in cubics:
            gradients[n] = gradients[n].clone()
            gradients[n][:, 2] -= 3.0 * gradients[n][:, 0]
        super().step(gradients, learning_rate)
        for n in cubics:
            coefficient = self.parameters[n].detach()
            coefficient[:, 0] -= 3.0 * (coefficient[:, 2] - before[n])


class _NetHermite(_training._PackedNet):
    def initialize_optimizer(self, *args, **kwargs):
        self.optimizer = _HermiteAdamW
        return super().initialize_optimizer(*args, **kwargs)


class Hermite(_TrainedBy):
    """Coefficients are learned in the basis of Hermite's polynomials."""

    net = _NetHermite


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


class WithoutLinear(ChainzRuleClassifier):
    """Networks with hidden layers are the only candidates."""

    package = "cr_sklearn"

    def fit(self, X, y):
        """Fit without the others."""
        with mock.patch.object(_selection, "LINEAR_STRENGTHS", ()):
            return super().fit(X, y)


class _Choosing(ChainzRuleClassifier):
    """Other strengths go on, or from another time."""

    package = "cr_sklearn"
    first_part, n_promising = _halving._FIRST_PART, _selection._N_PROMISING

    def fit(self, X, y):
        """Fit with these."""
        with (
            mock.patch.object(_halving, "_FIRST_PART", self.first_part),
            mock.patch.object(_selection, "_N_PROMISING", self.n_promising),
        ):
            return super().fit(X, y)


class AllToTheEnd(_Choosing):
    """All strengths are trained to the end."""

    first_part = 0.0


class ChoosingEarly(_Choosing):
    """After a fifth of the epochs."""

    first_part = 0.2


class OneToTheEnd(_Choosing):
    """One strength alone goes on."""

    n_promising = 1
