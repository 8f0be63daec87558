"""Fine-tuning with our heads, on a transformer of two layers."""

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose

pytest.importorskip("transformers")

from benchmarks import sst5_finetune, sst5_finetune_report
from benchmarks.finetuning import HEADS, FineTunedClassifier
from benchmarks.ordinal_scores import RANKS
from cr_sklearn.nn import ChainzRuleNetwork, dreg

WORDS = ["good", "bad", "film", "plot", "the", "a"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A transformer as Hugging Face saves it, with random weights."""
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder = tmp_path_factory.mktemp("transformer")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    (folder / "vocab.txt").write_text("\n".join(words), encoding="utf-8")
    BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=32,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        BertModel(config).save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def reviews():
    """The label is whether a text says good or bad."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 120)
    texts = [
        " ".join([*rng.choice(WORDS[2:], rng.integers(1, 8)), WORDS[1 - label]])
        for label in y
    ]
    return np.array(texts, dtype=object), y


def _classifier(folder, head, **settings):
    return FineTunedClassifier(
        head, model=folder, learning_rate=1e-3, batch_size=8, **settings
    )


@pytest.mark.parametrize("head", HEADS)
def test_every_head_learns(folder, reviews, head):
    """A head that is not trained would flatter the others."""
    model = _classifier(folder, head, head_learning_rate=0.01, n_epochs=6)
    model.fit(*reviews)
    assert (model.predict(reviews[0]) == reviews[1]).mean() > 0.95
    assert_allclose(model.predict_proba(reviews[0]).sum(axis=1), 1.0)


def test_a_fit_depends_on_its_seed_alone(folder, reviews):
    """Seeds are what the paired tests are about, and nobody else's are touched."""
    before = torch.get_rng_state()
    first, same, other = (
        _classifier(folder, "chainzrule", n_epochs=1, random_state=seed)
        .fit(*reviews)
        .predict_proba(reviews[0])
        for seed in (0, 0, 1)
    )
    assert torch.equal(before, torch.get_rng_state())
    assert_allclose(first, same)
    assert np.abs(first - other).max() > 1e-3


def test_every_text_is_seen_once_in_an_epoch(folder):
    """Texts that sorting by length leaves out would be lost for all heads."""
    texts = np.array(["a" * (1 + i % 50) for i in range(1003)], dtype=object)
    batches = FineTunedClassifier(n_epochs=2)._batches(texts)
    rows = np.concatenate(batches)
    assert np.bincount(rows).tolist() == [2] * 1003
    # And what sorting is for.
    spread = [np.ptp([len(texts[i]) for i in batch]) for batch in batches]
    assert np.median(spread) < 10


def test_the_penalty_trains_the_transformer_rightly():
    """Its gradient by what the head is given goes on into the transformer."""
    network = ChainzRuleNetwork(6, (5, 4), 3).double()
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(4, 6, dtype=torch.float64, generator=generator)
    signs = torch.ones(1, 4, 6, dtype=torch.float64)
    signs[:, :, ::2] = -1.0

    def penalties(rows):
        return dreg(network, rows, signs)[1].sum(dim=(0, 1))

    assert torch.autograd.gradcheck(penalties, x.requires_grad_())


def test_strength_reduces_what_the_head_leans_on(folder, reviews):
    """A penalty that does nothing would be no ChainzRule head."""
    norms = []
    for strength in (0.0, 1.0):
        model = _classifier(folder, "chainzrule", dreg_strength=strength, n_epochs=1)
        model.fit(*reviews)
        with torch.no_grad():
            encoded = model._encoded(reviews[0][:20])
            norms.append(dreg(model.head_, encoded)[1].sum(dim=0).mean())
    assert norms[1] < 0.5 * norms[0]


def test_every_head_has_as_many_candidates_and_the_best_is_chosen():
    """More tries are a better result; and a loss is best when it is least."""
    names = list(sst5_finetune.candidates("minilm"))
    counts = [sum(name.startswith(f"{head},") for name in names) for head in HEADS]
    assert counts == [4, 4, 4]
    rows = pd.DataFrame({"model": names, "log_loss": [2.0, 1.0, 3.0, 4.0] * 3})
    assert list(sst5_finetune.chosen(rows).values()) == names[1::4]
    with pytest.raises(ValueError, match=f"dev part of: {names[-1]}"):
        sst5_finetune.chosen(rows[:-1])


def test_report_pairs_seeds_and_says_how_it_was_made(tmp_path):
    """A seed that one head lacks can't be compared."""
    rng = np.random.default_rng(0)
    lines = [
        {
            "dataset": "minilm",
            "model": head,
            "repeat": seed,
            "fold": 0,
            "fraction": 1.0,
            "n_train": 8544,
            "n_test": 2210,
            "fit_seconds": 1.0,
            **dict.fromkeys(RANKS.metrics, 0.5 + rng.normal(0, 0.01)),
        }
        for head in HEADS
        for seed in range(4)
    ]
    rows = pd.DataFrame(lines[:-1])
    settings = FineTunedClassifier().get_params()
    tried = pd.DataFrame(lines).assign(model=["a", "b", "c", "d"] * 3)
    chosen = dict.fromkeys(HEADS, "b")
    result = sst5_finetune_report.Result(rows, tried, chosen, settings)
    assert result.paired["repeat"].unique().tolist() == [0, 1, 2]
    sst5_finetune_report.write(tmp_path / "report.md", result, "the command")
    sst5_finetune_report.publish(tmp_path, result, "the command")
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "Made by `the command`" in text
    assert "](heads.png)" in text
    tables = sorted(path.stem for path in tmp_path.glob("*.csv"))
    assert tables == [
        f"sst5_finetune_{name}" for name in ("choice", "comparisons", "scores")
    ]
    tests = pd.read_csv(tmp_path / "sst5_finetune_comparisons.csv", comment="#")
    assert set(tests["n_seeds"]) == {3}
