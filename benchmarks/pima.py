"""Pima Indians Diabetes: an honest comparison, the paper's protocol, a leaky one.

``python -m benchmarks.pima`` fits what is not yet recorded in ``reports/pima``, writes
``report.md`` with figures there, and prints the table.
"""

import argparse
import shutil
from pathlib import Path
from typing import NamedTuple

from benchmarks import extra_packages

with extra_packages():
    from benchmarks import models, pima_report, report
    from benchmarks.data import load_pima
    from benchmarks.protocols import Experiment, repeated_folds, repeated_holdout, run

PACKAGES = ["cr_sklearn", "sklearn", "torch", "xgboost"]
# The paper trains on 614 rows and tests on 154.
N_TEST = 154
FRACTION_MODELS = [
    "chainzrule",
    "relu",
    "relu_dropout",
    "relu_decay",
    "lr",
    "svm",
    "xgb",
]
# Their inner searches are too slow to be quick.
SLOW_MODELS = ["svm_tuned", "xgb_tuned"]
QUICK_LEAKY_MODELS = ["chainzrule", "lr", "svm", "xgb"]
ROOT = Path(__file__).parents[1]


class Plan(NamedTuple):
    """How much is run."""

    folds: int
    repeats: int
    leaky_repeats: int
    seeds: int
    fractions: tuple
    leaky_models: list


FULL = Plan(
    10,
    10,
    2,
    6,
    (0.05, 0.1, 0.25, 0.5, 1.0),
    [name for name in models.MODELS if name not in SLOW_MODELS],
)
QUICK = Plan(5, 1, 1, 2, (0.1, 1.0), QUICK_LEAKY_MODELS)


def impute_by_class(X, y):
    """Fill missing values with the median of the row's own class. Leaks the target.

    Done before splitting, as here in the leaky protocol, the imputed values of test
    rows carry their labels.
    """
    return X.fillna(X.groupby(y).transform("median"))


def experiments(X, y, selected, plan):
    """The three protocols, by what reports call them."""
    make = {name: model.make for name, model in selected.items()}
    by_fraction = {name: make[name] for name in FRACTION_MODELS if name in make}
    at_full_size = {name: make[name] for name in make if name not in by_fraction}
    leaky = {name: make[name] for name in plan.leaky_models if name in make}
    folds = f"{plan.folds}-fold"

    def folded(protocol, X, n_repeats, part):
        splits = repeated_folds(y, plan.folds, n_repeats)
        return Experiment("pima", protocol, X, y, splits, part)

    def held_out(fractions, part):
        splits = repeated_holdout(y, N_TEST, plan.seeds, fractions)
        return Experiment("pima", "614/154", X, y, splits, part)

    return {
        "honest": [folded(folds, X, plan.repeats, make)],
        "fractions": [
            held_out(plan.fractions, by_fraction),
            held_out((1.0,), at_full_size),
        ],
        "leaky": [
            folded(f"leaky {folds}", impute_by_class(X, y), plan.leaky_repeats, leaky)
        ],
    }


def main(argv=None):
    args, command = _parse(argv)
    try:
        selected = models.select(args.models)
        X, y = load_pima(args.source)
    except ValueError as error:
        raise SystemExit(str(error)) from error
    plan = QUICK if args.quick else FULL
    if args.repeats:
        plan = plan._replace(
            repeats=args.repeats, leaky_repeats=min(plan.leaky_repeats, args.repeats)
        )
    if args.leaky:
        plan = plan._replace(leaky_repeats=plan.repeats)
    parts = experiments(X, y, selected, plan)
    if args.fresh:
        (args.out / "results.csv").unlink(missing_ok=True)
    try:
        rows = run(
            [experiment for part in parts.values() for experiment in part],
            args.out / "results.csv",
            n_jobs=args.jobs,
            progress=True,
        )
    except KeyboardInterrupt:
        raise SystemExit(
            f"Stopped. Finished fits are in {args.out / 'results.csv'}; the same "
            "command goes on from there."
        ) from None
    rows = {
        name: rows[rows["protocol"] == part[0].protocol] for name, part in parts.items()
    }
    made_by = f"{command}; {report.environment(PACKAGES)}"
    pima_report.write(args.out, rows, made_by)
    print(pima_report.terminal(rows))
    print(f"\nReport and figures: {args.out / 'report.md'}")
    if args.publish:
        pima_report.publish(ROOT / "benchmarks" / "results", rows, made_by)
        image = ROOT / "docs" / "images" / "pima.png"
        image.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(args.out / "models.png", image)


def _parse(argv):
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.pima", description=__doc__.splitlines()[0]
    )
    parser.add_argument(
        "--quick", action="store_true", help="a sketch of all parts in about a minute"
    )
    parser.add_argument(
        "--repeats", type=int, help="repeats of the cross-validation (10)"
    )
    parser.add_argument(
        "--models",
        help=f"names with commas between them, of: {', '.join(models.MODELS)}; "
        f"{pima_report.REFERENCE} always takes part",
    )
    parser.add_argument(
        "--leaky",
        action="store_true",
        help="repeat the leaky protocol as often as the honest one",
    )
    parser.add_argument(
        "--source",
        default="embedded",
        choices=["embedded", "openml"],
        help="where the data comes from",
    )
    parser.add_argument("--jobs", type=int, default=2, help="processes (2)")
    parser.add_argument(
        "--out", type=Path, help="folder of the report (reports/pima or pima-quick)"
    )
    parser.add_argument(
        "--fresh",
        action="store_true",
        help="forget the fits recorded so far: parameters and versions are compared "
        "with theirs, the code of the library is not",
    )
    parser.add_argument(
        "--publish",
        action="store_true",
        help="also write the summaries to benchmarks/results and the figure to docs",
    )
    args = parser.parse_args(argv)
    if args.repeats is not None and args.repeats < 1:
        parser.error(f"--repeats must be at least 1, got {args.repeats}")
    if args.jobs < 1:
        parser.error(f"--jobs must be at least 1, got {args.jobs}")
    if args.publish and (args.quick or args.models):
        parser.error("--publish is for the full run, not with --quick or --models")
    if args.models:
        args.models = [*args.models.split(","), pima_report.REFERENCE]
    else:
        slow = SLOW_MODELS if args.quick else []
        args.models = [name for name in models.MODELS if name not in slow]
    if args.out is None:
        args.out = Path("reports", "pima-quick" if args.quick else "pima")
    return args, report.command_line("pima", argv)


if __name__ == "__main__":
    with extra_packages():
        main()
