"""Pictures of every Display, on real data, for docs/gallery.md.

``python -m benchmarks.gallery`` draws on Pima, which comes with the project, and on
three tables of the folder that CR_SKLEARN_DATA names: German credit, for its
categories, phoneme, for its curves, and white wine, for its order.
"""

import argparse
from pathlib import Path

from benchmarks import extra_packages

with extra_packages():
    import matplotlib.pyplot as plt
    from sklearn.model_selection import train_test_split

    from benchmarks import report
    from benchmarks.data import data_folder, load_pima, load_tabular
    from cr_sklearn import ChainzRuleClassifier, ChainzRuleOrdinalRegressor
    from cr_sklearn.inspection import (
        DregPathDisplay,
        OrdinalDisplay,
        PolynomialDisplay,
        SensitivityDisplay,
        SensitivityRecorder,
        TailRatioDisplay,
        TrainingDisplay,
    )

PACKAGES = ["cr_sklearn", "sklearn", "matplotlib"]
DOCS = Path(__file__).parents[1] / "docs"
DPI = 130


def draw_all(folder, data):
    """Draw every picture into a folder.

    Parameters
    ----------
    folder : Path
    data : Path
        Folder of the data that the project does not ship.
    """
    X, y = load_pima()
    y = y.map({0: "negative", 1: "positive"})
    X_train, X_test, y_train, _ = train_test_split(X, y, stratify=y, random_state=0)
    model = ChainzRuleClassifier(random_state=0)
    recorder = SensitivityRecorder(X_test)
    model.set_callbacks(recorder).fit(X_train, y_train)
    save(
        SensitivityDisplay.from_estimator(model, X_test, kind="swarm"), folder, "swarm"
    )
    save(TrainingDisplay.from_estimator(model, recorder=recorder), folder, "training")
    save(DregPathDisplay.from_estimator(model), folder, "dreg_path")
    young = X_test["age"] < 30
    first = TailRatioDisplay.from_estimator(model, X_test[young], name="below 30")
    save(
        TailRatioDisplay.from_estimator(
            model, X_test[~young], name="from 30 on", ax=first.ax_
        ),
        folder,
        "tail_ratio",
    )

    X, y = load_tabular(data / "tabular", "credit_g")
    X_train, X_test, y_train, _ = train_test_split(X, y, stratify=y, random_state=0)
    model = ChainzRuleClassifier(random_state=0).fit(X_train, y_train)
    save(
        SensitivityDisplay.from_estimator(
            model, X_test, reference=X_train, response_method="predict_proba"
        ),
        folder,
        "bars",
    )

    X, y = load_tabular(data / "tabular", "phoneme")
    model = ChainzRuleClassifier(random_state=0).fit(X, y)
    save(PolynomialDisplay.from_estimator(model, X), folder, "polynomials")

    X, y = load_tabular(data / "ordinal", "g_winequality_white")
    # Qualities 3 to 9, of which the outer ones are rare.
    y = (y.astype(int) + 3).clip(4, 8)
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, stratify=y, random_state=0
    )
    model = ChainzRuleOrdinalRegressor(random_state=0).fit(X_train, y_train)
    save(OrdinalDisplay.from_estimator(model, X_test, y_test), folder, "ordinal")


def save(display, folder, name):
    """Write the figure of a display, and close it."""
    display.figure_.savefig(folder / f"gallery_{name}.png", dpi=DPI)
    plt.close(display.figure_)


def main(argv=None):
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gallery", description=__doc__.splitlines()[0]
    )
    parser.add_argument(
        "--folder", type=Path, default=DOCS / "images", help="of the pictures (docs)"
    )
    args = parser.parse_args(argv)
    try:
        data = data_folder()
        args.folder.mkdir(parents=True, exist_ok=True)
        draw_all(args.folder, data)
    except (ValueError, FileNotFoundError) as error:
        raise SystemExit(str(error)) from error
    print(f"Pictures in {args.folder}; {report.environment(PACKAGES)}")


if __name__ == "__main__":
    with extra_packages():
        main()
