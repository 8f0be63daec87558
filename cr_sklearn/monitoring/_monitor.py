"""SensitivityMonitor."""

import json
from datetime import datetime, timezone
from numbers import Integral, Real
from pathlib import Path

import numpy as np
from sklearn.utils import check_scalar

from cr_sklearn._files import write_whole
from cr_sklearn._unwrap import unwrap
from cr_sklearn.monitoring._bands import bootstrap_bands, measure
from cr_sklearn.monitoring._bins import RowBins
from cr_sklearn.monitoring._counts import Counts, first_norm
from cr_sklearn.monitoring._report import MonitorReport, Statistic
from cr_sklearn.monitoring._rows import fingerprint, read_rows
from cr_sklearn.monitoring._window import Window

_FORMAT = 1
# Bands are those of the next smaller number of rows on a grid of this ratio: a little
# wider, and made once.
_GRID = 1.05
_WORST_LAST = ["ok", "warn", "alert", "too_few_rows"]


class SensitivityMonitor:
    r"""Watch whether rows in production are still like those of a reference.

    Every row is reduced to counts: its sensitivity
    :math:`\lVert \partial f(x) / \partial x \rVert_F` in bins of one per cent, and each
    of its columns in bins of the reference. From the counts of a window come the tail
    ratio and the mean of the sensitivities, the share of squashed rows and of rows with
    unseen categories, and the distances (Kolmogorov-Smirnov, PSI) of sensitivities and
    columns to the reference; each with the band in which as many rows drawn like the
    reference have it.

    Counts add up. Those of several workers give the tail ratio of all their rows
    together, which no average of their tail ratios does.

    Made by :meth:`from_estimator` or :meth:`load`.

    Source: the tail ratio is that of arXiv 2605.24340; see
    :meth:`ChainzRuleClassifier.tail_ratio`. NOTE[DIFF] The paper compares it with a
    fixed number; here it has a band, since it depends on the number of rows.

    Attributes
    ----------
    estimator : estimator or None
        Without one, a monitor merges and reports but does not update.
    window : int or None
    min_rows : int
    warn_rate, alert_rate : float
    n_reference : int
        Rows of the reference.

    Notes
    -----
    Bands are made when a number of rows first comes, which takes some 10 ms for each
    column; numbers within 5 % share one. Threads need a lock around ``update``, or a
    monitor each.

    Examples
    --------
    >>> import numpy as np
    >>> from cr_sklearn import ChainzRuleClassifier
    >>> from cr_sklearn.monitoring import SensitivityMonitor
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(2000, 3))
    >>> y = X @ [2.0, 1.0, 0.0] > rng.logistic(size=2000)
    >>> model = ChainzRuleClassifier(max_iter=5, random_state=0).fit(X[:1000], y[:1000])
    >>> monitor = SensitivityMonitor.from_estimator(model, X[1000:])
    >>> monitor.update(rng.normal(size=(200, 3))).status
    'ok'
    >>> report = monitor.update(rng.normal(size=(200, 3)) + [0.0, 1.0, 0.0])
    >>> report.status, report.ks["1"].status, report.ks["0"].status
    ('alert', 'alert', 'ok')
    """

    def __init__(self, state, estimator):
        """Restore a state; meant for the methods that make a monitor."""
        self.estimator = estimator
        self.window = state["window"]
        self.min_rows = state["min_rows"]
        self.warn_rate, self.alert_rate = state["warn_rate"], state["alert_rate"]
        self._seed, self._fingerprint = state["seed"], state["fingerprint"]
        self._bins = RowBins.from_dict(state["bins"])
        self._reference = Counts.from_dict(state["reference"])
        self._window = Window([Counts.from_dict(piece) for piece in state["pieces"]])
        self._bands = {}

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X_ref,
        *,
        window=None,
        min_rows=50,
        warn_rate=0.01,
        alert_rate=1e-4,
        random_state=0,
    ):
        """Make a monitor from a fitted model and a reference.

        Parameters
        ----------
        estimator : ChainzRule estimator or Pipeline
            Fitted. Of a pipeline that ends with one, the columns after the steps
            before are watched.
        X_ref : array-like or dataframe of shape (n_samples, n_features)
            Rows like those expected in production; better not those of the fit. More
            of them make narrower bands.
        window : int or None, default=None
            Rows that a report is about, at least, once so many have come: the latest,
            up to a 20th and a batch more. None: the rows of the last update.
        min_rows : int, default=50
            Least rows that are judged, of the reference too.
        warn_rate : float, default=0.01
            Rate at which a report on undrifted rows is not "ok", at most; in (0, 0.05].
        alert_rate : float, default=1e-4
            The same for "alert"; at most ``warn_rate``.
        random_state : int, default=0
            Seed of the draws from which bands are made. Workers need the same.

        Returns
        -------
        monitor : SensitivityMonitor

        Raises
        ------
        TypeError
            If the estimator is not one of ours.
        NotFittedError
            If it is not fitted.
        ValueError
            If a parameter is out of range, the reference has fewer rows than
            ``min_rows``, or its sensitivities are all zero.
        """
        _check_parameters(window, min_rows, warn_rate, alert_rate, random_state)
        final, columns, sensitivity = read_rows(estimator, X_ref)
        if columns.n_rows < min_rows:
            raise ValueError(
                f"The reference has {columns.n_rows} rows, but min_rows={min_rows}. "
                "Pass more rows as X_ref."
            )
        if not sensitivity.any():
            raise ValueError(
                "All sensitivities of the reference are zero: the outputs of this "
                "model do not depend on its columns, and there is nothing to watch."
            )
        names = getattr(final, "feature_names_in_", range(final.n_features_in_))
        bins = RowBins.fit(
            final._encoder, columns, [*map(str, names)], first_norm(sensitivity)
        )
        state = {
            "window": window,
            "min_rows": int(min_rows),
            "warn_rate": float(warn_rate),
            "alert_rate": float(alert_rate),
            "seed": int(random_state),
            "fingerprint": fingerprint(final),
            "bins": bins.to_dict(),
            "reference": bins.count(final._encoder, columns, sensitivity).to_dict(),
            "pieces": [],
        }
        return cls(state, estimator)

    @property
    def n_reference(self):
        return self._reference.n_rows

    def update(self, X, sensitivity=None):
        """Count rows and report on the window.

        Parameters
        ----------
        X : array-like or dataframe of shape (n_samples, n_features)
            As for the estimator's ``predict``.
        sensitivity : array-like of shape (n_samples,), default=None
            Sensitivities of these rows, if they are known already, as from
            ``predict_proba(X, return_sensitivity=True)``: counting alone costs little.

        Returns
        -------
        report : MonitorReport

        Raises
        ------
        ValueError
            If X lacks columns or has others than in the fit, or sensitivity is not a
            number >= 0 for each row. The window is then as it was.
        """
        if self.estimator is None:
            raise ValueError(
                "This monitor has no estimator, so that it can merge and report but "
                "not update. Pass one to load or from_dict."
            )
        final, columns, sensitivity = read_rows(self.estimator, X, sensitivity)
        counts = self._bins.count(final._encoder, columns, sensitivity)
        self._window.add(counts, self.window)
        return self.report()

    def report(self):
        """Report on the rows in the window, as they are.

        Returns
        -------
        report : MonitorReport
            Its status is "too_few_rows" below ``min_rows``.
        """
        none = Counts.none(len(self._bins.categorical), self._bins.n_bins)
        counts = sum(self._window.pieces, none)
        found, bands = self._measured(counts), {}
        if counts.n_rows >= self.min_rows:
            bands = self._bands_of(counts.n_rows)
        judged = {
            key: Statistic.judge(value, bands.get(key)) for key, value in found.items()
        }
        states = {statistic.status for statistic in judged.values()}
        by_column = {
            kind: {
                column: statistic
                for (name, column), statistic in judged.items()
                if name == kind
            }
            for kind in ("ks", "psi")
        }
        of_all = {name: of for (name, column), of in judged.items() if column is None}
        categorical = [bins.label for bins in self._bins.categorical]
        return MonitorReport(
            time=datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
            n_rows=counts.n_rows,
            status=max(states, key=_WORST_LAST.index),
            unseen=dict(zip(categorical, counts.unseen.tolist(), strict=True)),
            **of_all,
            **by_column,
        )

    def merge(self, other):
        """Add the window of another monitor to this one's.

        A collector loads the saved monitor, merges what its workers have counted, and
        reports on all their rows. Merging the same window twice counts it twice:
        workers :meth:`reset` theirs once they have handed it on.

        Parameters
        ----------
        other : SensitivityMonitor
            It has the same model and reference.

        Returns
        -------
        self : SensitivityMonitor

        Raises
        ------
        TypeError, ValueError
            If it is no monitor, or one of another model or reference.
        """
        if not isinstance(other, SensitivityMonitor):
            raise TypeError(f"Only a SensitivityMonitor can be merged, got {other!r}.")
        mine, theirs = self.to_dict(), other.to_dict()
        for part in ("fingerprint", "bins", "reference"):
            if mine[part] != theirs[part]:
                raise ValueError(
                    "The monitors have different models or references, so that their "
                    "counts do not add up. Let all workers load the same saved monitor."
                )
        self._window.pieces = [*self._window.pieces, *other._window.pieces]
        return self

    def reset(self):
        """Forget the rows of the window; the reference stays."""
        self._window.pieces = []

    def to_dict(self):
        """Return the state as plain Python values that JSON can hold."""
        return {
            "format": _FORMAT,
            "window": self.window,
            "min_rows": self.min_rows,
            "warn_rate": self.warn_rate,
            "alert_rate": self.alert_rate,
            "seed": self._seed,
            "fingerprint": self._fingerprint,
            "bins": self._bins.to_dict(),
            "reference": self._reference.to_dict(),
            "pieces": [piece.to_dict() for piece in self._window.pieces],
        }

    @classmethod
    def from_dict(cls, state, estimator=None):
        """Restore a monitor from :meth:`to_dict`.

        Parameters
        ----------
        state : dict
        estimator : estimator, default=None
            The model that it was made for. Without it the monitor can't update.

        Raises
        ------
        ValueError
            If the state is of another version, or the estimator is another one.
        """
        found = state.get("format") if isinstance(state, dict) else None
        if found != _FORMAT:
            raise ValueError(
                f"This is not the state of a SensitivityMonitor of format {_FORMAT}: "
                f"its format is {found!r}."
            )
        if estimator is not None and (
            fingerprint(unwrap(estimator).estimator) != state["fingerprint"]
        ):
            raise ValueError(
                "The monitor was made for another model. Make a new one with "
                "SensitivityMonitor.from_estimator."
            )
        return cls(state, estimator)

    def save(self, path):
        """Write the state, window included, as JSON; without the estimator.

        Raises
        ------
        OSError
            If the file can't be written. What was there is then as it was.
        """
        write_whole(path, json.dumps(self.to_dict(), allow_nan=False).encode())

    @classmethod
    def load(cls, path, estimator=None):
        """Read a monitor that :meth:`save` wrote.

        Parameters
        ----------
        path : path-like
        estimator : estimator, default=None
            See :meth:`from_dict`.

        Raises
        ------
        OSError, ValueError
            If the file can't be read or does not hold one, or the estimator is
            another one.
        """
        try:
            state = json.loads(Path(path).read_bytes())
        except ValueError as error:
            raise ValueError(f"{path} does not hold JSON: {error}") from error
        return cls.from_dict(state, estimator)

    def _measured(self, counts):
        if counts.n_rows:
            return measure(self._bins, counts, self._reference)
        names = measure(self._bins, self._reference, self._reference)
        return dict.fromkeys(names, np.nan)

    def _bands_of(self, n_rows):
        step = np.floor(np.log(n_rows / self.min_rows) / np.log(_GRID) + 1e-9)
        size = max(int(self.min_rows * _GRID**step), self.min_rows)
        if size not in self._bands:
            self._bands[size] = bootstrap_bands(
                self._bins,
                self._reference,
                size,
                self.warn_rate,
                self.alert_rate,
                self._seed,
            )
        return self._bands[size]


def _check_parameters(window, min_rows, warn_rate, alert_rate, random_state):
    check_scalar(min_rows, "min_rows", Integral, min_val=2)
    if window is not None:
        check_scalar(window, "window", Integral, min_val=min_rows)
    check_scalar(
        warn_rate,
        "warn_rate",
        Real,
        min_val=0.0,
        max_val=0.05,
        include_boundaries="right",
    )
    check_scalar(
        alert_rate,
        "alert_rate",
        Real,
        min_val=0.0,
        max_val=warn_rate,
        include_boundaries="right",
    )
    check_scalar(random_state, "random_state", Integral, min_val=0)
