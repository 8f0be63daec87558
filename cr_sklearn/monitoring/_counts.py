"""Counts of rows, which workers can add up."""

from dataclasses import dataclass, fields

import numpy as np

# Norms are counted in bins that grow by a percent each, over eight decades: a quantile
# is off by half a percent at most.
STEP = 0.01
N_NORMS = int(np.log(1e8) / STEP)


@dataclass
class Counts:
    """Counts of some rows.

    Attributes
    ----------
    n_rows : int
    norms : ndarray of int of shape (N_NORMS + 2,)
        Sensitivities by bin; the first is for those below all others, zero among them.
    norm_sum : float
        Sum of the sensitivities themselves.
    n_squashed : int
        Rows with a value that the encoder squashes hard.
    n_unseen : int
        Rows with a category that training did not see.
    unseen : ndarray of int
        The same by categorical column.
    columns : ndarray of int
        Bins of all columns that are watched, one after the other.
    """

    n_rows: int
    norms: np.ndarray
    norm_sum: float
    n_squashed: int
    n_unseen: int
    unseen: np.ndarray
    columns: np.ndarray

    @classmethod
    def none(cls, n_categorical, n_bins):
        """Make counts of no rows."""
        zeros = [np.zeros(n, dtype=int) for n in (N_NORMS + 2, n_categorical, n_bins)]
        return cls(0, zeros[0], 0.0, 0, 0, zeros[1], zeros[2])

    def __add__(self, other):
        return Counts(
            *(
                getattr(self, field.name) + getattr(other, field.name)
                for field in fields(self)
            )
        )

    def to_dict(self):
        """Return plain numbers and lists; of the norms the bins that are not empty."""
        state = dict(vars(self))
        filled = np.flatnonzero(self.norms)
        state["norms"] = [filled.tolist(), self.norms[filled].tolist()]
        state["unseen"] = self.unseen.tolist()
        state["columns"] = self.columns.tolist()
        return state

    @classmethod
    def from_dict(cls, state):
        """Restore what :meth:`to_dict` returned."""
        norms = np.zeros(N_NORMS + 2, dtype=int)
        filled, counts = state["norms"]
        norms[filled] = counts
        arrays = {
            name: np.array(state[name], dtype=int) for name in ("unseen", "columns")
        }
        return cls(**{**state, **arrays, "norms": norms})


def first_norm(sensitivity):
    """Choose the lowest bin so that typical norms are in the middle."""
    middle = np.median(sensitivity[sensitivity > 0])
    return int(np.floor(np.log(middle) / STEP)) - N_NORMS // 2


def count_norms(sensitivity, first):
    """Count sensitivities by bin."""
    with np.errstate(divide="ignore"):
        bins = np.floor(np.log(sensitivity) / STEP) - first + 1
    bins = np.clip(bins, 0, N_NORMS + 1).astype(int)
    return np.bincount(bins, minlength=N_NORMS + 2)


def norm_values(first):
    """Return the norm that stands for each bin, (N_NORMS + 2,)."""
    values = np.exp((np.arange(N_NORMS + 2) + first - 0.5) * STEP)
    values[0] = 0.0
    return values


def quantile_99(counts, values):
    """Interpolate the 99 % quantile of binned values as :func:`numpy.quantile`.

    Parameters
    ----------
    counts : ndarray of int of shape (..., n_bins)
        Each row has the same sum, at least 1.
    values : ndarray of shape (n_bins,)
        Rising.

    Returns
    -------
    ndarray of shape (...)
    """
    up_to = np.cumsum(counts, axis=-1)
    position = 0.99 * (up_to[..., -1:] - 1)
    below = np.floor(position)
    low = values[(up_to <= below).sum(axis=-1)]
    high = values[(up_to <= np.ceil(position)).sum(axis=-1)]
    return low + (position - below)[..., 0] * (high - low)


def kolmogorov_smirnov(counts, reference):
    """Return the largest difference of two distribution functions at ends of bins.

    Parameters
    ----------
    counts, reference : ndarray of int of shape (..., n_bins)

    Returns
    -------
    ndarray of shape (...)
    """
    shares = counts / counts.sum(axis=-1, keepdims=True)
    shares = shares - reference / reference.sum(axis=-1, keepdims=True)
    return np.abs(np.cumsum(shares, axis=-1)).max(axis=-1)


def population_stability_index(counts, reference):
    r"""Return the divergence :math:`\sum_b (p_b - q_b) \log(p_b / q_b)`.

    Half a row is added to every bin, so that an empty one is not infinitely far.

    Parameters
    ----------
    counts, reference : ndarray of int of shape (..., n_bins)

    Returns
    -------
    ndarray of shape (...)
    """
    p, q = counts + 0.5, reference + 0.5
    p /= p.sum(axis=-1, keepdims=True)
    q /= q.sum(axis=-1, keepdims=True)
    return ((p - q) * np.log(p / q)).sum(axis=-1)
