"""Stars of a stream of reviews, watched while the stream changes its subject.

A pipeline of a frozen encoder and an ordinal regressor is fitted on Yelp reviews and
saved with its monitor. Another part loads both and serves reviews that were held out,
in micro-batches; then reviews of another site come instead. Run it from the project's
root: ``python -m docs.examples.sentiment_stream.stream``.
"""

import argparse
import re
import shlex
import sys
import time
from pathlib import Path

from benchmarks import extra_packages

with extra_packages("papers"):
    import joblib
    import numpy as np
    import pandas as pd
    import torch
    from sklearn.pipeline import Pipeline

    from benchmarks import command, report
    from benchmarks.encoders import SentenceEncoder
    from benchmarks.ordinal_scores import RULES
    from benchmarks.texts import load_reviews
    from cr_sklearn import ChainzRuleOrdinalRegressor
    from cr_sklearn.monitoring import SensitivityMonitor
    from docs.examples.sentiment_stream import stream_report
    from docs.examples.sentiment_stream.stream_report import STAGES

MODULE = "docs.examples.sentiment_stream.stream"
README = Path(__file__).with_name("README.md")
PACKAGES = ["cr_sklearn", "sklearn", "torch", "transformers"]
BATCH = 64
HOME, N_STARS = "yelp", 5
# Sources and their batches, one after the other.
STREAM = [(HOME, 30), ("coursera", 10), (HOME, 10), ("imdb", 10)]
QUICK_STREAM = [(HOME, 6), ("coursera", 3)]
# Reviews to fit, and those of the monitor's reference.
N_FIT, N_REFERENCE = 4000, 2000
QUICK_FIT, QUICK_REFERENCE = 600, 500


def sentiment_pipeline():
    """From texts to probabilities of stars."""
    return Pipeline(
        [
            ("encode", SentenceEncoder()),
            ("stars", ChainzRuleOrdinalRegressor(n_bins=0, random_state=0)),
        ]
    )


def fit(pipeline, training, reference, folder):
    """Fit a pipeline and save it, with a monitor of what its last step gets.

    Parameters
    ----------
    pipeline : Pipeline
    training : DataFrame
        Columns ``text`` and ``rank``.
    reference : DataFrame
        Rows like those expected in production, not those of the fit.
    folder : Path
        Gets ``pipeline.joblib`` and ``monitor.json``.
    """
    pipeline.fit(training["text"], training["rank"])
    folder.mkdir(parents=True, exist_ok=True)
    joblib.dump(pipeline, folder / "pipeline.joblib")
    # Of the last step alone: through the pipeline texts would be encoded twice.
    monitor = SensitivityMonitor.from_estimator(
        pipeline[-1], pipeline[:-1].transform(reference["text"])
    )
    monitor.save(folder / "monitor.json")


def serve(folder, batches):
    """Score batches by what :func:`fit` has saved.

    Parameters
    ----------
    folder : Path
    batches : iterable of (str, DataFrame)
        Where the rows come from, and their ``text`` and ``rank``; of the latter nothing
        is made but ``mae``.

    Returns
    -------
    DataFrame
        A line for each batch: its ``source``, the monitor's ``status`` and how many of
        its ``statistics`` are not "ok", some of them with the upper end of their band
        (``sensitivity_mean`` with both), the ``mae`` of the predictions, and seconds by
        stage.
    """
    pipeline = joblib.load(folder / "pipeline.joblib")
    encoder, stars = pipeline[:-1], pipeline[-1]
    monitor = SensitivityMonitor.load(folder / "monitor.json", stars)
    lines = []
    for source, batch in batches:
        clock = [time.perf_counter()]
        rows = encoder.transform(batch["text"])
        clock.append(time.perf_counter())
        probabilities, sensitivity = stars.predict_proba(rows, return_sensitivity=True)
        clock.append(time.perf_counter())
        found = monitor.update(rows, sensitivity)
        clock.append(time.perf_counter())
        states = [statistic.status for *_, statistic in found.statistics()]
        ranks = RULES["median"](probabilities)
        lines.append(
            {
                "source": source,
                "rows": len(batch),
                "status": found.status,
                "not_ok": len(states) - states.count("ok"),
                "statistics": len(states),
                "sensitivity_mean": found.sensitivity_mean.value,
                "sensitivity_mean_low": found.sensitivity_mean.low,
                "sensitivity_mean_high": found.sensitivity_mean.high,
                "sensitivity_ks": found.sensitivity_ks.value,
                "sensitivity_ks_high": found.sensitivity_ks.high,
                "tail_ratio": found.tail_ratio.value,
                "tail_ratio_high": found.tail_ratio.high,
                "column_ks": max(of.value / of.high for of in found.ks.values()),
                "mae": np.abs(ranks - batch["rank"]).mean(),
                **dict(zip(STAGES, np.diff(clock), strict=True)),
            }
        )
    table = pd.DataFrame(lines)
    table.insert(0, "batch", np.arange(1, len(table) + 1))
    return table


def parts(stream, n_fit, n_reference):
    """Reviews to fit, the reference's, and batches of a source each; none twice.

    Returns
    -------
    fit, reference : DataFrame
        Columns ``text`` and ``rank``.
    batches : list of (str, DataFrame)
        Ranks are NaN where a source has other levels.
    """
    home = _reviews(HOME)
    left = {HOME: home[n_fit + n_reference :]}
    batches = []
    for source, n_batches in stream:
        if source not in left:
            left[source] = _reviews(source)
        for _ in range(n_batches):
            batches.append((source, left[source][:BATCH]))
            left[source] = left[source][BATCH:]
    return home[:n_fit], home[n_fit : n_fit + n_reference], batches


def _reviews(name):
    """Different texts in random order."""
    reviews = load_reviews(name)
    table = pd.DataFrame({"text": reviews.texts, "rank": reviews.y})
    if len(reviews.levels) != N_STARS:
        table["rank"] = np.nan
    return table.drop_duplicates("text").sample(frac=1.0, random_state=0)


def main(argv=None):
    parser = argparse.ArgumentParser(
        prog=f"python -m {MODULE}", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--quick", action="store_true", help="fewer reviews, one drift")
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("reports", "sentiment_stream"),
        help="folder of the saved pipeline, the figures and the picture",
    )
    parser.add_argument(
        "--publish",
        action="store_true",
        help="also write benchmarks/results, docs/images and the README's output",
    )
    args = parser.parse_args(argv)
    if args.publish and args.quick:
        parser.error("--publish is for the full run, not with --quick")
    sizes = (
        (QUICK_STREAM, QUICK_FIT, QUICK_REFERENCE)
        if args.quick
        else (STREAM, N_FIT, N_REFERENCE)
    )
    training, reference, batches = command.loaded(parts, *sizes)
    print(f"Fitting {len(training):,} reviews", file=sys.stderr)
    fit(sentiment_pipeline(), training, reference, args.out)
    print(f"Serving {len(batches)} batches of {BATCH}", file=sys.stderr)
    served = serve(args.out, batches)
    speed = stream_report.speeds(served)
    given = sys.argv[1:] if argv is None else argv
    made_by = (
        f"{shlex.join(['python', '-m', MODULE, *given])}; "
        f"{torch.get_num_threads()} threads; {report.environment(PACKAGES)}"
    )
    folders = [(args.out, args.out)]
    if args.publish:
        folders.append((command.ROOT / command.RESULTS, command.ROOT / "docs/images"))
    tables = {
        "": served,
        "_detections": stream_report.detections(served),
        "_speed": speed,
    }
    for results, images in folders:
        for name, table in tables.items():
            path = results / f"sentiment_stream{name}.csv"
            report.write_csv(table, path, made_by)
        stream_report.draw(served).savefig(images / "sentiment_stream.png")
    output = f"{stream_report.text(served, speed)}\n\n{made_by}"
    if args.publish:
        page = README.read_text(encoding="utf-8")
        page = re.sub(
            r"```text\n.*?```", lambda _: f"```text\n{output}\n```", page, flags=re.S
        )
        README.write_text(page, encoding="utf-8")
    print(output)


if __name__ == "__main__":
    with extra_packages("papers"):
        main()
