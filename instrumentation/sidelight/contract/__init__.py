"""Every metric Sidelight exports: name, kind, unit, labels, boundaries and help.

The one place that holds a metric's name. The store, the wire formats, the docs and the
tests read it from here; names follow OpenTelemetry's semantic conventions where they name
a thing (https://opentelemetry.io/docs/specs/semconv/http/http-metrics/).
"""

from typing import Final

from sidelight.contract import event_loop, process, requests, resources, telemetry
from sidelight.contract.buckets import DURATION_BUCKETS, SIZE_BUCKETS, boundaries
from sidelight.contract.labels import (
    CLIENT_DISCONNECTED,
    CODE,
    ERROR,
    INCOMPLETE_RESPONSE,
    METHOD,
    METHODS,
    OBJECTIVE_SECONDS,
    OTHER,
    POOL,
    PORT,
    ROUTE,
    SCHEME,
    SERVER,
    SERVER_SHUTDOWN,
    STATUS,
    UNKNOWN,
    UNMATCHED,
    WORKER,
)
from sidelight.contract.metric import ABSENT, NANOSECONDS, Kind, Metric

__all__ = [
    "ABSENT",
    "CLIENT_DISCONNECTED",
    "CODE",
    "DURATION",
    "DURATION_BUCKETS",
    "ERROR",
    "INCOMPLETE_RESPONSE",
    "METHOD",
    "METHODS",
    "METRICS",
    "NANOSECONDS",
    "OBJECTIVE_SECONDS",
    "OTHER",
    "OVER_OBJECTIVE",
    "POOL",
    "PORT",
    "ROUTE",
    "SCHEME",
    "SERVER",
    "SERVER_SHUTDOWN",
    "SIZE_BUCKETS",
    "SLOW",
    "STATUS",
    "THRESHOLD",
    "UNKNOWN",
    "UNMATCHED",
    "WORKER",
    "Kind",
    "Metric",
    "boundaries",
]

METRICS: Final[dict[str, Metric]] = {
    metric.name: metric
    for group in (requests, event_loop, resources, process, telemetry)
    for metric in group.METRICS
}
DURATION: Final = METRICS["http_server_request_duration_seconds"]
SLOW: Final = METRICS["fastapi_slow_requests_total"]
THRESHOLD: Final = METRICS["fastapi_slow_request_threshold_seconds"]
OVER_OBJECTIVE: Final = METRICS["fastapi_requests_over_objective_total"]
