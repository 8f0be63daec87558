"""Calls that nobody thought of end in a right answer or in an error that helps.

``pytest tests/test_generated_calls.py --generated-calls 20`` makes 20 times as many,
with other random numbers.
"""

import pickle
import re
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from generated_calls import NAMES, parameters, tables, targets, weights
from hypothesis import HealthCheck, assume, given, seed, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from cr_sklearn import ChainzRuleClassifier, ChainzRuleOrdinalRegressor
from cr_sklearn.inspection import input_sensitivity

N_BLOCKS, N_EXAMPLES = 10, 50
METHODS = {
    ChainzRuleClassifier: ["decision_function"],
    ChainzRuleOrdinalRegressor: [
        "predict_latent",
        "predict_cumproba",
        "predict_expected",
    ],
}
COMMON = ["predict", "predict_proba", "jacobian", "sensitivity", "tail_ratio"]
# Words of an error that came about by accident.
ACCIDENT = re.compile(
    r"out of bounds|unhashable|not supported between|NoneType|has no attribute|"
    r"broadcast|index out of range|cannot reshape|not subscriptable|truth value|"
    r"positional argument|ufunc|operands|not callable|not iterable|Expected .* dtype"
)
ALLOWED = (ValueError, TypeError, NotFittedError)


def pytest_generate_tests(metafunc):
    if "block" in metafunc.fixturenames:
        metafunc.parametrize("block", range(N_BLOCKS))


def where_raised(error):
    """Package of the last line of Python that was running."""
    traceback = error.__traceback__
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    return traceback.tb_frame.f_globals.get("__name__", "").partition(".")[0]


def state_of(estimator):
    return {name: id(value) for name, value in vars(estimator).items()}


def content(value):
    """What the user would notice if it changed."""
    if isinstance(value, tuple):
        return [content(part) for part in value]
    if isinstance(value, pd.DataFrame):
        return repr((value.to_dict("split"), value.dtypes.to_list()))
    if isinstance(value, pl.DataFrame):
        return repr(value.to_dict(as_series=False))
    if isinstance(value, pa.Table):
        return repr(value.to_pydict())
    return repr(value.tolist() if hasattr(value, "tolist") else value)


def attempt(estimator, method, *args, **kwargs):
    """Result of a call, or None if it was refused as it should be."""
    before, data = state_of(estimator), content((*args, *kwargs.values()))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = getattr(estimator, method)(*args, **kwargs)
        except ALLOWED as error:
            assert str(error).strip(), "an error without a message"
            assert not ACCIDENT.search(str(error)), repr(error)
            assert where_raised(error) in ("cr_sklearn", "sklearn"), repr(error)
            assert state_of(estimator) == before
            result = None
    for warning in caught:
        assert issubclass(warning.category, UserWarning), str(warning)
    assert content((*args, *kwargs.values())) == data
    return result


def check_answer(model, method, result, n_rows):
    if method == "tail_ratio":
        assert np.isnan(result) or result >= 1.0 - 1e-9
        return
    assert len(result) == n_rows
    if method == "predict":
        assert set(result.tolist()) <= set(model.classes_.tolist())
    elif method == "jacobian":
        assert result.shape[2] == model.n_features_in_
        assert not np.isinf(result).any()
    else:
        assert np.isfinite(result).all()
    if method == "predict_proba":
        np.testing.assert_allclose(result.sum(axis=1), 1.0, rtol=1e-9)
        assert (result >= 0.0).all()
    if method == "sensitivity":
        assert (result >= 0.0).all()


def check_predictions(model, table, n_rows, kind):
    for method in [*COMMON, *METHODS[kind]]:
        result = attempt(model, method, table)
        if result is not None:
            check_answer(model, method, result, n_rows)


@st.composite
def cases(draw, kind):
    names, n_rows = draw(st.sampled_from(NAMES)), draw(st.integers(1, 40))
    n_labels = draw(st.sampled_from([n_rows] * 9 + [n_rows + 1]))
    return {
        "parameters": draw(parameters(kind is ChainzRuleOrdinalRegressor)),
        "table": draw(tables(n_rows, names)),
        "target": draw(targets(n_labels)),
        "weight": draw(weights(n_rows)),
        "other": draw(tables(12, draw(st.sampled_from([names, NAMES[0]])))),
        "again": draw(st.sampled_from(["fit", "partial_fit", "score", "pickle"])),
        "n_rows": n_rows,
    }


def run(kind, case):
    table, target, n_rows = case["table"], case["target"], case["n_rows"]
    assume(table is not None and target is not None)
    model, y = kind(**case["parameters"]), target[0]
    if case["other"] is not None:
        assert attempt(model, "predict", case["other"]) is None
    fitted = attempt(model, "fit", table, y, sample_weight=case["weight"])
    if fitted is None:
        return
    assert clone(model).get_params().keys() == model.get_params().keys()
    check_predictions(model, table, n_rows, kind)
    if case["other"] is not None:
        check_predictions(model, case["other"], 12, kind)
    if case["again"] == "pickle":
        twin = pickle.loads(pickle.dumps(model))
        np.testing.assert_array_equal(
            twin.predict_proba(table), model.predict_proba(table)
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            try:
                input_sensitivity(model, table)
            except ALLOWED as error:
                assert not ACCIDENT.search(str(error)), repr(error)
        return
    result = attempt(model, case["again"], table, y)
    if case["again"] == "score" and result is not None:
        assert 0.0 <= result <= 1.0


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", METHODS)
def test_generated_calls(kind, block, request):
    """Hidden mistakes are of kinds that nobody listed."""
    more = request.config.getoption("--generated-calls")

    @seed(block if more == 1 else np.random.SeedSequence().entropy)
    @settings(
        max_examples=N_EXAMPLES * more // len(METHODS),
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases(kind))
    def calls(case):
        run(kind, case)

    calls()
