"""Learnable polynomial activation, one polynomial per neuron."""

import torch
from torch import nn


class Polynomial(nn.Module):
    r"""Polynomial activation with coefficients learned per neuron.

    .. math:: \phi_i(z) = \sum_{k=1}^{p} a_{k,i} z^k, \qquad
              \phi_i'(z) = \sum_{k=1}^{p} k\, a_{k,i} z^{k-1}

    Source: arXiv 2605.24340, polynomial activations.
    NOTE[DIFF] There is no constant term: the next layer's bias absorbs it, and
    without it a network whose weights are zero outputs its biases.
    NOTE[DIFF] The initial coefficients, which the paper leaves open, are
    ``a_1 = 1`` and ``a_k ~ N(0, 0.3^(k-1))``: nearly linear, so that stacked
    polynomials of total degree ``p^depth`` neither explode nor start saturated.

    Parameters
    ----------
    members : int
        Number of independent networks packed together.
    n_units : int
        Neurons of the layer.
    degree : int, default=3
        Degree ``p`` of every polynomial, at least 1.

    Attributes
    ----------
    coefficient : Parameter of shape (members, degree, n_units)
        ``coefficient[:, k - 1]`` multiplies ``z ** k``.

    Notes
    -----
    Shape: input ``(members, batch, n_units)``, outputs the same.

    Examples
    --------
    >>> import torch
    >>> from cr_sklearn.nn import Polynomial
    >>> square = Polynomial(members=1, n_units=1, degree=2)
    >>> with torch.no_grad():
    ...     _ = square.coefficient.copy_(torch.tensor([[[0.0], [1.0]]]))
    >>> z, tangent = torch.tensor([[[3.0]]]), torch.tensor([[[[1.0]]]])
    >>> value, image = square.dual(z, tangent)
    >>> value.item(), image.item()
    (9.0, 6.0)
    """

    def __init__(self, members, n_units, degree=3):
        super().__init__()
        if degree < 1 or int(degree) != degree:
            raise ValueError(f"degree must be an integer >= 1, got {degree!r}.")
        self.degree = int(degree)
        self.coefficient = nn.Parameter(torch.zeros(members, self.degree, n_units))
        # The factors k of d/dz z^k. A buffer, because making it anew costs as much as
        # using it.
        ranks = torch.arange(1.0, self.degree + 1).unsqueeze(1)
        self.register_buffer("_ranks", ranks, persistent=False)
        with torch.no_grad():
            self.coefficient[:, 0] = 1.0

    def reset_parameters(self, generators):
        """Draw the coefficients, one generator per member."""
        with torch.no_grad():
            for member, generator in enumerate(generators):
                self.coefficient[member, 0] = 1.0
                for k in range(1, self.degree):
                    self.coefficient[member, k].normal_(
                        0.0, 0.3**k, generator=generator
                    )

    def forward(self, z):
        """Return ``phi(z)``."""
        return _PolynomialValue.apply(z, self.coefficient, self._ranks)

    def dual(self, z, tangent):
        """Return ``phi(z)`` and the tangent's image ``phi'(z) * tangent``.

        Parameters
        ----------
        z : Tensor of shape (members, batch, n_units)
        tangent : Tensor of shape (members, batch or 1, t, n_units)
        """
        return _PolynomialDual.apply(z, tangent, self.coefficient, self._ranks)

    def extra_repr(self):
        members, degree, n_units = self.coefficient.shape
        return f"members={members}, n_units={n_units}, degree={degree}"


# Autograd through Horner's rule would build three times the operations, and on small
# tensors the time goes into their number. Hence the derivatives by hand; backward is
# itself made of differentiable operations, so it can be differentiated once more.


class _PolynomialValue(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(z, coefficient, ranks):
        return _horner(coefficient, z) * z

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, grad_value):
        z, coefficient, ranks = ctx.saved_tensors
        grad_z = grad_value * _horner(coefficient * ranks, z)
        moments, powers = [], grad_value
        for _ in range(coefficient.shape[1]):
            powers = powers * z
            moments.append(powers.sum(dim=1))
        return grad_z, torch.stack(moments, dim=1), None


class _PolynomialDual(torch.autograd.Function):
    # Without setup_context, for which torch inspects signatures at every call; only
    # torch.func needs that, and it has the value stream to differentiate.
    @staticmethod
    def forward(ctx, z, tangent, coefficient, ranks):
        ctx.save_for_backward(z, tangent, coefficient, ranks)
        slope = _horner(coefficient * ranks, z)
        return _horner(coefficient, z) * z, slope.unsqueeze(2) * tangent

    @staticmethod
    def backward(ctx, grad_value, grad_image):
        z, tangent, coefficient, ranks = ctx.saved_tensors
        degree = coefficient.shape[1]
        derivative = coefficient * ranks
        slope = _horner(derivative, z)
        grad_tangent = grad_image * slope.unsqueeze(2)
        if tangent.shape[1] != grad_tangent.shape[1]:
            grad_tangent = grad_tangent.sum(dim=1, keepdim=True)
        # What the images ask of the slope.
        grad_slope = (grad_image * tangent).sum(dim=2)
        grad_z = grad_value * slope
        if degree > 1:
            curvature = _horner(derivative[:, 1:] * ranks[:-1], z)
            grad_z = torch.addcmul(grad_z, grad_slope, curvature)
        # d/d a_k = sum over the batch of z^(k-1) (grad_value z + k grad_slope)
        moments, value_part, slope_part = [], grad_value * z, grad_slope
        for k in range(1, degree + 1):
            moments.append(torch.add(value_part, slope_part, alpha=k).sum(dim=1))
            if k < degree:
                value_part, slope_part = value_part * z, slope_part * z
        return grad_z, grad_tangent, torch.stack(moments, dim=1), None


def _horner(coefficient, z):
    """``sum_k coefficient[:, k] z^k`` from k = 0, for (members, n, n_units)."""
    c = coefficient.unsqueeze(2)
    value = c[:, -1].expand_as(z)
    for k in range(coefficient.shape[1] - 2, -1, -1):
        value = torch.addcmul(c[:, k], value, z)
    return value
