"""The loop over epochs and batches: a private skorch net."""

import math

import numpy as np
import torch
from skorch import NeuralNet

from cr_sklearn._rows import RowGroups
from cr_sklearn.nn import ChainzRuleNetwork
from cr_sklearn.nn._dreg import input_tangents
from cr_sklearn.nn._streams import Streams
from cr_sklearn.training._batches import PackedBatches, member_generators
from cr_sklearn.training._history import TrainingHistory
from cr_sklearn.training._optimizer import FlatAdamW
from cr_sklearn.training._stopping import (
    BestAverages,
    BestWeights,
    LevelledOff,
    StopTraining,
    diverged,
)

# Rows whose outputs are checked at the end.
_ROWS_AT_ONCE = 1024
# What is larger is no logit: the last step went too far.
_LARGEST_OUTPUT = 1e15
# Steps of gates, in those of the weights, and their decay.
_GATE_STEP, _GATE_DECAY = 1.5, 0.45
# Epochs that weights are averaged over.
_AVERAGED = 0.5


def initial_network(
    n_features, hidden_layer_sizes, n_outputs, *, seeds, dtype, device, **architecture
):
    """Build a network with one member per seed, each drawn from its seed alone.

    Parameters
    ----------
    n_features, hidden_layer_sizes, n_outputs, **architecture
        See :class:`~cr_sklearn.nn.ChainzRuleNetwork`.
    seeds : sequence of int
    dtype : {"float32", "float64"}
    device : torch.device
    """
    network = ChainzRuleNetwork(
        n_features, hidden_layer_sizes, n_outputs, members=len(seeds), **architecture
    )
    # Drawn on the CPU in float64, so that a seed means the same everywhere.
    network.double().reset_parameters(member_generators(seeds, "init"))
    return network.to(dtype=getattr(torch, dtype), device=device)


def train(
    network,
    criterion,
    rows,
    settings,
    seeds,
    *,
    groups=None,
    validation=None,
    optimizer_state=None,
    progress=None,
):
    """Train all members of a packed network in place.

    Parameters
    ----------
    network : ChainzRuleNetwork
        On its device, in its dtype, with its initial weights.
    criterion : Module
        Data loss per member and sample, such as :class:`cr_sklearn.nn.CrossEntropy`.
    rows : EncodedRows
    validation : Validation or None
        With it every member ends with the weights of its own best epoch.
    settings : TrainingSettings
    seeds : sequence of int
        One per member, for its order of the rows and its probes; groups have seeds of
        their own.
    groups : RowGroups or None
        Members that see the same rows in the same order. None gives all rows to every
        member, in an order of its own.
    optimizer_state : list of dict or None
        That of an earlier history, to go on where it ended.
    progress : TrainingProgress or None

    Raises
    ------
    NonFiniteLossError
        If a loss or weight is no longer finite.
    """
    projected = settings.dreg_stream == "projected"
    penalised = bool(np.any(np.asarray(settings.dreg_strength) > 0.0))
    groups = groups or RowGroups(seeds)
    batches = PackedBatches(
        rows,
        settings.batch_size,
        network.members,
        groups,
        projected and penalised,
        settings.first_epoch,
    )
    net = (settings.net or PackedNet)(
        network, criterion, settings, validation, penalised, len(batches)
    )
    if settings.averages:
        best = BestAverages(settings)
    else:
        best = BestWeights(settings, validated=validation is not None)
    net.callbacks = [("best", best)]
    if progress is not None:
        net.callbacks.append(("progress", progress))
    net.initialize()
    if optimizer_state is not None:
        net.optimizer_.load_state(optimizer_state)
    net.notify("on_train_begin")
    interrupted = stopped = False
    try:
        net.fit_loop(batches)
    except StopTraining:
        stopped = True
    except LevelledOff:
        pass
    except KeyboardInterrupt:
        interrupted = True
    except torch.linalg.LinAlgError as error:  # of the Gram matrix of the weights
        raise diverged(settings, len(net.history)) from error
    finally:
        net.notify("on_train_end")
    if settings.averages:
        best.restore(net, is_over=interrupted or stopped)
    elif interrupted or validation is not None:
        best.restore()
    if not all(bool(p.isfinite().all()) for p in net.packed_parameters()):
        raise diverged(settings, len(net.history))
    network.eval()
    history = TrainingHistory(
        interrupted=interrupted,
        stopped=stopped,
        optimizer_state=net.optimizer_.state(),
        best_epoch=getattr(best, "best_epoch", None),
    )
    for epoch in net.history:
        if "dreg" in epoch:  # not so in an epoch that was interrupted
            history.loss.append(epoch["train_loss"])
            history.dreg.append(epoch["dreg"])
        if "validation_loss" in epoch:
            history.validation_loss.append(epoch["validation_loss"])
    return history


def check_outputs(network, rows, settings):
    """Refuse a trained network whose outputs are of no sensible size.

    Raises
    ------
    NonFiniteLossError
    """
    some = torch.arange(min(_ROWS_AT_ONCE, len(rows.y)), device=rows.y.device)
    with torch.no_grad():
        outputs = network(rows.x.index_select(0, some))
    if not bool((outputs.abs() < _LARGEST_OUTPUT).all()):
        raise diverged(settings, settings.first_epoch + settings.max_iter)


class PackedNet(NeuralNet):
    """skorch's loop over packed members.

    NOTE[DIFF] to skorch: batches are tensor slices instead of a DataLoader, the loss
    is read and callbacks are told once per epoch instead of once per step, and the
    module's forward and backward passes are those of
    :class:`~cr_sklearn.nn._streams.Streams`.
    """

    def __init__(
        self, module, criterion, settings, validation, penalised, steps_per_epoch
    ):
        super().__init__(
            module,
            criterion,
            optimizer=FlatAdamW,
            max_epochs=settings.max_iter,
            train_split=None,
            verbose=0,
            device=None,
        )
        self.settings = settings
        self.validation = validation
        self.penalised = penalised
        self.steps_per_epoch = steps_per_epoch

    def initialize(self):
        super().initialize()
        parameter = next(self.module_.parameters())
        self.strengths_ = torch.tensor(
            self.settings.dreg_strength, dtype=parameter.dtype, device=parameter.device
        )
        return self

    def initialize_optimizer(self, *args, **kwargs):
        module, horizon = self.module_, None
        if self.settings.averages:
            horizon = max(1.0, _AVERAGED * self.steps_per_epoch)
        gate, weights = module.gate, [module.input_weight, *module.hidden_weights]
        decays = [(weight, self.settings.weight_decay) for weight in weights]
        factors = []
        if self.settings.input_step < 1.0:
            factors.append((module.input_weight, self.settings.input_step))
        if gate is not None:
            decays.append((gate, _GATE_DECAY))
            factors.append((gate, _GATE_STEP))
        self.optimizer_ = self.optimizer(
            self.packed_parameters(),
            learning_rate=self.settings.learning_rate_init,
            decays=decays,
            factors=factors,
            horizon=horizon,
        )
        # Only now are the parameters where they stay.
        self.streams_ = Streams(self.module_)
        return self

    @property
    def _default_callbacks(self):
        return []

    def packed_parameters(self):
        return [parameter for _, parameter in self.get_all_learnable_params()]

    def get_split_datasets(self, X, y=None, **fit_params):
        return X, None

    def get_iterator(self, dataset, training=False):
        return dataset

    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params):
        if not training:
            return
        self._set_training(True)
        first_step = (len(self.history) - 1) * len(iterator)
        losses = penalties = 0.0
        for step, batch in enumerate(iterator, first_step):
            gradients, batch_losses, batch_penalties = self.train_step_single(batch)
            self.optimizer_.step(gradients, self._schedule(step))
            losses = losses + batch_losses
            penalties = penalties + batch_penalties
        # Members have the weights of their rows sum to the number of rows.
        losses, penalties = losses / iterator.n_rows, penalties / iterator.n_rows
        self.history.record("train_loss", losses.cpu().numpy())
        self.history.record("dreg", penalties.cpu().numpy())
        # What each member minimised, for the callbacks.
        self.objectives_ = losses + self.strengths_ * penalties.nan_to_num(0.0)

    def _schedule(self, step):
        """Return the step size of a step, in that of the start."""
        settings = self.settings
        if settings.schedule in ("constant", "plateau"):
            n_warm = settings.warm_up * self.steps_per_epoch
            return min(1.0, (step + 1.0) / n_warm) if n_warm else 1.0
        progress = step / (settings.max_iter * self.steps_per_epoch)
        if settings.schedule == "linear":
            return 1.0 - progress
        return 0.5 * (1.0 + math.cos(math.pi * progress))

    def train_step_single(self, batch, **fit_params):
        """Return gradients of one batch, and each member's sums of loss and penalty."""
        tangents = None
        if self.penalised and batch.probes is None:
            tangents = input_tangents(self.module_)
        with torch.no_grad():
            outputs, norms = self.streams_.forward(
                batch.x, batch.probes, tangents, batch.between, batch.n_penalised
            )
            losses, slopes = self.criterion_.value_and_slope(outputs, batch.y)
            # The objective is a weighted sum over rows, and over members, so that none
            # of them sees another's gradient.
            weight = batch.weight / batch.y.shape[1]
            norm_weight = weight
            if batch.n_penalised is not None:
                # Some of the rows, for all of them.
                some = batch.weight[:, -batch.n_penalised :]
                norm_weight = some / batch.n_penalised
            penalty = norms.sum(dim=0).expand_as(norm_weight)
            penalty = batch.y.shape[1] * torch.linalg.vecdot(norm_weight, penalty)
            norm_weight = self.strengths_.unsqueeze(1) * norm_weight
            if norms.shape[2] == 1:
                norm_weight = norm_weight.sum(dim=1, keepdim=True)
            gradients, grad_tangents, _ = self.streams_.backward(
                weight.unsqueeze(2) * slopes, norm_weight.expand_as(norms)
            )
        if tangents is not None:
            leaves = [self.module_.input_weight]
            if self.module_.gate is not None:
                leaves.append(self.module_.gate)
            # Of a scalar: with gradients given, torch would import its compiler.
            through_tangents = torch.sum(tangents * grad_tangents)
            more = torch.autograd.grad(through_tangents, leaves)
            for gradient, further in zip(gradients, more, strict=False):
                gradient += further
        loss = torch.linalg.vecdot(batch.weight, losses)
        if not self.penalised:
            penalty = torch.full_like(loss, math.nan)
        return gradients, loss, penalty

    def validation_losses(self):
        """Return the mean data loss of each member on the rows held out."""
        self._set_training(False)
        return self.validation.losses(self.module_, self.criterion_)
