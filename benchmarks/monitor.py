"""Does the monitor stay quiet, does it wake up, and what does it cost.

rates: reports on undrifted batches of 200 rows that are not "ok", and batches until a
shift of one standard deviation, or of half of one, in one of 8 columns is found, on
Pima and on two simulated tables. cost: counting 10,000 rows against predicting them.
"""

import argparse
from pathlib import Path

from benchmarks import extra_packages

with extra_packages():
    import numpy as np
    import pandas as pd

    from benchmarks import report
    from benchmarks.data import load_pima
    from benchmarks.simulation import simulate
    from benchmarks.timing import goal_line, ratios, take_turns
    from cr_sklearn import ChainzRuleClassifier
    from cr_sklearn.monitoring import SensitivityMonitor

RESULTS = Path(__file__).parent / "results"
N_BATCH = 200
N_BATCHES = 10
N_COLUMNS = 8
# In standard deviations; the goal is set for the larger.
SHIFTS = [0.5, 1.0]
N_COST_ROWS = 10_000
# In per cent.
FALSE_ALARM_GOAL = 2
COST_GOAL = 0.2


def pima_parts(seed):
    """268 rows to fit, and 500 to be cut into reference and production."""
    X, y = load_pima()
    order = np.random.default_rng(seed).permutation(len(X))
    fit, rest = order[:268], order[268:]
    return X.to_numpy()[fit], y.to_numpy()[fit], X.to_numpy()[rest]


def normal_parts(seed):
    """Independent standard normal columns: 1,000 rows to fit, and 6,000."""
    X, y = simulate(7000, seed)
    X = X[:, :N_COLUMNS].astype(float)
    return X[:1000], y[:1000], X[1000:]


def skewed_parts(seed):
    """The same, correlated, some columns lognormal, some rounded to few values."""
    X, y, rest = normal_parts(seed)
    return _skew(X), y, _skew(rest)


# Parts of a table, rows of the reference, cuts of each table.
SETS = {
    "Pima": (pima_parts, 300, 20),
    "normal": (normal_parts, 2000, 2),
    "skewed": (skewed_parts, 2000, 2),
}


def rates(seeds):
    """States of reports on undrifted rows, and batches until a shift is found.

    Every cut of the held-out rows into a reference and the rest is a monitor of its
    own. Undrifted batches are disjoint parts of the rest; shifted ones are drawn from
    it, since Pima has 200 rows there.

    Returns
    -------
    DataFrame
        A line for each monitor, and for each shifted column of it.
    """
    lines = []
    for name, (parts, n_reference, n_cuts) in SETS.items():
        for seed in seeds:
            X, y, held_out = parts(seed)
            model = ChainzRuleClassifier(random_state=seed).fit(X, y)
            sensitivity = model.sensitivity(held_out)
            spread = np.nanstd(held_out, axis=0)
            for cut in range(n_cuts):
                rng = np.random.default_rng([seed, cut])
                order = rng.permutation(len(held_out))
                reference, rest = order[:n_reference], order[n_reference:]
                monitor = SensitivityMonitor.from_estimator(model, held_out[reference])
                states = [
                    monitor.update(held_out[rows], sensitivity[rows]).status
                    for rows in np.split(rest, len(rest) // N_BATCH)
                ]
                at = {"data": name, "seed": seed, "cut": cut}
                lines.append(
                    {
                        **at,
                        "shift": 0.0,
                        "reports": len(states),
                        "not_ok": len(states) - states.count("ok"),
                        "alert": states.count("alert"),
                    }
                )
                column = (seed * n_cuts + cut) % N_COLUMNS
                for shift in SHIFTS:
                    shifted = held_out[rest].copy()
                    shifted[:, column] += shift * spread[column]
                    found = _batches_until(monitor, shifted, rng)
                    lines.append(
                        {**at, "shift": shift, "column": column, "found_after": found}
                    )
    return pd.DataFrame(lines)


def summary(lines):
    """Rates by data set."""
    rows = []
    for name, of_set in lines.groupby("data", sort=False):
        quiet = of_set[of_set["shift"] == 0.0]
        n_reports = quiet["reports"].sum()
        row = {
            "data": name,
            "undrifted_reports": int(n_reports),
            "false_alarms": quiet["not_ok"].sum() / n_reports,
            "false_alerts": quiet["alert"].sum() / n_reports,
        }
        for shift in SHIFTS:
            after = of_set.loc[of_set["shift"] == shift, "found_after"]
            row[f"shifts_{shift}"] = len(after)
            row[f"at_once_{shift}"] = (after == 1).mean()
            row[f"within_{N_BATCHES}_{shift}"] = (after <= N_BATCHES).mean()
        rows.append(row)
    return pd.DataFrame(rows)


def cost(rounds):
    """Probabilities of many rows of Pima, with sensitivities, and with the monitor."""
    X, y = load_pima()
    model = ChainzRuleClassifier(random_state=0).fit(X, y)
    rows = np.random.default_rng(0).integers(len(X), size=N_COST_ROWS)
    many = X.iloc[rows].reset_index(drop=True)
    monitor = SensitivityMonitor.from_estimator(model, X)
    known = model.sensitivity(many)

    def watched():
        _, sensitivity = model.predict_proba(many, return_sensitivity=True)
        monitor.update(many, sensitivity)

    seconds = take_turns(
        {
            "predict_proba": lambda: model.predict_proba(many),
            "predict_proba and sensitivity": lambda: model.predict_proba(
                many, return_sensitivity=True
            ),
            "both, and update": watched,
            "update, sensitivities given": lambda: monitor.update(many, known),
            "update": lambda: monitor.update(many),
        },
        rounds,
    )
    return ratios(seconds, "predict_proba")


def rates_text(table):
    """Table of :func:`summary`, with its goals."""
    shown = table.astype(str)
    for name in table.columns:
        if name.startswith(("false", "at_once", "within")):
            shown[name] = table[name].map("{:.1%}".format)
    worst = table["false_alarms"].max()
    missed = 1.0 - table[f"within_{N_BATCHES}_{max(SHIFTS)}"].min()
    return "\n".join(
        [
            report.terminal(shown),
            goal_line("% of false alarms, worst table", 100 * worst, FALSE_ALARM_GOAL),
            goal_line("% of shifts not found in 10 batches", 100 * missed, 0),
        ]
    )


def cost_text(table):
    """Table of :func:`cost`, with its goal."""
    shown = pd.DataFrame(
        {
            "10,000 rows": table["variant"],
            "ms": table["milliseconds"].map("{:.1f}".format),
            "Ratio": table["ratio"].map("{:.2f}".format),
        }
    )
    ratio = table.set_index("variant")["ratio"]["update, sensitivities given"]
    return "\n".join(
        [
            report.terminal(shown),
            goal_line("counting by predict_proba", ratio, COST_GOAL),
        ]
    )


def main(argv=None):
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.monitor",
        description=__doc__.partition("\n")[2].strip(),
    )
    parser.add_argument("parts", nargs="*", help="of: rates, cost (all)")
    parser.add_argument("--seeds", type=int, default=20, help="models of each set (20)")
    parser.add_argument("--rounds", type=int, default=9, help="of cost (9)")
    parser.add_argument("--out", type=Path, default=Path("reports", "monitor"))
    parser.add_argument(
        "--publish", action="store_true", help="write to benchmarks/results"
    )
    args = parser.parse_args(argv)
    unknown = sorted(set(args.parts) - {"rates", "cost"})
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}; parts are: rates, cost")
    for option in ("seeds", "rounds"):
        if getattr(args, option) < 1:
            parser.error(f"--{option} must be at least 1")
    command = report.command_line("monitor", argv)
    made_by = f"{command}; {report.environment(['cr_sklearn', 'numpy', 'sklearn'])}"
    out = RESULTS if args.publish else args.out
    parts = args.parts or ["rates", "cost"]
    if "rates" in parts:
        table = summary(rates(range(args.seeds)))
        report.write_csv(table, out / "monitor.csv", made_by)
        print(f"{rates_text(table)}\n")
    if "cost" in parts:
        table = cost(args.rounds)
        report.write_csv(table, out / "monitor_cost.csv", made_by)
        print(f"{cost_text(table)}\n")
    print(made_by)


def _batches_until(monitor, shifted, rng):
    """Number of the batch that is not "ok"; infinite if none is."""
    for number in range(1, N_BATCHES + 1):
        rows = rng.integers(len(shifted), size=N_BATCH)
        if monitor.update(shifted[rows]).status != "ok":
            return number
    return np.inf


def _skew(X):
    mixed = X.copy()
    mixed[:, 1:] += 0.6 * X[:, :-1]
    mixed[:, 0:3] = np.exp(mixed[:, 0:3])
    mixed[:, 6:] = np.round(mixed[:, 6:])
    return mixed


if __name__ == "__main__":
    main()
