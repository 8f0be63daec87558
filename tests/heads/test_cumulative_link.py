"""The likelihood of ordered classes and thresholds: torch core and NumPy."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from cr_sklearn.formulas import _numpy as numpy_namespace
from cr_sklearn.formulas import _torch as xp
from cr_sklearn.formulas._links import LINKS
from cr_sklearn.heads._cumulative import (
    class_probabilities,
    cumulative_probabilities,
    thresholds_of,
)
from cr_sklearn.nn import ChainzRuleNetwork, CrossEntropy, CumulativeLink, dreg
from cr_sklearn.nn._thresholds import (
    free_gradient,
    free_parameters,
    ordered_thresholds,
)
from cr_sklearn.training import _loop as _training
from cr_sklearn.training import _weights
from cr_sklearn.training._batches import EncodedRows
from cr_sklearn.training._settings import TrainingSettings

# Frozen distributions of SciPy: another source of F, 1 - F and their logarithms.
DISTRIBUTIONS = {
    "logit": stats.logistic(),
    "probit": stats.norm(),
    "cloglog": stats.gumbel_l(),
}
EVERY_LINK = pytest.mark.parametrize("link", LINKS)


def reference(link, low, high):
    """log(F(high) - F(low)) by whichever tail is the smaller one."""
    distribution = DISTRIBUTIONS[link]
    if low + high > 0:
        log_large, log_small = distribution.logsf(low), distribution.logsf(high)
    else:
        log_large, log_small = distribution.logcdf(high), distribution.logcdf(low)
    return log_large + np.log1p(-np.exp(log_small - log_large))


def intervals():
    """Wide, narrow and one-sided ones, from tail to tail where they differ."""
    for low in (-30.0, -12.0, -3.0, -0.5, 0.0, 0.7, 2.5, 4.0):
        for width in (0.05, 1.0, 8.0, math.inf):
            yield low, low + width
        yield -math.inf, low


@EVERY_LINK
def test_log_probabilities_are_exact_in_both_tails(link):
    """A rare class far out must cost what it costs, not the logarithm of zero."""
    low, high = np.array(list(intervals())).T
    log_p, _, _ = LINKS[link].log_interval(
        xp, torch.from_numpy(low), torch.from_numpy(high)
    )
    expected = [reference(link, *ends) for ends in zip(low, high, strict=True)]
    np.testing.assert_allclose(log_p, expected, rtol=1e-9, atol=1e-12)
    single = (torch.from_numpy(ends).float() for ends in (low, high))
    np.testing.assert_allclose(
        LINKS[link].log_interval(xp, *single)[0], expected, rtol=1e-3, atol=1e-6
    )


@EVERY_LINK
def test_slopes_agree_with_differences_and_autograd(link):
    """Training follows them; they are written by hand."""
    low, high = np.array([ends for ends in intervals() if np.isfinite(ends).all()]).T
    low, high = torch.from_numpy(low), torch.from_numpy(high)
    _, slope_low, slope_high = LINKS[link].log_interval(xp, low, high)
    step = 1e-6
    for slope, shift in ((slope_low, (step, 0.0)), (slope_high, (0.0, step))):
        above, _, _ = LINKS[link].log_interval(xp, low + shift[0], high + shift[1])
        below, _, _ = LINKS[link].log_interval(xp, low - shift[0], high - shift[1])
        torch.testing.assert_close(
            slope, (above - below) / (2 * step), rtol=1e-5, atol=1e-6
        )
    low, high = low.requires_grad_(), high.requires_grad_()
    log_p, _, _ = LINKS[link].log_interval(xp, low, high)
    for slope, grad in zip(
        (slope_low, slope_high),
        torch.autograd.grad(log_p.sum(), (low, high)),
        strict=True,
    ):
        # Where autograd itself stays finite.
        fine = grad.isfinite()
        assert fine.sum() > len(fine) / 2
        torch.testing.assert_close(slope[fine], grad[fine], rtol=1e-6, atol=1e-8)


@EVERY_LINK
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_no_interval_is_out_of_range(link, dtype):
    """One NaN in a batch would end the training of all networks packed with it."""
    values = [-math.inf, -1e30, -1e15, -100.0, -1.0, 0.0, 1.0, 100.0, 1e15, 1e30]
    values = torch.tensor([*values, math.inf], dtype=dtype)
    low, high = (
        grid.flatten() for grid in torch.meshgrid(values, values, indexing="ij")
    )
    possible = (low <= high) & ~(low.isinf() & high.isinf())
    for result in LINKS[link].log_interval(xp, low[possible], high[possible]):
        assert result.isfinite().all()


@EVERY_LINK
def test_the_criterion_is_the_likelihood_and_knows_its_gradient(link):
    """Each class takes its own two thresholds, and the outer ones only one."""
    margins = torch.tensor([1.5, 0.2, -1.0]).double().repeat(1, 4, 1)
    margins += torch.tensor([-2.0, -0.3, 0.4, 3.0]).double()[:, None]
    margins.requires_grad_()
    targets = torch.tensor([[0, 1, 2, 3]])
    criterion = CumulativeLink(link)
    losses = criterion(margins, targets)
    ends = np.pad(-margins.detach()[0], ((0, 0), (1, 1)))
    ends[:, 0], ends[:, -1] = -np.inf, np.inf
    expected = [-reference(link, ends[k, k], ends[k, k + 1]) for k in range(4)]
    np.testing.assert_allclose(losses.detach()[0], expected)
    assert torch.autograd.gradcheck(lambda m: criterion(m, targets), margins)
    probabilities = class_probabilities(
        numpy_namespace, link, margins.detach()[0].numpy()
    )
    np.testing.assert_allclose(np.diagonal(probabilities), np.exp(-np.array(expected)))


def test_two_classes_are_logistic_regression():
    """The model of the classifier is the smallest case of this one."""
    logits = torch.linspace(-40, 40, 9).double().view(1, 9, 1)
    for target in (0, 1):
        targets = torch.full((1, 9), target)
        ours = CumulativeLink().value_and_slope(logits, targets)
        theirs = CrossEntropy().value_and_slope(logits, targets)
        for one, two in zip(ours, theirs, strict=True):
            torch.testing.assert_close(one, two)


@EVERY_LINK
def test_probabilities_in_numpy_sum_to_one_and_are_never_negative(link):
    """Also for a row so far outside that no class but one is left."""
    latent = np.array([-1e30, -800.0, -5.0, 0.0, 5.0, 800.0, 1e30])
    margins = latent[:, None] - np.array([-2.0, -2.0, 0.5, 3.0])
    probabilities = class_probabilities(numpy_namespace, link, margins)
    assert (probabilities >= 0.0).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, rtol=1e-14)
    cumulative = cumulative_probabilities(numpy_namespace, link, margins)
    np.testing.assert_allclose(probabilities.cumsum(axis=1), cumulative, atol=1e-14)
    assert (cumulative[:, -1] == 1.0).all()
    assert probabilities[0, 0] == probabilities[-1, -1] == 1.0


@EVERY_LINK
def test_thresholds_of_shares_give_these_shares(link):
    """Training starts there."""
    shares = np.array([0.1, 0.6, 0.05, 0.25])
    probabilities = class_probabilities(
        numpy_namespace, link, -thresholds_of(link, shares)[None]
    )
    np.testing.assert_allclose(probabilities[0], shares)


def test_thresholds_rise_whatever_the_parameters():
    """Crossed ones would give a class a negative probability."""
    free = 100.0 * torch.randn(50, 6, generator=torch.Generator().manual_seed(0))
    assert (ordered_thresholds(free).diff(dim=1) >= 0.0).all()
    free = free.double() / 50.0
    assert (ordered_thresholds(free).diff(dim=1) > 0.0).all()
    torch.testing.assert_close(free_parameters(ordered_thresholds(free)), free)
    met = torch.tensor([[1.0, 1.0, 800.0]])
    torch.testing.assert_close(
        ordered_thresholds(free_parameters(met)), met, rtol=0.0, atol=2e-6
    )


def test_gradient_by_free_parameters():
    """A threshold moves all those above it."""
    free = torch.randn(3, 4, generator=torch.Generator().manual_seed(0)).double()
    free.requires_grad_()
    weights = torch.linspace(-1.0, 2.0, 12).double().view(3, 4)
    (expected,) = torch.autograd.grad((weights * ordered_thresholds(free)).sum(), free)
    torch.testing.assert_close(free_gradient(free.detach(), weights), expected)


def network_of(hidden, members=2, thresholds=(-1.0, 0.0, 2.0)):
    network = ChainzRuleNetwork(
        4, hidden, 1, members=members, thresholds=thresholds
    ).double()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            noise = torch.randn(parameter.shape, generator=generator).double()
            parameter.add_(0.3 * noise)
    return network


@pytest.mark.parametrize("hidden", [(), (5, 4)])
def test_a_network_gives_margins_of_one_latent(hidden):
    """DREG and the Jacobian are those of the latent, however many thresholds."""
    network = network_of(hidden)
    x = torch.randn(7, 4, generator=torch.Generator().manual_seed(1)).double()
    margins, norms = dreg(network, x)
    torch.testing.assert_close(margins, network(x))
    differences = margins.diff(dim=2)
    torch.testing.assert_close(differences, differences[:, :1].expand_as(differences))
    single = network_of(hidden, thresholds=None)
    for own, parameter in zip(
        list(single.parameters()), list(network.parameters()), strict=True
    ):
        if own.shape == parameter.shape:
            own.data = parameter.data
    torch.testing.assert_close(norms, dreg(single, x)[1])


@pytest.mark.parametrize("hidden", [(), (5, 4)])
def test_gradients_with_thresholds(hidden):
    """Both streams go backwards by hand; the value stream alone through autograd."""
    network = network_of(hidden)
    x = torch.randn(7, 4, generator=torch.Generator().manual_seed(1)).double()
    targets = torch.arange(7).remainder(4).expand(2, -1)
    gradients = [
        torch.autograd.grad(
            CumulativeLink()(outputs, targets).sum(), list(network.parameters())
        )
        for outputs in (dreg(network, x)[0], network(x))
    ]
    for one, two in zip(*gradients, strict=True):
        torch.testing.assert_close(one, two)
        assert one.any()


def test_fitted_thresholds_are_those_of_training_and_come_back():
    """Warm starts go on from them; predictions need no torch."""
    network = network_of((5,))
    fitted = _weights.dump(network, "polynomial")
    weights = np.array([0.3, 0.9])
    fitted = fitted._replace(member_weights=weights)
    x = np.random.default_rng(0).normal(size=(6, 4))
    expected = torch.tensordot(
        torch.from_numpy(weights), network(torch.from_numpy(x)), 1
    )
    outputs, jacobian = fitted.function().outputs_and_jacobian(x)
    np.testing.assert_allclose(outputs, expected.detach())
    assert jacobian.shape == (6, 1, 4)
    other = ChainzRuleNetwork(
        4, (5,), 1, members=2, thresholds=(0.0, 1.0, 2.0)
    ).double()
    _weights.load(other, "polynomial", fitted)
    for one, two in zip(network.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(one, two)


def test_a_member_with_thresholds_trains_alone_as_it_does_packed():
    """Thresholds are each member's own."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(90, 4)), rng.integers(0, 3, 90)
    rows = EncodedRows.from_arrays(
        x, y, np.ones(90), template=torch.zeros(1, dtype=torch.float64)
    )

    def train(seeds):
        network = _training.initial_network(
            4,
            (6, 5),
            1,
            thresholds=(-1.0, 1.0),
            seeds=seeds,
            dtype="float64",
            device=torch.device("cpu"),
        )
        settings = TrainingSettings(
            max_iter=6,
            batch_size=32,
            learning_rate_init=0.02,
            dreg_strength=[0.01] * len(seeds),
            dreg_stream="projected",
        )
        _training.train(network, CumulativeLink(), rows, settings, seeds)
        return network.output_bias.detach()

    packed, alone = train([3, 7, 9]), train([7])
    torch.testing.assert_close(packed[1], alone[0], rtol=1e-9, atol=1e-12)
    assert not torch.allclose(packed[0], packed[1])


@pytest.mark.parametrize(
    "build, message",
    [
        (lambda: CumulativeLink("cauchit"), "'cloglog', 'logit', 'probit'.*'cauchit'"),
        (
            lambda: ChainzRuleNetwork(2, (3,), 2, thresholds=(0.0,)),
            "one output, but n_outputs=2",
        ),
    ],
)
def test_errors_name_the_value(build, message):
    """An error that prints the value saves the user a debugger."""
    with pytest.raises(ValueError, match=message):
        build()
