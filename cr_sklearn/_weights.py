"""Weights between the torch network and the NumPy arrays that are the fitted state."""

import numpy as np
import torch

from cr_sklearn._inference import FittedNetwork


def dump(network, activation, member_weights):
    """Return the weights as a :class:`FittedNetwork` of float64 arrays.

    Parameters
    ----------
    network : PackedNetwork
    activation : str
    member_weights : ndarray of shape (members,)
    """
    return FittedNetwork(
        coefs=[_to_array(weight.mT) for weight in network.weights],
        intercepts=[_to_array(bias) for bias in network.biases],
        skip_coef=_to_array(network.skip.mT),
        polynomial_coefs=[_to_array(block) for block in _polynomials(network)],
        activation=activation,
        member_weights=member_weights,
    )


def load(network, activation, fitted):
    """Copy the weights of a :class:`FittedNetwork` into a network of its shape.

    Members that were linear stay linear.

    Raises
    ------
    ValueError
        If the shapes or the activations differ.
    """
    pairs = [
        *zip(network.weights, [w.swapaxes(1, 2) for w in fitted.coefs], strict=False),
        *zip(network.biases, fitted.intercepts, strict=False),
        (network.skip, fitted.skip_coef.swapaxes(1, 2)),
        *zip(_polynomials(network), fitted.polynomial_coefs, strict=False),
    ]
    n_arrays = 1 + sum(
        map(len, (fitted.coefs, fitted.intercepts, fitted.polynomial_coefs))
    )
    n_parameters = sum(1 for _ in network.parameters())
    shapes_agree = all(tuple(p.shape) == array.shape for p, array in pairs)
    complete = len(pairs) == n_arrays == n_parameters
    if not (complete and shapes_agree and activation == fitted.activation):
        raise ValueError(
            "Training can't go on from the fitted weights: hidden_layer_sizes, degree, "
            "activation or n_estimators differ from the earlier fit. Set them back, "
            "or fit anew with warm_start=False."
        )
    with torch.no_grad():
        for parameter, array in pairs:
            parameter.copy_(torch.from_numpy(np.ascontiguousarray(array)))
    if fitted.coefs:
        linear = ~fitted.coefs[-1].any(axis=(1, 2))
        network.make_linear(torch.from_numpy(linear))


def _polynomials(network):
    return [a.coefficient for a in network.activations if hasattr(a, "coefficient")]


def _to_array(tensor):
    return tensor.detach().cpu().numpy().astype(np.float64)
