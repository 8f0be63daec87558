"""SST-5 sentences, a transformer trained end to end: three heads, the same batches.

``python -m benchmarks.sst5_finetune`` reads the folder that CR_SKLEARN_DATA names, fits
what is not yet recorded in ``reports/sst5_finetune/rows.csv``, writes ``report.md``
with a figure there, and prints the table. Nothing is chosen: settings are the same for
all heads and fixed beforehand.
"""

from functools import partial
from pathlib import Path

from benchmarks import extra_packages

with extra_packages("papers"):
    from benchmarks import command, sst5, sst5_finetune_report
    from benchmarks.finetuning import HEADS, FineTunedClassifier
    from benchmarks.ordinal_scores import RANKS
    from benchmarks.protocols import Experiment

PACKAGES = ["cr_sklearn", "sklearn", "torch", "transformers"]
ROWS = Path("reports", "sst5_finetune", "rows.csv")
MODEL = "minilm"
SEEDS, QUICK_SEEDS = 5, 1
QUICK_FRACTION = 0.05


def experiments(sentences, model, n_seeds, fraction):
    """Every head with every seed, on the official parts.

    Parameters
    ----------
    sentences : Sentences
        See :mod:`benchmarks.sst5`.
    model : str
        Name or folder of the transformer.
    n_seeds : int
    fraction : float
        Of the training sentences.
    """
    splits = sst5.official_splits(sentences, n_seeds, (fraction,))
    heads = {head: partial(_make, head, model) for head in HEADS}
    return [Experiment(model, "official", sentences.texts, sentences.y, splits, heads)]


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
    options.add_argument("--seeds", type=int, help=f"fits of every head ({SEEDS})")
    args = command.parse(options, argv)
    if args.seeds is not None and args.seeds < 1:
        options.error(f"--seeds must be at least 1, got {args.seeds}")
    if args.publish and (args.seeds or args.model != MODEL):
        options.error("--publish is for the full run, without --model and --seeds")
    n_seeds = args.seeds or (QUICK_SEEDS if args.quick else SEEDS)
    fraction = QUICK_FRACTION if args.quick else 1.0
    sentences = command.loaded(sst5.load)
    rows = command.fit(
        args, experiments(sentences, args.model, n_seeds, fraction), RANKS
    )
    settings = FineTunedClassifier().get_params()
    result = sst5_finetune_report.Result(rows, settings)
    made_by = command.made_by(args, argv, PACKAGES)
    command.report_on(args, sst5_finetune_report, result, made_by)


def _make(head, model, seed):
    return FineTunedClassifier(head, model=model, random_state=seed)


if __name__ == "__main__":
    with extra_packages("papers"):
        main()
