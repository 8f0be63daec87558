"""Ordinal regression on many rows: speed, memory, and distance to the best possible.

``python -m benchmarks.ordinal_scale`` fits ChainzRuleOrdinalRegressor to five classes
that are drawn by a known rule, each fit in a fresh process. Strength and ensemble are
those of the defaults; layers are as wide as makes 3.2 million parameters in all.
"""

import argparse
import gc
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from benchmarks import extra_packages

with extra_packages():
    import numpy as np
    import pandas as pd
    import torch

    from benchmarks import report
    from benchmarks.scale_worker import N_TINY_ROWS, PeakMemory
    from benchmarks.simulation import bayes_mae, simulate
    from cr_sklearn import ChainzRuleOrdinalRegressor
    from cr_sklearn.nn import ChainzRuleNetwork

ROOT = Path(__file__).parents[1]
PACKAGES = ["cr_sklearn", "sklearn", "torch"]
ROWS, COLUMNS, EPOCHS = (75_000, 750_000), (50,), 1
N_PARAMETERS = 3_200_000
# Five classes of about a fifth each.
THRESHOLDS = (-2.8, -0.9, 0.8, 2.9)
N_FRESH_ROWS = 50_000
# Of the default.
N_INNER_FOLDS = 5


def measure(n_rows, n_features, n_epochs, n_parameters, threads):
    """One fit, judged by what can be known.

    Parameters
    ----------
    n_rows, n_features, n_epochs : int
    n_parameters : int
        About so many in all networks.
    threads : int
        Of torch.

    Returns
    -------
    dict
        These numbers, the ``width`` of the two hidden layers, ``seconds`` of the fit,
        ``rows_per_second`` (rows of the table times epochs), ``extra_bytes`` at its
        peak and ``data_bytes``; on 50,000 fresh rows ``mae``, ``bayes_mae``, that of
        the median by the rule itself, and ``majority_mae``, that of the training rows'
        median.
    """
    torch.set_num_threads(threads)
    # Imports and pools of memory are not the fit's.
    tiny = ChainzRuleOrdinalRegressor(random_state=0).fit(
        *simulate(N_TINY_ROWS, 2, n_features, THRESHOLDS)
    )
    width = 1
    while count_parameters(tiny, width + 1) <= n_parameters:
        width += 1
    X, y = simulate(n_rows, 0, n_features, THRESHOLDS)
    gc.collect()
    memory = PeakMemory()
    start = time.perf_counter()
    model = ChainzRuleOrdinalRegressor(
        (width, width), max_iter=n_epochs, random_state=0
    ).fit(X, y)
    seconds = time.perf_counter() - start
    extra_bytes = memory.extra_bytes()
    fresh, ranks = simulate(N_FRESH_ROWS, 1, n_features, THRESHOLDS)
    return {
        "n_rows": n_rows,
        "n_features": n_features,
        "n_epochs": model.n_iter_,
        "n_parameters": count_parameters(model, width),
        "width": width,
        "threads": threads,
        "seconds": seconds,
        "rows_per_second": n_rows * model.n_iter_ / seconds,
        "extra_bytes": extra_bytes,
        "data_bytes": X.nbytes + y.nbytes,
        "mae": float(np.abs(model.predict(fresh) - ranks).mean()),
        "bayes_mae": bayes_mae(fresh, ranks, THRESHOLDS),
        "majority_mae": float(np.abs(np.median(y) - ranks).mean()),
    }


def count_parameters(model, width):
    """Parameters of all networks of a fit like this one, with layers of this width."""
    linear = model.dreg_path_["linear"]
    per_network = {
        deep: sum(
            parameter.numel()
            for parameter in ChainzRuleNetwork(
                model.skip_coef_.shape[1],
                (width, width) if deep else (),
                1,
                thresholds=THRESHOLDS,
            ).parameters()
        )
        for deep in (True, False)
    }
    return N_INNER_FOLDS * sum(per_network[not flag] for flag in linear.tolist())


def text(table):
    """The table of fits, and what their figures mean."""
    lost = (table["mae"] - table["bayes_mae"]) / table["bayes_mae"]
    shown = pd.DataFrame(
        {
            "Rows": table["n_rows"].map("{:,}".format),
            "Columns": table["n_features"],
            "Epochs": table["n_epochs"],
            "Parameters": table["n_parameters"].map("{:,}".format),
            "s": table["seconds"].map("{:.0f}".format),
            "Rows/s": table["rows_per_second"].map("{:,.0f}".format),
            "Extra MB": (table["extra_bytes"] / 1e6).map("{:.0f}".format),
            "Extra / data": (table["extra_bytes"] / table["data_bytes"]).map(
                "{:.2f}".format
            ),
            "MAE": table["mae"].map("{:.4f}".format),
            "Best possible": table["bayes_mae"].map("{:.4f}".format),
            "Above it": lost.map("{:+.1%}".format),
            "Median class": table["majority_mae"].map("{:.4f}".format),
        }
    )
    return (
        f"Five classes by a known rule, threads: {table['threads'].iloc[0]}. Rows/s: "
        "rows of the table times epochs. Extra: peak memory of the fit beside the "
        f"data.\nMAE on {N_FRESH_ROWS:,} fresh rows.\n\n{report.terminal(shown)}"
    )


def main(argv=None):
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.ordinal_scale",
        description=__doc__.splitlines()[0],
    )
    for name, default in [("rows", ROWS), ("columns", COLUMNS)]:
        parser.add_argument(
            f"--{name}",
            type=int,
            nargs="+",
            default=default,
            help=f"one fit for each number ({' '.join(map(str, default))})",
        )
    parser.add_argument("--epochs", type=int, default=EPOCHS, help=f"({EPOCHS})")
    parser.add_argument(
        "--parameters",
        type=int,
        default=N_PARAMETERS,
        help=f"about so many in all networks ({N_PARAMETERS:,})",
    )
    parser.add_argument("--threads", type=int, default=2, help="of torch (2)")
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("reports", "ordinal_scale.csv"),
        help="file of the figures (reports/ordinal_scale.csv)",
    )
    args = parser.parse_args(argv)
    made_by = (
        f"{report.command_line('ordinal_scale', argv)}; {report.environment(PACKAGES)}"
    )
    fits = []
    for n_features in args.columns:
        for n_rows in args.rows:
            # A process for each: memory that one has freed would hide what another
            # needs.
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
                fit = pool.submit(
                    measure,
                    n_rows,
                    n_features,
                    args.epochs,
                    args.parameters,
                    args.threads,
                ).result()
            print(f"{n_rows:,} rows in {fit['seconds']:.0f} s", file=sys.stderr)
            fits.append(fit)
            # Memory that the system does not tell is None.
            table = pd.DataFrame(fits).astype({"extra_bytes": float})
            report.write_csv(table, args.out, made_by)
    print(text(table))


if __name__ == "__main__":
    with extra_packages():
        main()
