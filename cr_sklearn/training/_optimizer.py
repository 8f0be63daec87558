"""AdamW over one flat buffer."""

import math

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
    learning_rate : float
    weight_decay : float
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
        self._learning_rate = learning_rate
        self._factors = self._decay = None
        if weight_decay > 0.0:
            self._decay = self._by_entry([(p, weight_decay) for p in decayed], 0.0)
        if factors:
            self._factors = self._by_entry(factors, 1.0)
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
        if self._factors is None:
            self._flat.addcdiv_(self._first, denominator, value=-step_size)
        else:
            update = torch.div(self._first, denominator, out=denominator)
            self._flat.addcmul_(update, self._factors, value=-step_size)

    def state(self):
        """Copy the moments of each parameter, with the number of steps."""
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
            # Copies: arrays of a file that is mapped can't be written to.
            first.copy_(torch.tensor(entry["exp_avg"]))
            second.copy_(torch.tensor(entry["exp_avg_sq"]))

    def _by_entry(self, values, default):
        """Spread values of some parameters over the entries of the buffer."""
        values = {id(parameter): value for parameter, value in values}
        spread = torch.empty_like(self._flat)
        for parameter, view in zip(self.parameters, self._views(spread), strict=True):
            view.fill_(values.get(id(parameter), default))
        return spread

    def _views(self, flat):
        parts = flat.split([p.numel() for p in self.parameters])
        return [
            part.view(p.shape) for part, p in zip(parts, self.parameters, strict=True)
        ]
