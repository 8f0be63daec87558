"""Options and settings of a training."""

from dataclasses import dataclass
from typing import Any, NamedTuple

_MIN_AUTO_BATCH, _MAX_AUTO_BATCH = 48, 1024
_AUTO_STEPS_PER_EPOCH = 24
_AUTO_EPOCHS = 20
# Few rows make few steps in an epoch.
_SMALL_AUTO_EPOCHS, _SMALL_ROWS = 40, 256
# Of all rows and networks that train side by side.
_MAX_EXACT_TANGENTS = 2**15


class Halving(NamedTuple):
    """One round of successive halving of the candidates.

    Attributes
    ----------
    share : float, default=0.4
        Share of the epochs after which they stop; 0 lets all go on.
    n_kept : int, default=2
        Candidates with hidden layers that go on.
    """

    share: float = 0.4
    n_kept: int = 2


class TrainingOptions(NamedTuple):
    """Options that experiments vary and users need not.

    An estimator has them as its class attribute ``_options``.

    Attributes
    ----------
    weight_decay : float, default=0
        Decoupled weight decay of AdamW, for weights only.
    dreg_stream : {"auto", "exact", "projected"}, default="auto"
        How the penalty is evaluated. "auto" is exact if one batch holds all rows, the
        networks carry at most 32,768 tangents in all, and no column has values to go
        between.
    between : bool, default=True
        Whether the projected penalty is evaluated between the values of two-valued
        columns and categories; else at the rows.
    linear_candidates : bool, default=True
        Whether ``dreg_strength="auto"`` has networks without hidden layers.
    halving : Halving
    max_encoded_bytes : int, default=2**26
        Encoded tables up to this size are kept; larger ones are encoded batch by batch.
    net : type or None, default=None
        Subclass of :class:`~cr_sklearn.training._loop.PackedNet` that trains.
    """

    weight_decay: float = 0.0
    dreg_stream: str = "auto"
    between: bool = True
    linear_candidates: bool = True
    halving: Halving = Halving()
    max_encoded_bytes: int = 2**26
    net: Any = None


def n_rows_per_batch(batch_size, n_rows):
    """Return rows per step, for the ``batch_size`` of an estimator."""
    if batch_size == "auto":
        batch_size = n_rows // _AUTO_STEPS_PER_EPOCH
        batch_size = min(max(batch_size, _MIN_AUTO_BATCH), _MAX_AUTO_BATCH)
    return min(batch_size, n_rows)


def n_epochs(max_iter, n_rows):
    """Return the epochs, for the ``max_iter`` of an estimator."""
    if max_iter == "auto":
        return _SMALL_AUTO_EPOCHS if n_rows <= _SMALL_ROWS else _AUTO_EPOCHS
    return max_iter


def exact_or_projected(dreg_stream, network, batch_size, n_rows, has_switches):
    """Return how the penalty of a network is evaluated."""
    from cr_sklearn.nn._dreg import n_tangent_dims

    if dreg_stream != "auto":
        return dreg_stream
    n_tangents = network.members * batch_size * n_tangent_dims(network)
    # A linear network has the same Jacobian everywhere.
    is_exact = not network.activations or (
        batch_size == n_rows and n_tangents <= _MAX_EXACT_TANGENTS and not has_switches
    )
    return "exact" if is_exact else "projected"


@dataclass(frozen=True)
class TrainingSettings:
    """Settings of :func:`train`, beside network and rows.

    Attributes
    ----------
    max_iter : int
        Epochs of this training.
    batch_size : int
        Rows per step, at most.
    learning_rate_init : float
        Step size of AdamW at the start.
    schedule : {"cosine", "constant"}
        Cosine goes to zero over all epochs, step by step.
    done, left : int
        Where several trainings share one cosine: epochs of the earlier ones, and of
        those to come.
    weight_decay : float
        Decoupled weight decay of the weights, not of biases and coefficients.
    dreg_strength : array-like of shape (members,)
        Weight lambda of the DREG penalty of each member.
    dreg_stream : {"exact", "projected"}
        How the penalty is evaluated.
    first_epoch : int
        Epochs trained before, when training goes on.
    tol, n_iter_no_change : float, int
        With validation rows: a member stops when its validation loss has not fallen
        by ``tol`` for so many epochs.
    verbose : int
        0 is silent, 1 shows a progress bar, 2 and more a line per epoch as well.
    net : type or None
        See :class:`TrainingOptions`.
    """

    max_iter: int
    batch_size: int
    learning_rate_init: float
    dreg_strength: Any
    dreg_stream: str
    first_epoch: int = 0
    schedule: str = "cosine"
    done: int = 0
    left: int = 0
    weight_decay: float = 0.0
    tol: float = 1e-4
    n_iter_no_change: int = 10
    verbose: int = 0
    net: Any = None

    @property
    def n_epochs(self):
        """Epochs of all trainings that share the cosine."""
        return self.done + self.max_iter + self.left
