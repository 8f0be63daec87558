"""End of a training, and the weights that it keeps."""

import math

import numpy as np
import torch
from skorch.callbacks import Callback

# A validation loss has levelled off when it has not fallen by this for so many epochs,
# and as many steps as there are rows in each, within limits.
_LEAST_GAIN, _EPOCHS_NO_CHANGE = 1e-5, 2
_FEWEST_STEPS_NO_CHANGE, _MOST_STEPS_NO_CHANGE = 80, 150


class NonFiniteLossError(ValueError):
    """The training diverged."""


class StopTraining(Exception):
    """Ends the epochs early, by rule and not by the user."""


def diverged(settings, epoch):
    strengths = np.unique(np.asarray(settings.dreg_strength, dtype=float))
    shown = ", ".join(f"{strength:g}" for strength in strengths)
    return NonFiniteLossError(
        f"The training loss is not finite in epoch {epoch} with learning_rate_init="
        f"{settings.learning_rate_init:g} and dreg_strength={shown}. Lower "
        "learning_rate_init; if that does not help, lower degree or the number of "
        "hidden layers, or change dreg_strength."
    )


class LevelledOff(Exception):
    """Ends a training whose validation loss no longer falls."""


class _BestOfMembers:
    """Weights that each member had when its loss was lowest.

    Parameters
    ----------
    net : PackedNet
    least_gain : float
        By which a loss must be lower.
    """

    def __init__(self, net, least_gain):
        self._loss = torch.full_like(net.strengths_, math.inf)
        self._least_gain = least_gain
        self._saved = [(p, p.detach().clone()) for p in net.packed_parameters()]

    def remember(self, losses, among=True):
        """Save the weights of the members, among some, whose losses are lower."""
        improved = (losses < self._loss - self._least_gain) & among
        self._loss = torch.where(improved, losses, self._loss)
        for parameter, saved in self._saved:
            mask = improved.view(-1, *[1] * (parameter.dim() - 1))
            torch.where(mask, parameter.detach(), saved, out=saved)

    def restore(self):
        """Put the saved weights back."""
        with torch.no_grad():
            for parameter, saved in self._saved:
                parameter.copy_(saved)


class BestAverages(Callback):
    """Each member's average weights of its best epoch, and where the loss levels off.

    The average is over the last epochs of a training at a constant step size, of which
    it shows what a lower one would reach.

    Parameters
    ----------
    settings : TrainingSettings

    Attributes
    ----------
    best_epoch : int
        With the lowest mean loss of all members.
    """

    def __init__(self, settings):
        self.settings = settings

    def on_train_begin(self, net, **kwargs):
        self._best = _BestOfMembers(net, _LEAST_GAIN)
        self._lowest, self.best_epoch, self._snapshot = math.inf, 0, None

    def on_epoch_end(self, net, **kwargs):
        """Check, remember and perhaps stop."""
        net.optimizer_.swap_average()
        losses, objective = net.validation_losses(), net.objectives_
        net.history.record("validation_loss", losses.cpu().numpy())
        if not bool(losses.isfinite().all() and objective.isfinite().all()):
            raise diverged(self.settings, len(net.history))
        self._best.remember(losses)
        net.optimizer_.swap_average()
        if self.settings.schedule != "plateau":
            return
        mean, epoch = losses.mean().item(), len(net.history)
        if mean < self._lowest - _LEAST_GAIN:
            self._lowest, self.best_epoch = mean, epoch
            self._snapshot = net.optimizer_.snapshot()
        n_steps = max(self.settings.batch_size, _FEWEST_STEPS_NO_CHANGE)
        n_steps = min(n_steps, _MOST_STEPS_NO_CHANGE)
        patience = max(_EPOCHS_NO_CHANGE, -(-n_steps // net.steps_per_epoch))
        if epoch - self.best_epoch >= patience:
            raise LevelledOff

    def restore(self, net, is_over):
        """Put the weights where the next phase goes on, or the best averages.

        Parameters
        ----------
        net : PackedNet
        is_over : bool
            Whether there is no next phase.
        """
        if is_over or self.settings.schedule == "linear":
            self._best.restore()
        elif self.settings.schedule == "plateau":
            net.optimizer_.restore(self._snapshot)


class BestWeights(Callback):
    """Each member's weights of its best epoch, and the rule for stopping early.

    Members are judged one by one: packing must not change where a member stops.

    Parameters
    ----------
    settings : TrainingSettings
    validated : bool
        Whether the net has validation rows. Their loss then decides which epoch is
        best and when to stop; otherwise the training objective decides the former and
        training goes on to its end.
    """

    def __init__(self, settings, validated):
        self.settings = settings
        self.validated = validated

    def on_train_begin(self, net, **kwargs):
        self._best = _BestOfMembers(net, 0.0)
        self._mark = torch.full_like(net.strengths_, math.inf)
        self._waited = torch.zeros_like(net.strengths_, dtype=torch.long)

    def on_epoch_end(self, net, **kwargs):
        """Check, remember and perhaps stop."""
        losses = objective = net.objectives_
        if self.validated:
            losses = net.validation_losses()
            net.history.record("validation_loss", losses.cpu().numpy())
        if not bool(losses.isfinite().all() and objective.isfinite().all()):
            raise diverged(self.settings, len(net.history))
        running = self._waited < self.settings.n_iter_no_change
        self._best.remember(losses, among=running)
        if not self.validated:
            return
        progressed = losses < self._mark - self.settings.tol
        self._mark = torch.where(progressed & running, losses, self._mark)
        self._waited = torch.where(
            running, torch.where(progressed, 0, self._waited + 1), self._waited
        )
        if bool((self._waited >= self.settings.n_iter_no_change).all()):
            raise StopTraining

    def restore(self):
        """Put the best weights back."""
        self._best.restore()
