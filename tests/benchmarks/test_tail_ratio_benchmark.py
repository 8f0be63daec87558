"""The study of tau: its gradients are the ones it names."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris

from benchmarks import tail_ratio, tail_ratio_report
from cr_sklearn import ChainzRuleClassifier


@pytest.mark.parametrize("n_classes", [2, 3])
def test_gradients_are_those_of_finite_differences(n_classes):
    """A wrong factor would settle the question of which gradient is meant wrongly."""
    X, y = load_iris(return_X_y=True, as_frame=True)
    X, y = X[y < n_classes], y[y < n_classes]
    model = ChainzRuleClassifier(max_iter=5, n_bins=0, random_state=0).fit(X, y)
    rows, codes = X.iloc[::20], y.iloc[::20].to_numpy()
    step = 1e-5 * model._encoder.scale_ * model._encoder.deviation_

    def of(X):
        proba = model.predict_proba(X)
        return proba, -np.log(proba[np.arange(len(codes)), codes])

    slopes = []
    for column, h in zip(X, step, strict=True):
        up, down = rows.copy(), rows.copy()
        up[column] += h
        down[column] -= h
        slopes.append([(a - b) / 2e-5 for a, b in zip(of(up), of(down), strict=True)])
    by_proba, by_loss = (np.stack(parts) for parts in zip(*slopes, strict=True))
    norms = tail_ratio.gradient_norms(model, rows, codes)
    expected = np.linalg.norm(by_proba, axis=(0, 2))
    np.testing.assert_allclose(norms["probability"], expected, rtol=1e-4, atol=1e-7)
    expected = np.linalg.norm(by_loss, axis=0)
    np.testing.assert_allclose(norms["loss"], expected, rtol=1e-4, atol=1e-7)
    np.testing.assert_array_equal(norms["logit"], model.sensitivity(rows))


def test_far_rows_lie_beyond_the_near_ones():
    """A shift that is none would find nothing."""
    table = pd.DataFrame({"a": np.arange(50.0), "b": np.arange(50.0) ** 2})
    near, far = tail_ratio._far_apart(table)
    assert len(near) == 30
    assert len(far) == 10
    ahead = table["a"][far].min() > table["a"][near].max()
    behind = table["a"][far].max() < table["a"][near].min()
    assert ahead or behind


def test_scores_are_judged_by_the_errors_they_find():
    """One half is chance; a perfect score is 1."""
    table = pd.DataFrame({"good": [1, 2, 3, 4], "bad": [4, 3, 2, 1]})
    found = tail_ratio._row_aurocs(table.assign(wrong=[False, False, True, True]))
    assert found == {"good": 1.0, "bad": 0.0}
    assert tail_ratio._row_aurocs(table.assign(wrong=False)) == {}


def test_the_report_names_the_best_score_of_each_shift():
    """Means alone could come from one set."""
    shifts = pd.DataFrame(
        [
            {"level": "row", "shift": "s", "score": score, "dataset": d, "auroc": a}
            for d, of_set in {"x": (0.6, 0.7), "y": (0.9, 0.5), "z": (0.8, 0.5)}.items()
            for score, a in zip(("one", "two"), of_set, strict=True)
        ]
    )
    table = tail_ratio_report._by_shift(shifts).set_index("score")
    assert table["best on"].to_dict() == {"one": 2, "two": 1}
    assert table.loc["one", "AUROC"] == "0.767"
