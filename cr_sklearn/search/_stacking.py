"""Stacking: weights of candidates by their loss out of fold."""

import numpy as np
import torch
from scipy.optimize import minimize

# Pull of the calibration scale towards 1.
_SCALE_PRIOR = 0.003
# A candidate of less than this share of the largest weight is left out.
_LEAST_WEIGHT = 1e-3


class OutOfFoldLoss:
    """Weighted mean loss of a sum of outputs, with its gradient.

    Parameters
    ----------
    criterion : Module
        Data loss.
    outputs : ndarray of shape (n_candidates, n, n_outputs)
    target, weight : ndarray of shape (n,)
    """

    def __init__(self, criterion, outputs, target, weight):
        self._criterion = criterion
        self._outputs = torch.from_numpy(outputs)
        self._target = torch.from_numpy(target)
        self._weight = torch.from_numpy(weight / weight.sum())
        self.n_candidates = len(outputs)

    def single(self):
        """Return the loss of each candidate by itself."""
        with torch.no_grad():
            return np.array([self._loss(block).item() for block in self._outputs])

    def value_and_gradient(self, weights):
        """Return the loss of the weighted sum, and its gradient by the weights."""
        weights = torch.tensor(weights, requires_grad=True)
        loss = self._loss(torch.tensordot(weights, self._outputs, 1))
        (gradient,) = torch.autograd.grad(loss, weights)
        return loss.item(), gradient.numpy()

    def _loss(self, outputs):
        losses = self._criterion(outputs[None], self._target[None])[0]
        return self._weight @ losses


def stack(loss):
    r"""Find non-negative weights of the candidates that minimise the loss.

    .. math:: \min_{a \ge 0} \; \frac{1}{\sum_i w_i} \sum_i w_i\,
              \ell\big(y_i, \textstyle\sum_s a_s f_s(x_i)\big)
              + c \big(\textstyle\sum_s a_s - 1\big)^2

    with c = 0.003. A convex problem. The sum of the weights is not held at 1: networks
    under a penalty tend to be too modest, and this sum is their calibration scale. The
    last term keeps it finite where the classes are separable.

    Returns
    -------
    ndarray of shape (n_candidates,)
        Negligible weights are exactly zero.
    """

    def objective(weights):
        value, gradient = loss.value_and_gradient(weights)
        excess = weights.sum() - 1.0
        penalty = _SCALE_PRIOR * excess**2
        return value + penalty, gradient + 2.0 * _SCALE_PRIOR * excess

    start = np.zeros(loss.n_candidates)
    start[np.argmin(loss.single())] = 1.0
    weights = minimize(
        objective,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=[(0.0, None)] * len(start),
        options={"ftol": 1e-15, "gtol": 1e-10},
    ).x
    # An ensemble that answers nothing is never what the user wants.
    if not weights.max() > 0:
        return start
    return np.where(weights < _LEAST_WEIGHT * weights.max(), 0.0, weights)
