"""A transformer trained end to end with a head on its mean state.

All heads are networks of our core. The penalty of a ChainzRule head is that of its
Jacobians with respect to the encoded text, in the same forward pass, and it is part of
the loss that trains head and transformer alike.
"""

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from torch.nn import functional as F
from tqdm import tqdm

from benchmarks.encoders import load_transformer, mean_state
from benchmarks.published import STRENGTH
from cr_sklearn.nn import ChainzRuleNetwork, CrossEntropy, dreg

# Hidden layers and activation of each head; all have a linear map beside them that
# starts at zero. The penalty is for the first alone.
HEADS = {
    "chainzrule": ((32, 32), "polynomial"),
    "mlp": ((32, 32), "relu"),
    "linear": ((), "relu"),
}
_PENALISED = "chainzrule"
# Share of the steps in which the step size rises; then it falls to zero.
_WARM_UP = 0.1
# Texts are sorted by length within so many batches, for little padding.
_BATCHES_SORTED = 16


class FineTunedClassifier(ClassifierMixin, BaseEstimator):
    r"""Texts to classes, by a transformer and a head trained together.

    .. math:: \frac{1}{n} \sum_i \ell(y_i, f(h_i)) + \lambda \sum_l
              \lVert \partial f^l / \partial h \, (h_i) \rVert_F^2

    with :math:`h` the mean of the transformer's last states over the tokens, scaled to
    mean 0 and variance 1 for each text. Fits of one seed have the same batches and the
    same dropout of the transformer, whatever their head.

    Parameters
    ----------
    head : {"chainzrule", "mlp", "linear"}, default="chainzrule"
    model : str, default="minilm"
        See :class:`~benchmarks.encoders.SentenceEncoder`.
    dreg_strength : float, default=:data:`~benchmarks.published.STRENGTH`
        Weight :math:`\lambda` of the penalty of the "chainzrule" head.
    learning_rate : float, default=5e-5
        Largest step size of AdamW for the transformer.
    head_learning_rate : float, default=1e-3
        That for the head.
    n_epochs : int, default=2
    batch_size : int, default=32
    max_length : int, default=128
        Tokens of a text that are read.
    progress : bool, default=False
        Whether to show a bar on the error stream.
    random_state : int, default=0
    """

    # Of whose version the results depend.
    package = "cr_sklearn"

    def __init__(
        self,
        head="chainzrule",
        *,
        model="minilm",
        dreg_strength=STRENGTH,
        learning_rate=5e-5,
        head_learning_rate=1e-3,
        n_epochs=2,
        batch_size=32,
        max_length=128,
        progress=False,
        random_state=0,
    ):
        self.head = head
        self.model = model
        self.dreg_strength = dreg_strength
        self.learning_rate = learning_rate
        self.head_learning_rate = head_learning_rate
        self.n_epochs = n_epochs
        self.batch_size = batch_size
        self.max_length = max_length
        self.progress = progress
        self.random_state = random_state

    def fit(self, X, y):
        """Train transformer and head on texts."""
        texts = np.asarray(X, dtype=object)
        self.classes_, codes = np.unique(y, return_inverse=True)
        self.tokenizer_, self.transformer_ = load_transformer(self.model)
        n_features = self.transformer_.config.hidden_size
        self.head_ = self._make_head(n_features, len(self.classes_))
        optimizer = torch.optim.AdamW(
            [
                {"params": self.transformer_.parameters(), "lr": self.learning_rate},
                {"params": self.head_.parameters(), "lr": self.head_learning_rate},
            ],
            weight_decay=0.0,
            fused=True,
        )
        batches = self._batches(texts)
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: _warm_up_and_decay(step, len(batches))
        )
        signs = torch.Generator().manual_seed(self.random_state)
        self.transformer_.train()
        # Dropout has no generator of its own.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.random_state)
            for batch in tqdm(batches, disable=not self.progress, unit="step"):
                optimizer.zero_grad()
                targets = torch.from_numpy(codes[batch])
                self._loss(texts[batch], targets, signs).backward()
                optimizer.step()
                schedule.step()
        self.transformer_.eval()
        return self

    def predict_proba(self, X):
        """Probabilities of the classes, in the order of ``classes_``."""
        texts = np.asarray(X, dtype=object)
        order = np.argsort([len(text) for text in texts], kind="stable")
        rows = np.empty((len(texts), len(self.classes_)))
        for start in range(0, len(texts), self.batch_size):
            batch = order[start : start + self.batch_size]
            with torch.inference_mode():
                outputs = self.head_(self._encoded(texts[batch]))[0]
                rows[batch] = outputs.double().softmax(dim=1).numpy()
        return rows

    def predict(self, X):
        """Likeliest classes."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def _make_head(self, n_features, n_classes):
        hidden, activation = HEADS[self.head]
        network = ChainzRuleNetwork(
            n_features, hidden, n_classes, activation=activation
        )
        network.reset_parameters([torch.Generator().manual_seed(self.random_state)])
        return network

    def _batches(self, texts):
        """Positions of the rows of every step."""
        lengths = np.array([len(text) for text in texts])
        rng = np.random.default_rng(self.random_state)
        batches = []
        for _ in range(self.n_epochs):
            order = rng.permutation(len(texts))
            chunk = self.batch_size * _BATCHES_SORTED
            epoch = []
            for start in range(0, len(order), chunk):
                rows = order[start : start + chunk]
                rows = rows[np.argsort(lengths[rows], kind="stable")]
                ends = range(self.batch_size, len(rows), self.batch_size)
                epoch += np.split(rows, ends)
            batches += [epoch[i] for i in rng.permutation(len(epoch))]
        return batches

    def _encoded(self, texts):
        tokens = self.tokenizer_(
            texts.tolist(),
            padding=True,
            truncation=True,
            max_length=self.max_length,
            return_tensors="pt",
        )
        with torch.autocast("cpu", dtype=torch.bfloat16):
            states = mean_state(self.transformer_, tokens)
        return F.layer_norm(states.float(), states.shape[1:])

    def _loss(self, texts, targets, generator):
        encoded, targets = self._encoded(texts), targets.unsqueeze(0)
        if self.head != _PENALISED:
            return CrossEntropy()(self.head_(encoded), targets).mean()
        signs = torch.randint(0, 2, encoded.shape, generator=generator) * 2.0 - 1.0
        outputs, norms = dreg(self.head_, encoded, signs.unsqueeze(0))
        penalty = norms.sum(dim=0).mean()
        loss = CrossEntropy()(outputs, targets).mean()
        return loss + self.dreg_strength * penalty


def _warm_up_and_decay(step, n_steps):
    """Factor of the step size: up along a line, and down to zero along another."""
    n_rising = max(1, round(_WARM_UP * n_steps))
    if step < n_rising:
        return (step + 1) / n_rising
    return (n_steps - step) / max(1, n_steps - n_rising)
