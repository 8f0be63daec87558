"""Cubic and ReLU networks on MNIST: accuracy by parameters, and gradients by width.

``python -m benchmarks.mnist`` repeats the "Fair Fight" of arXiv 2605.15463 with single
networks of two hidden layers that differ in activation and regulariser alone. Settings
are chosen width by width on a part of the training images; then every network is
trained on all of them, from five seeds.
"""

from pathlib import Path
from typing import NamedTuple

from benchmarks import extra_packages

with extra_packages():
    import numpy as np
    from sklearn.metrics import accuracy_score, log_loss
    from sklearn.model_selection import train_test_split

    from benchmarks import command, mnist_report
    from benchmarks.evaluation import Scoring
    from benchmarks.images import load_mnist
    from benchmarks.mnist_networks import choose, step_candidates, value_candidates
    from benchmarks.mnist_tables import GRADIENTS, METRICS
    from benchmarks.protocols import Experiment, Split
    from benchmarks.tail_ratio import gradient_norms
    from cr_sklearn.inference._tail_ratio import tail_ratio

ROWS = Path("reports", "mnist", "rows.csv")
PACKAGES = ["cr_sklearn", "sklearn", "torch"]
# Images whose Jacobians, of ten logits by 784 pixels, are held at a time.
_IMAGES_AT_ONCE = 250


class Plan(NamedTuple):
    """How much is run.

    ``n_images`` train in the end; before, settings are chosen by ``n_validation`` of
    them, with the others as training images.
    """

    widths: tuple
    n_seeds: int
    n_images: int
    n_validation: int


FULL = Plan((4, 8, 16, 32, 64, 128), 5, 60_000, 10_000)
QUICK = Plan((8, 32, 128), 2, 12_000, 4_000)


def main(argv=None):
    options = command.parser(
        "mnist",
        __doc__.splitlines()[0],
        quick="three widths, two seeds, a fifth of the images, in a minute",
        rows=ROWS,
    )
    args = command.parse(options, argv)
    plan = QUICK if args.quick else FULL
    images = command.loaded(load_mnist)
    X = np.concatenate([images.train, images.test]).reshape(-1, images.train[0].size)
    y = np.concatenate([images.y_train, images.y_test])
    validation, tests = splits(images.y_train, len(images.y_test), plan)

    def fits(dataset, parts, candidates, scoring):
        models = {one.name: one for one in candidates}
        protocol = f"{len(parts[0].train)} training images"
        experiment = Experiment(dataset, protocol, X, y, parts, models)
        return command.fit(args, [experiment], scoring)

    # First the step sizes, then the values of the regularisers.
    candidates = step_candidates(plan.widths)
    tried, accuracy = [], {}
    for _ in range(2):
        rows = fits("mnist validation", validation, candidates, VALIDATION)
        accuracy |= dict(zip(rows["model"], rows["accuracy"], strict=True))
        tried += candidates
        chosen = command.loaded(choose, tried, accuracy)
        candidates = value_candidates(chosen)
    rows = fits("mnist", tests, chosen, TEST)
    result = mnist_report.Result(rows, chosen, plan)
    made_by = command.made_by(args, argv, PACKAGES)
    command.report_on(args, mnist_report, result, made_by)


def splits(y_train, n_test, plan):
    """One split of training images for the choice, and the one to test on, by seed.

    Test images come after the training images.
    """
    used = np.arange(len(y_train))
    if plan.n_images < len(used):
        used, _ = train_test_split(
            used, train_size=plan.n_images, stratify=y_train, random_state=0
        )
    part, held_out = train_test_split(
        used, test_size=plan.n_validation, stratify=y_train[used], random_state=0
    )
    test = len(y_train) + np.arange(n_test)
    return (
        [Split(0, 0, 1.0, plan.n_seeds, part, held_out)],
        [Split(seed, 0, 1.0, seed, used, test) for seed in range(plan.n_seeds)],
    )


def n_parameters(model):
    """Numbers that were trained: the skip connection and constant pixels have none."""
    parts = [*model.coefs_, *model.intercepts_, *model.polynomial_coefs_]
    return sum(part.size for part in parts)


def score_validation(model, X, y, labels, probabilities):
    """What settings are chosen by; no gradients."""
    return {
        "accuracy": accuracy_score(y, labels),
        "log_loss": log_loss(y, probabilities, labels=model.classes_),
        "n_parameters": n_parameters(model),
    }


def score_test(model, X, y, labels, probabilities):
    """Accuracy, and gradients by the pixels in units of their standard deviation.

    Of the norms of all images the mean, the largest, the quantile that one in a
    thousand exceeds ("peak"), and the tail ratio ("tau").
    """
    parts = [
        gradient_norms(
            model, X[start : start + _IMAGES_AT_ONCE], y[start:][:_IMAGES_AT_ONCE]
        )
        for start in range(0, len(X), _IMAGES_AT_ONCE)
    ]
    scores = score_validation(model, X, y, labels, probabilities)
    for gradient in GRADIENTS:
        norms = np.concatenate([part[gradient] for part in parts])
        scores[f"{gradient}_mean"] = norms.mean()
        scores[f"{gradient}_max"] = norms.max()
        scores[f"{gradient}_peak"] = np.quantile(norms, 0.999)
        scores[f"{gradient}_tau"] = tail_ratio(norms)
    return scores


VALIDATION = Scoring(METRICS, score_validation)
TEST = Scoring(METRICS, score_test)


if __name__ == "__main__":
    with extra_packages():
        main()
