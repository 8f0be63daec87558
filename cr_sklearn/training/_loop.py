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
from cr_sklearn.training._progress import TrainingProgress
from cr_sklearn.training._stopping import BestWeights, StopTraining, diverged

# Validation rows that go through the networks at a time.
_ROWS_AT_ONCE = 1024
# What is larger is no logit: the last step went too far.
_LARGEST_OUTPUT = 1e15
# Inputs of a unit above which their weights take smaller steps, and how much smaller.
_WIDE, _WIDE_POWER = 128, 1.5
# At least this much for the columns of a table: thousands of them are sparse.
_LEAST_FACTOR = 1 / 16


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
    validation_rows=None,
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
    rows, validation_rows : EncodedRows
        With validation rows every member ends with the weights of its own best
        epoch on them.
    settings : TrainingSettings
    seeds : sequence of int
        One per member, for its order of the rows and its probes; groups have seeds of
        their own.
    groups : RowGroups or None
        Members that see the same rows in the same order. None gives all rows to every
        member, in an order of its own.
    optimizer_state : list of dict or None
        That of an earlier history, to go on where it ended.
    progress : object or None
        With methods ``begin_epoch()`` and ``end_epoch() -> stop``.

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
        network, criterion, settings, validation_rows, penalised
    )
    best = BestWeights(settings, validated=validation_rows is not None)
    net.callbacks = [
        ("best", best),
        *_make_callbacks(settings, progress),
    ]
    net.initialize()
    if optimizer_state is not None:
        net.optimizer_.load_state(optimizer_state)
    net.notify("on_train_begin")
    interrupted = stopped = False
    try:
        net.fit_loop(batches)
    except StopTraining:
        stopped = True
    except KeyboardInterrupt:
        interrupted = True
    except torch.linalg.LinAlgError as error:  # of the Gram matrix of the weights
        raise diverged(settings, len(net.history)) from error
    finally:
        net.notify("on_train_end")
    if interrupted or validation_rows is not None:
        best.restore()
    if not all(bool(p.isfinite().all()) for p in net.packed_parameters()):
        raise diverged(settings, len(net.history))
    network.eval()
    history = TrainingHistory(
        interrupted=interrupted,
        stopped=stopped,
        optimizer_state=net.optimizer_.state(),
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
        raise diverged(settings, settings.done + settings.max_iter)


class PackedNet(NeuralNet):
    """skorch's loop over packed members.

    NOTE[DIFF] to skorch: batches are tensor slices instead of a DataLoader, the loss
    is read and callbacks are told once per epoch instead of once per step, and the
    module's forward and backward passes are those of
    :class:`~cr_sklearn.nn._streams.Streams`.
    """

    def __init__(self, module, criterion, settings, validation_rows, penalised):
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
        self.validation_rows = validation_rows
        self.penalised = penalised

    def initialize(self):
        super().initialize()
        parameter = next(self.module_.parameters())
        self.strengths_ = torch.tensor(
            self.settings.dreg_strength, dtype=parameter.dtype, device=parameter.device
        )
        return self

    def initialize_optimizer(self, *args, **kwargs):
        self.optimizer_ = self.optimizer(
            self.packed_parameters(),
            decayed=[self.module_.input_weight, *self.module_.hidden_weights],
            learning_rate=self.settings.learning_rate_init,
            weight_decay=self.settings.weight_decay,
            factors=self._factors(),
        )
        # Only now are the parameters where they stay.
        self.streams_ = Streams(self.module_)
        return self

    def _factors(self):
        """Return factors of the step size for weights that many inputs share.

        A step of Adam moves every weight about equally far, and so a sum over d inputs
        up to d times as far: at the step size that suits dozens of inputs, cubics of
        hundreds run away. NOTE[DIFF] The papers do not say how they train. G. Yang et
        al., arXiv 2203.03466, divide by d; with the projected penalty, whose gradient
        is the noisier the more inputs there are, strong penalties need more.
        """
        factors = []
        for weight in [self.module_.input_weight, *self.module_.hidden_weights]:
            factor = (_WIDE / weight.shape[2]) ** _WIDE_POWER
            if weight is self.module_.input_weight:
                factor = max(factor, _LEAST_FACTOR)
            if factor < 1.0:
                factors.append((weight, factor))
        return factors

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
        first_step = (self.settings.done + len(self.history) - 1) * len(iterator)
        n_steps = self.settings.n_epochs * len(iterator)
        losses = penalties = 0.0
        for step, batch in enumerate(iterator, first_step):
            gradients, batch_losses, batch_penalties = self.train_step_single(batch)
            self.optimizer_.step(gradients, self._schedule(step / n_steps))
            losses = losses + batch_losses
            penalties = penalties + batch_penalties
        # Members have the weights of their rows sum to the number of rows.
        losses, penalties = losses / iterator.n_rows, penalties / iterator.n_rows
        self.history.record("train_loss", losses.cpu().numpy())
        self.history.record("dreg", penalties.cpu().numpy())
        # What each member minimised, for the callbacks.
        self.objectives_ = losses + self.strengths_ * penalties.nan_to_num(0.0)

    def _schedule(self, progress):
        if self.settings.schedule == "constant":
            return 1.0
        return 0.5 * (1.0 + math.cos(math.pi * progress))

    def train_step_single(self, batch, **fit_params):
        """Return gradients of one batch, and each member's sums of loss and penalty."""
        tangents = None
        if self.penalised and batch.probes is None:
            tangents = input_tangents(self.module_)
        with torch.no_grad():
            outputs, norms = self.streams_.forward(
                batch.x, batch.probes, tangents, batch.between
            )
            losses, slopes = self.criterion_.value_and_slope(outputs, batch.y)
            # The objective is a weighted sum over rows, and over members, so that none
            # of them sees another's gradient.
            weight = batch.weight / batch.y.shape[1]
            norm_weight = weight
            if batch.between is not None:
                # Some of the rows, for all of them.
                n_moved = batch.between.shape[1]
                norm_weight = batch.weight[:, :n_moved] / n_moved
            penalty = norms.sum(dim=0).expand_as(norm_weight)
            penalty = batch.y.shape[1] * torch.linalg.vecdot(norm_weight, penalty)
            norm_weight = self.strengths_.unsqueeze(1) * norm_weight
            if norms.shape[2] == 1:
                norm_weight = norm_weight.sum(dim=1, keepdim=True)
            gradients, grad_tangents, _ = self.streams_.backward(
                weight.unsqueeze(2) * slopes, norm_weight.expand_as(norms)
            )
        if tangents is not None:
            inputs = self.module_.input_weight
            # Of a scalar: with gradients given, torch would import its compiler.
            through_tangents = torch.sum(tangents * grad_tangents)
            gradients[0] += torch.autograd.grad(through_tangents, inputs)[0]
        loss = torch.linalg.vecdot(batch.weight, losses)
        if not self.penalised:
            penalty = torch.full_like(loss, math.nan)
        return gradients, loss, penalty

    def validation_losses(self):
        """Return the mean data loss of each member on the validation rows."""
        self._set_training(False)
        x, y, weight, _ = self.validation_rows
        everything = torch.arange(x.shape[0], device=weight.device)
        with torch.no_grad():
            outputs = torch.cat(
                [
                    self.module_(x.index_select(0, part))
                    for part in everything.split(_ROWS_AT_ONCE)
                ],
                dim=1,
            )
            losses = self.criterion_(outputs, y.expand(outputs.shape[0], -1))
            return (weight * losses).mean(dim=1)


def _make_callbacks(settings, progress):
    callbacks = []
    if settings.verbose > 0 or progress is not None:
        callbacks.append(("progress", TrainingProgress(settings, progress)))
    return callbacks
