"""Report of a monitor on a window of rows."""

import json
import os
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cr_sklearn._files import write_whole


class Statistic(NamedTuple):
    """A measured value and the band in which undrifted rows have it.

    Attributes
    ----------
    value : float
        NaN if there are no rows, or of a tail ratio if all sensitivities are zero.
    low, high : float
        The band; NaN with too few rows, and ``low`` is -inf where small is good.
    status : {"ok", "warn", "alert", "too_few_rows"}
    """

    value: float
    low: float
    high: float
    status: str

    @classmethod
    def judge(cls, value, band):
        """Judge a value by its band; None where there are too few rows for one."""
        if band is None:
            return cls(value, np.nan, np.nan, "too_few_rows")
        if band.low <= value <= band.high:
            status = "ok"
        elif band.alert_low <= value <= band.alert_high:
            status = "warn"
        else:
            status = "alert"
        return cls(value, band.low, band.high, status)

    def to_dict(self):
        """Return a dict, with None for what is not finite."""
        numbers = {name: _finite(getattr(self, name)) for name in self._fields[:3]}
        return {**numbers, "status": self.status}


@dataclass(frozen=True)
class MonitorReport:
    r"""Statistics of a window of rows.

    Attributes
    ----------
    time : str
        When the report was made, ISO 8601, UTC.
    n_rows : int
        In the window.
    status : {"ok", "warn", "alert", "too_few_rows"}
        The worst of all statistics.
    tail_ratio : Statistic
        :math:`\tau`, 99 % quantile of the sensitivities by their mean.
    sensitivity_mean : Statistic
        Mean norm, in logits per standard deviation.
    sensitivity_ks, sensitivity_psi : Statistic
        Distance of the distribution of the sensitivities to the reference.
    squashed_share : Statistic
        Share of rows with a value more than 5.2 robust standard deviations from the
        median: the bound of the inputs takes away seven eighths of the derivative
        there, so that the row reads as calm without being so.
    unseen_share : Statistic
        Share of rows with a category that training did not see.
    ks : dict of str to Statistic
        Kolmogorov-Smirnov distance of each numeric column, on 20 bins.
    psi : dict of str to Statistic
        Population stability index of each column, missing values and unseen
        categories having bins of their own.
    unseen : dict of str to int
        Rows with an unseen category, by column.
    """

    time: str
    n_rows: int
    status: str
    tail_ratio: Statistic
    sensitivity_mean: Statistic
    sensitivity_ks: Statistic
    sensitivity_psi: Statistic
    squashed_share: Statistic
    unseen_share: Statistic
    ks: dict
    psi: dict
    unseen: dict

    def statistics(self):
        """Return all statistics.

        Returns
        -------
        list of (str, str or None, Statistic)
            Name, column if it is one of a column, and the statistic.
        """
        found = []
        for name, value in vars(self).items():
            if isinstance(value, Statistic):
                found.append((name, None, value))
            elif name in ("ks", "psi"):
                found += [(name, column, of) for column, of in value.items()]
        return found

    def to_dict(self):
        """Return a nested dict of plain Python values that JSON can hold."""
        state = dict(vars(self))
        for name, value in vars(self).items():
            if isinstance(value, Statistic):
                state[name] = value.to_dict()
            elif name in ("ks", "psi"):
                state[name] = {key: of.to_dict() for key, of in value.items()}
        return state

    def to_json(self):
        """Return the dict as one line."""
        return json.dumps(self.to_dict(), allow_nan=False)

    def to_frame(self):
        """Return a frame with one row for each statistic.

        Returns
        -------
        DataFrame
            Columns ``time``, ``n_rows``, ``statistic``, ``column``, ``value``, ``low``,
            ``high`` and ``status``.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        import pandas as pd

        rows = [
            (self.time, self.n_rows, name, column, *statistic)
            for name, column, statistic in self.statistics()
        ]
        names = ["time", "n_rows", "statistic", "column", *Statistic._fields]
        return pd.DataFrame(rows, columns=names).astype({"column": "string"})

    def append_to(self, path):
        """Append to a file.

        Parameters
        ----------
        path : path-like
            With the suffix .jsonl gets a line. With .parquet it is written anew with
            the rows of :meth:`to_frame` at its end, which needs pandas and pyarrow;
            for many thousands of reports take JSON lines.

        Raises
        ------
        ValueError
            If the suffix is another one.
        OSError
            If it can't be written. The file is then as it was.
        """
        path = Path(path)
        if path.suffix == ".jsonl":
            _append_line(path, self.to_json())
        elif path.suffix == ".parquet":
            self._append_parquet(path)
        else:
            raise ValueError(
                f"Reports are appended to .jsonl or .parquet files, got {str(path)!r}."
            )

    def _append_parquet(self, path):
        import pandas as pd

        frame = self.to_frame()
        if path.is_file():
            frame = pd.concat([pd.read_parquet(path), frame], ignore_index=True)
        content = BytesIO()
        frame.to_parquet(content)
        write_whole(path, content.getvalue())


def _append_line(path, line):
    with open(path, "ab") as file:
        end = file.tell()
        try:
            file.write(f"{line}\n".encode())
            file.flush()
        except BaseException:
            os.truncate(path, end)
            raise


def _finite(value):
    return float(value) if np.isfinite(value) else None
