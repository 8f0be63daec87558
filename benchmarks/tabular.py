"""The tabular suite: ChainzRule and its peers on every set of a folder.

``python -m benchmarks.tabular`` reads the folder that CR_SKLEARN_DATA names, fits what
is not yet recorded in ``benchmarks/results/tabular.csv``, writes ``report.md`` with
figures to ``reports/tabular``, and prints the ranks. Models that are run on request,
because they are slow or need an environment of their own, are reported from that file
too: ``--quick --models tabm,autogluon`` adds them.
"""

from benchmarks import extra_packages

with extra_packages():
    import pandas as pd

    from benchmarks import command, suite, suite_command, tabular_report
    from benchmarks.evaluation import CLASSES
    from benchmarks.protocols import recorded_elsewhere
    from benchmarks.suite_command import Suite
    from benchmarks.tabular_models import (
        DEFAULT,
        FIRST_FOLD_ONLY,
        LIBRARIES,
        MODELS,
        ON_REQUEST,
        SLOW,
    )

ROWS = command.ROOT / command.RESULTS / "tabular.csv"
PACKAGES = ["cr_sklearn", "sklearn", "torch"]
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
    about = Suite(
        "tabular",
        __doc__.splitlines()[0],
        MODELS,
        DEFAULT,
        SLOW,
        QUICK_SETS,
        tabular_report.REFERENCE,
        ROWS,
    )
    args = suite_command.parse(about, argv)
    selected, tables = suite_command.prepared(args, about, load)
    protocol = suite_command.protocol(args)
    experiments = suite.experiments(
        tables,
        {name: model.make for name, model in selected.items()},
        protocol,
        FIRST_FOLD_ONLY,
    )
    rows = command.fit(args, experiments, CLASSES, args.time_limit)
    further = set(ON_REQUEST) - set(selected)
    rows = pd.concat(
        [rows, recorded_elsewhere(args.rows, protocol, tables, further)],
        ignore_index=True,
    )
    result = tabular_report.Result(rows, tables, args.max_rows, args.time_limit)
    libraries = {LIBRARIES[name] for name in selected if name in LIBRARIES}
    made_by = command.made_by(args, argv, [*PACKAGES, *sorted(libraries)])
    command.report_on(args, tabular_report, result, made_by)


def load(folder, name, max_rows):
    """A data set without the columns that are known only after its target."""
    return suite.load(folder, name, max_rows, WITHOUT.get(name, ()))


if __name__ == "__main__":
    with extra_packages():
        main()
