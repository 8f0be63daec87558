"""The ordinal benchmark: ordered classes, on every set of a folder.

``python -m benchmarks.ordinal`` reads the folder that CR_SKLEARN_DATA names, fits what
is not yet recorded in ``benchmarks/results/ordinal.csv``, writes ``report.md`` with
figures to ``reports/ordinal``, and prints the ranks.
"""

from benchmarks import extra_packages

with extra_packages():
    import numpy as np
    import pandas as pd

    from benchmarks import command, ordinal_report, suite, suite_command
    from benchmarks.ordinal_models import LIBRARIES, MODELS, REFERENCE, SLOW
    from benchmarks.ordinal_scores import RANKS
    from benchmarks.suite_command import Suite

ROWS = command.ROOT / command.RESULTS / "ordinal.csv"
PACKAGES = ["cr_sklearn", "sklearn", "torch"]
# Three to nine classes, numbers and categories, judged by people and cut from numbers.
QUICK_SETS = [
    "balance",
    "car",
    "g_affairs",
    "g_bostonhousing_ord",
    "newthyroid",
    "orca_toy",
    "pmlb_esl",
    "soup",
]


def main(argv=None):
    about = Suite(
        "ordinal",
        __doc__.splitlines()[0],
        MODELS,
        list(MODELS),
        SLOW,
        QUICK_SETS,
        REFERENCE,
        ROWS,
    )
    args = suite_command.parse(about, argv)
    selected, tables = suite_command.prepared(args, about, load)
    experiments = suite.experiments(
        tables,
        {name: model.make for name, model in selected.items()},
        suite_command.protocol(args),
    )
    rows = command.fit(args, experiments, RANKS, args.time_limit)
    result = ordinal_report.Result(rows, tables, args.max_rows, args.time_limit)
    libraries = {LIBRARIES[name] for name in selected if name in LIBRARIES}
    made_by = command.made_by(args, argv, [*PACKAGES, *sorted(libraries)])
    command.report_on(args, ordinal_report, result, made_by)


def load(folder, name, max_rows):
    """A data set with labels 0 to K - 1: ranks among the classes that are left.

    Raises
    ------
    ValueError
        If the target of the file is not a number that tells the rank.
    """
    table = suite.load(folder, name, max_rows)
    try:
        values = table.y.astype(float)
    except ValueError as error:
        raise ValueError(
            f"The target of {name} must be numbers in rank order: {error}."
        ) from error
    ranks = np.unique(values, return_inverse=True)[1]
    return table._replace(y=pd.Series(ranks, name="target"))


if __name__ == "__main__":
    with extra_packages():
        main()
