"""The contract between an estimator and its kind of target."""

from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import numpy as np


class Response(NamedTuple):
    """A function of the outputs that can be measured.

    Attributes
    ----------
    values : callable
        ``outputs -> (n, k)``.
    jacobian : callable
        ``(outputs, jacobian) -> (n, k, d)``.
    contrast : callable
        See :meth:`Head.contrast`.
    """

    values: Any
    jacobian: Any
    contrast: Any


class Head(ABC):
    """Everything in which kinds of targets differ.

    A head is made at the beginning of a fit, learns from its target, and stays with the
    fitted model. "Outputs" are those of the network, (n, width). Formulas that take an
    array namespace ``xp`` serve predictions in NumPy and graphs in ONNX alike (see
    :mod:`cr_sklearn.formulas`); whatever needs torch imports it where it is used.

    Attributes
    ----------
    response_method : str
        The estimator's method that returns the outputs, of which :meth:`jacobian
        <BaseChainzRule.jacobian>` is the derivative.
    graph_outputs : tuple of str
        Names of what :meth:`graph` returns.
    """

    response_method = "decision_function"
    graph_outputs = ()
    # Of a target with one value there is nothing to learn.
    is_constant = False

    # The target, from what the user gives to codes.

    @abstractmethod
    def read(self, y):
        """Read the target from any container.

        Returns
        -------
        values : ndarray of shape (n,)
        """

    @abstractmethod
    def fit(self, rows, earlier=None):
        """Learn from the target of the rows, and encode it.

        Parameters
        ----------
        rows : TrainingRows
            Their target is what :meth:`read` returned.
        earlier : Head or None
            That of the fit whose weights this one goes on from.

        Returns
        -------
        rows : TrainingRows
            With codes as their target, for the criterion.
        """

    @abstractmethod
    def resume(self, rows, earlier=None, **declared):
        """Encode the target of rows for partial_fit.

        Parameters
        ----------
        rows : TrainingRows
        earlier : Head or None
            That of the call before; None in the first call.
        **declared
            Arguments of ``partial_fit`` about the target, such as ``classes``.
        """

    def fitted_attributes(self):
        """Return public attributes of the estimator, by name."""
        return {}

    def decode(self, target):
        """Return codes as the user gave them."""
        return target

    def strata(self, target):
        """Return classes (n,) by which folds are stratified."""
        return np.zeros(len(target), dtype=int)

    def shares(self, target):
        """Return columns in [0, 1] whose means levels of categories tell, (n, m)."""
        return np.empty((len(target), 0))

    def check_fold(self, target):
        """Return a message if an inner fold can't train on these codes, else None."""
        return None

    # The network that is trained.

    @abstractmethod
    def output_layer(self, target, weight):
        """Return arguments of the network: ``n_outputs``, ``thresholds``."""

    @abstractmethod
    def make_criterion(self):
        """Return the data loss, a torch module.

        It is called with outputs (members, n, width) and codes (members, n), and
        returns losses (members, n); its method ``value_and_slope`` returns them with
        their derivatives by the outputs.
        """

    def constant_outputs(self):
        """Return outputs (1, width) of a constant target."""
        return np.zeros((1, 1))

    def correct(self, outputs, rows, held_out):
        """Return what to add to all outputs, after training, or None.

        Parameters
        ----------
        outputs : ndarray of shape (n_held_out, width)
            Out of fold.
        rows : TrainingRows
        held_out : ndarray of int
            Their rows.
        """
        return None

    @abstractmethod
    def oof_score(self, outputs, rows, held_out):
        """Score out-of-fold outputs, for ``oof_score_``."""

    # Predictions.

    @abstractmethod
    def predict(self, outputs):
        """Return what the estimator's ``predict`` does."""

    def latent(self, outputs):
        """Return the part of the outputs that :attr:`response_method` returns."""
        return outputs

    def contrast(self, xp, by_output):
        """Bring changes of the outputs to where their norm is one change of a latent.

        By it a norm means the same whatever the number of outputs.

        Parameters
        ----------
        xp : module
            Array namespace.
        by_output : array of shape (n, n_outputs, ...)
            Such as the Jacobian of the outputs.
        """
        return by_output

    @property
    def responses(self):
        """Responses that can be measured, by the estimator's method.

        Returns
        -------
        dict of str to Response
        """
        return {
            self.response_method: Response(
                self.latent, lambda outputs, jacobian: jacobian, self.contrast
            )
        }

    def response_name(self, response_method):
        """Return what a response is called in a figure."""
        return "output"

    # The graph in ONNX.

    @abstractmethod
    def graph(self, xp, outputs):
        """Return arrays of the graph, one for each of :attr:`graph_outputs`."""

    def graph_widths(self):
        """Return the number of columns of each graph output, None for vectors."""
        return [None] * len(self.graph_outputs)

    def graph_properties(self):
        """Return metadata of the graph, str by str."""
        return {}
