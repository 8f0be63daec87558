"""AdamW over one flat buffer."""

import math

import numpy as np
import torch

# Decay rates of the moments. The memory of squared gradients is short, for a few
# hundred steps in all.
_BETA1, _BETA2 = 0.9, 0.95
_EPSILON = 1e-8


class FlatAdamW:
    """AdamW whose parameters are views of one tensor.

    NOTE[DIFF] to ``torch.optim.AdamW``: the same update, with seven operations a step
    however many parameters there are. Importing torch's optimisers takes seconds, since
    they bring its compiler along, and on small networks their bookkeeping costs more
    than the update.

    Source: Loshchilov and Hutter, arXiv 1711.05101, Algorithm 2.

    Parameters
    ----------
    parameters : iterable of Parameter
        Become views of the buffer, with their values.
    decayed : iterable of Parameter
        Those of them that are subject to weight decay.
    learning_rate : float or array-like of shape (members,)
        Members are the leading axis of every parameter.
    weight_decay : float or array-like of shape (members,)
        Decoupled: a step multiplies decayed parameters by
        ``1 - learning_rate * weight_decay``.
    factors : list of (Parameter, float), default=()
        Parameters whose steps are those of the learning rate times a factor; their
        decay is not.
    """

    def __init__(self, parameters, decayed, *, learning_rate, weight_decay, factors=()):
        self.parameters = list(parameters)
        self._flat = torch.cat([p.detach().flatten() for p in self.parameters])
        self._first = torch.zeros_like(self._flat)
        self._second = torch.zeros_like(self._flat)
        self._n_steps = 0
        # One rate for all, or one for each entry in units of the largest.
        self._learning_rate = float(np.max(learning_rate))
        self._relative = self._decay = None
        if np.min(learning_rate) < self._learning_rate:
            relative = np.divide(learning_rate, self._learning_rate)
            self._relative = self._by_entry(relative, self.parameters)
        if np.max(weight_decay) > 0.0:
            self._decay = self._by_entry(weight_decay, list(decayed))
            if self._relative is not None:
                self._decay *= self._relative
        if factors:
            if self._relative is None:
                self._relative = torch.ones_like(self._flat)
            by_id = {id(parameter): factor for parameter, factor in factors}
            for parameter, view in zip(
                self.parameters, self._views(self._relative), strict=True
            ):
                view.mul_(by_id.get(id(parameter), 1.0))
        for parameter, view in zip(
            self.parameters, self._views(self._flat), strict=True
        ):
            parameter.data = view

    def step(self, gradients, schedule):
        """Update the parameters.

        Parameters
        ----------
        gradients : list of Tensor
            In the order of the parameters.
        schedule : float
            Factor of the learning rate.
        """
        learning_rate = schedule * self._learning_rate
        grad = torch.cat([gradient.flatten() for gradient in gradients])
        self._n_steps += 1
        self._first.lerp_(grad, 1.0 - _BETA1)
        self._second.mul_(_BETA2).addcmul_(grad, grad, value=1.0 - _BETA2)
        correction1 = 1.0 - _BETA1**self._n_steps
        correction2 = math.sqrt(1.0 - _BETA2**self._n_steps)
        if self._decay is not None:
            self._flat.addcmul_(self._flat, self._decay, value=-learning_rate)
        denominator = torch.sqrt(self._second, out=grad)
        denominator.add_(_EPSILON * correction2)
        # A step that single precision can't hold diverges all the same.
        largest = torch.finfo(self._flat.dtype).max
        step_size = min(learning_rate * correction2 / correction1, largest)
        if self._relative is None:
            self._flat.addcdiv_(self._first, denominator, value=-step_size)
        else:
            update = torch.div(self._first, denominator, out=denominator)
            self._flat.addcmul_(update, self._relative, value=-step_size)

    def state(self):
        """Moments by parameter, as copied arrays, with the number of steps."""
        return [
            {
                "step": self._n_steps,
                "exp_avg": first.cpu().numpy().copy(),
                "exp_avg_sq": second.cpu().numpy().copy(),
            }
            for first, second in zip(
                self._views(self._first), self._views(self._second), strict=True
            )
        ]

    def load_state(self, state):
        """Go on from what :meth:`state` returned."""
        self._n_steps = int(state[0]["step"])
        for entry, first, second in zip(
            state, self._views(self._first), self._views(self._second), strict=True
        ):
            first.copy_(torch.as_tensor(entry["exp_avg"]))
            second.copy_(torch.as_tensor(entry["exp_avg_sq"]))

    def _by_entry(self, values, chosen):
        """Values of the members spread over chosen parameters; 0 elsewhere."""
        chosen = {id(p) for p in chosen}
        spread = torch.zeros_like(self._flat)
        values = torch.as_tensor(values, dtype=spread.dtype, device=spread.device)
        for parameter, view in zip(self.parameters, self._views(spread), strict=True):
            if id(parameter) in chosen:
                view.copy_(values.view(-1, *[1] * (parameter.dim() - 1)))
        return spread

    def _views(self, flat):
        parts = flat.split([p.numel() for p in self.parameters])
        return [
            part.view(p.shape) for part, p in zip(parts, self.parameters, strict=True)
        ]
