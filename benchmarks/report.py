"""Tables, figures and the facts about the machine that every report states."""

import os
import platform
import shlex
import sys
from datetime import date
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import pandas as pd
import scikit_posthocs
from matplotlib import ticker

from benchmarks.comparison import corrected_mean, size_ratio
from benchmarks.protocols import package_version

# Reports are written where there may be no screen.
matplotlib.use("Agg")

HIGHLIGHT, PLAIN = "#c1272d", "#4d5b6a"
# Distinct in print and for most colour-blind readers (Okabe and Ito).
PALETTE = [
    "#c1272d",
    "#0072b2",
    "#e69f00",
    "#009e73",
    "#56b4e9",
    "#cc79a7",
    "#7f7f7f",
    "#000000",
]
MARKERS = ["o", "s", "^", "D", "v", "P", "X", "*"]


def command_line(module, argv):
    """The command of a benchmark as typed; ``argv`` of None is that of the process."""
    given = sys.argv[1:] if argv is None else argv
    return shlex.join(["python", "-m", f"benchmarks.{module}", *given])


def environment(packages):
    """One line: versions, processor, cores, date."""
    versions = ", ".join(f"{name} {package_version(name)}" for name in packages)
    return (
        f"Python {platform.python_version()}, {versions}; {_processor()}, "
        f"{os.cpu_count()} cores, {platform.system()}; {date.today().isoformat()}"
    )


def summary(rows, metrics, by=("model",)):
    """Number of fits, mean and sd of each metric, in tidy columns.

    Returns
    -------
    DataFrame
        Index ``by``; columns ``n_fits`` and, for each metric, ``<metric>`` and
        ``<metric>_sd``. In order of appearance.
    """
    groups = rows.groupby(list(by), sort=False)
    columns = {"n_fits": groups.size()}
    for metric in metrics:
        columns[metric] = groups[metric].mean()
        columns[f"{metric}_sd"] = groups[metric].std()
    return pd.DataFrame(columns)


def mean_sd(table, metric, digits=3):
    """Column of texts such as ``0.771 ± 0.045`` from a :func:`summary`."""
    return [
        format_mean_sd(mean, sd, digits)
        for mean, sd in zip(table[metric], table[f"{metric}_sd"], strict=True)
    ]


def format_mean_sd(mean, sd, digits=3):
    if pd.isna(mean):
        return "-"
    text = f"{mean:.{digits}f}"
    return text if pd.isna(sd) else f"{text} ± {sd:.{digits}f}"


def format_p(p):
    return "< .0001" if p < 1e-4 else f"{p:.4f}"


def markdown(table):
    """GitHub-flavoured table of a DataFrame of texts, without its index."""
    lines = [table.columns, ["---"] * len(table.columns), *table.astype(str).values]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def terminal(table):
    """Aligned plain text of a DataFrame of texts, without its index."""
    columns = []
    for position, name in enumerate(table.columns):
        cells = [name, *table[name].astype(str)]
        width = max(map(len, cells))
        align = str.ljust if position == 0 else str.rjust
        columns.append([align(cell, width) for cell in cells])
    return "\n".join("  ".join(line) for line in zip(*columns, strict=True))


def write_csv(table, path, comment):
    """CSV whose first line, behind ``#``, says how the figures were made."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    text = table.to_csv(index=False, float_format="%.6g", lineterminator="\n")
    path.write_text(f"# {comment}\n{text}", encoding="utf-8")


def new_figure(n_axes, size, **kwargs):
    """Figure with a row of axes, as a flat sequence."""
    figure, axes = plt.subplots(
        1, n_axes, figsize=size, dpi=150, layout="constrained", squeeze=False, **kwargs
    )
    for ax in axes[0]:
        ax.spines[["top", "right"]].set_visible(False)
    return figure, axes[0]


def name_rows(ax, models, labels, reference):
    """Models as labels of the y axis, from top to bottom, one in colour."""
    ax.set_yticks(range(len(models)), [labels[name] for name in models])
    for name, text in zip(models, ax.get_yticklabels(), strict=True):
        text.set_color(HIGHLIGHT if name == reference else "black")
    ax.set_ylim(len(models) - 0.5, -0.5)


def plain_log_numbers(axis):
    """Plain numbers on a logarithmic axis that spans about a decade."""
    axis.set_major_locator(ticker.LogLocator(subs=[1, 2, 3, 4, 5, 6, 8]))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_locator(ticker.NullLocator())


def dot_plot(ax, rows, metric, models, reference):
    """Mean of a metric by model, with its corrected 95 % interval.

    :func:`name_rows` labels the rows.

    Parameters
    ----------
    ax : Axes
    rows : DataFrame
        Fits of one protocol.
    metric : str
    models : list of str
        From top to bottom.
    reference : str
        The model that is drawn in colour; a thin line carries its mean down.
    """
    for height, name in enumerate(models):
        fits = rows[rows["model"] == name]
        estimate = corrected_mean(fits[metric], size_ratio(fits))
        colour = HIGHLIGHT if name == reference else PLAIN
        ax.plot([estimate.low, estimate.high], [height, height], color=colour, lw=1.6)
        ax.plot(estimate.mean, height, "o", color=colour, ms=6)
        if name == reference:
            ax.axvline(estimate.mean, color=colour, lw=0.8, alpha=0.4, zorder=0)
    ax.grid(axis="x", alpha=0.3)


def fraction_plot(ax, rows, metric, models, labels, spread=False):
    """Mean of a metric by number of training rows, one line per model.

    ``spread`` adds a small mark for every single fit.
    """
    for position, name in enumerate(models):
        fits = rows[rows["model"] == name]
        means = fits.groupby("n_train")[metric].mean()
        turn = position % len(PALETTE)
        style = {"color": PALETTE[turn], "marker": MARKERS[turn]}
        ax.plot(means.index, means, lw=1.6, ms=5.5, label=labels[name], **style)
        if spread:
            ax.plot(fits["n_train"], fits[metric], ls="", ms=3, alpha=0.35, **style)
    sizes = sorted(rows["n_train"].unique())
    ax.set_xscale("log")
    ax.set_xticks(sizes, [str(size) for size in sizes])
    ax.minorticks_off()
    ax.set_xlabel("Training rows (log scale)")
    ax.grid(alpha=0.3)


def critical_differences(ax, places, p_values, labels, reference):
    """Mean ranks on a line, with bars that join the models that are not told apart.

    Parameters
    ----------
    ax : Axes
    places : DataFrame
        Rank of each model (column) on each set.
    p_values : DataFrame
        p of the difference between each two models.
    labels : dict
    reference : str
        The model that is drawn in colour.
    """
    names = {name: labels[name] for name in places.columns}
    ax.spines["top"].set_visible(True)
    scikit_posthocs.critical_difference_diagram(
        places.mean().rename(names),
        p_values.rename(index=names, columns=names),
        ax=ax,
        label_fmt_left="{label} ({rank:.2f})",
        label_fmt_right="({rank:.2f}) {label}",
        color_palette={
            label: HIGHLIGHT if name == reference else PLAIN
            for name, label in names.items()
        },
    )


def _processor():
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    names = [line for line in text.splitlines() if line.startswith("model name")]
    return names[0].split(":", 1)[1].strip() if names else platform.machine()
