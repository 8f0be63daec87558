"""Value stream and derivative stream of a packed network, with one backward pass."""

import torch
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from cr_sklearn.nn._network import map_inputs


def streams(network, x, *, tangent=None, images=None):
    r"""Outputs, and the squared norms of the tangents behind every layer.

    .. math::
        z^l = W_l h^{l-1} + b_l, \quad h^l = \phi_l(z^l), \quad
        f(x) = W_{out} h^L + W_{skip} x + b_{out}

        S^l V = \mathrm{diag}(\phi_l'(z^l))\, W_l\, S^{l-1} V, \quad
        S^{out} V = W_{out} S^L V + W_{skip} V

    A block of tangents ``V`` enters the network through ``A V`` alone, with
    ``A = [W_1; W_skip]``.

    Source: arXiv 2605.24340, dual-stream forward pass.

    Parameters
    ----------
    network : PackedNetwork
    x : Tensor of shape (groups, batch, d) or (batch, d)
    tangent : Tensor of shape (groups, k, d) or None
        Directions ``V``, one tangent for each sample: sample ``i`` has direction
        ``i mod k``. A few serve a batch as well as one each, and cost less.
    images : Tensor of shape (members, batch or 1, t, n_1 + n_outputs) or None
        ``(A V)^T``, in place of ``tangent``.

    Returns
    -------
    outputs : Tensor of shape (members, batch, n_outputs)
    norms : Tensor of shape (n_layers + 1, members, batch or 1)
        ``||S^l V||_F^2``, the output's last.
    """
    # Lists of modules and parameters look their entries up by name at each access.
    activations = list(network.activations)
    if x.dim() == 2:
        x = x.unsqueeze(0)
    if not activations:
        if images is None:
            images = _dealt(map_inputs(tangent, network.input_weight), x.shape[1])
        return network(x), images.square().sum(dim=(2, 3)).unsqueeze(0)
    if tangent is not None:
        x = x.expand(len(tangent), -1, -1)
    return _Streams.apply(
        activations,
        network.dropout_masks(x),
        x,
        tangent,
        images,
        network.input_weight,
        *network.hidden_weights,
        *network.biases,
        *[a.coefficient for a in activations if a.learned],
    )


class _Streams(torch.autograd.Function):
    """Both streams by hand.

    On the small tensors of tabular data the time goes into the number of operations,
    and autograd would record, allocate and walk three times as many. Values (``batch``
    rows) and tangents (``batch * t``) lie in one tensor, so that a layer is one matrix
    product for both.
    """

    @staticmethod
    def forward(ctx, activations, masks, x, tangent, images, inputs, *parameters):
        depth = len(activations)
        weights, biases = parameters[:depth], parameters[depth : 2 * depth + 1]
        n_first, batch = weights[0].shape[2], x.shape[1]
        if images is None:
            x = torch.cat([x, tangent], dim=1)
            mapped, images = map_inputs(x, inputs).split([batch, tangent.shape[1]], 1)
            images = _dealt(images, batch)
        else:
            mapped = map_inputs(x, inputs)
        n_tangents = images.shape[2]
        z, tangent = mapped[..., :n_first], images[..., :n_first]
        norms, layers = [], []
        for layer, activation in enumerate(activations):
            z = z + biases[layer].unsqueeze(1)
            both = z.new_empty(len(z), batch * (1 + n_tangents), z.shape[2])
            value, image = _split(both, batch, n_tangents)
            slope = activation.value_and_slope(z, out=value)
            if masks is not None:
                value *= masks[layer]
                slope = slope * masks[layer]
            torch.mul(slope.unsqueeze(2), tangent, out=image)
            norms.append(image.square().sum(dim=(2, 3)))
            layers.append((z, tangent, slope, both, image))
            mapped_on = torch.bmm(both, weights[layer].mT)
            z, tangent = _split(mapped_on, batch, n_tangents)
        tangent += images[..., n_first:]
        norms.append(tangent.square().sum(dim=(2, 3)))
        outputs = z + mapped[..., n_first:]
        outputs += biases[-1].unsqueeze(1)
        ctx.activations, ctx.masks, ctx.batch = activations, masks, batch
        ctx.layers, ctx.image, ctx.shared = layers, tangent, images.shape[1] == 1
        ctx.save_for_backward(x, inputs, *weights)
        return outputs, torch.stack(norms)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_outputs, grad_norms):
        x, inputs, *weights = ctx.saved_tensors
        batch, n_tangents = ctx.batch, ctx.image.shape[2]
        grad_norms = 2.0 * grad_norms[..., None, None]
        grad_image = grad_norms[-1] * ctx.image
        head = torch.cat([grad_outputs, grad_image.flatten(1, 2)], dim=1)
        grad, grad_weights, grad_coefficients = head, [], []
        grad_biases = [grad_outputs.sum(dim=1)]
        for layer in range(len(ctx.activations) - 1, -1, -1):
            activation = ctx.activations[layer]
            z, tangent, slope, both, image = ctx.layers[layer]
            grad_weights.append(torch.bmm(grad.mT, both))
            grad = torch.bmm(grad, weights[layer])
            grad_value, grad_image = _split(grad, batch, n_tangents)
            grad_image.addcmul_(grad_norms[layer], image)
            # What the images ask of the slope, and then of the tangents before it.
            grad_slope = torch.mul(grad_image, tangent)
            grad_slope = grad_slope[:, :, 0] if n_tangents == 1 else grad_slope.sum(2)
            grad_image *= slope.unsqueeze(2)
            if ctx.masks is not None:
                grad_slope = grad_slope * ctx.masks[layer]
            if activation.learned:
                masked = (
                    grad_value if ctx.masks is None else grad_value * ctx.masks[layer]
                )
                grad_coefficients.append(
                    activation.coefficient_grad(z, masked, grad_slope)
                )
            grad_value *= slope
            grad_value.addcmul_(grad_slope, activation.curvature(z))
            grad_biases.append(grad_value.sum(dim=1))
        grad = torch.cat([grad, head], dim=2)
        grad_mapped, grad_images = _split(grad, batch, n_tangents)
        n_directions = x.shape[1] - batch
        if n_directions:
            dealt = _gathered(grad_images[:, :, 0], n_directions)
            grad_mapped, grad_images = torch.cat([grad_mapped, dealt], dim=1), None
        elif ctx.shared:
            grad_images = grad_images.sum(dim=1, keepdim=True)
        # As map_inputs, backwards.
        groups = len(x)
        grad = grad_mapped.unflatten(0, (groups, -1)).transpose(1, 2).flatten(2)
        grad_x = None
        if ctx.needs_input_grad[2]:
            stacked = inputs.reshape(groups, -1, inputs.shape[2])
            grad_x = torch.bmm(grad[:, :batch], stacked)
        grad_inputs = torch.bmm(grad.mT, x).view_as(inputs)
        return (
            None,
            None,
            grad_x,
            None,
            grad_images,
            grad_inputs,
            *reversed(grad_weights),
            *reversed(grad_biases),
            *reversed(grad_coefficients),
        )


def _dealt(directions, batch):
    """Images (members, batch, 1, n) of (members, k, n): row i has i mod k."""
    n_rounds = -(-batch // directions.shape[1])
    return directions.repeat(1, n_rounds, 1)[:, :batch].unsqueeze(2)


def _gathered(grad, n_directions):
    """Backward pass of :func:`_dealt`, from (members, batch, n)."""
    missing = -grad.shape[1] % n_directions
    padded = F.pad(grad, (0, 0, 0, missing))
    return padded.unflatten(1, (-1, n_directions)).sum(dim=1)


def _split(both, batch, n_tangents):
    """Views of the values (members, batch, n) and tangents (members, batch, t, n)."""
    return both[:, :batch], both[:, batch:].unflatten(1, (batch, n_tangents))
