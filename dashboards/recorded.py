"""Series that the rules of deploy/prometheus/rules record: names, and labels beside ``job``.

Dashboards use them wherever raw series would be too many. Those of instances have ``instance``
too, others don't, whatever is chosen.
"""

from typing import Final

from sidelight.contract import ERROR, METHOD, ROUTE, STATUS

CLASS: Final = "status_class"
SLO: Final = "slo"

ROUTE_STATUS: Final = "route_status:http_server_requests:rate5m"
ROUTE_CLASS: Final = "route_class:http_server_requests:rate5m"
ROUTE_RATE: Final = "route:http_server_requests:rate5m"
SERVICE_CLASS: Final = "service_class:http_server_requests:rate5m"
SERVICE: Final = "service:http_server_requests:rate5m"
ROUTE_LE: Final = "route_le:http_server_request_duration_seconds_bucket:rate5m"
SERVICE_LE: Final = "service_le:http_server_request_duration_seconds_bucket:rate5m"
STATUS_TIME: Final = "route_status:http_server_request_duration_seconds_sum:rate5m"
ROUTE_TIME: Final = "route:http_server_request_duration_seconds_sum:rate5m"
ROUTE_SLOW: Final = "route:fastapi_slow_requests:rate5m"
ROUTE_SLOW_FROM: Final = "route:fastapi_slow_request_threshold_seconds:min"
INSTANCE_STATUS: Final = "instance_status:http_server_requests:rate5m"
INSTANCE_TIME: Final = "instance:http_server_request_duration_seconds_sum:rate5m"
OBJECTIVE: Final = "slo:objective:ratio"
SECONDS: Final = "slo:objective:seconds"
WINDOW: Final = "slo:window:seconds"
BUDGET: Final = "slo:error_budget:ratio"
BUDGET_LEFT: Final = "slo:error_budget_left:ratio"
REQUESTS: Final = "slo:requests:rate5m"
BAD: Final = "slo:bad_requests:rate5m"
DEPENDENCY: Final = "dependency:fastapi_dependency_seconds:mean5m"
NEIGHBOUR: Final = "neighbour:http_client_request_duration_seconds:mean5m"

WINDOWS: Final = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
BURN_LINES: Final = (("1h", "14.4"), ("6h", "6"), ("1d", "3"), ("3d", "1"))
"""The factor at which a budget's burn over a window is an alert."""

_OF_SLO = (SLO, METHOD, ROUTE)


def burnt(window: str) -> str:
    """Bad requests per request in a window."""
    return f"slo:bad_requests_per_requests:ratio_rate{window}"


OF_INSTANCES: Final = frozenset({INSTANCE_STATUS, INSTANCE_TIME})
LABELS: Final[dict[str, tuple[str, ...]]] = {
    ROUTE_STATUS: (METHOD, ROUTE, STATUS, ERROR),
    ROUTE_CLASS: (METHOD, ROUTE, CLASS, ERROR),
    ROUTE_RATE: (METHOD, ROUTE),
    SERVICE_CLASS: (CLASS,),
    SERVICE: (),
    ROUTE_LE: (METHOD, ROUTE, "le"),
    SERVICE_LE: ("le",),
    STATUS_TIME: (METHOD, ROUTE, STATUS, ERROR),
    ROUTE_TIME: (METHOD, ROUTE),
    ROUTE_SLOW: (METHOD, ROUTE),
    ROUTE_SLOW_FROM: (METHOD, ROUTE),
    INSTANCE_STATUS: (STATUS,),
    INSTANCE_TIME: (),
    OBJECTIVE: _OF_SLO,
    SECONDS: _OF_SLO,
    WINDOW: _OF_SLO,
    BUDGET: _OF_SLO,
    BUDGET_LEFT: _OF_SLO,
    REQUESTS: _OF_SLO,
    BAD: _OF_SLO,
    DEPENDENCY: ("dependency", "step"),
    NEIGHBOUR: ("server_address",),
    **dict.fromkeys(map(burnt, WINDOWS), _OF_SLO),
}
