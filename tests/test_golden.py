"""Numbers that stay as they are when code only moves.

``python tests/test_golden.py`` writes them anew, for a commit that says why.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from cr_sklearn import ChainzRuleClassifier, ChainzRuleOrdinalRegressor
from cr_sklearn.export import to_onnx

FILE = Path(__file__).with_name("golden.json")
N_ROWS = 4
SETTINGS = {"max_iter": 6, "dtype": "float64", "random_state": 0}


def numeric_table(rng, n_rows):
    X = rng.normal(size=(n_rows, 4)) * [1.0, 20.0, 0.1, 1.0] + [0.0, 5.0, 1.0, 0.0]
    X[:, 3] = np.rint(2 * X[:, 3])
    return X


def mixed_table(rng, n_rows):
    X = numeric_table(rng, n_rows)
    X[rng.random(X.shape) < 0.1] = np.nan
    cities = rng.choice(["Bern", "Genf", "Chur", None], n_rows, p=[0.5, 0.3, 0.1, 0.1])
    return pd.DataFrame(X, columns=["a", "b", "c", "d"]).assign(
        city=cities, married=rng.random(n_rows) < 0.4
    )


def signal(X):
    X = np.nan_to_num(np.asarray(X)[:, :4].astype(float))
    return X[:, 0] + np.sin(X[:, 1] / 10.0) + 0.3 * X[:, 3]


def numeric():
    rng = np.random.default_rng(1)
    X = numeric_table(rng, 150)
    y = np.digitize(signal(X) + 0.5 * rng.normal(size=150), [-0.5, 0.7])
    return ChainzRuleClassifier(**SETTINGS).fit(X, y), X


def missing():
    rng = np.random.default_rng(2)
    X = numeric_table(rng, 400)
    X[rng.random(X.shape) < 0.2] = np.nan
    y = np.where(signal(X) + rng.normal(size=400) > 0, "yes", "no")
    model = ChainzRuleClassifier(max_iter=4, dtype="float64", random_state=0)
    return model.fit(X, y, sample_weight=rng.random(400)), X


def mixed():
    rng = np.random.default_rng(3)
    X = mixed_table(rng, 200)
    y = signal(X) + (X["city"] == "Bern") + 0.5 * rng.normal(size=200) > 0.5
    return ChainzRuleClassifier(**SETTINGS, class_weight="balanced").fit(X, y), X


def fixed():
    rng = np.random.default_rng(4)
    X = mixed_table(rng, 200)
    y = np.digitize(signal(X), [-1.0, 0.0, 1.0])
    y[:3] = 9  # a rare class
    model = ChainzRuleClassifier(
        (8, 4), **SETTINGS, activation="gelu", dreg_strength=0.01, n_estimators=3
    )
    return model.set_params(early_stopping=True, batch_size=32).fit(X, y), X


def ordinal():
    rng = np.random.default_rng(5)
    X = mixed_table(rng, 200)
    rank = np.digitize(signal(X) + 0.3 * rng.normal(size=200), [-1.0, 0.0, 1.8])
    names = np.array(["low", "fair", "good", "best"])
    model = ChainzRuleOrdinalRegressor(**SETTINGS, categories=names)
    return model.fit(X, names[rank]), X


def probit():
    rng = np.random.default_rng(6)
    X = numeric_table(rng, 120)
    y = np.digitize(signal(X) + 0.3 * rng.normal(size=120), [-0.5, 0.7])
    y[0] = 3  # its only row
    model = ChainzRuleOrdinalRegressor(**SETTINGS, link="probit", predict_rule="mean")
    with pytest.warns(UserWarning, match="a single row"):
        return model.fit(X, y), X


def streamed():
    rng = np.random.default_rng(7)
    X = mixed_table(rng, 120)
    y = (signal(X) > 0).astype(int)
    model = ChainzRuleClassifier(**SETTINGS)
    for start in range(0, 120, 20):
        rows = slice(start, start + 20)
        model.partial_fit(X[rows], y[rows], classes=[0, 1])
    return model, X


def warm():
    model, X = probit()
    y = np.digitize(signal(X), [-0.5, 0.7])
    y[0] = 3
    return model.set_params(warm_start=True).fit(X, y), X


MODELS = [numeric, missing, mixed, fixed, ordinal, probit, streamed, warm]


def onnx_outputs(model, X):
    import onnxruntime

    graph = to_onnx(model, jacobian=True).SerializeToString()
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    inputs = {"X": X}
    if hasattr(X, "columns"):
        text = {"city"}
        inputs = {
            name: (
                X[[name]].fillna("").to_numpy(object)
                if name in text
                else X[[name]].to_numpy(float)
            )
            for name in X.columns
        }
    names = ["probabilities", "sensitivity", "jacobian"]
    return dict(zip(names, session.run(names, inputs), strict=True))


def numbers(make):
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        model, X = make()
    finally:
        torch.set_num_threads(n_threads)
    X = X[:N_ROWS]
    found = {
        "predict_proba": model.predict_proba(X),
        "jacobian": model.jacobian(X),
        "sensitivity": model.sensitivity(X),
        "loss_curve_": model.loss_curve_,
    }
    for name in ("decision_function", "predict_latent"):
        if hasattr(model, name):
            found[name] = getattr(model, name)(X)
    path = getattr(model, "dreg_path_", {})
    found |= {f"dreg_path_ {name}": values for name, values in path.items()}
    found |= {f"onnx {name}": v for name, v in onnx_outputs(model, X).items()}
    return {name: np.asarray(values, dtype=float) for name, values in found.items()}


@pytest.mark.parametrize("make", MODELS)
def test_predictions_and_derivatives_are_what_they_were(make):
    """A change of structure must not be one of what the model says."""
    expected = json.loads(FILE.read_text())[make.__name__]
    found = numbers(make)
    assert found.keys() == expected.keys()
    for name, values in found.items():
        np.testing.assert_allclose(
            values, np.array(expected[name], float), rtol=1e-6, atol=1e-9, err_msg=name
        )


if __name__ == "__main__":
    everything = {
        make.__name__: {name: v.tolist() for name, v in numbers(make).items()}
        for make in MODELS
    }
    FILE.write_text(json.dumps(everything).replace('"onnx', '\n"onnx') + "\n")
