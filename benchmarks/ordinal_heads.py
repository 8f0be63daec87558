"""CORAL and CORN: the other heads for ordered classes, on our network and training.

Encoding, packed networks, DREG, its automatic strength and the optimiser are those of
the estimators; only the head and its loss differ. ``package`` names the package whose
version the results depend on.
"""

import numpy as np
import torch
from scipy.special import expit
from torch.nn import functional as F

from cr_sklearn import ChainzRuleClassifier, ChainzRuleOrdinalRegressor
from cr_sklearn.heads._nominal import NominalHead
from cr_sklearn.heads._ordinal import OrdinalHead
from cr_sklearn.nn import CrossEntropy


def _binary_losses(logits, answers):
    """Logistic losses of yes-or-no tasks, and their slopes."""
    return F.softplus(logits) - answers * logits, torch.sigmoid(logits) - answers


class CoralLoss(CrossEntropy):
    r"""Sum of the logistic losses of all tasks "is the rank above k?".

    .. math:: \ell = -\sum_{k=0}^{K-2} \log \sigma\big(\pm (f - \theta_k)\big)

    with plus where the rank y > k. Source: Cao, Mirjalili and Raschka 2020, Rank
    consistent ordinal regression for neural networks with application to age
    estimation, equation 4, with importances of 1.
    """

    def value_and_slope(self, outputs, targets):
        """See :class:`~cr_sklearn.nn.CrossEntropy`; outputs (members, batch, K - 1)."""
        tasks = torch.arange(outputs.shape[-1], device=outputs.device)
        answers = (targets.unsqueeze(-1) > tasks).to(outputs.dtype)
        losses, slopes = _binary_losses(outputs, answers)
        return losses.sum(dim=-1), slopes


class CornLoss(CrossEntropy):
    r"""Sum of the logistic losses of the tasks "is a rank above k - 1 above k?".

    A row takes part in the tasks k = 0 to min(y, K - 2).

    Source: Shi, Cao and Raschka 2023, Deep neural networks for rank-consistent ordinal
    regression based on conditional probabilities, equation 5. NOTE[DIFF] It is divided
    by the number of rows, not by that of the tasks that they take part in: a constant
    factor, which the automatic strength of DREG makes up for.
    """

    def value_and_slope(self, outputs, targets):
        """See :class:`~cr_sklearn.nn.CrossEntropy`; outputs (members, batch, K - 1)."""
        tasks = torch.arange(outputs.shape[-1], device=outputs.device)
        targets = targets.unsqueeze(-1)
        answers = (targets > tasks).to(outputs.dtype)
        taken = (targets >= tasks).to(outputs.dtype)
        losses, slopes = _binary_losses(outputs, answers)
        return (taken * losses).sum(dim=-1), taken * slopes


class CoralHead(OrdinalHead):
    """Cumulative logits, trained by :class:`CoralLoss`."""

    def make_criterion(self):
        return CoralLoss()


class CornHead(NominalHead):
    """K - 1 log-odds that the rank is above k if it is above k - 1."""

    def output_layer(self, target, weight):
        return {"n_outputs": len(self.labels) - 1}

    def make_criterion(self):
        return CornLoss()

    def correct(self, outputs, rows, held_out):
        return None

    def probabilities(self, xp, outputs):
        above = np.cumprod(expit(outputs), axis=1)
        above = np.pad(above, ((0, 0), (1, 0)), constant_values=1.0)
        return -np.diff(above, axis=1, append=0.0)

    def codes(self, xp, outputs):
        return (np.cumprod(expit(outputs), axis=1) > 0.5).sum(axis=1)


class Coral(ChainzRuleOrdinalRegressor):
    """CORAL: one latent and K - 1 biases, trained as K - 1 binary tasks.

    A label is the number of tasks that are likelier true than not, which is the median
    rule. NOTE[DIFF] Biases are kept in order, as Cao et al. prove that they are where
    their loss is least.
    """

    package = "cr_sklearn"
    _head_class = CoralHead


class Corn(ChainzRuleClassifier):
    """CORN: K - 1 outputs, the log-odds that the rank is above k if above k - 1.

    Classes are in the order of their sorted labels. A label is the number of k for
    which P(rank > k), the product of these chances, is above a half.
    """

    package = "cr_sklearn"
    _head_class = CornHead
