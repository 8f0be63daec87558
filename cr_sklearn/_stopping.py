"""When training ends, and with which weights."""

import math

import numpy as np
import torch


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


class BestWeights:
    """Each member's weights of its best epoch, and the rule for stopping early.

    Members are judged one by one: packing must not change where a member stops.
    """

    def __init__(self, net, settings, keep_best):
        self._net = net
        self._settings = settings
        self._keep_best = keep_best
        members = net.strengths_.shape[0]
        device = net.strengths_.device
        self._loss = torch.full((members,), math.inf, device=device)
        self._mark = self._loss.clone()
        self._waited = torch.zeros(members, dtype=torch.long, device=device)
        self._weights = [p.detach().clone() for p in net.packed_parameters()]

    def end_epoch(self, objective):
        """Check, remember and perhaps stop; ``objective`` is (members,)."""
        net = self._net
        if self._keep_best:
            losses = net.validation_losses()
            net.history.record("validation_loss", losses.mean().item())
        else:
            losses = objective
        if not bool(losses.isfinite().all() and objective.isfinite().all()):
            raise diverged(self._settings, len(net.history))
        running = self._waited < self._settings.n_iter_no_change
        improved = losses < self._loss
        if self._keep_best:
            improved &= running
        self._remember(improved, losses)
        if not self._keep_best:
            return
        progressed = losses < self._mark - self._settings.tol
        self._mark = torch.where(progressed & running, losses, self._mark)
        self._waited = torch.where(
            running, torch.where(progressed, 0, self._waited + 1), self._waited
        )
        if bool((self._waited >= self._settings.n_iter_no_change).all()):
            raise StopTraining

    def restore(self):
        with torch.no_grad():
            for parameter, saved in zip(
                self._net.packed_parameters(), self._weights, strict=True
            ):
                parameter.copy_(saved)

    def _remember(self, improved, losses):
        self._loss = torch.where(improved, losses, self._loss)
        for parameter, saved in zip(
            self._net.packed_parameters(), self._weights, strict=True
        ):
            mask = improved.view(-1, *[1] * (parameter.dim() - 1))
            torch.where(mask, parameter.detach(), saved, out=saved)
