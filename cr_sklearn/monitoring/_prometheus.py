"""Reports as metrics that Prometheus can scrape."""

from cr_sklearn.monitoring._report import MonitorReport

_STATES = ["ok", "warn", "alert", "too_few_rows"]


class PrometheusExporter:
    """Show the last report of a monitor in a registry of ``prometheus_client``.

    Parameters
    ----------
    registry : prometheus_client.CollectorRegistry
        The caller's; nothing is added to the global one.
    prefix : str, default="cr_sklearn_monitor"
        Start of the names of the metrics. Two monitors in one registry need two.

    Raises
    ------
    ImportError
        If prometheus_client is not installed.
    ValueError
        If the registry has metrics of these names already.

    Notes
    -----
    Gauges: ``<prefix>_value`` with labels ``statistic`` and ``column`` (empty for those
    of all rows), ``<prefix>_low`` and ``<prefix>_high`` with the same labels,
    ``<prefix>_rows``, and ``<prefix>_status`` with a label of the same name for each
    state, 1 for the one that holds.

    Examples
    --------
    >>> from prometheus_client import CollectorRegistry
    >>> from sklearn.datasets import load_iris
    >>> from cr_sklearn import ChainzRuleClassifier
    >>> from cr_sklearn.monitoring import PrometheusExporter, SensitivityMonitor
    >>> X, y = load_iris(return_X_y=True)
    >>> model = ChainzRuleClassifier(max_iter=5, random_state=0).fit(X, y)
    >>> monitor = SensitivityMonitor.from_estimator(model, X)
    >>> registry = CollectorRegistry()
    >>> PrometheusExporter(registry).show(monitor.update(X))
    >>> registry.get_sample_value("cr_sklearn_monitor_rows")
    150.0
    """

    def __init__(self, registry, prefix="cr_sklearn_monitor"):
        try:
            from prometheus_client import Enum, Gauge
        except ModuleNotFoundError as error:
            raise ImportError(
                f"PrometheusExporter needs the package {error.name!r}, which is not "
                'installed. Get it with: pip install "cr-sklearn[monitor]"'
            ) from error
        labels = ["statistic", "column"]
        described = {
            "value": "Value of a statistic of the window",
            "low": "Lower end of the band of undrifted rows",
            "high": "Upper end of the band of undrifted rows",
        }
        self._gauges = {
            name: Gauge(f"{prefix}_{name}", text, labels, registry=registry)
            for name, text in described.items()
        }
        self._rows = Gauge(f"{prefix}_rows", "Rows of the window", registry=registry)
        self._status = Enum(
            f"{prefix}_status",
            "Worst status of all statistics",
            states=_STATES,
            registry=registry,
        )

    def show(self, report):
        """Set the metrics to those of a report."""
        if not isinstance(report, MonitorReport):
            raise TypeError(f"report must be a MonitorReport, got {report!r}.")
        for name, column, statistic in report.statistics():
            for part, gauge in self._gauges.items():
                gauge.labels(name, column or "").set(getattr(statistic, part))
        self._rows.set(report.n_rows)
        self._status.state(report.status)
