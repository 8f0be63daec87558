"""The torch core: a network of polynomials, DREG, and losses.

Networks are packed: every parameter has a leading axis of ``members``, independent
networks of one shape that are trained side by side; one by default.
"""

from cr_sklearn.nn._activations import Polynomial
from cr_sklearn.nn._dreg import dreg
from cr_sklearn.nn._losses import CrossEntropy, CumulativeLink
from cr_sklearn.nn._network import ChainzRuleNetwork

__all__ = ["ChainzRuleNetwork", "CrossEntropy", "CumulativeLink", "Polynomial", "dreg"]
