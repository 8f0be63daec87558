"""The command line that the suites over many data sets share."""

from pathlib import Path
from typing import NamedTuple

from benchmarks import command, models, suite
from benchmarks.data import data_folder

MAX_ROWS, MOST_ROWS = 2000, 10_000
TIME_LIMIT = 90


class Suite(NamedTuple):
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


def parse(about, argv):
    """Arguments of a suite, with ``models`` a list and ``sets`` a list or None."""
    options = command.parser(
        about.name,
        about.description,
        quick=f"{len(about.quick_sets)} sets, without the slow models: "
        f"{', '.join(about.slow)}",
        rows=about.rows,
    )
    options.add_argument(
        "--data",
        type=Path,
        help=f"folder of parquet files ($CR_SKLEARN_DATA/{about.name})",
    )
    options.add_argument(
        "--models",
        help=f"names with commas between them, of: {', '.join(about.models)}; "
        f"{about.reference} always takes part",
    )
    options.add_argument("--sets", help="names of files, with commas between them")
    options.add_argument(
        "--max-rows",
        type=int,
        default=MAX_ROWS,
        help=f"larger sets are sampled ({MAX_ROWS}, at most {MOST_ROWS})",
    )
    options.add_argument(
        "--time-limit",
        type=float,
        default=TIME_LIMIT,
        help=f"seconds that a fit may take ({TIME_LIMIT})",
    )
    args = command.parse(options, argv)
    if not 1 <= args.max_rows <= MOST_ROWS:
        options.error(f"--max-rows must be from 1 to {MOST_ROWS}, got {args.max_rows}")
    if args.time_limit <= 0:
        options.error(f"--time-limit must be above 0, got {args.time_limit}")
    if args.publish and (args.models or args.sets):
        options.error("--publish is for the full run, without --models and --sets")
    if args.models:
        args.models = [*args.models.split(","), about.reference]
    else:
        slow = about.slow if args.quick else []
        args.models = [name for name in about.default if name not in slow]
    if args.sets:
        args.sets = args.sets.split(",")
    elif args.quick:
        args.sets = about.quick_sets
    return args


def prepared(args, about, load):
    """Models and tables by name; what is unknown ends the command.

    ``load(folder, name, max_rows)`` returns a table.
    """
    return command.loaded(_prepared, args, about, load)


def _prepared(args, about, load):
    selected = models.select(args.models, about.models)
    folder = args.data or data_folder() / about.name
    names = args.sets or suite.names(folder)
    return selected, {name: load(folder, name, args.max_rows) for name in names}


def protocol(args):
    """The protocol as rows name it."""
    return f"{suite.N_FOLDS}-fold, {args.max_rows} rows, {args.time_limit:g} s"
