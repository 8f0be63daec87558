"""The penalty between the values of switches."""

import numpy as np
import pandas as pd
import pytest
import torch

from cr_sklearn import ChainzRuleClassifier
from cr_sklearn._rows import RowGroups, TrainingRows
from cr_sklearn.encoding._columns import read_columns
from cr_sklearn.encoding._encoder import TabularEncoder
from cr_sklearn.nn import ChainzRuleNetwork, dreg
from cr_sklearn.nn._streams import Streams
from cr_sklearn.training._batches import PackedBatches, member_generators
from cr_sklearn.training._encoded_rows import encode_rows

N = 400


def make_table(seed=0):
    """A number, a flag with gaps, and three cities."""
    rng = np.random.default_rng(seed)
    flag = rng.integers(0, 2, N).astype(float)
    flag[::9] = np.nan
    city = rng.choice(["Bern", "Chur", "Genf"], N, p=[0.6, 0.3, 0.1])
    return pd.DataFrame({"x": rng.normal(size=N), "flag": flag, "city": city})


def encode(X):
    columns = read_columns(X)
    encoder = TabularEncoder(n_bins=0).fit(columns, np.ones(len(X)))
    rows = TrainingRows(columns, np.arange(len(X)) % 2, np.ones(len(X)))
    template = torch.zeros(1, dtype=torch.float64)
    return encoder, encode_rows(encoder, rows, template, max_bytes=2**20)


def levels_of(encoder, X):
    return encoder.switches_.levels(encoder.transform(read_columns(X))[0])


def test_levels_are_those_of_the_columns():
    """A flag, whether it is missing, and a city are three switches."""
    X = make_table()
    encoder, _ = encode(X)
    assert np.diff(encoder.switches_.first).tolist() == [2, 2, 3]
    levels = levels_of(encoder, X)
    missing = X["flag"].isna().to_numpy()
    np.testing.assert_array_equal(levels[:, 0], X["flag"].fillna(-1.0))
    np.testing.assert_array_equal(levels[:, 1], missing)
    np.testing.assert_array_equal(levels[:, 2], pd.factorize(X["city"], sort=True)[0])


def test_what_training_has_not_seen_has_no_level():
    """It would be taken for one of the levels, and moved from there."""
    encoder, _ = encode(make_table())
    new = pd.DataFrame({"x": [0.0], "flag": [7.0], "city": ["Brig"]})
    assert levels_of(encoder, new).tolist() == [[-1, 0, -1]]


def test_two_values_are_encoded_as_an_indicator():
    """As rare as they may be, they are one apart: so is a category's indicator."""
    for share in (0.5, 0.1):
        X = pd.DataFrame({"x": np.where(np.arange(200) < 200 * share, 7.0, 3.0)})
        encoder, rows = encode(X)
        assert encoder.scale_.tolist() == [4.0]
        assert encoder.center_[0] == pytest.approx(3.0 + 4.0 * share)
        assert np.ptp(rows.x.numpy()) == pytest.approx(1.0, abs=0.1)


def moved_batches(X, n_epochs):
    _, rows = encode(X)
    batches = PackedBatches(rows, 80, 1, RowGroups([3]), projected=True)
    for _ in range(n_epochs):
        yield from batches


def test_a_row_moves_between_two_levels_of_one_switch():
    """All else stays at data: far from it the penalty would rule what nobody asks."""
    shares = []
    for batch in moved_batches(make_table(), n_epochs=40):
        n_moved = batch.between.shape[1]
        assert n_moved == 20
        step = (batch.between - batch.x[:, -n_moved:])[0].numpy()
        # The number, the flag, whether it is missing, and the cities.
        touched = np.abs(step) > 1e-12
        switch = np.column_stack(
            [touched[:, 1], touched[:, 2], touched[:, 3:].any(axis=1)]
        )
        assert not touched[:, 0].any()
        assert (switch.sum(axis=1) == 1).all()
        assert (touched[:, 3:].sum(axis=1)[switch[:, 2]] == 2).all()
        np.testing.assert_allclose(step[:, 3:].sum(axis=1), 0.0, atol=1e-12)
        shares.append(np.abs(step[:, 2])[switch[:, 1]])
        # Directions: all numbers, and of the switches the one that moves.
        direction = batch.probes[0].numpy() != 0.0
        assert direction[:, 0].all()
        np.testing.assert_array_equal(direction[:, 1:] != 0.0, touched[:, 1:])
    shares = np.concatenate(shares)
    assert shares.min() < 0.05 and shares.max() > 0.95
    assert shares.mean() == pytest.approx(0.5, abs=0.03)


def test_every_level_counts_alike_in_the_penalty():
    """Rare or frequent: so it is for a linear network, at the rows themselves."""
    total, n_rows = 0.0, 0
    for batch in moved_batches(make_table(), n_epochs=400):
        total += (batch.probes[0] ** 2).sum(dim=0)
        n_rows += batch.probes.shape[1]
    np.testing.assert_allclose(total / n_rows, 1.0, atol=0.08)


def test_moves_are_of_the_seed_alone():
    """Whatever is packed beside: results would depend on it."""
    _, rows = encode(make_table())
    index = torch.arange(30)
    alone = rows.switches.draw(index[None], member_generators([1], "between"))
    both = rows.switches.draw(index.expand(2, -1), member_generators([0, 1], "between"))
    for one, two in zip(alone, both, strict=True):
        torch.testing.assert_close(one[0], two[1])


@pytest.mark.parametrize("hidden", [(5, 4), ()])
@pytest.mark.parametrize("thresholds", [None, (-1.0, 1.0)])
def test_rows_between_add_to_the_penalty_alone(hidden, thresholds):
    """Outputs and gradients are those of the rows, and of the penalty elsewhere."""
    network = ChainzRuleNetwork(3, hidden, 1, members=4, thresholds=thresholds).double()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(0.0, 0.3, generator=generator)
    x, between, probes = (
        torch.randn(2, n, 3, generator=generator, dtype=torch.float64)
        for n in (7, 4, 4)
    )
    streams = Streams(network)
    outputs, norms = streams.forward(x, probes, between=between)
    grad_outputs, grad_norms = torch.randn_like(outputs), torch.rand_like(norms)
    gradients, _, _ = streams.backward(grad_outputs, grad_norms)
    expected = network(x)
    _, penalties = dreg(network, between, probes)
    torch.testing.assert_close(outputs, expected)
    torch.testing.assert_close(norms, penalties)
    total = (expected * grad_outputs).sum() + (penalties * grad_norms).sum()
    by_autograd = torch.autograd.grad(total, list(network.parameters()))
    for found, other in zip(gradients, by_autograd, strict=True):
        torch.testing.assert_close(found, other)


@pytest.mark.parametrize("activation", ["polynomial", "gelu", "tanh"])
@pytest.mark.parametrize("strength", [0.003, 0.02, "auto"])
def test_the_slope_of_a_flag_is_what_a_switch_does(activation, strength):
    """Evaded at the two values, the penalty left slopes of a tenth of the switch."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(800, 3))
    X[:, 0] = rng.integers(0, 2, 800)
    y = 2.0 * (X[:, 0] - 0.5) + X[:, 1] + rng.logistic(size=800) > 0
    model = ChainzRuleClassifier(
        activation=activation, dreg_strength=strength, random_state=0
    ).fit(X, y)
    switch = np.subtract(
        *(model.decision_function(X * [0, 1, 1] + [at, 0, 0]) for at in (1.0, 0.0))
    )
    ratio = model.jacobian(X)[:, 0, 0] / switch
    assert 0.8 < np.median(ratio) < 1.25
    assert 0.8 < np.median(ratio[X[:, 0] == 0]) < 1.25
    assert 0.8 < np.median(ratio[X[:, 0] == 1]) < 1.25
