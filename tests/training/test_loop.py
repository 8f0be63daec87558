"""Training: independence of the members, reproducibility, and how it may end."""

import numpy as np
import pytest
import torch

from cr_sklearn import ChainzRuleClassifier
from cr_sklearn._rows import RowGroups
from cr_sklearn.nn import CrossEntropy, dreg
from cr_sklearn.training import _loop as _training
from cr_sklearn.training._batches import EncodedRows, PackedBatches, member_generators
from cr_sklearn.training._isolation import check_device
from cr_sklearn.training._optimizer import FlatAdamW
from cr_sklearn.training._progress import TrainingProgress
from cr_sklearn.training._settings import TrainingSettings
from cr_sklearn.training._stopping import NonFiniteLossError, StopTraining
from cr_sklearn.training._training import Pack, Screening, Training
from cr_sklearn.training._validation import Validation


def make_rows(n=90, d=4, seed=0, weight=None):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d))
    y = (x[:, 0] * x[:, 1] > 0).astype(int)
    weight = np.ones(n) if weight is None else weight
    return EncodedRows.from_arrays(
        x, y, weight, template=torch.zeros(1, dtype=torch.float64)
    )


def train(
    seeds,
    rows=None,
    progress=None,
    validation_rows=None,
    groups=None,
    hidden=(6, 5),
    **given,
):
    settings = {
        "max_iter": 6,
        "batch_size": 32,
        "learning_rate_init": 0.02,
        "dreg_strength": [0.01] * len(seeds),
        "dreg_stream": "projected",
        "dtype": "float64",
        **given,
    }
    network = _training.initial_network(
        4,
        hidden,
        1,
        seeds=seeds,
        dtype=settings.pop("dtype"),
        device=torch.device("cpu"),
    )
    history = _training.train(
        network,
        CrossEntropy(),
        make_rows() if rows is None else rows,
        TrainingSettings(**settings),
        seeds,
        groups=groups,
        validation=None if validation_rows is None else Validation.of(validation_rows),
        progress=progress and TrainingProgress(0, 0, progress),
    )
    return network, history.mean()


def weights_of(network, member):
    return [p[member].detach().numpy() for p in network.parameters()]


@pytest.mark.parametrize("stream", ["exact", "projected", None])
@pytest.mark.parametrize("hidden", [[6, 5], []])
def test_a_step_follows_the_gradient_of_loss_and_penalty(monkeypatch, stream, hidden):
    """Training has a backward pass of its own; autograd says what it must be."""
    strengths = torch.tensor([0.0, 0.1, 0.3, 0.02]) if stream else torch.zeros(4)
    seen = []

    def step(self, batch):
        gradients, losses, penalties = original(self, batch)
        seen.append((batch, gradients, losses, penalties))
        raise StopTraining

    original = _training.PackedNet.train_step_single
    monkeypatch.setattr(_training.PackedNet, "train_step_single", step)
    weight = np.random.default_rng(0).uniform(0.5, 1.5, 90)
    network, _ = train(
        [3, 4, 5, 6],
        make_rows(weight=weight),
        hidden=hidden,
        groups=RowGroups.of([7, 8], [np.arange(60), np.arange(90)]),
        dreg_strength=strengths.numpy(),
        dreg_stream=stream or "projected",
    )
    [(batch, gradients, losses, penalties)] = seen
    assert (batch.probes is None) == (stream != "projected")
    # With random tangents the last quarter of the rows, for all of them.
    n = batch.n_penalised or batch.x.shape[1]
    outputs, _ = dreg(network, batch.x, batch.probes)
    _, norms = dreg(network, batch.x[:, -n:], batch.probes)
    weighted = batch.weight * CrossEntropy()(outputs, batch.y)
    torch.testing.assert_close(losses, weighted.sum(dim=1))
    penalty = batch.weight[:, -n:] * norms.sum(dim=0) * (batch.y.shape[1] / n)
    if stream:
        torch.testing.assert_close(penalties, penalty.sum(dim=1))
    else:
        assert penalties.isnan().all()
    objective = weighted.sum(dim=1) + strengths.double() * penalty.sum(dim=1)
    (objective.sum() / batch.y.shape[1]).backward()
    for gradient, parameter in zip(gradients, network.parameters(), strict=True):
        torch.testing.assert_close(gradient, parameter.grad)


def test_optimizer_is_torchs_adamw():
    """Published figures speak of AdamW; ours is that, in fewer operations."""
    generator = torch.Generator().manual_seed(0)
    ours = [torch.nn.Parameter(torch.randn(3, 4, generator=generator)) for _ in "ab"]
    theirs = [torch.nn.Parameter(p.detach().clone()) for p in ours]
    given = {"learning_rate": 0.1, "decays": [(ours[0], 0.1)]}
    given["factors"] = [(ours[1], 0.5)]
    optimizer = FlatAdamW(ours, **given)
    groups = [
        {"params": theirs[:1], "weight_decay": 0.1},
        {"params": theirs[1:], "weight_decay": 0.0, "lr": 0.025},
    ]
    reference = torch.optim.AdamW(groups, lr=0.05, betas=(0.9, 0.98))
    for step in range(6):
        for parameter in theirs:
            parameter.grad = torch.randn(3, 4, generator=generator)
        if step == 3:  # and goes on where it was
            state = optimizer.state()
            optimizer = FlatAdamW(ours, **given)
            optimizer.load_state(state)
        optimizer.step([parameter.grad for parameter in theirs], 0.5)
        reference.step()
        torch.testing.assert_close(ours, theirs)


def test_networks_of_many_inputs_do_not_run_away():
    """Embeddings and pixels have hundreds of columns; the defaults must train there."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((600, 500))
    y = X[:, :20].sum(axis=1) > 0
    model = ChainzRuleClassifier(
        dreg_strength=0.02, n_bins=0, max_iter=5, random_state=0
    ).fit(X, y)
    # That of a guess, which log(2) is, is what a network that runs away exceeds.
    assert max(model.loss_curve_) < 1.0


@pytest.mark.parametrize("stream", ["exact", "projected"])
def test_a_member_trains_alone_as_it_does_packed(stream):
    """Packing is for speed; an ensemble, a fold or a strength must not notice it."""
    packed, _ = train([3, 7, 9], dreg_strength=[0.1, 0.01, 0.0], dreg_stream=stream)
    alone, _ = train([7], dreg_strength=[0.01], dreg_stream=stream)
    for one, two in zip(weights_of(alone, 0), weights_of(packed, 1), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("batch_size", [32, 90])
def test_a_member_never_sees_the_rows_held_out_from_it(batch_size):
    """What it then says about them is out of fold: strengths can be judged by it."""
    rows = make_rows()
    changed = rows._replace(x=rows.x.clone(), y=rows.y.clone())
    changed.x[60:] += 100.0
    changed.y[60:] = 1 - changed.y[60:]
    groups = RowGroups.of([0, 1], [np.arange(60), np.arange(90)])
    given = {"groups": groups, "batch_size": batch_size}
    one, _ = train([0, 1], rows, **given)
    two, _ = train([0, 1], changed, **given)
    for before, after in zip(weights_of(one, 0), weights_of(two, 0), strict=True):
        np.testing.assert_array_equal(before, after)
    assert not np.allclose(weights_of(one, 1)[0], weights_of(two, 1)[0])


def test_a_member_stops_early_alone_as_it_does_packed():
    """Patience is each member's own, also when others go on."""
    given = {
        "validation_rows": make_rows(40, seed=1),
        "max_iter": 60,
        "n_iter_no_change": 2,
        "learning_rate_init": 0.1,
    }
    packed, _ = train([3, 7, 9], **given)
    alone, history = train([7], **given)
    assert len(history.loss) < 60
    for one, two in zip(weights_of(alone, 0), weights_of(packed, 1), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-6, atol=1e-9)


def test_early_stopping_keeps_the_best_epoch():
    """What counts is the validation loss of the weights that are returned."""
    validation = make_rows(40, seed=1)
    network, history = train([3], validation_rows=validation, max_iter=40)
    losses = CrossEntropy()(network(validation.x), validation.y[None])
    assert losses.mean().item() == pytest.approx(min(history.validation_loss))
    assert min(history.validation_loss) < history.validation_loss[-1]


def test_strength_shrinks_the_jacobian():
    """That is what the penalty is for; without this it could be a no-op."""
    final = [
        train([3], dreg_strength=[strength], max_iter=40)[1].dreg[-1]
        for strength in (0.0001, 0.01, 0.1)
    ]
    assert final[0] > 2 * final[1] > 4 * final[2]


def test_loss_falls_and_curves_have_an_entry_per_epoch():
    """The curves are public; they must describe the training that happened."""
    _, history = train([3, 4], max_iter=60, dreg_strength=[0.001, 0.001])
    assert len(history.loss) == len(history.dreg) == 60
    assert history.loss[-1] < 0.8 * history.loss[0]
    assert not history.validation_loss


def test_without_penalty_the_dreg_curve_is_nan():
    """Zero would claim that the Jacobian vanished; it was not computed."""
    _, history = train([3], dreg_strength=[0.0])
    assert np.isnan(history.dreg).all()


def test_members_of_a_group_train_as_members_with_its_seed():
    """Sharing rows makes folds fast; it must not change what they learn."""
    rows = [np.arange(0, 90, 2), np.arange(1, 90, 2)]
    together, _ = train([3, 4, 5, 6], groups=RowGroups.of([7, 8], rows))
    apart = RowGroups.of([7, 7, 8, 8], [rows[0], rows[0], rows[1], rows[1]])
    alone, _ = train([3, 4, 5, 6], groups=apart)
    for one, two in zip(together.parameters(), alone.parameters(), strict=True):
        torch.testing.assert_close(one, two, rtol=1e-9, atol=1e-12)


def test_every_epoch_visits_every_row_once():
    """Batches are slices of a permutation, all rows and no row twice."""
    rows = make_rows(50)
    batches = PackedBatches(rows, 16, 2, RowGroups([1, 2]), projected=True)
    assert len(batches) == 4
    for _ in range(2):
        seen = list(batches)
        assert {batch.x.shape[1] for batch in seen} == {12, 13}
        for group in range(2):
            x = torch.cat([batch.x[group] for batch in seen])
            torch.testing.assert_close(x.sort(dim=0)[0], rows.x.sort(dim=0)[0])
        assert not torch.equal(seen[0].x[0], seen[0].x[1])
        assert all(set(b.probes.unique().tolist()) == {-1.0, 1.0} for b in seen)


def test_probes_are_balanced_and_differ_between_groups_and_steps():
    """Repeated or biased tangents would bias the penalty silently."""
    groups = RowGroups([1, 2])
    batches = PackedBatches(make_rows(64, 300), 32, 2, groups, projected=True)
    first, second = (batch.probes for batch in batches)
    assert abs(first.mean().item()) < 4 / first.numel() ** 0.5
    assert not torch.equal(first, second)
    assert not torch.equal(first[0], first[1])
    # Neighbouring entries come from the same random word.
    correlation = (first[..., 1:] * first[..., :-1]).mean().item()
    assert abs(correlation) < 4 / first.numel() ** 0.5


def test_random_streams_of_different_purpose_differ():
    """Sharing bits between order and tangents would correlate them."""
    drawn = [
        torch.rand(3, generator=member_generators([5], purpose, epoch)[0]).tolist()
        for purpose in ("init", "order", "probes")
        for epoch in (0, 1)
    ]
    assert len({tuple(values) for values in drawn}) == len(drawn)


def test_a_diverging_loss_raises_and_names_the_parameters():
    """A model of NaNs that predicts without complaint is the worst outcome."""
    with pytest.raises(NonFiniteLossError, match=r"rate_init=1e\+60.*strength=0.01"):
        train([3], learning_rate_init=1e60)


def test_a_gram_matrix_that_overflows_is_a_divergence_too():
    """Torch would speak of a leading minor."""
    with pytest.raises(NonFiniteLossError, match="Lower learning_rate_init"):
        train([3], learning_rate_init=1e60, dreg_stream="exact", hidden=(2,))


class _Interrupt:
    """Progress that presses Ctrl-C at the end of an epoch."""

    def __init__(self, epoch):
        self.left = epoch

    def begin_epoch(self):
        pass

    def end_epoch(self):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


def test_ctrl_c_keeps_the_best_weights():
    """An hour of training must survive an impatient user."""
    network, history = train([3], progress=_Interrupt(4), max_iter=50)
    assert history.interrupted
    assert len(history.loss) == 4
    assert all(np.isfinite(w).all() for w in weights_of(network, 0))


def test_ctrl_c_in_the_middle_of_an_epoch(monkeypatch):
    """That is where it usually strikes; the half epoch leaves no trace."""
    reference, _ = train([3], progress=_Interrupt(2), max_iter=50)
    original, n_steps = FlatAdamW.step, 0

    def step(self, gradients, learning_rate):
        nonlocal n_steps
        n_steps += 1
        if n_steps == 3 * 2 + 2:
            # The objective of an epoch is that of the weights before its steps, so
            # the best full epoch is the second.
            raise KeyboardInterrupt
        original(self, gradients, learning_rate)

    monkeypatch.setattr(FlatAdamW, "step", step)
    network, history = train([3], max_iter=50)
    assert history.interrupted
    assert len(history.loss) == 2
    for one, two in zip(weights_of(network, 0), weights_of(reference, 0), strict=True):
        np.testing.assert_array_equal(one, two)


def test_stopping_on_request_is_not_an_interrupt():
    """A callback that asks to stop gets the weights of that moment."""

    class Stop:
        def begin_epoch(self):
            pass

        def end_epoch(self):
            return True

    _, history = train([3], progress=Stop())
    assert not history.interrupted
    assert len(history.loss) == 1


def test_weights_scale_the_loss_of_their_rows():
    """Rows of weight zero must not matter in any batch."""
    n = 30
    weight = np.r_[np.ones(n), np.zeros(n)]
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(n, 4)), rng.integers(0, 2, n)
    like = torch.zeros(1, dtype=torch.float64)
    kept = EncodedRows.from_arrays(x, y, np.ones(n), template=like)
    padded = EncodedRows.from_arrays(
        np.r_[x, 100 + x], np.r_[y, 1 - y], weight, template=like
    )
    given = {"batch_size": 2 * n, "dreg_stream": "exact"}
    one, _ = train([3], rows=kept, **given)
    two, _ = train([3], rows=padded, **given)
    for a, b in zip(weights_of(one, 0), weights_of(two, 0), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def test_an_unknown_device_is_named():
    """Torch's own message does not say which parameter was meant."""
    with pytest.raises(ValueError, match="device='abacus' can't be used here"):
        check_device("abacus")


def training_of(n_members, max_iter, **given):
    seeds = (3 + np.arange(n_members)).tolist()
    network = _training.initial_network(
        4, (6, 5), 1, seeds=seeds, dtype="float64", device=torch.device("cpu")
    )
    settings = TrainingSettings(
        max_iter=max_iter,
        batch_size=32,
        learning_rate_init=0.02,
        dreg_strength=np.linspace(0.01, 0.1, n_members),
        dreg_stream="projected",
        averages=True,
    )
    packs = [Pack(np.arange(n_members), network, settings, seeds)]
    rows = make_rows()
    validation = Validation.of(rows, [np.arange(0, len(rows.y), 3)])
    return Training(
        packs, "polynomial", CrossEntropy(), rows, validation=validation, **given
    )


def keep(*members, n_epochs=3):
    return Screening(n_epochs, lambda network: np.array(members))


def test_members_that_are_not_kept_stop_and_the_others_go_on():
    """Time is spent where it pays; who stops must not be touched any more."""
    training = training_of(3, 10)
    network = training.packs[0].network
    snapshots = []

    def best_members(averages):
        snapshots.append(weights_of(network, 1))
        return np.array([0, 2])

    training.screening = Screening(3, best_members)
    training.run()
    assert training.history.n_iter_all == 3
    for one, two in zip(weights_of(network, 1), snapshots[0], strict=True):
        np.testing.assert_array_equal(one, two)
    curves = training.history
    assert len(curves.loss) == len(curves.dreg) == len(curves.validation_loss)
    assert 3 < len(curves.loss) <= 10


@pytest.mark.parametrize("max_iter", [1, 2, 3, 9])
def test_epochs_are_at_most_those_allowed(max_iter):
    """All phases together, however few."""
    training = training_of(2, max_iter, screening=keep(1))
    training.run()
    assert 1 <= len(training.history.loss) <= max_iter


def test_training_ends_with_the_best_averages():
    """The rows held out say which epoch that was."""
    training = training_of(2, 40)
    training.run()
    curve = training.history.validation_loss
    validation = training.validation
    found = validation.losses(training.packs[0].network, CrossEntropy())
    assert found.mean().item() <= curve[-1] + 1e-9


def test_validation_rows_of_a_group_are_its_own():
    """Losses of members are those of the rows held out from them."""
    rows, sets = make_rows(), [np.arange(20), np.arange(30, 80)]
    network = training_of(4, 1).packs[0].network
    found = Validation.of(rows, sets).losses(network, CrossEntropy())
    outputs = network(rows.x)
    losses = CrossEntropy()(outputs, rows.y.expand(4, -1)).detach()
    expected = [
        np.average(
            losses[member, sets[member // 2]],
            weights=rows.weight.numpy()[sets[member // 2]],
        )
        for member in range(4)
    ]
    np.testing.assert_allclose(found.numpy(), expected)


@pytest.mark.parametrize("epoch", [2, 6])
def test_stopping_on_request_stops_all_phases(epoch):
    """A callback that asks to stop does not ask twice."""

    class Stop:
        left = epoch

        def begin_epoch(self):
            pass

        def end_epoch(self):
            self.left -= 1
            return self.left == 0

    training = training_of(2, 60, progress=Stop(), screening=keep(1))
    training.run()
    assert len(training.history.loss) == epoch
    assert not training.history.interrupted


def test_weights_in_the_middle_of_training_are_those_of_the_moment():
    """Callbacks score copies of the estimator epoch by epoch."""
    seen = []

    class Look:
        def begin_epoch(self):
            pass

        def end_epoch(self):
            seen.append(training.snapshot().skip_coef)

    training = training_of(2, 9, progress=Look(), screening=keep(1, n_epochs=2))
    training.run()
    steps = np.abs(np.diff(seen, axis=0)).max(axis=(2, 3))
    assert (steps[:, 1] > 0).all()
    assert (steps[0] > 0).all()
    assert (steps[1:, 0] == 0).all()  # two epochs for those that stop
