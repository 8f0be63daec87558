"""SST-5 sentences, a transformer trained end to end: three heads, the same batches.

``python -m benchmarks.sst5_finetune`` reads the folder that CR_SKLEARN_DATA names, fits
what is not yet recorded in ``reports/sst5_finetune/rows.csv``, writes ``report.md``
with a figure there, and prints the table. One setting of every head is chosen first,
on the official dev part, among as many values as of the others.
"""

from functools import partial
from pathlib import Path
from typing import NamedTuple

from benchmarks import extra_packages

with extra_packages("papers"):
    import numpy as np

    from benchmarks import command, sst5, sst5_finetune_report
    from benchmarks.finetuning import FineTunedClassifier
    from benchmarks.ordinal_scores import RANKS
    from benchmarks.protocols import Experiment
    from benchmarks.published import STRENGTH
    from benchmarks.sst5_finetune_report import CHOICE, OFFICIAL

PACKAGES = ["cr_sklearn", "sklearn", "torch", "transformers"]
ROWS = Path("reports", "sst5_finetune", "rows.csv")
MODEL = "minilm"
# What is chosen; the rest is the same for all heads and fixed beforehand. The largest
# strength is the papers'.
GRIDS = {
    "chainzrule": ("dreg_strength", [10**-4, 10**-3.5, 10**-3, STRENGTH]),
    "mlp": ("head_learning_rate", [0.0003, 0.001, 0.003, 0.01]),
    "linear": ("head_learning_rate", [0.0003, 0.001, 0.003, 0.01]),
}


class Plan(NamedTuple):
    """How much is run: seeds, and shares of the training part."""

    seeds: int
    fraction: float
    fraction_of_choice: float


FULL, QUICK = Plan(5, 0.4, 0.25), Plan(1, 0.05, 0.02)


def candidates(model):
    """Makers of every head with all of its values, by what rows call them."""
    return {
        _name(head, value): partial(_make, head, model, value)
        for head, (_, values) in GRIDS.items()
        for value in values
    }


def choice(sentences, model, fraction):
    """All candidates on a part of the training sentences, tested on the dev part."""
    n_dev = len(sentences.y) - sentences.n_test
    dev = np.arange(sentences.n_train, n_dev)
    splits = sst5.official_splits(sentences, 1, (fraction,))
    splits = [split._replace(test=dev) for split in splits]
    makers = candidates(model)
    return Experiment(model, CHOICE, sentences.texts, sentences.y, splits, makers)


def chosen(rows):
    """Candidates of least log-loss, by head, among the fits of :func:`choice`.

    Raises
    ------
    ValueError
        If some of them are missing.
    """
    losses = rows.set_index("model")["log_loss"]
    missing = [name for name in candidates(MODEL) if name not in losses]
    if missing:
        raise ValueError(f"There are no fits on the dev part of: {'; '.join(missing)}.")
    return {
        head: losses[[_name(head, value) for value in values]].idxmin()
        for head, (_, values) in GRIDS.items()
    }


def comparison(sentences, model, n_seeds, fraction, names):
    """Every head as it was chosen with every seed, on the official parts."""
    splits = sst5.official_splits(sentences, n_seeds, (fraction,))
    makers = {head: candidates(model)[name] for head, name in names.items()}
    return Experiment(model, OFFICIAL, sentences.texts, sentences.y, splits, makers)


def main(argv=None):
    options = command.parser(
        "sst5_finetune",
        __doc__.splitlines()[0],
        quick="one seed, a twentieth of the training sentences",
        rows=ROWS,
    )
    options.add_argument(
        "--model",
        default=MODEL,
        help="minilm, mpnet, or the name or folder of a Hugging Face model",
    )
    options.add_argument("--seeds", type=int, help=f"fits of every head ({FULL.seeds})")
    options.add_argument(
        "--fraction",
        type=float,
        help=f"share of the training sentences ({FULL.fraction:g}); 1 is all",
    )
    args = command.parse(options, argv)
    if args.seeds is not None and args.seeds < 1:
        options.error(f"--seeds must be at least 1, got {args.seeds}")
    if args.fraction is not None and not 0 < args.fraction <= 1:
        options.error(f"--fraction must be in (0, 1], got {args.fraction}")
    if args.publish and (args.seeds or args.fraction or args.model != MODEL):
        options.error(
            "--publish is for the full run, without --model, --seeds and --fraction"
        )
    plan = QUICK if args.quick else FULL
    sentences = command.loaded(sst5.load)
    first = choice(sentences, args.model, plan.fraction_of_choice)
    tried = command.fit(args, [first], RANKS)
    names = command.loaded(chosen, tried)
    second = comparison(
        sentences,
        args.model,
        args.seeds or plan.seeds,
        args.fraction or plan.fraction,
        names,
    )
    rows = command.fit(args, [second], RANKS)
    result = sst5_finetune_report.Result(
        rows, tried, names, FineTunedClassifier().get_params()
    )
    made_by = command.made_by(args, argv, PACKAGES)
    command.report_on(args, sst5_finetune_report, result, made_by)


def _name(head, value):
    return f"{head}, {GRIDS[head][0]} {value:.2g}"


def _make(head, model, value, seed):
    chosen = {GRIDS[head][0]: value}
    return FineTunedClassifier(head, model=model, random_state=seed, **chosen)


if __name__ == "__main__":
    with extra_packages("papers"):
        main()
