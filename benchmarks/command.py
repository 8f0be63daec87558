"""The command line that benchmarks made of recorded fits share."""

import argparse
from pathlib import Path

from benchmarks import report
from benchmarks.protocols import forget, recorded, run

ROOT = Path(__file__).parents[1]
RESULTS = Path("benchmarks", "results")


def parser(name, description, *, quick, rows):
    """Options that every such benchmark has.

    Parameters
    ----------
    name : str
        Of the module, of its report's folder and of its page in docs.
    description : str
    quick : str
        What ``--quick`` runs, in a few words.
    rows : Path
        File of the fits.
    """
    options = argparse.ArgumentParser(
        prog=f"python -m benchmarks.{name}", description=description
    )
    options.add_argument("--quick", action="store_true", help=quick)
    options.add_argument("--jobs", type=int, default=2, help="processes (2)")
    options.add_argument(
        "--rows", type=Path, default=rows, help="file of the fits, one row each"
    )
    options.add_argument(
        "--out", type=Path, help=f"folder of the report (reports/{name} or -quick)"
    )
    options.add_argument(
        "--fresh",
        action="store_true",
        help="forget the recorded fits of these models on these data",
    )
    options.add_argument(
        "--report-only", action="store_true", help="fit nothing, report what there is"
    )
    options.add_argument(
        "--publish",
        action="store_true",
        help=f"also write benchmarks/results/{name}*.csv and docs/{name}.md",
    )
    options.set_defaults(name=name)
    return options


def parse(options, argv):
    """Arguments of a :func:`parser`, checked; ``out`` is always a path."""
    args = options.parse_args(argv)
    if args.jobs < 1:
        options.error(f"--jobs must be at least 1, got {args.jobs}")
    if args.publish and args.quick:
        options.error("--publish is for the full run, not with --quick")
    if args.out is None:
        args.out = Path("reports", f"{args.name}-quick" if args.quick else args.name)
    return args


def loaded(load, *args, **kwargs):
    """What a function loads; data that is missing or damaged ends the command."""
    try:
        return load(*args, **kwargs)
    except (FileNotFoundError, ValueError) as error:
        raise SystemExit(str(error)) from error


def fit(args, experiments, scoring, time_limit=None):
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
            time_limit=time_limit,
        )
    except KeyboardInterrupt:
        raise SystemExit(
            f"Stopped. Finished fits are in {args.rows}; the same command goes on from "
            "there, with --report-only it reports what there is."
        ) from None


def made_by(args, argv, packages):
    """Command, versions, machine and date, as reports and CSV files say them."""
    line = report.command_line(args.name, argv)
    return f"{line}; {report.environment(packages)}"


def report_on(args, reports, result, made_by):
    """Write, print and, if asked for, publish what was found.

    Parameters
    ----------
    args : Namespace
        From :func:`parse`.
    reports : module
        With ``write(page, result, made_by, prefix="")``, which writes a page and the
        figures that it shows, whose paths relative to the page begin with the prefix;
        ``terminal(result)``, which returns text; and ``publish(folder, result,
        made_by)``, which writes small CSV files.
    result : Result
        Of that module; ``main_rows`` are the fits that its tables are made of.
    made_by : str
        From :func:`made_by`.
    """
    if result.main_rows.empty:
        raise SystemExit(f"{args.rows} holds no fits of these models and data.")
    args.out.mkdir(parents=True, exist_ok=True)
    page = args.out / "report.md"
    reports.write(page, result, made_by)
    print(reports.terminal(result))
    print(f"\nReport and figures: {page}")
    if args.publish:
        reports.publish(ROOT / RESULTS, result, made_by)
        page = ROOT / "docs" / f"{args.name}.md"
        reports.write(page, result, made_by, f"images/{args.name}_")
