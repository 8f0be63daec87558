"""Value stream and derivative stream of a packed network, with one backward pass."""

import torch
from torch.autograd.function import once_differentiable


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
    x : Tensor of shape (members, batch, d) or (batch, d)
    tangent : Tensor of shape (members, batch, d) or None
        ``V``, one per sample.
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
    if not activations:
        if images is None:
            images = torch.bmm(tangent, network.input_weight.mT).unsqueeze(2)
        return network(x), images.square().sum(dim=(2, 3)).unsqueeze(0)
    x = network.per_member(x)
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
            mapped, images = _split(torch.bmm(x, inputs.mT), batch, 1)
        else:
            mapped = torch.bmm(x, inputs.mT)
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
        grad_x = None
        if ctx.needs_input_grad[2]:
            grad_x = torch.bmm(grad_mapped, inputs)
        if x.shape[1] > batch:
            grad_images = None
            grad_inputs = torch.bmm(grad.mT, x)
        else:
            if ctx.shared:
                grad_images = grad_images.sum(dim=1, keepdim=True)
            grad_inputs = torch.bmm(grad_mapped.mT, x)
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


def _split(both, batch, n_tangents):
    """Views of the values (members, batch, n) and tangents (members, batch, t, n)."""
    return both[:, :batch], both[:, batch:].unflatten(1, (batch, n_tangents))
