"""What the stream of reviews has shown: detections, speeds, and a picture."""

import numpy as np
import pandas as pd
from matplotlib import ticker

from benchmarks import report

STAGES = {
    "encode": "encode (MiniLM)",
    "predict": "predict, with sensitivities",
    "monitor": "monitor",
}


def detections(served):
    """What the monitor said of each stretch of batches of one source.

    Returns
    -------
    DataFrame
        By stretch: ``source``, whether it is ``drift``, ``batches``, how many are
        "warn" or worse (``not_ok``) and ``alert``, and the number of the first of
        these within the stretch, NaN where there is none; mean ``mae``.
    """
    stretch = served["source"].ne(served["source"].shift()).cumsum()
    lines = []
    for _, of_stretch in served.groupby(stretch):
        source = of_stretch["source"].iloc[0]
        line = {
            "source": source,
            "drift": source != served["source"].iloc[0],
            "batches": len(of_stretch),
        }
        alert = of_stretch["status"].eq("alert").to_numpy()
        for name, found in [("alert", alert), ("not_ok", of_stretch["status"] != "ok")]:
            found = np.flatnonzero(found)
            line[name] = len(found)
            line[f"first_{name}"] = found[0] + 1 if len(found) else np.nan
        lines.append({**line, "mae": of_stretch["mae"].mean()})
    return pd.DataFrame(lines)


def speeds(served):
    """Milliseconds of a batch and reviews a second, by stage and in all.

    Medians over the batches; the first is left out, for which the encoder is loaded and
    the monitor makes its bands.
    """
    later = served[1:]
    seconds = later[[*STAGES]].assign(all=later[[*STAGES]].sum(axis=1))
    median = seconds.median()
    first = served[[*STAGES]].iloc[0]
    return pd.DataFrame(
        {
            "stage": median.index,
            "milliseconds": 1e3 * median.to_numpy(),
            "reviews_per_second": later["rows"].median() / median.to_numpy(),
            "first_batch_milliseconds": 1e3 * np.append(first, first.sum()),
        }
    )


def text(served, speed):
    """Detections and speeds as plain text."""
    found = detections(served)
    shown = pd.DataFrame(
        {
            "Reviews of": found["source"],
            "Batches": found["batches"],
            "warn or alert": found["not_ok"],
            "alert": found["alert"],
            "First alert": found["first_alert"].map(_position),
            "MAE": found["mae"].map(lambda mae: "-" if np.isnan(mae) else f"{mae:.2f}"),
        }
    )
    stages = pd.DataFrame(
        {
            "Stage": [STAGES.get(stage, "in all") for stage in speed["stage"]],
            "ms": speed["milliseconds"].map("{:.1f}".format),
            "Reviews/s": speed["reviews_per_second"].map("{:,.0f}".format),
            "First batch, ms": speed["first_batch_milliseconds"].map("{:,.0f}".format),
        }
    )
    return "\n\n".join([report.terminal(shown), report.terminal(stages)])


def draw(served):
    """What the monitor measures by batch, with the ends of its bands."""
    figure, axes = report.new_figure(3, (12, 3.4))
    panels = {
        "sensitivity_mean": "Mean sensitivity",
        "sensitivity_ks": "Sensitivities: KS distance",
        "column_ks": "Encoded columns: largest KS by its band",
    }
    with_bands = served.assign(column_ks_high=1.0)
    sources = list(dict.fromkeys(served["source"]))
    changes = served["source"].ne(served["source"].shift())
    for ax, (name, title) in zip(axes, panels.items(), strict=True):
        for source, colour in zip(sources, report.PALETTE[1:], strict=False):
            of_source = served[served["source"] == source]
            ax.plot(
                of_source["batch"],
                of_source[name],
                "o",
                ms=4,
                color=colour,
                label=source,
            )
        alert = served[served["status"] == "alert"]
        style = {"ls": "", "marker": "o", "ms": 9, "mfc": "none"}
        ax.plot(
            alert["batch"], alert[name], color=report.HIGHLIGHT, label="alert", **style
        )
        for end in ("low", "high"):
            if f"{name}_{end}" in with_bands:
                ax.plot(served["batch"], with_bands[f"{name}_{end}"], "k--", lw=0.8)
        for batch in served["batch"][changes][1:]:
            ax.axvline(batch - 0.5, lw=0.8, color=report.PLAIN)
        ax.set_title(title, fontsize=10)
        ax.set_xlabel("Batch")
        ax.xaxis.set_major_locator(ticker.MaxNLocator(integer=True))
    axes[-1].legend(fontsize=8, loc="upper left")
    return figure


def _position(number):
    return "-" if np.isnan(number) else f"{number:.0f}"
