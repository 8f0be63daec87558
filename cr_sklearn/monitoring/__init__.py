"""Watch a model in production by its exact sensitivities.

Neither torch nor prometheus_client is loaded before it is needed.
"""

from cr_sklearn.inference._tail_ratio import tail_ratio
from cr_sklearn.monitoring._monitor import SensitivityMonitor
from cr_sklearn.monitoring._prometheus import PrometheusExporter
from cr_sklearn.monitoring._report import MonitorReport, Statistic

__all__ = [
    "MonitorReport",
    "PrometheusExporter",
    "SensitivityMonitor",
    "Statistic",
    "tail_ratio",
]
