"""AdamW over one flat buffer."""

import math

import torch

# Decay rates of the moments. The memory of squared gradients is short, for a few
# hundred steps in all.
_BETA1, _BETA2 = 0.9, 0.98
_EPSILON = 1e-8
# The average of the parameters spans at most one in so many of the steps done.
_YOUNG = 3.0


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
    learning_rate : float
    decays : list of (Parameter, float), default=()
        Decoupled weight decay: a step multiplies the parameter by
        ``1 - learning_rate * decay``.
    factors : list of (Parameter, float), default=()
        Parameters whose steps are those of the learning rate times a factor; their
        decay is not.
    horizon : float or None, default=None
        Steps over which an exponential average of the parameters is kept, fewer at the
        beginning. None keeps none.
    """

    def __init__(
        self, parameters, *, learning_rate, decays=(), factors=(), horizon=None
    ):
        self.parameters = list(parameters)
        self._flat = torch.cat([p.detach().flatten() for p in self.parameters])
        self._first = torch.zeros_like(self._flat)
        self._second = torch.zeros_like(self._flat)
        self._n_steps = 0
        self._learning_rate = learning_rate
        self._factors = self._decay = self._average = None
        self._horizon = horizon
        if any(decay > 0.0 for _, decay in decays):
            self._decay = self._by_entry(decays, 0.0)
        if factors:
            self._factors = self._by_entry(factors, 1.0)
        if horizon is not None:
            self._average = self._flat.clone()
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
        # A step that single precision can't hold diverges all the same.
        largest = torch.finfo(self._flat.dtype).max
        learning_rate = min(schedule * self._learning_rate, largest)
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
        step_size = min(learning_rate * correction2 / correction1, largest)
        if self._factors is None:
            self._flat.addcdiv_(self._first, denominator, value=-step_size)
        else:
            update = torch.div(self._first, denominator, out=denominator)
            self._flat.addcmul_(update, self._factors, value=-step_size)
        if self._average is not None:
            recent = min(1.0, _YOUNG / (self._n_steps + 2))
            self._average.lerp_(self._flat, max(1.0 / self._horizon, recent))

    def swap_average(self):
        """Exchange the parameters and their average, in place."""
        if self._average is not None:
            there = self._flat.clone()
            self._flat.copy_(self._average)
            self._average.copy_(there)

    def snapshot(self):
        """Copy parameters, moments and average, for :meth:`restore`."""
        return [buffer.clone() for buffer in self._buffers()]

    def restore(self, snapshot):
        """Go back to a snapshot; the number of steps stays."""
        for buffer, saved in zip(self._buffers(), snapshot, strict=True):
            buffer.copy_(saved)

    def _buffers(self):
        buffers = [self._flat, self._first, self._second]
        return buffers if self._average is None else [*buffers, self._average]

    def state(self):
        """Copy the moments and average of each parameter, with the number of steps."""
        buffers = {"exp_avg": self._first, "exp_avg_sq": self._second}
        if self._average is not None:
            buffers["average"] = self._average
        names, views = buffers, map(self._views, buffers.values())
        return [
            {
                "step": self._n_steps,
                **{
                    name: view.cpu().numpy().copy()
                    for name, view in zip(names, of_parameter, strict=True)
                },
            }
            for of_parameter in zip(*views, strict=True)
        ]

    def load_state(self, state):
        """Go on from what :meth:`state` returned."""
        self._n_steps = int(state[0]["step"])
        buffers = {"exp_avg": self._first, "exp_avg_sq": self._second}
        if self._average is not None:
            buffers["average"] = self._average
        for name, buffer in buffers.items():
            for entry, view in zip(state, self._views(buffer), strict=True):
                # A copy: arrays of a file that is mapped can't be written to.
                view.copy_(torch.tensor(entry[name]))

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
