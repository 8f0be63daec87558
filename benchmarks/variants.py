"""ChainzRule without one of its ingredients that is no parameter, for the ablation.

``package`` names the package whose version their results depend on.
"""

import numpy as np

from benchmarks.dropout import net_with_dropout
from cr_sklearn import ChainzRuleClassifier
from cr_sklearn.nn._streams import Streams
from cr_sklearn.training._loop import PackedNet
from cr_sklearn.training._optimizer import FlatAdamW
from cr_sklearn.training._settings import TrainingOptions


class Variant(ChainzRuleClassifier):
    """ChainzRule with other options of training."""

    package = "cr_sklearn"


class _NetWithoutSkip(PackedNet):
    def train_step_single(self, batch, **fit_params):
        gradients, *sums = super().train_step_single(batch, **fit_params)
        if self.module_.activations:
            # The skip starts at zero, and without a gradient it stays there.
            gradients[0][:, -self.module_.n_outputs :] = 0.0
        return gradients, *sums


class WithoutSkip(Variant):
    """No linear map from input to output, but in the linear candidates."""

    _options = TrainingOptions(net=_NetWithoutSkip)


# Twice the epochs after which the strength is full.
_EPOCHS_ANNEALED = 40


class _NetAnnealed(PackedNet):
    def train_step_single(self, batch, **fit_params):
        full = self.strengths_
        done = self.settings.first_epoch + len(self.history)
        self.strengths_ = full * min(1.0, 0.1 + 1.8 * done / _EPOCHS_ANNEALED)
        try:
            return super().train_step_single(batch, **fit_params)
        finally:
            self.strengths_ = full


class Annealed(Variant):
    """The strength rises from a tenth to its full value in the first 20 epochs."""

    _options = TrainingOptions(net=_NetAnnealed)


class _OutputStreams(Streams):
    def backward(self, grad_outputs, grad_norms):
        grad_norms = grad_norms.clone()
        grad_norms[:-1] = 0.0
        return super().backward(grad_outputs, grad_norms)


class _NetOutputPenalty(PackedNet):
    def initialize_optimizer(self, *args, **kwargs):
        super().initialize_optimizer(*args, **kwargs)
        self.streams_ = _OutputStreams(self.module_)
        return self


class OutputPenalty(Variant):
    """The output's Jacobian alone is penalised, not those of the hidden layers."""

    _options = TrainingOptions(net=_NetOutputPenalty)


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


class _NetHermite(PackedNet):
    def initialize_optimizer(self, *args, **kwargs):
        self.optimizer = _HermiteAdamW
        return super().initialize_optimizer(*args, **kwargs)


class Hermite(Variant):
    """Coefficients are learned in the basis of Hermite's polynomials."""

    _options = TrainingOptions(net=_NetHermite)


class WithoutScale(Variant):
    """Weights of the strengths that sum to 1: no calibration scale."""

    def fit(self, X, y):
        """Fit, then divide."""
        super().fit(X, y)
        self.estimator_weights_ = (
            self.estimator_weights_ / self.estimator_weights_.sum()
        )
        return self


class OneStrength(Variant):
    """The networks of the best candidate alone, with a weight of 1 in all."""

    def fit(self, X, y):
        """Fit, then drop the others."""
        super().fit(X, y)
        if hasattr(self, "dreg_path_"):
            path = self.dreg_path_
            losses = np.where(path["weight"] > 0, path["log_loss"], np.inf)
            best = losses.argmin()
            # A deep and a linear candidate may share a strength.
            is_linear = ~self.coefs_[-1].any(axis=(1, 2))
            kept = is_linear == path["linear"][best]
            kept &= self._strengths == path["dreg_strength"][best]
            self.estimator_weights_ = kept / kept.sum()
        return self


class AtTheRows(Variant):
    """The penalty sees two-valued columns and categories at their values alone."""

    _options = TrainingOptions(between=False)


class WithoutLinear(Variant):
    """Networks with hidden layers are the only candidates."""

    _options = TrainingOptions(linear_candidates=False)


class AllToTheEnd(Variant):
    """All strengths are trained to the end."""

    _options = TrainingOptions(screening=None)


class ChoosingLate(Variant):
    """After three times the steps."""

    _options = TrainingOptions(screening=6.0)


class OneToTheEnd(Variant):
    """One strength alone goes on."""

    _options = TrainingOptions(n_kept=1)


class LessDecay(Variant):
    """Decoupled weight decay of a tenth."""

    _options = TrainingOptions(weight_decay=0.02)


class WithoutGates(Variant):
    """Weights of the inputs without gates."""

    _options = TrainingOptions(gates=False)


class WithoutStatistics(Variant):
    """Levels of categories have indicators alone."""

    _options = TrainingOptions(target_statistics=False)


class Regularized(ChainzRuleClassifier):
    """Our network and training with dropout and weight decay, for baselines."""

    package = "cr_sklearn"

    def __init__(
        self,
        hidden_layer_sizes=(32, 32),
        *,
        activation="relu",
        dreg_strength=0.0,
        learning_rate_init=0.02,
        n_bins=8,
        n_estimators="auto",
        max_iter="auto",
        dropout=0.0,
        weight_decay=0.0,
        random_state=None,
    ):
        super().__init__(
            hidden_layer_sizes,
            activation=activation,
            dreg_strength=dreg_strength,
            learning_rate_init=learning_rate_init,
            n_bins=n_bins,
            n_estimators=n_estimators,
            max_iter=max_iter,
            random_state=random_state,
        )
        self.dropout = dropout
        self.weight_decay = weight_decay

    @property
    def _options(self):
        return TrainingOptions(
            weight_decay=self.weight_decay, net=net_with_dropout(self.dropout)
        )
