"""Series that the rules of deploy/prometheus/rules record: names, and labels beside ``job``.

Dashboards use them wherever raw series would be too many. None has ``instance``.
"""

from typing import Final

from sidelight.contract import ERROR, METHOD, ROUTE

CLASS: Final = "status_class"
SLO: Final = "slo"

ROUTE_CLASS: Final = "route_class:http_server_requests:rate5m"
ROUTE_RATE: Final = "route:http_server_requests:rate5m"
SERVICE_CLASS: Final = "service_class:http_server_requests:rate5m"
SERVICE: Final = "service:http_server_requests:rate5m"
ROUTE_LE: Final = "route_le:http_server_request_duration_seconds_bucket:rate5m"
SERVICE_LE: Final = "service_le:http_server_request_duration_seconds_bucket:rate5m"
OBJECTIVE: Final = "slo:objective:ratio"
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


LABELS: Final[dict[str, tuple[str, ...]]] = {
    ROUTE_CLASS: (METHOD, ROUTE, CLASS, ERROR),
    ROUTE_RATE: (METHOD, ROUTE),
    SERVICE_CLASS: (CLASS,),
    SERVICE: (),
    ROUTE_LE: (METHOD, ROUTE, "le"),
    SERVICE_LE: ("le",),
    OBJECTIVE: _OF_SLO,
    BUDGET: _OF_SLO,
    BUDGET_LEFT: _OF_SLO,
    REQUESTS: _OF_SLO,
    BAD: _OF_SLO,
    DEPENDENCY: ("dependency", "step"),
    NEIGHBOUR: ("server_address",),
    **dict.fromkeys(map(burnt, WINDOWS), _OF_SLO),
}
