"""Cold start: who is best with 25, 50, 100 and 250 labelled rows?

``python -m benchmarks.cold_start`` takes the sets of CR_SKLEARN_DATA/tabular with 600
rows and more, at most five classes, none of them rare, draws few rows of each, and
tests what every model makes of them on rows that no draw has. 38 core-minutes of fits.
"""

from benchmarks import extra_packages

with extra_packages():
    import numpy as np
    import pandas as pd
    from sklearn.model_selection import train_test_split

    from benchmarks import cold_start_report, command, tabular
    from benchmarks.cold_start_models import MODELS, SLOW
    from benchmarks.data import data_folder
    from benchmarks.evaluation import CLASSES
    from benchmarks.protocols import Experiment, Split
    from benchmarks.tabular_models import LIBRARIES

ROWS = command.ROOT / "reports" / "cold_start" / "rows.csv"
PACKAGES = ["cr_sklearn", "sklearn", "torch"]
SIZES = (25, 50, 100, 250)
N_DRAWS, N_QUICK_DRAWS = 5, 2
MAX_TEST = 2000
# Enough for all draws and their test rows to differ.
MAX_ROWS = 10_000
TIME_LIMIT = 30
MIN_ROWS, MAX_CLASSES = 600, 5
# The smallest draw then has two rows of each class.
MIN_CLASS_SHARE = 2 / min(SIZES)


def set_names(folder):
    """Names of the sets that take part, by the manifest of their folder.

    Raises
    ------
    FileNotFoundError
        If there is no manifest.
    """
    path = folder / "manifest.csv"
    if not path.is_file():
        raise FileNotFoundError(
            f"There is no {path}, by which the sets of this benchmark are chosen."
        )
    sets = pd.read_csv(path)
    chosen = (
        (sets["n"] >= MIN_ROWS)
        & (sets["n_classes"] <= MAX_CLASSES)
        & (sets["min_class"] >= MIN_CLASS_SHARE * sets["n"])
    )
    return sorted(sets.loc[chosen, "name"])


def draw(y, seed):
    """Stratified training rows of every size, and test rows outside of all of them.

    Each draw contains the smaller ones, so that scores by size differ by the number of
    rows alone.

    Returns
    -------
    dict of ndarray
        Positions of the training rows, by their number.
    ndarray
        Positions of the test rows.
    """
    y = np.asarray(y)

    def part(rows, n):
        return train_test_split(rows, train_size=n, stratify=y[rows], random_state=seed)

    drawn, test = part(np.arange(len(y)), max(SIZES))
    if len(test) > MAX_TEST:
        test, _ = part(test, MAX_TEST)
    training = {max(SIZES): drawn}
    for n in sorted(SIZES, reverse=True)[1:]:
        drawn, _ = part(drawn, n)
        training[n] = drawn
    return training, test


def experiments(tables, models, n_draws):
    """The first draw of every size and set, then the second, and so on.

    Parameters
    ----------
    tables : dict of Table
    models : dict
        Name -> ``make(seed)``.
    n_draws : int

    Returns
    -------
    list of Experiment
    """
    draws = {
        (name, seed): draw(table.y, seed)
        for name, table in tables.items()
        for seed in range(n_draws)
    }
    work = []
    for seed in range(n_draws):
        for n in SIZES:
            for name, (X, y, *_) in tables.items():
                training, test = draws[name, seed]
                split = Split(seed, 0, n / len(y), seed, np.sort(training[n]), test)
                work.append(Experiment(name, protocol(n), X, y, [split], models))
    return work


def protocol(n):
    """The protocol as rows name it."""
    return f"{n} rows, {TIME_LIMIT} s"


def main(argv=None):
    options = command.parser(
        "cold_start",
        __doc__.splitlines()[0],
        quick=f"{N_QUICK_DRAWS} draws, without the slow models: {', '.join(SLOW)}",
        rows=ROWS,
    )
    args = command.parse(options, argv)
    tables = command.loaded(_tables)
    names = [name for name in MODELS if not (args.quick and name in SLOW)]
    work = experiments(
        tables,
        {name: MODELS[name].make for name in names},
        N_QUICK_DRAWS if args.quick else N_DRAWS,
    )
    rows = command.fit(args, work, CLASSES, TIME_LIMIT)
    result = cold_start_report.Result.of(rows, MAX_TEST, TIME_LIMIT)
    libraries = {LIBRARIES[name] for name in names if name in LIBRARIES}
    made_by = command.made_by(args, argv, [*PACKAGES, *sorted(libraries)])
    command.report_on(args, cold_start_report, result, made_by)


def _tables():
    folder = data_folder() / "tabular"
    return {name: tabular.load(folder, name, MAX_ROWS) for name in set_names(folder)}


if __name__ == "__main__":
    with extra_packages():
        main()
