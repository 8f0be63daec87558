"""scikit-learn's own promises about every estimator, without an exception."""

import sklearn
from sklearn.utils.estimator_checks import (
    estimator_checks_generator,
    parametrize_with_checks,
)
from sklearn.utils.fixes import parse_version

from cr_sklearn import ChainzRuleClassifier

ESTIMATORS = [ChainzRuleClassifier()]


@parametrize_with_checks(ESTIMATORS)
def test_common_check(estimator, check):
    """Meta-estimators rely on each of these; expected failures: none."""
    check(estimator)


def test_the_number_of_checks_is_not_shrinking():
    """A tag set wrongly would make scikit-learn skip checks without a word."""
    n_checks = len(list(estimator_checks_generator(ESTIMATORS[0])))
    is_new = parse_version(sklearn.__version__) >= parse_version("1.9")
    assert n_checks >= (62 if is_new else 52)
