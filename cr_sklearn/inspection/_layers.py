"""Sensitivities inside the networks, layer by layer."""

from typing import NamedTuple

import numpy as np
from sklearn.utils import Bunch

from cr_sklearn._unwrap import unwrap
from cr_sklearn.formulas import _numpy as xp


def layer_sensitivity(estimator, X):
    r"""Measure the Jacobian norms of every layer, where sensitivity arises.

    Each network has layers :math:`l = 1, \dots, L` and the output, with the Jacobians
    :math:`S^l = \partial h^l / \partial x` by the encoded inputs x. DREG penalises
    :math:`\sum_l \lVert S^l \rVert_F^2`: this is that sum, taken apart.

    Source: arXiv 2605.24340, the derivative stream.

    Parameters
    ----------
    estimator : ChainzRuleClassifier or ChainzRuleOrdinalRegressor
        Fitted.
    X : array-like or dataframe of shape (n_samples, n_features)

    Returns
    -------
    result : :class:`~sklearn.utils.Bunch`
        With the attributes

        layer_names : list of str
            "hidden 1", ..., "output".
        norms : ndarray of shape (n_estimators, n_layers)
            :math:`\lVert S^l \rVert_F` of each network, root mean square over the rows.
            0 for the hidden layers of linear networks.
        mean_norms : ndarray of shape (n_layers,)
            Root mean squares over the networks, by their ``estimator_weights_``.
        shares : ndarray of shape (n_layers,)
            Parts of the layers in the sum of the squares of ``mean_norms``.
        linear_norm, deep_norm : float
            Norm of the Jacobian of the ensemble's linear part (linear
            networks and skip connections), and root mean square over the rows of that
            of the hidden layers' part.

    Raises
    ------
    TypeError
        If the estimator is none of ours.
    sklearn.exceptions.NotFittedError
        If the estimator is not fitted.

    See Also
    --------
    PolynomialDisplay : The learned activations.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from cr_sklearn import ChainzRuleClassifier
    >>> from cr_sklearn.inspection import layer_sensitivity
    >>> X, y = load_iris(return_X_y=True)
    >>> model = ChainzRuleClassifier(random_state=0).fit(X, y)
    >>> result = layer_sensitivity(model, X)
    >>> result.layer_names
    ['hidden 1', 'hidden 2', 'output']
    >>> float(result.shares.sum().round(6))
    1.0
    """
    unwrapped = unwrap(estimator)
    estimator, X = unwrapped.estimator, unwrapped.transform(X)
    members = members_of(estimator)
    weights = estimator.estimator_weights_
    linear = np.tensordot(weights, estimator.skip_coef_, 1)

    def compute(encoded, standardised):
        squares, deep = [], 0.0
        for member, weight in zip(members, weights, strict=True):
            norms, of_output = _stream(member, encoded)
            squares.append(norms)
            deep = deep + weight * of_output
        squares = np.array(squares)
        return squares.transpose(2, 0, 1), np.einsum("nik,nik->n", deep, deep)

    squares, deep = estimator._by_batch(X, compute, with_jacobian=True)
    squares = squares.mean(axis=0)
    mean_squares = weights @ squares / weights.sum()
    n_hidden = max(0, len(estimator.coefs_) - 1)
    return Bunch(
        layer_names=[*(f"hidden {i + 1}" for i in range(n_hidden)), "output"],
        norms=np.sqrt(squares),
        mean_norms=np.sqrt(mean_squares),
        shares=mean_squares / mean_squares.sum(),
        linear_norm=float(np.linalg.norm(linear)),
        deep_norm=float(np.sqrt(deep.mean())),
    )


class HiddenLayer(NamedTuple):
    """A hidden layer of one network, for some rows.

    ``pre_activations``, ``activations`` and ``slopes`` have the shape (n, n_units),
    ``coefs`` (n_in, n_units).
    """

    coefs: np.ndarray
    pre_activations: np.ndarray
    activations: np.ndarray
    slopes: np.ndarray


def members_of(estimator):
    """Take an ensemble apart into its networks."""
    network = estimator._network.members
    return [network.take([member]) for member in range(len(network.skip_coef))]


def hidden_layers(member, x):
    """Pass encoded rows through one network.

    Parameters
    ----------
    member : FittedNetwork
        With one member.
    x : ndarray of shape (n, n_encoded)
    """
    h = x
    for coefs, intercept, activation in zip(
        member.coefs[:-1],
        member.intercepts[:-1],
        member.activation_functions(),
        strict=True,
    ):
        z = h @ coefs[0] + intercept[0]
        h, slopes = activation(xp, z, 1)
        yield HiddenLayer(coefs[0], z, h, slopes)


def _stream(member, x):
    """Carry the derivative stream through one network.

    Returns
    -------
    squares : ndarray of shape (n_layers, n)
        Squared Frobenius norms of each layer's Jacobian, the output's last.
    deep : ndarray of shape (n, n_encoded, n_outputs)
        Jacobian of the output without that of the skip connection.
    """
    carried, squares = np.eye(x.shape[1])[None], []
    for layer in hidden_layers(member, x):
        carried = (carried @ layer.coefs) * layer.slopes[:, None]
        squares.append(np.einsum("nij,nij->n", carried, carried))
    skip = member.skip_coef[0]
    if member.coefs:
        deep = carried @ member.coefs[-1][0]
    else:
        deep = np.zeros((len(x), *skip.shape))
    output = skip + deep
    squares.append(np.einsum("nik,nik->n", output, output))
    return np.array(squares), deep
