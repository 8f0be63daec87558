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
    >>> square(torch.tensor([[[3.0]]])).item()
    9.0
    """

    learned = True

    def __init__(self, members, n_units, degree=3):
        super().__init__()
        if degree < 1 or int(degree) != degree:
            raise ValueError(f"degree must be an integer >= 1, got {degree!r}.")
        self.degree = int(degree)
        self.coefficient = nn.Parameter(torch.zeros(members, self.degree, n_units))
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
        return _PolynomialValue.apply(z, self.coefficient)

    def terms(self):
        """Views (members, 1, n_units) of the coefficients of z, z^2, ..."""
        return self.coefficient.detach().unsqueeze(2).unbind(1)

    def value_and_slope(self, z, out, terms=None):
        r"""Value and two derivatives by one Horner scheme, not recorded by autograd.

        With the quotient :math:`q(z) = \phi(z) / z` and its Taylor coefficients q, q',
        q''/2: :math:`\phi = z q,\; \phi' = q + z q',\; \phi''/2 = q' + z q''/2`.

        Parameters
        ----------
        z : Tensor of shape (members, n, n_units)
        out : Tensor of the same shape
            Gets ``phi(z)``.
        terms : tuple of Tensor or None
            What :meth:`terms` returned, for not having to make the views again.

        Returns
        -------
        slope : Tensor
            ``phi'(z)``.
        half_curvature : Tensor
            ``phi''(z) / 2``.
        """
        *lower, q = self.terms() if terms is None else terms
        first = second = None
        for coefficient in reversed(lower):
            if second is not None:
                second = torch.addcmul(first, second, z)
            elif first is not None:
                second = first
            first = q if first is None else torch.addcmul(q, first, z)
            q = torch.addcmul(coefficient, q, z)
        torch.mul(q, z, out=out)
        slope = q if first is None else torch.addcmul(q, first, z)
        if first is None:
            half_curvature = torch.zeros_like(z)
        elif second is None:
            half_curvature = first
        else:
            half_curvature = torch.addcmul(first, second, z)
        return slope.expand_as(z), half_curvature.expand_as(z)

    def coefficient_grad(self, z, grad_value, grad_slope):
        r"""Gradient of the coefficients, from those of ``phi(z)`` and ``phi'(z)``.

        .. math:: \frac{\partial}{\partial a_k} =
                  \sum_{batch} z^{k-1} (z\, g_\phi + k\, g_{\phi'})

        ``grad_slope`` is None where nothing depends on the slope.
        """
        slopes, moments = grad_slope, grad_value
        sums = []
        for k in range(self.degree):
            if slopes is None:
                moments = moments * z
            else:
                slopes = slopes * z if k else slopes
                moments = torch.addcmul(slopes, moments, z)
            sums.append(moments.sum(dim=1))
        return torch.stack(sums, dim=1)

    def extra_repr(self):
        members, degree, n_units = self.coefficient.shape
        return f"members={members}, n_units={n_units}, degree={degree}"


# Autograd through Horner's rule would build three times the operations, and on small
# tensors the time goes into their number. Hence the derivatives by hand; backward is
# itself made of differentiable operations, so it can be differentiated once more.


class _PolynomialValue(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(z, coefficient):
        return _horner(coefficient, z) * z

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, grad_value):
        z, coefficient = ctx.saved_tensors
        ranks = torch.arange(1, coefficient.shape[1] + 1).to(coefficient).unsqueeze(1)
        grad_z = grad_value * _horner(coefficient * ranks, z)
        moments, powers = [], grad_value
        for _ in range(coefficient.shape[1]):
            powers = powers * z
            moments.append(powers.sum(dim=1))
        return grad_z, torch.stack(moments, dim=1)


def _horner(coefficient, z):
    """``sum_k coefficient[:, k] z^k`` from k = 0, for (members, n, n_units)."""
    *lower, value = coefficient.unsqueeze(2).unbind(1)
    for c in reversed(lower):
        value = torch.addcmul(c, value, z)
    return value
