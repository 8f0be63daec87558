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
    >>> value, slope = square.value_and_slope(torch.tensor([[[3.0]]]))
    >>> value.item(), slope.item()
    (9.0, 6.0)
    """

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
        """Return ``phi(z)`` by Horner's rule."""
        a = self.coefficient.unsqueeze(2)
        value = a[:, -1]
        for k in range(self.degree - 2, -1, -1):
            value = torch.addcmul(a[:, k], value, z)
        return value * z

    def value_and_slope(self, z):
        """Return ``phi(z)`` and ``phi'(z)`` in one Horner recursion."""
        # Horner for q(z) = phi(z) / z and q'(z); then phi' = q + z q'.
        a = self.coefficient.unsqueeze(2)
        quotient = a[:, -1].expand_as(z)
        if self.degree == 1:
            return quotient * z, quotient
        quotient_slope = quotient
        quotient = torch.addcmul(a[:, -2], quotient, z)
        for k in range(self.degree - 3, -1, -1):
            quotient_slope = torch.addcmul(quotient, quotient_slope, z)
            quotient = torch.addcmul(a[:, k], quotient, z)
        return quotient * z, torch.addcmul(quotient, quotient_slope, z)

    def extra_repr(self):
        members, degree, n_units = self.coefficient.shape
        return f"members={members}, n_units={n_units}, degree={degree}"
