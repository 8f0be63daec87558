"""NumPy inference against the torch network and finite differences."""

import numpy as np
import pytest
import torch
from torch.func import jacrev

from cr_sklearn.formulas._activations import ACTIVATIONS
from cr_sklearn.inference._fitted_network import FittedNetwork
from cr_sklearn.nn import ChainzRuleNetwork, dreg
from cr_sklearn.training import _weights


def make_pair(
    hidden=(6, 5),
    activation="polynomial",
    degree=3,
    members=3,
    n_inputs=4,
    n_outputs=2,
):
    network = ChainzRuleNetwork(
        n_inputs,
        hidden,
        n_outputs,
        members=members,
        activation=activation,
        degree=degree,
    ).double()
    network.reset_parameters([torch.Generator().manual_seed(m) for m in range(members)])
    with torch.no_grad():
        network.skip.normal_(generator=torch.Generator().manual_seed(0))
    # Unequal, and of a sum that is not 1, as stacking leaves them.
    weights = np.linspace(0.2, 0.5, members)
    fitted = _weights.dump(network, activation)
    return network, fitted._replace(member_weights=weights)


@pytest.mark.parametrize("hidden", [(), (6,), (6, 5)], ids=str)
@pytest.mark.parametrize(
    "activation, degree",
    [*[(name, 3) for name in ACTIVATIONS], ("polynomial", 1), ("polynomial", 5)],
)
def test_outputs_and_jacobian_are_those_of_the_torch_network(
    activation, degree, hidden
):
    """What was trained is what predicts; the Jacobian is exact, not an estimate."""
    network, fitted = make_pair(hidden, activation, degree)
    x = np.random.default_rng(0).normal(size=(7, 4))

    weights = torch.from_numpy(fitted.member_weights)

    def outputs(row):
        return torch.tensordot(weights, network(row.expand(1, -1)), 1)[0]

    rows = torch.from_numpy(x)
    expected = torch.stack([outputs(row) for row in rows]).detach()
    jacobian = torch.stack([jacrev(outputs)(row) for row in rows]).detach()
    folded = fitted.function()
    np.testing.assert_allclose(folded.outputs(x), expected, rtol=1e-10)
    for value, wanted in zip(
        folded.outputs_and_jacobian(x), (expected, jacobian), strict=True
    ):
        np.testing.assert_allclose(value, wanted, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("hidden", [(), (6,), (6, 5), (5, 6, 4)], ids=str)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_both_modes_give_the_same_derivative(activation, hidden):
    """Which of them runs is a matter of cost; the other one is the check."""
    folded = make_pair(hidden, activation)[1].function()
    rng = np.random.default_rng(0)
    x, tangents = rng.normal(size=(7, 4)), rng.normal(size=(7, 3, 4))
    outputs, jacobian = folded.outputs_and_jacobian(x)
    forward = folded.outputs_and_tangents(x, tangents)
    expected = (outputs, jacobian @ tangents.swapaxes(1, 2))
    for value, wanted in zip(forward, expected, strict=True):
        np.testing.assert_allclose(value, wanted, rtol=1e-10, atol=1e-12)


def test_the_mode_of_fewer_multiplications_is_taken():
    """Nine outputs of two inputs cost twice as much from the wrong side."""
    few = make_pair(n_inputs=4, n_outputs=2)[1].function()
    many = make_pair(n_inputs=2, n_outputs=9)[1].function()
    # Of 3 members, by layer: 2 x (72 + 90) < 4 x (72 + 90 + 30)
    assert not few.is_forward_cheaper(4)
    # 9 x (36 + 90) > 2 x (36 + 90 + 135)
    assert many.is_forward_cheaper(2)
    assert not make_pair(hidden=())[1].function().is_forward_cheaper(1)


def test_weights_survive_the_way_to_numpy_and_back():
    """Warm starts and loading depend on it."""
    network, fitted = make_pair()
    other, _ = make_pair()
    other.reset_parameters([torch.Generator().manual_seed(9)] * 3)
    _weights.load(other, "polynomial", fitted)
    for one, two in zip(network.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(one, two, rtol=0, atol=0)


def test_linear_members_stay_linear_among_deep_ones():
    """Hidden layers of zeros add nothing, and training can't wake them."""
    _, deep = make_pair(members=2)
    _, linear = make_pair(hidden=(), members=1)
    weights = np.array([0.2, 0.5, 0.3])
    merged = FittedNetwork.merge(
        [linear, deep], [np.array([1]), np.array([0, 2])], weights
    )
    x = np.random.default_rng(0).normal(size=(7, 4))
    for position, network, member in [(0, deep, 0), (1, linear, 0), (2, deep, 1)]:
        one = merged.take([position])._replace(member_weights=np.ones(1))
        other = network.take([member])._replace(member_weights=np.ones(1))
        np.testing.assert_allclose(
            one.function().outputs(x), other.function().outputs(x)
        )
    np.testing.assert_array_equal(merged.member_weights, weights)
    network, _ = make_pair()
    _weights.load(network, "polynomial", merged)
    rows = torch.from_numpy(x)
    outputs, norms = dreg(network, rows)
    (outputs.square().sum() + norms.sum()).backward()
    hidden = network.weights[0].shape[1]
    assert network.input_weight.grad[1, hidden:].any()
    assert not network.input_weight.grad[1, :hidden].any()
    assert not any(weight.grad[1].any() for weight in network.hidden_weights)
    assert not any(bias.grad[1].any() for bias in list(network.biases)[:-1])


def test_linear_members_cost_nothing_at_prediction():
    """A third of an ensemble can be linear: its maps add up to one."""
    _, deep = make_pair(members=2)
    _, linear = make_pair(hidden=(), members=1)
    merged = FittedNetwork.merge(
        [linear, deep], [np.array([2]), np.array([0, 1])], np.array([0.2, 0.5, 0.3])
    )
    folded = merged.function()
    x = np.random.default_rng(0).normal(size=(7, 4))
    hidden, _ = folded._hidden(x, with_slopes=False)
    assert hidden.shape == (7, 2 * 5)
    alone = [
        weight
        * merged.take([m])._replace(member_weights=np.ones(1)).function().outputs(x)
        for m, weight in enumerate(merged.member_weights)
    ]
    np.testing.assert_allclose(folded.outputs(x), np.sum(alone, axis=0))


@pytest.mark.parametrize(
    "change",
    [{"hidden": (6, 4)}, {"hidden": (6,)}, {"degree": 2}, {"activation": "relu"}],
)
def test_weights_of_another_shape_are_refused(change):
    """Loading what happens to fit would mix two models."""
    _, fitted = make_pair(**change)
    network, _ = make_pair()
    with pytest.raises(ValueError, match="hidden_layer_sizes, degree, activation"):
        _weights.load(network, "polynomial", fitted)
