"""Plain networks that differ in activation and regulariser alone.

Two hidden layers, no linear map past them, no ensemble, cross-entropy and AdamW: what
is left of ours when everything but DREG is taken away. The regularisers are

- decoupled weight decay: I. Loshchilov, F. Hutter, arXiv 1711.05101;
- dropout of hidden units: N. Srivastava et al., JMLR 15, 2014;
- spectral norm, every matrix divided by its largest singular value, which one power
  iteration a step estimates: T. Miyato et al., arXiv 1802.05957;
- input-gradient penalty, the squared norm of the loss's gradient by the inputs, by
  double backpropagation: H. Drucker, Y. LeCun, IEEE Trans. Neural Networks 3, 1992;
- DREG, the squared norms of the Jacobians of every layer: :func:`cr_sklearn.nn.dreg`.
"""

import math

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.model_selection import train_test_split
from sklearn.utils.validation import check_is_fitted, validate_data
from torch.func import functional_call
from torch.nn import functional as F

from benchmarks.dropout import drop
from cr_sklearn.nn import ChainzRuleNetwork, dreg
from cr_sklearn.training._batches import N_PROBES
from cr_sklearn.training._optimizer import FlatAdamW

# Polynomials of polynomials grow fast. The library's estimators bound their inputs by
# the same map; here it stands before all networks.
_BOUND = 3.0


class Objective:
    """Mean loss of each member on its batch, summed over members.

    Parameters
    ----------
    network : ChainzRuleNetwork
    strength : float
        Of a penalty.
    generators : list of torch.Generator
        One per member, for what is drawn at random.
    """

    def __init__(self, network, strength, generators):
        self.network = network
        self.strength = strength
        self.generators = generators

    def __call__(self, x, y):
        """Value for inputs (members, batch, d) and classes (members, batch)."""
        return mean_loss(self.network(x), y)

    def finish(self):
        """Leave the network as it is to predict."""


class InputGradient(Objective):
    """With the mean of the squared gradient norms of the rows' own losses."""

    def __call__(self, x, y):
        x = x.requires_grad_()
        loss = mean_loss(self.network(x), y)
        [gradient] = torch.autograd.grad(loss, x, create_graph=True)
        # Of one row the loss counts as 1 / batch.
        return loss + self.strength * gradient.square().sum() * x.shape[1]


class Dreg(Objective):
    """With DREG, estimated without bias by random tangents."""

    def __call__(self, x, y):
        outputs, norms = dreg(self.network, x, self.tangents(x))
        return mean_loss(outputs, y) + self.strength * norms.sum() / x.shape[1]

    def tangents(self, x):
        """Entries of +1 and -1, a few tangents for the rows of each member."""
        shape = N_PROBES, x.shape[2]
        signs = [torch.randint(2, shape, generator=own) for own in self.generators]
        return torch.stack(signs).to(x.dtype).mul_(2.0).sub_(1.0)


class ExactDreg(Dreg):
    """With DREG, exactly."""

    def tangents(self, x):
        """None: a whole basis."""


class SpectralNorm(Objective):
    """Of the network whose matrices have a largest singular value of 1."""

    def __init__(self, network, strength, generators):
        super().__init__(network, strength, generators)
        # The skip is zero: it does not change the norm of what it is stacked with.
        self.left = {
            name: torch.stack(
                [torch.randn(weight.shape[1], 1, generator=own) for own in generators]
            )
            for name, weight in network.named_parameters()
            if name.startswith(("input_weight", "hidden_weights"))
        }

    def __call__(self, x, y):
        return mean_loss(functional_call(self.network, self.normalised(1), x), y)

    def normalised(self, n_iterations):
        """Matrices over their norms, after so many more power iterations."""
        return {name: self._normalised(name, n_iterations) for name in self.left}

    def _normalised(self, name, n_iterations):
        weight = self.network.get_parameter(name)
        with torch.no_grad():
            for _ in range(n_iterations):
                right = F.normalize(weight.mT @ self.left[name], dim=1)
                self.left[name] = F.normalize(weight @ right, dim=1)
        return weight / (self.left[name].mT @ weight @ right)

    def finish(self):
        """Put the normalised matrices into the network."""
        with torch.no_grad():
            for name, weight in self.normalised(100).items():
                self.network.get_parameter(name).copy_(weight)


OBJECTIVES = {
    "none": Objective,
    "decay": Objective,
    "dropout": Objective,
    "spectral": SpectralNorm,
    "igpen": InputGradient,
    "dreg": Dreg,
    "dreg_exact": ExactDreg,
}


def mean_loss(outputs, y):
    """Cross-entropy, mean over rows, sum over members."""
    return F.cross_entropy(outputs.mT, y, reduction="sum") / y.shape[1]


class Training:
    """Packed networks and the steps that train them.

    Parameters
    ----------
    n_features, n_classes : int
    activation : str
        See :func:`cr_sklearn.nn._activations.make_activation`.
    regularizer : str
        Key of :data:`OBJECTIVES`.
    strength : float
        Of the penalty, rate of dropout, or decoupled decay.
    hidden_layer_sizes : sequence of int
    learning_rate : float
        Falls to zero over the steps, on a cosine.
    n_steps : int
    generators : list of torch.Generator
        One per member.
    """

    def __init__(
        self,
        n_features,
        n_classes,
        *,
        activation,
        regularizer,
        strength,
        hidden_layer_sizes,
        learning_rate,
        n_steps,
        generators,
    ):
        self.network = ChainzRuleNetwork(
            n_features,
            hidden_layer_sizes,
            n_classes,
            members=len(generators),
            activation=activation,
        )
        self.network.reset_parameters(generators)
        if regularizer == "dropout":
            drop(self.network, strength, generators)
        self.parameters = list(self.network.parameters())
        self.optimizer = FlatAdamW(
            self.parameters,
            learning_rate=learning_rate,
            decays=[
                (weight, strength if regularizer == "decay" else 0.0)
                for weight in (self.network.input_weight, *self.network.hidden_weights)
            ],
        )
        objective = OBJECTIVES[regularizer]
        self.objective = objective(self.network, strength, generators)
        self.n_steps = n_steps
        self.n_done = 0

    def step(self, x, y):
        """Take one step, every member on rows of its own."""
        gradients = list(torch.autograd.grad(self.objective(x, y), self.parameters))
        # The skip starts at zero, and without a gradient it stays there.
        gradients[0][:, -self.network.n_outputs :] = 0.0
        progress = self.n_done / self.n_steps
        self.optimizer.step(gradients, 0.5 + 0.5 * math.cos(math.pi * progress))
        self.n_done += 1


class RegularizedNetworks(BaseEstimator):
    """Classifiers on standardised inputs, one per seed, trained side by side.

    Each has its own initial weights, order of the rows and, with a ``fraction`` of
    less than 1, its own stratified part of them. One whose weights are no longer
    finite says the most frequent class, and its ``diverged_`` is true.

    Parameters
    ----------
    activation, regularizer, strength, hidden_layer_sizes, learning_rate, n_steps
        See :class:`Training`. The number of steps is the same for any number of rows.
    fraction : float, default=1.0
        Of the training rows.
    n_seeds : int, default=5
    batch_size : int, default=64
    random_state : int, default=0
        The first seed.
    """

    package = "cr_sklearn"

    def __init__(
        self,
        activation="polynomial",
        regularizer="none",
        strength=0.0,
        *,
        fraction=1.0,
        n_seeds=5,
        hidden_layer_sizes=(64, 64),
        learning_rate=0.003,
        n_steps=1000,
        batch_size=64,
        random_state=0,
    ):
        self.activation = activation
        self.regularizer = regularizer
        self.strength = strength
        self.fraction = fraction
        self.n_seeds = n_seeds
        self.hidden_layer_sizes = hidden_layer_sizes
        self.learning_rate = learning_rate
        self.n_steps = n_steps
        self.batch_size = batch_size
        self.random_state = random_state

    def fit(self, X, y):
        """Train all networks."""
        X, y = validate_data(self, X, y, dtype=np.float32)
        self.classes_, codes = np.unique(y, return_inverse=True)
        self.majority_ = np.bincount(codes).argmax()
        seeds = range(self.random_state, self.random_state + self.n_seeds)
        rows = [self._rows(codes, seed) for seed in seeds]
        training = Training(
            X.shape[1],
            len(self.classes_),
            activation=self.activation,
            regularizer=self.regularizer,
            strength=self.strength,
            hidden_layer_sizes=self.hidden_layer_sizes,
            learning_rate=self.learning_rate,
            n_steps=self.n_steps,
            generators=[torch.Generator().manual_seed(seed) for seed in seeds],
        )
        x, codes = _bounded(X), torch.from_numpy(codes)
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        batches = [
            self._batches(own, generator)
            for own, generator in zip(rows, generators, strict=True)
        ]
        for batch in zip(*batches, strict=True):
            batch = torch.stack(batch)
            training.step(x[batch], codes[batch])
        training.objective.finish()
        self.network_ = training.network.eval()
        finite = [w.isfinite().flatten(1).all(dim=1) for w in training.parameters]
        self.diverged_ = ~torch.stack(finite).all(dim=0).numpy()
        return self

    def predict(self, X):
        """Classes by row and network, of shape (n, n_seeds)."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float32, reset=False)
        with torch.inference_mode():
            codes = self.network_(_bounded(X)).argmax(dim=2).numpy()
        codes[self.diverged_] = self.majority_
        return self.classes_[codes.T]

    def _rows(self, codes, seed):
        if self.fraction == 1.0:
            return torch.arange(len(codes))
        rows, _ = train_test_split(
            np.arange(len(codes)),
            train_size=self.fraction,
            stratify=codes,
            random_state=seed,
        )
        return torch.from_numpy(rows)

    def _batches(self, rows, generator):
        """Batches of the rows in a new order each time that they are through."""
        size, order = min(self.batch_size, len(rows)), rows[:0]
        for _ in range(self.n_steps):
            if len(order) < size:
                order = rows[torch.randperm(len(rows), generator=generator)]
            yield order[:size]
            order = order[size:]


def _bounded(X):
    x = torch.from_numpy(X)
    return x / torch.sqrt(1.0 + (x / _BOUND).square())
