"""scikit-learn's own promises about every estimator, without an exception."""

from sklearn.utils.estimator_checks import (
    estimator_checks_generator,
    parametrize_with_checks,
)

from cr_sklearn import ChainzRuleClassifier

ESTIMATORS = [ChainzRuleClassifier()]


@parametrize_with_checks(ESTIMATORS)
def test_common_check(estimator, check):
    """Meta-estimators rely on each of these; expected failures: none."""
    check(estimator)


def test_the_number_of_checks_is_not_shrinking():
    """A tag set wrongly would make scikit-learn skip checks without a word."""
    checks = list(estimator_checks_generator(ESTIMATORS[0]))
    # 55 in scikit-learn 1.6, 62 in 1.9
    assert len(checks) >= 52
