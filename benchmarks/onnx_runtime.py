"""Exported models in ONNX Runtime: the same numbers, and how long one row takes.

agreement: largest differences to Python on Pima, and on tables with missing values and
categories of the folder that CR_SKLEARN_DATA names. latency: one row.
"""

import argparse
import os
from pathlib import Path

from benchmarks import extra_packages

with extra_packages():
    import numpy as np
    import onnxruntime
    import pandas as pd

    from benchmarks import report
    from benchmarks.data import data_folder, load_pima, load_tabular
    from benchmarks.timing import goal_line, ratios, take_turns
    from cr_sklearn import ChainzRuleClassifier, ChainzRuleOrdinalRegressor
    from cr_sklearn.export import to_onnx

RESULTS = Path(__file__).parent / "results"
MAX_ROWS = 1000
N_CALLS = 100
AGREEMENT_GOAL = 1e-5
# With missing values, categories or both, and of two to many classes.
TABULAR = [
    "adult",
    "bank_marketing",
    "credit_g",
    "hepatitis",
    "horse_colic",
    "lymphography",
    "post_operative",
    "r_Chile",
    "r_TitanicSurvival",
    "r_attrition",
    "r_penguins",
    "soybean",
]
# By the link that each is fitted with.
ORDINAL = {"car": "logit", "g_abalone_ord": "probit", "nursery": "cloglog"}


def open_session(model, threads=1):
    """Session of an exported model on the CPU.

    Parameters
    ----------
    model : ModelProto
    threads : int, default=1

    Returns
    -------
    onnxruntime.InferenceSession
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def feeds(session, X):
    """Rows of a table as inputs of a session.

    Parameters
    ----------
    session : onnxruntime.InferenceSession
    X : DataFrame or ndarray of shape (n_samples, n_features)

    Returns
    -------
    dict of str to ndarray
    """
    types = {given.name: given.type for given in session.get_inputs()}
    if isinstance(X, np.ndarray):
        return {"X": X.astype(_number(types["X"]))}
    return {name: _column(X[name], type_) for name, type_ in types.items()}


def agreement():
    """Largest differences between the graph and Python, by table.

    Returns
    -------
    DataFrame
    """
    lines = []
    for name, model, X in _models():
        session = open_session(to_onnx(model, jacobian=True))
        label, probabilities, sensitivity, jacobian = session.run(
            None, feeds(session, X)
        )
        expected, norms = model.predict_proba(X, return_sensitivity=True)
        by_column = model.jacobian(X)
        if not np.array_equal(np.isnan(jacobian), np.isnan(by_column)):
            raise ValueError(f"{name}: derivatives are missing in other places.")
        lines.append(
            {
                "data": name,
                "rows": len(X),
                "columns": X.shape[1],
                "missing": int(np.count_nonzero(pd.isna(X))),
                "categorical": int(model._encoder.is_categorical_.sum()),
                "classes": len(model.classes_),
                "probabilities": np.abs(probabilities - expected).max(),
                # Logits per unit differ by orders of magnitude: relative to the row.
                "sensitivity": _relative(sensitivity, norms),
                "jacobian": _relative(
                    np.nan_to_num(jacobian), np.nan_to_num(by_column)
                ),
                "labels": int((label != model.predict(X)).sum()),
            }
        )
    return pd.DataFrame(lines)


def latency(rounds):
    """One row of Pima: Python and ONNX Runtime on one thread."""
    X, y = load_pima()
    X = X.to_numpy()
    model = ChainzRuleClassifier(random_state=0).fit(X, y)
    row = X[:1]
    variants = {
        "Python, probabilities": lambda: model.predict_proba(row),
        "Python, and sensitivity": lambda: model.predict_proba(
            row, return_sensitivity=True
        ),
        "Python, jacobian": lambda: model.jacobian(row),
    }
    for name, options in {
        "ONNX, probabilities": {"sensitivity": False},
        "ONNX, and sensitivity": {},
        "ONNX, and jacobian": {"jacobian": True},
    }.items():
        session = open_session(to_onnx(model, **options))
        given = feeds(session, row)
        variants[name] = lambda session=session, given=given: session.run(None, given)
    seconds = take_turns(
        {name: lambda run=run: _repeat(run) for name, run in variants.items()}, rounds
    )
    table = ratios(seconds, "Python, probabilities")
    table["milliseconds"] /= N_CALLS
    return table


def agreement_text(table):
    """Table of :func:`agreement`, with its goal."""
    measured = ["probabilities", "sensitivity", "jacobian"]
    shown = table.astype(str)
    for name in measured:
        shown[name] = table[name].map("{:.1e}".format)
    worst = table[measured].to_numpy().max()
    result = "reached" if worst <= AGREEMENT_GOAL else "missed"
    return "\n".join(
        [
            report.terminal(shown),
            f"Goal: largest difference <= {AGREEMENT_GOAL}. {worst:.1e}: {result}.",
        ]
    )


def latency_text(table):
    """Table of :func:`latency`, with its goal."""
    shown = pd.DataFrame(
        {
            "One row": table["variant"],
            "µs": (1e3 * table["milliseconds"]).map("{:.0f}".format),
            "Ratio": table["ratio"].map("{:.2f}".format),
        }
    )
    ratio = table.set_index("variant")["ratio"]["ONNX, probabilities"]
    return "\n".join(
        [report.terminal(shown), goal_line("ONNX by Python, one row", ratio, 1.0)]
    )


def main(argv=None):
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.onnx_runtime",
        description=__doc__.partition("\n")[2].strip(),
    )
    parser.add_argument("parts", nargs="*", help="of: agreement, latency (all)")
    parser.add_argument("--rounds", type=int, default=15, help="of latency (15)")
    parser.add_argument("--out", type=Path, default=Path("reports", "onnx"))
    parser.add_argument(
        "--publish", action="store_true", help="write to benchmarks/results"
    )
    args = parser.parse_args(argv)
    unknown = sorted(set(args.parts) - {"agreement", "latency"})
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}; parts are: agreement, latency")
    if args.rounds < 1:
        parser.error(f"--rounds must be at least 1, got {args.rounds}")
    command = report.command_line("onnx_runtime", argv)
    packages = ["cr_sklearn", "numpy", "onnx", "onnxruntime"]
    made_by = f"{command}; {report.environment(packages)}"
    out = RESULTS if args.publish else args.out
    parts = args.parts or ["agreement", "latency"]
    if "agreement" in parts:
        table = agreement()
        report.write_csv(table, out / "onnx_agreement.csv", made_by)
        print(f"{agreement_text(table)}\n")
    if "latency" in parts:
        table = latency(args.rounds)
        report.write_csv(table, out / "onnx_latency.csv", made_by)
        print(f"{latency_text(table)}\n")
    print(made_by)


def _models():
    """Name, fitted model and rows of each table; of Pima alone without the folder."""
    X, y = load_pima()
    yield "Pima", ChainzRuleClassifier(random_state=0).fit(X, y), X
    if "CR_SKLEARN_DATA" not in os.environ:
        return
    for name in TABULAR:
        X, y = load_tabular(data_folder() / "tabular", name, MAX_ROWS)
        yield name, ChainzRuleClassifier(random_state=0).fit(X, y), X
    for name, link in ORDINAL.items():
        X, y = load_tabular(data_folder() / "ordinal", name, MAX_ROWS)
        # The ranks of these tables are numbers.
        model = ChainzRuleOrdinalRegressor(link=link, random_state=0)
        yield f"{name}, {link}", model.fit(X, y.astype(float).astype(int)), X


def _column(column, type_):
    if type_ == "tensor(string)":
        values = column.astype(object).where(column.notna(), "").to_numpy()
    else:
        numbers = pd.to_numeric(column).astype("Float64")
        values = numbers.to_numpy(_number(type_), na_value=np.nan)
    return values.reshape(-1, 1)


def _number(type_):
    return np.float64 if type_ == "tensor(double)" else np.float32


def _relative(found, expected):
    """Largest difference by the largest value of the row, or 1 if that is more."""
    axes = tuple(range(1, expected.ndim))
    scale = np.maximum(np.abs(expected).max(axis=axes, keepdims=True), 1.0)
    return (np.abs(found - expected) / scale).max()


def _repeat(run):
    for _ in range(N_CALLS):
        run()


if __name__ == "__main__":
    main()
