"""Options and settings of a training, and what "auto" is for so many rows."""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

# Rows per step are this times the square root of their number.
_AUTO_BATCH, _MIN_AUTO_BATCH, _MAX_AUTO_BATCH = 2.2, 48, 256
# Units of each hidden layer for 800 and for 4,000 rows, and the power of their number
# that lies between; twice as many from 10 outputs on.
_FEW_UNITS, _MANY_UNITS, _UNITS, _UNITS_POWER = 32, 64, 1.8, 0.43
_MANY_OUTPUTS = 5
# Epochs, where their number is fixed. Few rows make few steps in an epoch.
_AUTO_EPOCHS = 20
_SMALL_AUTO_EPOCHS, _SMALL_ROWS = 40, 256
# Epochs at most, where rows held out end the training.
_MOST_EPOCHS = 112
# Squared norm of the inputs above which their weights take smaller steps, and how much
# smaller; but not less than so much.
_WIDE, _WIDE_POWER, _LEAST_STEP = 128, 1.5, 1 / 16
# Of all rows and networks that train side by side.
_MAX_EXACT_TANGENTS = 2**15


class TrainingOptions(NamedTuple):
    """Options that experiments vary and users need not.

    An estimator has them as its class attribute ``_options``.

    Attributes
    ----------
    weight_decay : float, default=0.2
        Decoupled weight decay of AdamW, for weights only.
    gates : bool, default=True
        Whether the weights of each block of encoded columns have a gate.
    dreg_stream : {"auto", "exact", "projected"}, default="auto"
        How the penalty is evaluated. "auto" is exact if one batch holds all rows, the
        networks carry at most 32,768 tangents in all, and no column has values to go
        between.
    between : bool, default=True
        Whether the projected penalty is evaluated between the values of two-valued
        columns and categories; else at the rows.
    target_statistics : bool, default=True
        Whether columns of many levels have statistics of the target.
    linear_candidates : bool, default=True
        Whether ``dreg_strength="auto"`` has networks without hidden layers.
    screening : float or None, default=2.0
        Steps after which the best candidates go on alone, as a multiple of the rows in
        each; None lets all go on.
    n_kept : int, default=2
        Candidates with hidden layers that go on.
    max_encoded_bytes : int, default=2**28
        Encoded tables up to this size are kept; larger ones are encoded batch by batch.
    net : type or None, default=None
        Subclass of :class:`~cr_sklearn.training._loop.PackedNet` that trains.
    """

    weight_decay: float = 0.2
    gates: bool = True
    dreg_stream: str = "auto"
    between: bool = True
    target_statistics: bool = True
    linear_candidates: bool = True
    screening: float | None = 2.0
    n_kept: int = 2
    max_encoded_bytes: int = 2**28
    net: Any = None


def n_rows_per_batch(batch_size, n_rows):
    """Return rows per step, for the ``batch_size`` of an estimator."""
    if batch_size == "auto":
        batch_size = int(_AUTO_BATCH * math.sqrt(n_rows))
        batch_size = min(max(batch_size, _MIN_AUTO_BATCH), _MAX_AUTO_BATCH)
    return min(batch_size, n_rows)


def n_units(n_rows, n_outputs):
    """Return the units of each hidden layer, for ``hidden_layer_sizes="auto"``."""
    by_rows = _UNITS * n_rows**_UNITS_POWER
    by_rows = min(max(by_rows, _FEW_UNITS), _MANY_UNITS)
    return 8 * round(by_rows * min(max(n_outputs / _MANY_OUTPUTS, 1.0), 2.0) / 8)


def n_epochs(max_iter, n_rows):
    """Return the epochs of a training of fixed length, for the ``max_iter``."""
    if max_iter == "auto":
        return _SMALL_AUTO_EPOCHS if n_rows <= _SMALL_ROWS else _AUTO_EPOCHS
    return max_iter


def n_epochs_at_most(max_iter):
    """Return the most epochs of a training that rows held out end."""
    return _MOST_EPOCHS if max_iter == "auto" else max_iter


def input_step(square_norm):
    """Return the steps of weights that many inputs share.

    A step of Adam moves every weight about equally far, and so the sum over inputs the
    farther the larger they are: at the step size that suits dozens of columns, cubics
    of hundreds run away. NOTE[DIFF] The papers do not say how they train. G. Yang et
    al., arXiv 2203.03466, divide by the number of inputs; with the projected penalty,
    whose gradient is the noisier the more there are, strong penalties need more.

    Parameters
    ----------
    square_norm : float
        Mean squared norm of the encoded rows.
    """
    return max(min((_WIDE / max(square_norm, 1.0)) ** _WIDE_POWER, 1.0), _LEAST_STEP)


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
    schedule : {"cosine", "linear", "constant", "plateau"}
        Cosine and linear go to zero over all epochs, step by step. "plateau" is
        constant, ends when the mean validation loss of all members no longer falls, and
        goes back to where it was lowest.
    warm_up : float
        Epochs in which a constant step size rises from zero.
    averages : bool
        Whether averages of the weights over half an epoch are validated, and kept at
        the end of "linear".
    weight_decay : float
        Decoupled weight decay of the weights, not of biases and coefficients.
    input_step : float
        Steps of the weights that meet the inputs, in those of the others. See
        :func:`input_step`.
    dreg_strength : array-like of shape (members,)
        Weight lambda of the DREG penalty of each member.
    dreg_stream : {"exact", "projected"}
        How the penalty is evaluated.
    first_epoch : int
        Epochs trained before, when training goes on.
    tol, n_iter_no_change : float, int
        With validation rows and no averages: a member stops when its validation loss
        has not fallen by ``tol`` for so many epochs.
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
    warm_up: float = 0.0
    averages: bool = False
    weight_decay: float = 0.0
    input_step: float = 1.0
    tol: float = 1e-4
    n_iter_no_change: int = 10
    net: Any = None
