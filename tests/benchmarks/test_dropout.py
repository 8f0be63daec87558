"""Dropout of the baselines."""

import numpy as np
import pytest
import torch
from torch.func import jacrev

from benchmarks.dropout import drop
from benchmarks.variants import Regularized
from cr_sklearn.nn import ChainzRuleNetwork, dreg


@pytest.mark.parametrize("activation", ["polynomial", "tanh"])
def test_a_dropped_unit_passes_neither_value_nor_derivative(activation):
    """Both streams see the same network."""
    network = ChainzRuleNetwork(4, (50,), 1, activation=activation).double()
    generator = torch.Generator()
    drop(network, 0.5, [generator])
    x = torch.randn(1, 1, 4, generator=torch.Generator().manual_seed(0)).double()

    def value(row):
        generator.manual_seed(5)
        return network(row.expand(1, 1, -1))[0, 0]

    reference = jacrev(value)(x[0, 0]).square().sum()
    generator.manual_seed(5)
    outputs, penalties = dreg(network, x)
    torch.testing.assert_close(penalties[-1, 0, 0], reference)
    outputs.sum().backward()
    by_hand = [parameter.grad.clone() for parameter in network.parameters()]
    network.zero_grad()
    value(x[0, 0]).sum().backward()
    for one, two in zip(by_hand, network.parameters(), strict=True):
        torch.testing.assert_close(one, two.grad)
    network.eval()
    assert not torch.allclose(penalties, dreg(network, x)[1])


def test_it_regularises_and_leaves_with_the_training(moons):
    """Predictions are of whole networks."""
    X, y = moons
    plain, dropped = (
        Regularized(dropout=rate, max_iter=60, random_state=0).fit(X, y)
        for rate in (0.0, 0.5)
    )
    assert dropped.loss_curve_[-1] > plain.loss_curve_[-1]
    again = Regularized(dropout=0.5, max_iter=60, random_state=0).fit(X, y)
    np.testing.assert_array_equal(again.predict_proba(X), dropped.predict_proba(X))
    assert dropped.score(X, y) > 0.9
