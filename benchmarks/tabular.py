"""The tabular suite: ChainzRule and its peers on every set of a folder.

``python -m benchmarks.tabular`` reads the folder that CR_SKLEARN_DATA names, fits what
is not yet recorded in ``benchmarks/results/tabular.csv``, writes ``report.md`` with
figures to ``reports/tabular``, and prints the ranks. Models that are run on request,
because they are slow or need an environment of their own, are reported from that file
too: ``--quick --models tabm,autogluon`` adds them.
"""

import argparse
from pathlib import Path

from benchmarks import extra_packages

with extra_packages():
    import pandas as pd

    from benchmarks import models, report, suite, tabular_report
    from benchmarks.data import data_folder
    from benchmarks.protocols import forget, recorded, recorded_elsewhere, run
    from benchmarks.tabular_models import (
        DEFAULT,
        FIRST_FOLD_ONLY,
        LIBRARIES,
        MODELS,
        ON_REQUEST,
        SLOW,
    )

ROOT = Path(__file__).parents[1]
ROWS = ROOT / "benchmarks" / "results" / "tabular.csv"
PACKAGES = ["cr_sklearn", "sklearn", "torch"]
MAX_ROWS, MOST_ROWS = 2000, 10_000
TIME_LIMIT = 90
# Known only after what is to be predicted.
WITHOUT = {"bank_marketing": ["duration"]}
# Two to 19 classes, numbers and categories, gaps, balanced and not.
QUICK_SETS = [
    "contraceptive",
    "credit_g",
    "mlb_BreastCancer",
    "mlb_Sonar",
    "mlb_Vowel",
    "oil_spill",
    "phoneme",
    "pmlb_haberman",
    "r_Chile",
    "r_TitanicSurvival",
    "r_penguins",
    "soybean",
]


def main(argv=None):
    args, command = _parse(argv)
    try:
        selected = models.select(args.models, MODELS)
        folder = args.data or data_folder() / "tabular"
        tables = {
            name: suite.load(folder, name, args.max_rows, WITHOUT.get(name, ()))
            for name in args.sets or suite.names(folder)
        }
    except (ValueError, FileNotFoundError) as error:
        raise SystemExit(str(error)) from error
    protocol = f"{suite.N_FOLDS}-fold, {args.max_rows} rows, {args.time_limit:g} s"
    experiments = suite.experiments(
        tables,
        {name: model.make for name, model in selected.items()},
        protocol,
        FIRST_FOLD_ONLY,
    )
    if args.fresh:
        forget(args.rows, tables, selected)
    try:
        rows = (
            recorded(experiments, args.rows)
            if args.report_only
            else run(
                experiments,
                args.rows,
                n_jobs=args.jobs,
                progress=True,
                time_limit=args.time_limit,
            )
        )
    except KeyboardInterrupt:
        raise SystemExit(
            f"Stopped. Finished fits are in {args.rows}; the same command goes on from "
            "there, with --report-only it reports what there is."
        ) from None
    further = set(ON_REQUEST) - set(selected)
    rows = pd.concat(
        [rows, recorded_elsewhere(args.rows, protocol, tables, further)],
        ignore_index=True,
    )
    result = tabular_report.Result(rows, tables, args.max_rows, args.time_limit)
    if result.main_rows.empty:
        raise SystemExit(f"{args.rows} holds no fits of these models and sets.")
    libraries = {LIBRARIES[name] for name in selected if name in LIBRARIES}
    made_by = f"{command}; {report.environment([*PACKAGES, *sorted(libraries)])}"
    args.out.mkdir(parents=True, exist_ok=True)
    tabular_report.write(args.out / "report.md", result, made_by)
    print(tabular_report.terminal(result))
    print(f"\nReport and figures: {args.out / 'report.md'}")
    if args.publish:
        tabular_report.publish(ROOT / "benchmarks" / "results", result, made_by)
        page = ROOT / "docs" / "tabular.md"
        tabular_report.write(page, result, made_by, "images/tabular_")


def _parse(argv):
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.tabular", description=__doc__.splitlines()[0]
    )
    parser.add_argument(
        "--data", type=Path, help="folder of parquet files ($CR_SKLEARN_DATA/tabular)"
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help=f"{len(QUICK_SETS)} sets, without the slow models: {', '.join(SLOW)}",
    )
    parser.add_argument(
        "--models",
        help=f"names with commas between them, of: {', '.join(MODELS)}; "
        f"{tabular_report.REFERENCE} always takes part",
    )
    parser.add_argument("--sets", help="names of files, with commas between them")
    parser.add_argument(
        "--max-rows",
        type=int,
        default=MAX_ROWS,
        help=f"larger sets are sampled ({MAX_ROWS}, at most {MOST_ROWS})",
    )
    parser.add_argument(
        "--time-limit",
        type=float,
        default=TIME_LIMIT,
        help=f"seconds that a fit may take ({TIME_LIMIT})",
    )
    parser.add_argument("--jobs", type=int, default=2, help="processes (2)")
    parser.add_argument(
        "--rows", type=Path, default=ROWS, help="file of the fits, one row each"
    )
    parser.add_argument(
        "--out", type=Path, help="folder of the report (reports/tabular or -quick)"
    )
    parser.add_argument(
        "--fresh",
        action="store_true",
        help="forget the recorded fits of these models on these sets",
    )
    parser.add_argument(
        "--report-only", action="store_true", help="fit nothing, report what there is"
    )
    parser.add_argument(
        "--publish",
        action="store_true",
        help="also write benchmarks/results/tabular_*.csv and docs/tabular.md",
    )
    args = parser.parse_args(argv)
    if not 1 <= args.max_rows <= MOST_ROWS:
        parser.error(f"--max-rows must be from 1 to {MOST_ROWS}, got {args.max_rows}")
    if args.time_limit <= 0:
        parser.error(f"--time-limit must be above 0, got {args.time_limit}")
    if args.jobs < 1:
        parser.error(f"--jobs must be at least 1, got {args.jobs}")
    if args.publish and (args.quick or args.models or args.sets):
        parser.error("--publish is for the full run, without --quick, --models, --sets")
    if args.models:
        args.models = [*args.models.split(","), tabular_report.REFERENCE]
    else:
        slow = SLOW if args.quick else []
        args.models = [name for name in DEFAULT if name not in slow]
    if args.sets:
        args.sets = args.sets.split(",")
    elif args.quick:
        args.sets = QUICK_SETS
    if args.out is None:
        args.out = Path("reports", "tabular-quick" if args.quick else "tabular")
    return args, report.command_line("tabular", argv)


if __name__ == "__main__":
    with extra_packages():
        main()
