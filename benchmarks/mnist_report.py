"""What the MNIST benchmark reports: its tables, its text and its figures."""

from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from benchmarks import report
from benchmarks.mnist_networks import (
    CENTER,
    FAMILIES,
    LABELS,
    SCALE,
    STEPS,
    VALUES,
)
from benchmarks.mnist_tables import GRADIENTS, by_width, pairs, parameters

TITLES = {
    "error": "test error",
    "log_loss": "log-loss",
    **{
        f"{gradient}_{what}": f"{word}, {gradient} gradient"
        for gradient in GRADIENTS
        for what, word in {
            "mean": "mean",
            "peak": "peak",
            "max": "largest",
            "tau": "tau",
        }.items()
    },
}
# In the table by width.
SHOWN = ["logit_peak", "logit_tau", "loss_peak", "loss_tau"]
# The standard networks of arXiv 2605.15463.
STANDARD = "relu"


class Result(NamedTuple):
    """Fits on the test images, and the chosen networks that they are of."""

    rows: pd.DataFrame
    chosen: list
    plan: Any

    @property
    def main_rows(self):
        """Fits by family, width and seed, of the seeds that all networks have.

        None if there is only one, of which no test can be made.
        """
        networks = pd.DataFrame(self.chosen).assign(
            model=[one.name for one in self.chosen],
            place=[list(FAMILIES).index(one.family) for one in self.chosen],
        )
        rows = self.rows.merge(networks[["model", "family", "width", "place"]])
        fitted = rows.groupby("repeat")["model"].transform("nunique")
        rows = rows[fitted == len(networks)]
        if rows["repeat"].nunique() < 2:
            return rows.iloc[:0]
        # Families in their own order, which tables and tests then keep.
        rows = rows.sort_values(["place", "width", "repeat"], ignore_index=True)
        return rows.assign(model=rows["family"])


def write(page, result, made_by, prefix=""):
    """Write the page, as :func:`benchmarks.command.report_on` asks for it."""
    rows = result.main_rows
    table, compared, needed = _tables(result)
    draw_error(Path(page.parent, f"{prefix}error.png"), table)
    draw_gradients(Path(page.parent, f"{prefix}gradients.png"), rows)
    sections = [
        "# Cubics and ReLUs on MNIST",
        _protocol(result),
        "## Parameters at equal accuracy\n\nThe accuracy of each family and seed is "
        "interpolated by the logarithm of the parameters; those of another family by "
        "those of ChainzRule, geometric mean over the seeds in which both reach the "
        "level, with the corrected 95 % interval; p adjusted over the table.\n\n"
        + report.markdown(_parameter_table(needed))
        + f"\n\n![Test error by parameters]({prefix}error.png)",
        "## Gradients\n\nChainzRule by the other family at equal width and seed: "
        "geometric mean with the corrected 95 % interval over seeds; the change is the "
        "mean over pairs; p is adjusted over the table.\n\n"
        + report.markdown(_pair_table(compared))
        + f"\n\n![Peaks and tail ratios by width]({prefix}gradients.png)",
        "## By width\n\nMean ± sd over seeds.\n\n"
        + report.markdown(_width_table(table)),
        f"`{made_by}`",
    ]
    page.write_text("\n\n".join(sections) + "\n", encoding="utf-8")


def terminal(result):
    """Gradients and parameters beside those of other families, as plain text."""
    _, compared, needed = _tables(result)
    tables = [_pair_table(compared), _parameter_table(needed)]
    return "\n\n".join(map(report.terminal, tables))


def publish(folder, result, made_by):
    """Write the numbers of the tables as small CSV files."""
    table, compared, needed = _tables(result)
    report.write_csv(table, Path(folder, "mnist.csv"), made_by)
    report.write_csv(compared, Path(folder, "mnist_pairs.csv"), made_by)
    report.write_csv(needed, Path(folder, "mnist_parameters.csv"), made_by)


def _tables(result):
    rows = result.main_rows
    return by_width(rows, result.chosen), pairs(rows), parameters(rows)


def _protocol(result):
    plan, rows = result.plan, result.main_rows
    widths = ", ".join(str(width) for width in rows["width"].unique())
    tried = "; ".join(
        f"{name} {', '.join(f'{value:g}' for value in values)}"
        for name, values in VALUES.items()
        if name
    )
    return (
        "## Protocol\n\n"
        f"Single networks of two hidden layers of {widths} units, "
        f"{rows['repeat'].nunique()} seeds, {plan.n_images:,} training images and the "
        f"{rows['n_test'].iloc[0]:,} test images. The networks are this library's, "
        "with its initialisation and training (20 epochs, batches of up to 1,024, one "
        "cosine), but one network each, without ramps and without the linear map from "
        "input to output, which alone has more weights than a small network. Pixels "
        f"are centred and scaled by one mean and standard deviation ({CENTER:g} and "
        f"{SCALE:g} of 255), so that a gradient means the same at each of them. "
        "Parameters are all numbers that were trained, coefficients of the cubics "
        "included; pixels that never vary have none.\n\n"
        "Of each family at each width the step size was chosen among "
        f"{', '.join(f'{step:g}' for step in STEPS)}, and then the value of its "
        f"regulariser among four ({tried}), by accuracy on {plan.n_validation:,} of "
        "the training images.\n\n"
        "The paper leaves open which gradient it means. Here it is that by the pixels, "
        "in units of their standard deviation, of the loss (cross-entropy of the true "
        "class) and of the logits (Frobenius norm). Of the norms of all test images "
        "the peak is the 99.9th percentile, tau the 99th by the mean. A pair is two "
        "networks of equal width and seed."
    )


def _parameter_table(needed):
    return pd.DataFrame(
        {
            "accuracy": needed["level"].map("{:.3g}".format),
            "family": needed["model"].map(LABELS),
            "ChainzRule needs": needed["reference_parameters"].map("{:,.0f}".format),
            "it needs": needed["parameters"].map("{:,.0f}".format),
            "ratio": _intervals(needed),
            "seeds": needed["n_seeds"],
            "p (Holm)": needed["p_holm"].map(report.format_p),
        }
    )


def _pair_table(compared):
    return pd.DataFrame(
        {
            "": compared["metric"].map(TITLES),
            "against": compared["model"].map(LABELS),
            "ratio (95 %)": _intervals(compared),
            "change": compared["change"].map("{:+.1%}".format),
            "lower in": [
                f"{lower} of {n}"
                for lower, n in compared[["lower", "n_pairs"]].to_numpy()
            ],
            "p (Holm)": compared["p_holm"].map(report.format_p),
        }
    )


def _intervals(table):
    return [
        f"{ratio:.2f} ({low:.2f} to {high:.2f})"
        for ratio, low, high in table[["ratio", "low", "high"]].to_numpy()
    ]


def _width_table(table):
    shown = {
        "family": table["model"].map(LABELS),
        "units": [f"{width} + {width}" for width in table["width"]],
        "step, regulariser": [
            f"{step:g}" if pd.isna(value) else f"{step:g}, {value:g}"
            for step, value in table[["step", "value"]].astype(float).to_numpy()
        ],
        "parameters": table["n_parameters"].map("{:,.0f}".format),
        "accuracy": report.mean_sd(table, "accuracy", 4),
        "log-loss": report.mean_sd(table, "log_loss", 3),
    }
    for norm in SHOWN:
        shown[TITLES[norm]] = report.mean_sd(table, norm, 2)
    return pd.DataFrame(shown)


def draw_error(path, table):
    """Test error by parameters, one line for each family."""
    figure, (ax,) = report.new_figure(1, (7, 4.5))
    for position, (name, part) in enumerate(table.groupby("model", sort=False)):
        ax.errorbar(
            part["n_parameters"],
            100 * (1.0 - part["accuracy"]),
            yerr=100 * part["accuracy_sd"],
            label=LABELS[name],
            **_style(position),
        )
    ax.set_xscale("log")
    ax.set_yscale("log")
    report.plain_log_numbers(ax.yaxis)
    ax.set_xlabel("Trained parameters (log scale)")
    ax.set_ylabel("Test error, % (log scale)")
    ax.grid(alpha=0.3)
    ax.legend(frameon=False)
    figure.savefig(path)


def draw_gradients(path, rows):
    """Peaks by those of plain ReLU networks, and tail ratios, by width."""
    figure, axes = report.new_figure(3, (13, 4))
    peaks = rows.pivot(index=["width", "repeat"], columns="model", values="loss_peak")
    ratios = peaks.div(peaks[STANDARD], axis=0).groupby("width").mean()
    panels = [(ratios, f"Peak of the loss gradient by that of {LABELS[STANDARD]}")]
    for gradient in GRADIENTS:
        means = rows.groupby(["width", "model"], sort=False)[f"{gradient}_tau"].mean()
        panels.append((means.unstack(), f"tau of the {gradient} gradient"))
    for ax, (values, title) in zip(axes, panels, strict=True):
        for position, (name, label) in enumerate(LABELS.items()):
            ax.plot(values.index, values[name], label=label, **_style(position))
        ax.set_xscale("log", base=2)
        ax.set_xticks(values.index, [str(width) for width in values.index])
        ax.set_yscale("log")
        report.plain_log_numbers(ax.yaxis)
        ax.set_xlabel("Units of each hidden layer")
        ax.set_title(title, fontsize=10)
        ax.grid(alpha=0.3)
    axes[0].legend(frameon=False, fontsize=8)
    figure.savefig(path)


def _style(position):
    colour, marker = report.PALETTE[position], report.MARKERS[position]
    return {"color": colour, "marker": marker, "lw": 1.6, "ms": 5}
