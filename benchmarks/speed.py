"""What the library costs: ``python -m benchmarks.speed`` and the parts to run.

step: one training step with DREG against the same step without, and its distance to
the rate of a large matrix product. fit: one fit on Pima against scikit-learn's MLP.
predict: sensitivities beside probabilities. single: one row against the MLP. import:
the package against sklearn. scale: time and memory of a fit by the number of rows. gpu:
fits and a large training on the GPU.
"""

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from benchmarks import extra_packages

with extra_packages():
    import pandas as pd
    import torch

    from benchmarks import (
        report,
        speed_gpu,
        speed_scale,
        speed_step,
        speed_use,
    )
    from benchmarks.timing import goal_line

ROOT = Path(__file__).parents[1]
RESULTS, DOCS = ROOT / "benchmarks" / "results", ROOT / "docs" / "speed.md"
TITLE = """# Speed

What `python -m benchmarks.speed` found, part by part. Ratios are medians of those
within a round, in which all variants take turns.
"""
# Torch's own choice of threads, before a part has another.
TORCH_THREADS = torch.get_num_threads()


class Part(NamedTuple):
    """What a part measures and how.

    ``measure(rounds, **options)`` returns a table, or None where it can't be measured;
    ``describe(table)`` says in text what was found. ``threads`` and ``rounds`` are what
    the command line does not give, ``options`` the names of what it gives besides.
    """

    measure: Callable
    describe: Callable
    # On a busy machine a second thread waits for its core at every operation.
    threads: int = 1
    rounds: int = 9
    options: tuple = ()


def use_text(part, table):
    """Table of a part of :mod:`benchmarks.speed_use`, with its goals."""
    shown = pd.DataFrame(
        {
            part: table["variant"],
            "ms": table["milliseconds"].map("{:.2f}".format),
            "Ratio": table["ratio"].map("{:.2f}".format),
        }
    )
    found = table.set_index("variant")["ratio"]
    goals = [
        goal_line(name, found[name], goal)
        for name, goal in speed_use.GOALS[part].items()
    ]
    return "\n".join([report.terminal(shown), *goals])


PARTS = {
    "step": Part(speed_step.step, speed_step.step_text),
    "fit": Part(speed_use.fit, partial(use_text, "fit")),
    "predict": Part(speed_use.predict, partial(use_text, "predict")),
    "single": Part(speed_use.single, partial(use_text, "single")),
    "import": Part(speed_use.imports, partial(use_text, "import")),
    "scale": Part(
        speed_scale.scale, speed_scale.scale_text, rounds=1, options=("rows",)
    ),
    "gpu": Part(speed_gpu.gpu, speed_gpu.gpu_text, TORCH_THREADS, rounds=5),
}


def main(argv=None):
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.speed",
        description=__doc__.partition("\n")[2].strip(),
    )
    parser.add_argument("parts", nargs="*", help=f"of: {', '.join(PARTS)} (all)")
    parser.add_argument(
        "--rounds",
        type=int,
        help=f"measurements of each variant ({_by_part('rounds')})",
    )
    parser.add_argument("--threads", type=int, help=f"of torch ({_by_part('threads')})")
    parser.add_argument(
        "--rows",
        type=int,
        nargs="+",
        default=speed_scale.ROWS,
        help=f"of part scale ({' '.join(map(str, speed_scale.ROWS))})",
    )
    parser.add_argument("--out", type=Path, default=Path("reports", "speed"))
    parser.add_argument(
        "--publish",
        action="store_true",
        help="also into benchmarks/results and docs/speed.md",
    )
    args = parser.parse_args(argv)
    unknown = sorted(set(args.parts) - set(PARTS))
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}; parts are: {', '.join(PARTS)}")
    for option in ("rounds", "threads"):
        given = getattr(args, option)
        if given is not None and given < 1:
            parser.error(f"--{option} must be at least 1, got {given}")
    # Fewer would leave a class or an inner fold empty.
    if min(args.rows) < 100:
        parser.error(f"--rows must be at least 100, got {min(args.rows)}")
    command = report.command_line("speed", argv)
    made_by = f"{command}; {report.environment(['cr_sklearn', 'sklearn', 'torch'])}"
    for name in args.parts or PARTS:
        part = PARTS[name]
        torch.set_num_threads(args.threads or part.threads)
        options = {option: getattr(args, option) for option in part.options}
        table = part.measure(args.rounds or part.rounds, **options)
        if table is not None:
            report.write_csv(table, args.out / f"{name}.csv", made_by)
        text = f"{part.describe(table)}\n{made_by}\n"
        print(text)
        if args.publish:
            if table is not None:
                report.write_csv(table, RESULTS / f"speed_{name}.csv", made_by)
            page = DOCS.read_text() if DOCS.exists() else TITLE
            DOCS.write_text(with_section(page, name, text))


def with_section(page, name, text):
    """Page with the section of a part replaced or added."""
    title, *sections = page.split("\n## ")
    texts = dict(section.split("\n", 1) for section in sections)
    texts[name] = f"\n```text\n{text}```\n"
    ordered = [f"{part}\n{texts[part]}" for part in PARTS if part in texts]
    return "\n## ".join([title, *ordered])


def _by_part(setting):
    """Values of a setting and the parts that have them, for the help text."""
    parts = {}
    for name, part in PARTS.items():
        parts.setdefault(getattr(part, setting), []).append(name)
    return "; ".join(f"{value}: {', '.join(of)}" for value, of in parts.items())


if __name__ == "__main__":
    with extra_packages():
        main()
