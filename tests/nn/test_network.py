"""The torch core: every analytic derivative against two independent references."""

import itertools

import numpy as np
import pytest
import torch
from torch.func import jacrev

from cr_sklearn.formulas._activations import ACTIVATIONS
from cr_sklearn.nn import ChainzRuleNetwork, CrossEntropy, Polynomial, dreg
from cr_sklearn.nn._activations import make_activation
from cr_sklearn.nn._dreg import input_tangents, n_tangent_dims

BATCH, N_OUTPUTS = 3, 2
# degree matters for the polynomial only
ACTIVATION_DEGREES = [
    *[("polynomial", degree) for degree in range(1, 6)],
    *[(name, 3) for name in ACTIVATIONS if name != "polynomial"],
]


def over_the_grid(test):
    """Run a test for all activations, degrees, depths, members and inputs."""
    for mark in (
        pytest.mark.parametrize("activation, degree", ACTIVATION_DEGREES),
        pytest.mark.parametrize(
            "hidden", [(5,), (5, 4), (5, 4, 6)], ids=lambda h: f"depth{len(h)}"
        ),
        pytest.mark.parametrize("members", [1, 3]),
        pytest.mark.parametrize("d", [3, 12], ids=["d<n_1", "d>n_1"]),
    ):
        test = mark(test)
    return test


def make_network(d, hidden, members, activation="polynomial", degree=3, seed=0):
    """Network in float64 with all parameters random, so that none is idle."""
    network = ChainzRuleNetwork(
        d, hidden, N_OUTPUTS, members=members, activation=activation, degree=degree
    ).double()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            noise = torch.randn(parameter.shape, generator=generator).double()
            parameter.add_(0.3 * noise)
    return network


def make_rows(members, d, batch=BATCH, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(members, batch, d, generator=generator).double()


def layer_functions(network, member):
    """The value stream up to each layer, of one member and one row, as functions."""

    def up_to(layer):
        def function(row):
            h = row.expand(network.members, 1, -1)
            if layer == len(network.activations):
                return network(h)[member, 0]
            for index in range(layer + 1):
                z = h @ network.weights[index].mT + network.biases[index][:, None]
                h = network.activations[index](z)
            return h[member, 0]

        return function

    return [up_to(layer) for layer in range(len(network.activations) + 1)]


@over_the_grid
def test_exact_stream_is_the_jacobian_of_every_layer(
    activation, degree, hidden, members, d
):
    """DREG is a claim about Jacobians; autograd computes them another way."""
    network = make_network(d, hidden, members, activation, degree)
    x = make_rows(members, d)
    outputs, penalties = dreg(network, x)
    torch.testing.assert_close(outputs, network(x))
    for member, row in itertools.product(range(members), range(BATCH)):
        for layer, function in enumerate(layer_functions(network, member)):
            reference = jacrev(function)(x[member, row])
            torch.testing.assert_close(
                penalties[layer, member, row], reference.square().sum()
            )


@over_the_grid
def test_exact_stream_agrees_with_finite_differences(
    activation, degree, hidden, members, d
):
    """Differences need no calculus at all, so no shared mistake can hide."""
    network = make_network(d, hidden, members, activation, degree)
    x = make_rows(members, d)
    _, penalties = dreg(network, x)
    step = 1e-6
    for layer in range(len(hidden) + 1):
        total = torch.zeros(members, BATCH, dtype=torch.float64)
        for feature in range(d):
            shift = torch.zeros(d, dtype=torch.float64)
            shift[feature] = step
            column = torch.stack(
                [
                    torch.stack(
                        [
                            function(x[member, row] + shift)
                            - function(x[member, row] - shift)
                            for row in range(BATCH)
                        ]
                    )
                    for member, function in (
                        (m, layer_functions(network, m)[layer]) for m in range(members)
                    )
                ]
            )
            total += (column / (2 * step)).square().sum(dim=2)
        torch.testing.assert_close(
            penalties[layer].expand(members, BATCH), total, rtol=1e-5, atol=1e-7
        )


@pytest.mark.parametrize("stream", ["exact", "projected"])
@pytest.mark.parametrize("d", [3, 12], ids=["d<n_1", "d>n_1"])
@pytest.mark.parametrize("activation, degree", ACTIVATION_DEGREES)
def test_gradient_of_loss_and_penalty_agrees_with_finite_differences(
    activation, degree, d, stream
):
    """Training follows this gradient; it passes through every slope a second time."""
    network = make_network(d, (5, 4), 2, activation, degree)
    # Small inputs: at degree 25 the objective would drown the difference in rounding.
    x = 0.1 * make_rows(2, d)
    signs = None
    if stream == "projected":
        # Fewer than the rows, so that some share theirs.
        signs = make_rows(2, d, batch=BATCH - 1, seed=2).sign()
    targets = torch.tensor([[0, 1, 1], [1, 0, 1]])

    def objective():
        outputs, penalties = dreg(network, x, signs)
        return (CrossEntropy()(outputs, targets) + 0.1 * penalties.sum(dim=0)).sum()

    objective().backward()
    generator = torch.Generator().manual_seed(3)
    for parameter in network.parameters():
        direction = torch.randn(parameter.shape, generator=generator).double()
        step = 1e-6
        with torch.no_grad():
            parameter.add_(step * direction)
            above = objective()
            parameter.sub_(2 * step * direction)
            below = objective()
            parameter.add_(step * direction)
        difference = (above - below) / (2 * step)
        analytic = (parameter.grad * direction).sum()
        torch.testing.assert_close(analytic, difference, rtol=1e-5, atol=1e-6)


def test_gates_are_a_part_of_the_weights():
    """Folded into the weights they change nothing; their gradient is autograd's."""
    blocks, x = [0, 0, 1, 2, 2], make_rows(2, 5)
    network = ChainzRuleNetwork(
        5, (4, 3), 2, members=2, blocks=blocks, gates=[1.0, 0.5, -2.0]
    ).double()
    plain = ChainzRuleNetwork(5, (4, 3), 2, members=2).double()
    parameters = dict(network.named_parameters())
    with torch.no_grad():
        parameters["input_weight"].normal_(generator=torch.Generator().manual_seed(0))
        for name, parameter in plain.named_parameters():
            parameter.copy_(parameters[name])
        plain.input_weight.mul_(torch.tensor([1.0, 1.0, 0.5, -2.0, -2.0]))
    signs = make_rows(2, 5, seed=2).sign()
    for given in ((x, None), (x, signs)):
        for one, two in zip(dreg(network, *given), dreg(plain, *given), strict=True):
            torch.testing.assert_close(one, two)
    outputs, penalties = dreg(network, x, signs)
    torch.testing.assert_close(network(x), outputs)
    (outputs.sum() + penalties.sum()).backward()
    outputs, penalties = dreg(plain, x, signs)
    (outputs.sum() + penalties.sum()).backward()
    by_input = (plain.input_weight.grad * parameters["input_weight"]).sum(dim=1)
    expected = torch.stack(
        [by_input[:, :2].sum(1), by_input[:, 2], by_input[:, 3:].sum(1)], dim=1
    )
    torch.testing.assert_close(network.gate.grad, expected)


@pytest.mark.parametrize("d", [3, 12], ids=["d<n_1", "d>n_1"])
def test_projected_stream_is_unbiased_for_every_layer(d):
    """One random tangent replaces d of them only because its mean is the same."""
    network = make_network(d, (5, 4), 1)
    x = make_rows(1, d, batch=1)
    _, exact = dreg(network, x)
    n_draws = 40_000
    generator = torch.Generator().manual_seed(0)
    signs = torch.randint(0, 2, (1, n_draws, d), generator=generator).double()
    _, estimates = dreg(network, x.expand(1, n_draws, d), 2 * signs - 1)
    mean = estimates.mean(dim=2)
    standard_error = estimates.std(dim=2) / n_draws**0.5
    # Four standard errors: a false alarm once in 16,000 for each of three layers.
    assert ((mean - exact[:, :, 0]).abs() <= 4 * standard_error).all()
    # The bound must be tight enough to notice a missing layer or factor.
    assert (standard_error < 0.02 * mean).all()


@pytest.mark.parametrize("hidden", [(5, 4), ()])
def test_rows_share_tangents_and_members_share_rows(hidden):
    """Both only save work: given to each by itself they change nothing."""
    network = make_network(6, hidden, members=4)
    x, signs = make_rows(2, 6, batch=7), make_rows(2, 6, batch=3, seed=1).sign()
    shared = dreg(network, x, signs)
    each = signs.repeat(1, 3, 1)[:, :7].repeat_interleave(2, dim=0)
    alone = dreg(network, x.repeat_interleave(2, dim=0), each)
    for one, two in zip(shared, alone, strict=True):
        torch.testing.assert_close(one, two)
        weights = torch.linspace(-1.0, 1.0, one.numel()).view_as(one).double()
        gradients = [
            torch.autograd.grad(
                (weights * result).sum(),
                network.input_weight,
                retain_graph=True,
                materialize_grads=True,
            )
            for result in (one, two)
        ]
        torch.testing.assert_close(*gradients)


def test_linear_network_has_the_same_norm_for_all_rows():
    """Without hidden layers the Jacobian is the skip connection itself."""
    network = make_network(4, (), 2)
    outputs, penalties = dreg(network, make_rows(2, 4))
    assert outputs.shape == (2, BATCH, N_OUTPUTS)
    torch.testing.assert_close(
        penalties[0, :, 0], network.skip.square().sum(dim=(1, 2))
    )


def test_cholesky_tangents_keep_the_gram_matrix():
    """For d > n_1 fewer tangents stand for all inputs; norms depend on A A^T only."""
    network = make_network(50, (5,), 2)
    images = input_tangents(network)
    assert images.shape[2] == n_tangent_dims(network) == 5 + N_OUTPUTS
    factor = images[:, 0].mT
    stacked = torch.cat([network.weights[0], network.skip], dim=1)
    torch.testing.assert_close(factor @ factor.mT, stacked @ stacked.mT)


def test_members_do_not_see_each_other():
    """An ensemble's member must be the network it would be on its own."""
    network = make_network(4, (5,), 3)
    x = make_rows(3, 4)
    outputs, penalties = dreg(network, x)
    (outputs[1].sum() + penalties[:, 1].sum()).backward()
    for parameter in network.parameters():
        gradient = parameter.grad.flatten(1).norm(dim=1)
        assert gradient[0] == 0
        assert gradient[1] > 0
        assert gradient[2] == 0


@pytest.mark.parametrize("degree", range(1, 6))
def test_polynomial_is_its_monomials(degree):
    """Users read the coefficients as those of z, z^2, ..."""
    layer = Polynomial(members=2, n_units=3, degree=degree).double()
    layer.reset_parameters([torch.Generator().manual_seed(m) for m in range(2)])
    z = make_rows(2, 3)
    powers = torch.stack([z**k for k in range(1, degree + 1)], dim=1)
    expected = (layer.coefficient.unsqueeze(2) * powers).sum(dim=1)
    torch.testing.assert_close(layer(z), expected)
    value = torch.empty_like(z)
    with torch.no_grad():
        slope, half_curvature = layer.value_and_slopes(z, out=value)
    torch.testing.assert_close(value, expected)
    z.requires_grad_()
    reference = torch.autograd.grad(layer(z).sum(), z, create_graph=True)[0]
    torch.testing.assert_close(slope, reference)
    if degree > 1:
        reference = torch.autograd.grad(reference.sum(), z)[0]
    else:
        reference = torch.zeros_like(z)
    torch.testing.assert_close(2.0 * half_curvature, reference)


@pytest.mark.parametrize("degree", [1, 3])
def test_polynomial_can_be_differentiated_twice(degree):
    """Its backward is written by hand; penalties on gradients differentiate it."""
    layer = Polynomial(members=2, n_units=3, degree=degree).double()
    layer.reset_parameters([torch.Generator().manual_seed(m) for m in range(2)])
    z = make_rows(2, 3).requires_grad_()

    def value(z, coefficient):
        return torch.func.functional_call(layer, {"coefficient": coefficient}, z)

    assert torch.autograd.gradgradcheck(value, (z, layer.coefficient))


def test_a_seed_fixes_a_member_whatever_it_is_packed_with():
    """Otherwise results would depend on the size of the ensemble."""

    def draw(seeds):
        network = ChainzRuleNetwork(4, (5, 5), 1, members=len(seeds))
        network.reset_parameters([torch.Generator().manual_seed(s) for s in seeds])
        return network

    alone, packed = draw([7]), draw([3, 7])
    for one, two in zip(alone.parameters(), packed.parameters(), strict=True):
        torch.testing.assert_close(one[0], two[1], rtol=0, atol=0)


def test_a_part_of_the_members_is_taken_and_put_back():
    """Some go on training without the others."""
    network = make_network(4, (5,), members=3)
    x = make_rows(1, 4)
    before = network(x).detach()
    part = network.take(np.array([0, 2]))
    torch.testing.assert_close(part(x), before[[0, 2]])
    with torch.no_grad():
        for parameter in part.parameters():
            parameter.mul_(0.5)
    torch.testing.assert_close(network(x), before)
    network.put(np.array([0, 2]), part)
    torch.testing.assert_close(network(x)[[0, 2]], part(x))
    torch.testing.assert_close(network(x)[1], before[1])


def test_cross_entropy_is_that_of_torch():
    """One output is the logistic loss, more are the multinomial one."""
    generator = torch.Generator().manual_seed(0)
    outputs = torch.randn(2, 4, 3, generator=generator).double()
    targets = torch.tensor([[0, 1, 2, 1], [2, 2, 0, 1]])
    expected = -outputs.log_softmax(dim=2).gather(2, targets.unsqueeze(2)).squeeze(2)
    torch.testing.assert_close(CrossEntropy()(outputs, targets), expected)
    logit, binary = outputs[:, :, :1], targets.clamp(max=1)
    expected = torch.nn.functional.binary_cross_entropy_with_logits(
        logit.squeeze(2), binary.double(), reduction="none"
    )
    torch.testing.assert_close(CrossEntropy()(logit, binary), expected)


@pytest.mark.parametrize(
    "build, message",
    [
        (lambda: Polynomial(1, 2, degree=0), "degree must be an integer >= 1, got 0"),
        (lambda: Polynomial(1, 2, degree=2.5), "got 2.5"),
        (lambda: make_activation("step", 1, 2, 3), "got 'step'"),
        (
            lambda: ChainzRuleNetwork(2, (3,), 1, members=2).reset_parameters([]),
            "2 members, got 0",
        ),
    ],
)
def test_errors_name_the_value(build, message):
    """An error that prints the value saves the user a debugger."""
    with pytest.raises(ValueError, match=message):
        build()
