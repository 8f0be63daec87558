"""Dropout of hidden units, for baselines."""

from functools import partial

import torch
from torch import nn

from cr_sklearn.training._loop import PackedNet


class Dropout(nn.Module):
    """An activation whose units are zero in a share of the rows while it trains.

    Parameters
    ----------
    activation : Module
        Of :mod:`cr_sklearn.nn`.
    rate : float
    generators : list of torch.Generator
        One per member.
    """

    def __init__(self, activation, rate, generators):
        super().__init__()
        self.activation = activation
        self.rate = rate
        self.generators = generators

    def forward(self, z):
        value = self.activation(z)
        return value * self._mask(z) if self.training else value

    def terms(self):
        return self.activation.terms()

    def value_and_slopes(self, z, out, terms=None):
        """Drop value and derivatives alike."""
        slopes = self.activation.value_and_slopes(z, out, terms)
        if not self.training:
            return slopes
        self._last = self._mask(z)
        out *= self._last
        return tuple(slope * self._last for slope in slopes)

    def coefficient_grad(self, z, grad_value, grad_slope):
        """Pass gradients on where units were not dropped."""
        if grad_slope is not None:
            grad_slope = grad_slope * self._last
        return self.activation.coefficient_grad(z, grad_value * self._last, grad_slope)

    def _mask(self, z):
        # Drawn on the CPU, so that a seed means the same on every device.
        keep = torch.stack(
            [
                torch.rand(z.shape[1:], generator=generator, dtype=torch.float32)
                >= self.rate
                for generator in self.generators
            ]
        )
        return keep.to(z) / (1.0 - self.rate)


def drop(network, rate, generators):
    """Give every hidden layer of a network dropout."""
    for layer, activation in enumerate(network.activations):
        network.activations[layer] = Dropout(activation, rate, generators)


class _Net(PackedNet):
    def __init__(self, *args, rate):
        super().__init__(*args)
        self.rate = rate

    def initialize_optimizer(self, *args, **kwargs):
        # Seeded by initial weights, which are drawn from each member's seed.
        weights = self.module_.input_weight.detach().double().abs().sum(dim=(1, 2))
        seeds = (1e12 * weights).long().tolist()
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        drop(self.module_, self.rate, generators)
        return super().initialize_optimizer(*args, **kwargs)

    def on_train_end(self, net, **kwargs):
        super().on_train_end(net, **kwargs)
        for layer, dropped in enumerate(self.module_.activations):
            self.module_.activations[layer] = dropped.activation


def net_with_dropout(rate):
    """Return what trains with dropout, for :class:`TrainingOptions`."""
    return partial(_Net, rate=rate) if rate else None
