"""Activations of packed networks."""

import torch
from torch import nn

from cr_sklearn.formulas import _torch as xp
from cr_sklearn.formulas._activations import (
    ACTIVATIONS,
    FIXED_ACTIVATIONS,
    polynomial,
)

# Where the coefficients of z and z^2 start, and the deviation of the others.
_FIRST, _HIGHER = (0.5, 0.25), 0.02


class FixedActivation(nn.Module):
    """An activation without parameters.

    Parameters
    ----------
    name : {"relu", "gelu", "silu", "tanh"}
    """

    def __init__(self, name):
        super().__init__()
        self.name = name
        self._formula = FIXED_ACTIVATIONS[name]

    def forward(self, z):
        [value] = self._formula(xp, z, 0)
        return value

    def terms(self):
        """Return None: there are no coefficients."""

    def value_and_slopes(self, z, out, terms=None):
        """Write the value into ``out``; return the slope and half the curvature."""
        return self._formula(xp, z, 2, out)[1:]

    def extra_repr(self):
        return repr(self.name)


class Polynomial(nn.Module):
    r"""Polynomial activation with coefficients learned per neuron.

    .. math:: \phi_i(z) = \sum_{k=1}^{p} a_{k,i} z^k, \qquad
              \phi_i'(z) = \sum_{k=1}^{p} k\, a_{k,i} z^{k-1}

    Source: arXiv 2605.24340, polynomial activations.
    NOTE[DIFF] There is no constant term: the next layer's bias absorbs it, and
    without it a network whose weights are zero outputs its biases.
    NOTE[DIFF] The initial coefficients, which the paper leaves open, are
    ``a_1 = 1/2``, ``a_2 = 1/4`` and ``a_k ~ N(0, 0.02^2)``: near zero those of a
    smooth ReLU, so that stacked polynomials of total degree ``p^depth`` neither explode
    nor start saturated.

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
            for power, value in enumerate(_FIRST[: self.degree]):
                self.coefficient[:, power] = value
            for member, generator in enumerate(generators):
                self.coefficient[member, len(_FIRST) :].normal_(
                    0.0, _HIGHER, generator=generator
                )

    def forward(self, z):
        """Return ``phi(z)``."""
        return _PolynomialValue.apply(z, self.coefficient)

    def terms(self):
        """Return views (members, 1, n_units) of the coefficients of z, z^2, ..."""
        return self.coefficient.detach().unsqueeze(2).unbind(1)

    def value_and_slopes(self, z, out, terms=None):
        """Write the value into ``out``; return the slope and half the curvature.

        Not recorded by autograd.

        Parameters
        ----------
        z, out : Tensor of shape (members, n, n_units)
        terms : tuple of Tensor or None
            From :meth:`terms`, so that the views are not made again.
        """
        terms = self.terms() if terms is None else terms
        return polynomial(xp, z, 2, out, coefficients=terms)[1:]

    def coefficient_grad(self, z, grad_value, grad_slope):
        r"""Return the gradient of the coefficients, from those of phi(z) and phi'(z).

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


def make_activation(name, members, n_units, degree):
    """Build the activation of one layer.

    Parameters
    ----------
    name : {"polynomial", "relu", "gelu", "silu", "tanh"}
    members, n_units, degree : int
        See :class:`Polynomial`; the fixed activations ignore them.

    Raises
    ------
    ValueError
        If ``name`` is none of the above.

    Examples
    --------
    >>> make_activation("tanh", members=1, n_units=4, degree=3)
    FixedActivation('tanh')
    """
    if name == "polynomial":
        return Polynomial(members, n_units, degree)
    if name not in FIXED_ACTIVATIONS:
        raise ValueError(f"activation must be one of {ACTIVATIONS}, got {name!r}.")
    return FixedActivation(name)


class _PolynomialValue(torch.autograd.Function):
    """``phi(z)`` as one operation of autograd.

    Horner's scheme recorded step by step would be three times the operations, and on
    small tensors the time goes into their number. Backward is itself made of
    differentiable operations, so that it can be differentiated once more.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(z, coefficient):
        terms = coefficient.unsqueeze(2).unbind(1)
        return polynomial(xp, z, 0, coefficients=terms)[0]

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, grad_value):
        z, coefficient = ctx.saved_tensors
        terms = coefficient.unsqueeze(2).unbind(1)
        _, slope = polynomial(xp, z, 1, coefficients=terms)
        moments, powers = [], grad_value
        for _ in terms:
            powers = powers * z
            moments.append(powers.sum(dim=1))
        return grad_value * slope, torch.stack(moments, dim=1)
