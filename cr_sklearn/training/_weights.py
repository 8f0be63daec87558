"""Weights between the torch network and the NumPy arrays that are the fitted state."""

import numpy as np
import torch

from cr_sklearn.inference._fitted_network import FittedNetwork


def dump(network, activation):
    """Return the weights as a :class:`FittedNetwork` of float64 arrays.

    Its members have equal weights that sum to 1.
    """
    inputs = network.gated(network.input_weight, network.gate)
    n_first = inputs.shape[1] - network.n_outputs
    first, skip = inputs.tensor_split([n_first], dim=1)
    weights = [first, *network.hidden_weights] if n_first else []
    return FittedNetwork(
        coefs=[_to_array(weight.mT) for weight in weights],
        intercepts=[
            *[_to_array(bias) for bias in network.biases[:-1]],
            _to_array(network.output_bias),
        ],
        skip_coef=_to_array(skip.mT),
        polynomial_coefs=[_to_array(block) for block in _polynomials(network)],
        activation=activation,
        member_weights=np.full(network.members, 1.0 / network.members),
    )


def load(network, activation, fitted):
    """Copy the weights of a :class:`FittedNetwork` into a network of its shape.

    Raises
    ------
    ValueError
        If the shapes or the activations differ.
    """
    parameters = [
        *network.weights,
        *network.biases,
        network.skip,
        *_polynomials(network),
    ]
    arrays = [
        *[coef.swapaxes(1, 2) for coef in fitted.coefs],
        *fitted.intercepts,
        fitted.skip_coef.swapaxes(1, 2),
        *fitted.polynomial_coefs,
    ]
    shapes_agree = [tuple(p.shape) for p in parameters] == [
        array.shape for array in arrays
    ]
    if not (shapes_agree and activation == fitted.activation):
        raise ValueError(
            "Training can't go on from the fitted weights: hidden_layer_sizes, degree, "
            "activation or n_estimators differ from the earlier fit. Set them back, "
            "or fit anew with warm_start=False."
        )
    with torch.no_grad():
        for parameter, array in zip(parameters, arrays, strict=True):
            parameter.copy_(torch.tensor(array))
    # Not its parameters, where it is made of thresholds.
    network.set_output_bias(torch.tensor(fitted.intercepts[-1]))


def _polynomials(network):
    return [a.coefficient for a in network.activations if hasattr(a, "coefficient")]


def _to_array(tensor):
    return tensor.detach().cpu().numpy().astype(np.float64)
