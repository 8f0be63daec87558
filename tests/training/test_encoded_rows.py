"""Rows encoded for training: the same whether at once or batch by batch."""

import numpy as np
import pandas as pd
import pytest
import torch

from cr_sklearn import ChainzRuleClassifier
from cr_sklearn._rows import TrainingRows
from cr_sklearn.encoding._columns import read_columns
from cr_sklearn.encoding._encoder import TabularEncoder
from cr_sklearn.training import _encoded_rows as _table_inputs
from cr_sklearn.training._encoded_rows import TableInputs, encode_rows
from cr_sklearn.training._settings import TrainingOptions


def make_table(n=300):
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        rng.standard_normal((n, 3)) * [1.0, 1e6, 1e-3], columns=list("abc")
    )
    table["few"] = rng.integers(4, size=n)
    table["gone"] = np.where(rng.random(n) < 0.3, np.nan, rng.standard_normal(n))
    table["far"] = np.where(rng.random(n) < 0.1, 1e200, rng.standard_normal(n))
    table["kind"] = pd.Categorical(rng.choice(["p", "q", None], n))
    table["constant"] = 1.0
    return table


TABLES = {
    "mixed frame": make_table(),
    "float32": make_table()[list("abc")].to_numpy(np.float32),
    "read-only": make_table()[list("abc")].to_numpy(),
    "integers": make_table()[["few"]].to_numpy(),
    "two values": np.arange(300.0)[:, None] % 2,
}
TABLES["read-only"].flags.writeable = False
TABLES["backwards"] = TABLES["float32"][::-1]
TABLES["big-endian"] = TABLES["float32"].astype(">f4")


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("n_bins", [0, 8])
def test_batches_are_encoded_as_the_whole_table_is(name, n_bins, monkeypatch):
    """What a network was trained on must be what it will see when it predicts."""
    monkeypatch.setattr(_table_inputs, "_ROWS_AT_ONCE", 7)
    columns = read_columns(TABLES[name])
    encoder = TabularEncoder(n_bins=n_bins).fit(columns, np.ones(columns.n_rows))
    x = TableInputs(encoder, columns, torch.zeros(1, dtype=torch.float64))
    expected = torch.from_numpy(encoder.transform(columns)[0])
    assert x.shape == expected.shape
    index = torch.from_numpy(np.random.default_rng(0).integers(300, size=40))
    torch.testing.assert_close(
        x.index_select(0, index), expected[index], rtol=1e-9, atol=1e-9
    )


def test_unseen_categories_are_the_average_row():
    """A warm start on another large table meets them."""
    kinds = ["q"] * 9 + ["p"]
    columns = read_columns(pd.DataFrame({"kind": kinds}))
    encoder = TabularEncoder().fit(columns, np.ones(10))
    columns = read_columns(pd.DataFrame({"kind": ["new", "q"]}))
    x = TableInputs(encoder, columns, torch.zeros(1, dtype=torch.float64))
    expected = torch.from_numpy(encoder.transform(columns)[0])
    torch.testing.assert_close(x.index_select(0, torch.arange(2)), expected)
    assert not expected[0].any()


def test_an_array_of_floats_is_not_copied():
    """Twice a large table may not fit into memory."""
    X = TABLES["float32"]
    columns = read_columns(X)
    encoder = TabularEncoder().fit(columns, np.ones(len(X)))
    x = TableInputs(encoder, columns, torch.zeros(1))
    assert np.shares_memory(x._numeric.numpy(), X)


class BatchByBatch(ChainzRuleClassifier):
    _options = TrainingOptions(max_encoded_bytes=0)


@pytest.mark.parametrize(
    "given", [{}, {"dreg_strength": 0.01}, {"early_stopping": True}], ids=str
)
def test_large_tables_train_as_small_ones(given):
    """The size at which rows are encoded batch by batch is for memory alone."""
    X, y = make_table(), np.arange(300) % 3
    model = ChainzRuleClassifier(max_iter=3, random_state=0, **given)
    expected = model.fit(X, y).predict_proba(X)
    model = BatchByBatch(**model.get_params())
    np.testing.assert_allclose(
        model.fit(X, y).predict_proba(X), expected, rtol=1e-4, atol=1e-5
    )


def test_memory_beside_a_large_table_is_bounded():
    """The encoded table alone would have nine times the size of the data."""
    X = np.random.default_rng(0).standard_normal((20_000, 20)).astype(np.float32)
    part = TrainingRows(read_columns(X), np.zeros(len(X), int), np.ones(len(X)))
    encoder = TabularEncoder().fit(part.columns, part.weight)
    rows = encode_rows(encoder, part, torch.zeros(1), max_bytes=2**16)
    assert isinstance(rows.x, TableInputs)
    held = [v for v in vars(rows.x).values() if isinstance(v, torch.Tensor)]
    own = sum(v.element_size() * v.numel() for v in held if v is not rows.x._numeric)
    assert own < 20_000


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_rows_are_encoded_on_cuda_as_on_the_cpu():
    """The table is moved once, and encoded there."""
    columns = read_columns(TABLES["mixed frame"])
    encoder = TabularEncoder().fit(columns, np.ones(columns.n_rows))
    like = torch.zeros(1, dtype=torch.float64)
    on_cpu, on_cuda = (
        TableInputs(encoder, columns, like.to(device)) for device in ("cpu", "cuda")
    )
    index = torch.arange(40)
    torch.testing.assert_close(
        on_cuda.index_select(0, index.to("cuda")).cpu(), on_cpu.index_select(0, index)
    )
