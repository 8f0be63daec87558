"""Displays: what is drawn is what was computed."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from cr_sklearn import ChainzRuleClassifier, ChainzRuleOrdinalRegressor
from cr_sklearn.inspection import (
    DregPathDisplay,
    OrdinalDisplay,
    PolynomialDisplay,
    SensitivityDisplay,
    SensitivityRecorder,
    TailRatioDisplay,
    TrainingDisplay,
    input_sensitivity,
)

plt.switch_backend("Agg")


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def table():
    """A strong, a falling, a weak and a categorical column; 4 grades."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(160, 3)), columns=["strong", "falling", "weak"])
    X["city"] = rng.choice(["Bern", "Oslo", "Rome"], 160)
    latent = 3.0 * X["strong"] - 1.5 * X["falling"] + (X["city"] == "Oslo")
    return X, np.digitize(latent + rng.logistic(size=160), [-2.0, 0.0, 2.0])


@pytest.fixture(scope="module")
def classifier(table):
    X, y = table
    return ChainzRuleClassifier(max_iter=10, random_state=0).fit(X, y > 1)


@pytest.fixture(scope="module")
def fixed(table):
    X, y = table
    model = ChainzRuleClassifier(
        (6, 5), dreg_strength=0.003, n_estimators=2, max_iter=10, random_state=0
    )
    return model.fit(X, y > 1)


def names_on(ax):
    return [text.get_text() for text in ax.get_yticklabels()]


def test_bars_are_the_global_sensitivities_from_the_largest_down(table, classifier):
    """The order on the page is the answer to "what matters most"."""
    X, _ = table
    display = SensitivityDisplay.from_estimator(classifier, X, max_features=3)
    result = input_sensitivity(classifier, X)
    order = np.argsort(-result.per_deviation_mean)[:3]
    assert names_on(display.ax_) == result.feature_names[order].tolist()
    bars = sorted(
        (bar.get_y(), bar.get_width())
        for part in display.ax_.containers
        for bar in part
    )
    widths = [width for _, width in bars]
    assert_allclose(widths, result.per_deviation_mean[order])
    assert "log-odds of True" in display.ax_.get_xlabel()


def test_squashed_columns_are_marked(table, classifier):
    """A short bar may be the work of the bound."""
    X, _ = table
    far = X.copy()
    far.loc[:39, "falling"] = 1e3
    texts = SensitivityDisplay.from_estimator(classifier, far).ax_.texts
    assert [text.get_text() for text in texts] == ["25% of rows squashed"]


def test_points_of_the_swarm_are_the_rows(table, classifier):
    """Colour tells the direction, which a norm does not."""
    X, _ = table
    ax = SensitivityDisplay.from_estimator(classifier, X, kind="swarm").ax_
    result = input_sensitivity(classifier, X)
    drawn = {part.get_label(): part.get_offsets() for part in ax.collections}
    by_name = dict(zip(names_on(ax), range(4), strict=True))
    for label, name in [
        ("a higher value raises it", "strong"),
        ("a higher value lowers it", "falling"),
        ("a category, switched", "city"),
    ]:
        points = drawn[label][np.rint(drawn[label][:, 1]) == by_name[name]]
        column = result.feature_names.tolist().index(name)
        expected = np.sort(result.per_deviation[:, column])
        assert len(points) > 150
        assert np.isin(points[:, 0].round(9), expected.round(9)).all()


def test_pipelines_are_drawn_by_the_columns_of_the_user(table):
    """Behind a scaler the names and units would be lost."""
    X, y = table
    X = X[["strong", "weak"]]
    model = ChainzRuleClassifier(dreg_strength=0.01, max_iter=3, random_state=0)
    pipeline = make_pipeline(StandardScaler(), model).fit(X, y)
    display = SensitivityDisplay.from_estimator(
        pipeline, X, response_method="predict_proba"
    )
    assert set(names_on(display.ax_)) == {"strong", "weak"}
    assert "probabilities" in display.ax_.get_xlabel()


def test_tail_ratio_is_shown_for_each_set_of_rows(table, classifier):
    """Two sets on one ax are compared by colour and legend."""
    X, _ = table
    first = TailRatioDisplay.from_estimator(classifier, X[:80], name="first")
    sensitivity = classifier.sensitivity(X[80:])
    second = TailRatioDisplay.from_predictions(sensitivity, name="second", ax=first.ax_)
    assert second.ax_ is first.ax_
    assert second.tail_ratio == classifier.tail_ratio(X[80:])
    handles, labels = first.ax_.get_legend_handles_labels()
    assert f"{first.tail_ratio:.2f}" in labels[0]
    assert f"{second.tail_ratio:.2f}" in labels[1]
    one, two = (handle.get_facecolor() for handle in handles)
    assert one != two
    positions = [line.get_xdata()[0] for line in first.ax_.lines]
    assert_allclose(positions[2:], [sensitivity.mean(), np.quantile(sensitivity, 0.99)])


def test_curves_of_units_are_their_polynomials(table, fixed):
    """What is drawn can be read off as coefficients."""
    X, _ = table
    display = PolynomialDisplay.from_estimator(fixed, X, n_units=3)
    layer = display.layers[1]
    unit = 7  # the third of the second network
    coefs = fixed.polynomial_coefs_[1][1, :, 2]
    encoded, _ = fixed._encoder.transform(fixed._read(X))
    h = encoded @ fixed.coefs_[0][1] + fixed.intercepts_[0][1]
    h = sum(c * h ** (k + 1) for k, c in enumerate(fixed.polynomial_coefs_[0][1]))
    z = (h @ fixed.coefs_[1][1] + fixed.intercepts_[1][1])[:, 2]
    ends = np.quantile(z, [0.01, 0.99]) - np.median(z)
    assert_allclose(layer.z[unit, [0, -1]], ends)

    def value(at):
        return sum(c * at ** (k + 1) for k, c in enumerate(coefs))

    expected = value(layer.z[unit] + np.median(z)) - value(np.median(z))
    assert_allclose(layer.value[unit], expected, atol=1e-12)
    # Of the last layer the output's derivative is its weight.
    weight = abs(0.5 * fixed.coefs_[2][1, 2, 0])
    assert layer.effect[unit] == pytest.approx(weight * value(z).std())
    coloured = [line for line in display.ax_[1].lines if line.get_linewidth() == 2.0]
    strongest = layer.z[np.argsort(-layer.effect)[:3]]
    assert_allclose([line.get_xdata() for line in coloured], strongest)


def test_effects_in_the_first_layer_are_finite_differences(table, fixed):
    """Which units are in colour depends on the way back through the layers."""
    X, _ = table
    layer = PolynomialDisplay.from_estimator(fixed, X).layers[0]
    member, unit, step = 0, 4, 1e-6
    encoded, _ = fixed._encoder.transform(fixed._read(X))

    def polynomial(z, coefs):
        return sum(c * z ** (k + 1) for k, c in enumerate(coefs))

    h = polynomial(
        encoded @ fixed.coefs_[0][member] + fixed.intercepts_[0][member],
        fixed.polynomial_coefs_[0][member],
    )

    def output(h):
        z = h @ fixed.coefs_[1][member] + fixed.intercepts_[1][member]
        last = polynomial(z, fixed.polynomial_coefs_[1][member])
        return 0.5 * (last @ fixed.coefs_[2][member])[:, 0]

    moved = h.copy()
    moved[:, unit] += step
    slope = np.abs(output(moved) - output(h)) / step
    expected = slope.mean() * h[:, unit].std()
    assert layer.effect[unit] == pytest.approx(expected, rel=1e-3)


def test_training_curves_are_those_of_the_estimator(table, classifier):
    """The break where other strengths stop is marked: it is no divergence."""
    display = TrainingDisplay.from_estimator(classifier)
    loss, dreg = display.ax_
    drawn = np.concatenate([line.get_ydata() for line in loss.lines[:2]])
    assert_allclose(drawn, classifier.loss_curve_)
    drawn = np.concatenate([line.get_ydata() for line in dreg.lines[:2]])
    assert_allclose(drawn, classifier.dreg_curve_)
    assert len(loss.lines[0].get_ydata()) == classifier._n_iter_all
    assert [text.get_text().strip() for text in loss.texts] == [
        "all strengths",
        "the two best",
    ]


def test_held_out_loss_and_tail_ratio_where_there_are_some(table):
    """Early stopping and a recorder add what they know."""
    X, y = table
    recorder = SensitivityRecorder(X)
    model = ChainzRuleClassifier(
        early_stopping=True, dreg_strength=0.01, max_iter=4, random_state=0
    )
    if hasattr(model, "set_callbacks"):
        model.set_callbacks(recorder)
    else:
        recorder.tail_ratio_curve_ = [1.0, 2.0, 1.5, 1.2]
    model.fit(X, y)
    display = TrainingDisplay.from_estimator(model, recorder=recorder)
    loss, _, tail = display.ax_
    assert_allclose(loss.lines[1].get_ydata(), model.validation_loss_curve_)
    assert_allclose(tail.lines[0].get_ydata(), recorder.tail_ratio_curve_)
    assert not loss.texts


def test_path_shows_every_candidate_and_the_weights(classifier):
    """Which strengths were tried, what they gave, and which were taken."""
    path = classifier.dreg_path_
    display = DregPathDisplay.from_estimator(classifier)
    for ax, name in zip(display.ax_, ["log_loss", "tail_ratio"], strict=True):
        for line, linear in zip(ax.lines, [False, True], strict=True):
            own = path["linear"] == linear
            assert_allclose(line.get_xdata(), path["dreg_strength"][own])
            assert_allclose(line.get_ydata(), path[name][own])
    assert len(display.ax_[0].texts) == np.count_nonzero(path["weight"])


@pytest.mark.parametrize("link", ["logit", "cloglog"])
def test_ordinal_display_has_thresholds_rows_and_probabilities(table, link):
    """Lines where the model has them, each row once, curves as predicted."""
    X, y = table
    grades = np.array(["bad", "poor", "fair", "good"])
    model = ChainzRuleOrdinalRegressor(
        categories=grades, link=link, dreg_strength=0.01, max_iter=5, random_state=0
    ).fit(X, grades[y])
    display = OrdinalDisplay.from_estimator(model, X, grades[y])
    rows, curves = display.ax_
    lines = [line.get_xdata()[0] for line in rows.lines]
    assert_allclose(lines, model.thresholds_)
    for position, grade in enumerate(grades):
        name = names_on(rows)[position]
        assert name == f"{grade} ({(grades[y] == grade).sum()})"
    probabilities = model.predict_proba(X)
    latent = model.predict_latent(X)
    for position, grade in enumerate(grades):
        line = curves.lines[position]
        at = np.interp(latent, line.get_xdata(), line.get_ydata())
        column = model.classes_.tolist().index(grade)
        assert_allclose(at, probabilities[:, column], atol=1e-3)


def test_displays_of_several_panels_fit_into_a_given_place(table, classifier):
    """Side by side in a figure of the user's, or on axes of their own."""
    X, _ = table
    figure, axes = plt.subplots(1, 2)
    display = TrainingDisplay.from_estimator(classifier, ax=axes[0])
    assert display.figure_ is figure
    assert len(figure.axes) == 4
    given = DregPathDisplay.from_estimator(classifier, ax=axes).ax_
    assert given.tolist() == axes.tolist()
    with pytest.raises(ValueError, match="draws 2 axes, got 3"):
        DregPathDisplay.from_estimator(classifier, ax=plt.subplots(3)[1])
    assert SensitivityDisplay.from_estimator(classifier, X, ax=axes[1]).ax_ is axes[1]


def test_what_can_not_be_drawn_is_said(table, classifier, fixed):
    """Before a figure is opened, with what to do instead."""
    X, y = table
    before = plt.get_fignums()
    for error, message, draw in [
        (ValueError, "kind must be", lambda: SensitivityDisplay.from_estimator(
            classifier, X, kind="beeswarm")),
        (TypeError, "LogisticRegression", lambda: TailRatioDisplay.from_estimator(
            LogisticRegression(), X)),
        (ValueError, "got -1 in row 1", lambda: TailRatioDisplay.from_predictions(
            [1.0, -1.0])),
        (ValueError, "shape", lambda: TailRatioDisplay.from_predictions([])),
        (ValueError, "dreg_path_", lambda: DregPathDisplay.from_estimator(fixed)),
        (ValueError, "set_callbacks", lambda: TrainingDisplay.from_estimator(
            fixed, recorder=SensitivityRecorder(X))),
        (TypeError, "ChainzRuleOrdinalRegressor", lambda: (
            OrdinalDisplay.from_estimator(fixed, X, y))),
        (ValueError, r"\[9\]", lambda: OrdinalDisplay.from_predictions(
            [0, 9], [0.1, 0.2], thresholds=[0.0], categories=[0, 1])),
        (ValueError, "same shape", lambda: OrdinalDisplay.from_predictions(
            [0], [0.1, 0.2], thresholds=[0.0], categories=[0, 1])),
        (ValueError, r"shape \(1,\)", lambda: OrdinalDisplay.from_predictions(
            [0, 1], [0.1, 0.2], thresholds=[0.0, 1.0], categories=[0, 1])),
    ]:  # fmt: skip
        with pytest.raises(error, match=message):
            draw()
    linear = ChainzRuleClassifier((), dreg_strength=0.01, max_iter=2, random_state=0)
    with pytest.raises(ValueError, match="linear"):
        PolynomialDisplay.from_estimator(linear.fit(X, y), X)
    assert plt.get_fignums() == before
