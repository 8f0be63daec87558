"""The command line that the suites over many data sets share."""

import argparse
from pathlib import Path
from typing import NamedTuple

from benchmarks import models, report, suite
from benchmarks.data import data_folder
from benchmarks.protocols import forget, recorded, run

MAX_ROWS, MOST_ROWS = 2000, 10_000
TIME_LIMIT = 90


class Command(NamedTuple):
    """What a suite's command is about.

    Attributes
    ----------
    name : str
        Of the module, of the folder of its data and of its report.
    description : str
    models : dict of Model
    default : list of str
        Models that run unless others are named.
    slow : list of str
        Those of them that ``--quick`` leaves out.
    quick_sets : list of str
    reference : str
        The model that always takes part.
    rows : Path
        File of the fits.
    """

    name: str
    description: str
    models: dict
    default: list
    slow: list
    quick_sets: list
    reference: str
    rows: Path


def parse(command, argv):
    """Arguments of a suite, with ``models`` a list and ``sets`` a list or None."""
    parser = argparse.ArgumentParser(
        prog=f"python -m benchmarks.{command.name}", description=command.description
    )
    parser.add_argument(
        "--data",
        type=Path,
        help=f"folder of parquet files ($CR_SKLEARN_DATA/{command.name})",
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help=f"{len(command.quick_sets)} sets, without the slow models: "
        f"{', '.join(command.slow)}",
    )
    parser.add_argument(
        "--models",
        help=f"names with commas between them, of: {', '.join(command.models)}; "
        f"{command.reference} always takes part",
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
        "--rows", type=Path, default=command.rows, help="file of the fits, one row each"
    )
    parser.add_argument(
        "--out",
        type=Path,
        help=f"folder of the report (reports/{command.name} or -quick)",
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
        help=f"also write benchmarks/results/{command.name}_*.csv and "
        f"docs/{command.name}.md",
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
        args.models = [*args.models.split(","), command.reference]
    else:
        slow = command.slow if args.quick else []
        args.models = [name for name in command.default if name not in slow]
    if args.sets:
        args.sets = args.sets.split(",")
    elif args.quick:
        args.sets = command.quick_sets
    if args.out is None:
        args.out = Path(
            "reports", f"{command.name}-quick" if args.quick else command.name
        )
    return args


def prepared(args, command, load):
    """Models and tables by name; what is unknown ends the command.

    ``load(folder, name, max_rows)`` returns a table.
    """
    try:
        selected = models.select(args.models, command.models)
        folder = args.data or data_folder() / command.name
        tables = {
            name: load(folder, name, args.max_rows)
            for name in args.sets or suite.names(folder)
        }
    except (ValueError, FileNotFoundError) as error:
        raise SystemExit(str(error)) from error
    return selected, tables


def fit(args, experiments, scoring):
    """Rows of these experiments: what is recorded, and with it what was missing."""
    if args.fresh:
        datasets = {experiment.dataset for experiment in experiments}
        names = {name for experiment in experiments for name in experiment.models}
        forget(args.rows, datasets, names, scoring)
    if args.report_only:
        return recorded(experiments, args.rows, scoring)
    try:
        return run(
            experiments,
            args.rows,
            scoring=scoring,
            n_jobs=args.jobs,
            progress=True,
            time_limit=args.time_limit,
        )
    except KeyboardInterrupt:
        raise SystemExit(
            f"Stopped. Finished fits are in {args.rows}; the same command goes on from "
            "there, with --report-only it reports what there is."
        ) from None


def protocol(args):
    """The protocol as rows name it."""
    return f"{suite.N_FOLDS}-fold, {args.max_rows} rows, {args.time_limit:g} s"


def made_by(command, argv, packages):
    """Command, versions, machine and date, as reports and CSV files say them."""
    line = report.command_line(command.name, argv)
    return f"{line}; {report.environment(packages)}"


def report_on(args, command, reports, result, made_by, root):
    """Write, print and, if asked for, publish what was found.

    Parameters
    ----------
    args : Namespace
        From :func:`parse`.
    command : Command
    reports : module
        With ``write``, ``terminal`` and ``publish``.
    result : Result
        Of that module.
    made_by : str
        From :func:`made_by`.
    root : Path
        Of the project, where the published tables and page are.
    """
    if result.main_rows.empty:
        raise SystemExit(f"{args.rows} holds no fits of these models and sets.")
    args.out.mkdir(parents=True, exist_ok=True)
    page = args.out / "report.md"
    reports.write(page, result, made_by)
    print(reports.terminal(result))
    print(f"\nReport and figures: {page}")
    if args.publish:
        reports.publish(root / "benchmarks" / "results", result, made_by)
        page = root / "docs" / f"{command.name}.md"
        reports.write(page, result, made_by, f"images/{command.name}_")
