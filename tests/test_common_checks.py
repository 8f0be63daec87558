"""scikit-learn's own promises about every estimator."""

import pytest
import sklearn
from sklearn.utils.estimator_checks import (
    check_classifiers_classes,
    estimator_checks_generator,
    parametrize_with_checks,
)
from sklearn.utils.fixes import parse_version

from cr_sklearn import ChainzRuleClassifier, ChainzRuleOrdinalRegressor

ESTIMATORS = [ChainzRuleClassifier(), ChainzRuleOrdinalRegressor()]
UNAVOIDABLE = {
    "ChainzRuleOrdinalRegressor": {
        "check_classifiers_classes": (
            "passes strings as labels without an order, which is never guessed"
        ),
    },
}


def expected_failed_checks(estimator):
    return UNAVOIDABLE.get(type(estimator).__name__, {})


@pytest.mark.filterwarnings("ignore:y contains one class:UserWarning")
@parametrize_with_checks(ESTIMATORS, expected_failed_checks=expected_failed_checks)
def test_common_check(estimator, check):
    """Meta-estimators rely on each of these."""
    check(estimator)


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: type(e).__name__)
def test_the_number_of_checks_is_not_shrinking(estimator):
    """A tag set wrongly would make scikit-learn skip checks without a word."""
    n_checks = len(list(estimator_checks_generator(estimator)))
    is_new = parse_version(sklearn.__version__) >= parse_version("1.9")
    assert n_checks >= (62 if is_new else 52)


def test_with_the_order_of_the_strings_the_expected_failure_passes():
    """The order is all that it lacks."""
    labels = ["one", "two", "three", -1, 1]
    estimator = ChainzRuleOrdinalRegressor(categories=labels)
    check_classifiers_classes(type(estimator).__name__, estimator)
