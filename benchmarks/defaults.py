"""Why the defaults are what they are: ChainzRule with one parameter changed at a time.

``python -m benchmarks.defaults`` reads the folder that CR_SKLEARN_DATA names. Pima is
not among the sets, so that its figures are those of a table that nothing was chosen by.
"""

import argparse
import shlex
import sys
from functools import partial
from pathlib import Path

from benchmarks import extra_packages

with extra_packages():
    from benchmarks import report
    from benchmarks.data import data_folder, load_tabular
    from benchmarks.protocols import Experiment, repeated_folds, run
    from cr_sklearn import ChainzRuleClassifier

PACKAGES = ["cr_sklearn", "sklearn", "torch"]
ROOT = Path(__file__).parents[1]
N_FOLDS, MAX_ROWS = 3, 1000
# Small and medium, two to eleven classes, with and without categories and gaps.
SETS = [
    "banknote",
    "contraceptive",
    "credit_g",
    "hepatitis",
    "mlb_BreastCancer",
    "mlb_Ionosphere",
    "mlb_Sonar",
    "phoneme",
    "pmlb_ecoli",
    "pmlb_haberman",
    "pmlb_waveform_40",
    "pmlb_wdbc",
    "r_Chile",
    "r_TitanicSurvival",
    "r_attrition",
    "r_penguins",
]
CHANGES = [
    {},
    {"dreg_strength": 0.0},
    {"dreg_strength": 0.003},
    {"dreg_strength": 0.03},
    {"learning_rate_init": 0.005},
    {"learning_rate_init": 0.02},
    {"max_iter": 30},
    {"max_iter": 120},
    {"batch_size": 256},
    {"n_estimators": 1},
    {"n_estimators": 16},
    {"hidden_layer_sizes": (64, 64)},
    {"hidden_layer_sizes": (32,)},
    {"degree": 2},
    {"activation": "gelu"},
    {"activation": "relu"},
]


def settings():
    """Name of each change -> ``make(seed)``."""
    return {
        ", ".join(f"{name}={value!r}" for name, value in change.items())
        or "default": partial(_make, change)
        for change in CHANGES
    }


def table(rows):
    """Means over the sets by setting, and mean ranks."""
    by_set = rows.groupby(["model", "dataset"])[
        ["log_loss", "roc_auc", "accuracy", "fit_seconds"]
    ].mean()
    means = by_set.groupby("model").mean()
    log_loss = by_set["log_loss"].unstack("model")
    means.insert(0, "log_loss_rank", log_loss.rank(axis=1).mean())
    auc = by_set["roc_auc"].unstack("model")
    means.insert(1, "roc_auc_rank", auc.rank(axis=1, ascending=False).mean())
    return means.sort_values("log_loss_rank").reset_index(names="setting")


def main(argv=None):
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.defaults", description=__doc__.splitlines()[0]
    )
    parser.add_argument(
        "--data", type=Path, help="folder of parquet files ($CR_SKLEARN_DATA/tabular)"
    )
    parser.add_argument("--jobs", type=int, default=2, help="processes (2)")
    parser.add_argument("--out", type=Path, default=Path("reports", "defaults"))
    parser.add_argument(
        "--publish", action="store_true", help="write benchmarks/results/defaults.csv"
    )
    args = parser.parse_args(argv)
    try:
        folder = args.data or data_folder() / "tabular"
        sets = {name: load_tabular(folder, name, MAX_ROWS) for name in SETS}
    except (ValueError, FileNotFoundError) as error:
        raise SystemExit(str(error)) from error
    rows = run(
        [
            Experiment(
                name, f"{N_FOLDS}-fold", X, y, repeated_folds(y, N_FOLDS, 1), settings()
            )
            for name, (X, y) in sets.items()
        ],
        args.out / "results.csv",
        n_jobs=args.jobs,
        progress=True,
    )
    given = sys.argv[1:] if argv is None else argv
    command = shlex.join(["python", "-m", "benchmarks.defaults", *given])
    made_by = f"{command}; {report.environment(PACKAGES)}"
    result = table(rows)
    report.write_csv(result, args.out / "settings.csv", made_by)
    if args.publish:
        path = ROOT / "benchmarks" / "results" / "defaults.csv"
        report.write_csv(result, path, made_by)
    numbers = result.columns[1:]
    result[numbers] = result[numbers].map("{:.3f}".format)
    print(f"{len(SETS)} sets, {N_FOLDS}-fold, at most {MAX_ROWS} rows\n")
    print(f"{report.terminal(result)}\n{made_by}")


def _make(change, seed):
    return ChainzRuleClassifier(random_state=seed, **change)


if __name__ == "__main__":
    with extra_packages():
        main()
