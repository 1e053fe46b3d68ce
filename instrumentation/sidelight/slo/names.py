"""The names of recorded series: level:metric:operation.

The level says which labels a series has. ``service``: those that distinguish services (``job``).
``route``: also the method and the route. ``status``, ``class`` and ``le``: also the status code,
its class, or the bucket. ``instance``: the instance in place of the route. ``version``: the
service's version in place of the route. ``slo``: ``slo``; the method and the route too, where the
objective is a route's.
See https://prometheus.io/docs/practices/rules/.
"""

from typing import Final

ROUTE_STATUS: Final = "route_status:http_server_requests:rate5m"
ROUTE_CLASS: Final = "route_class:http_server_requests:rate5m"
ROUTE: Final = "route:http_server_requests:rate5m"
SERVICE_CLASS: Final = "service_class:http_server_requests:rate5m"
SERVICE: Final = "service:http_server_requests:rate5m"
ROUTE_LE: Final = "route_le:http_server_request_duration_seconds_bucket:rate5m"
SERVICE_LE: Final = "service_le:http_server_request_duration_seconds_bucket:rate5m"
ROUTE_DURATIONS: Final = "route:http_server_request_duration_seconds:rate5m"
SERVICE_DURATIONS: Final = "service:http_server_request_duration_seconds:rate5m"
STATUS_TIME: Final = "route_status:http_server_request_duration_seconds_sum:rate5m"
ROUTE_TIME: Final = "route:http_server_request_duration_seconds_sum:rate5m"
ROUTE_WAITED: Final = "route:fastapi_request_queue_seconds_sum:rate5m"
ROUTE_SLOW: Final = "route:fastapi_slow_requests:rate5m"
ROUTE_SLOW_FROM: Final = "route:fastapi_slow_request_threshold_seconds:min"
INSTANCE_STATUS: Final = "instance_status:http_server_requests:rate5m"
INSTANCE_TIME: Final = "instance:http_server_request_duration_seconds_sum:rate5m"
VERSION_STATUS: Final = "version_status:http_server_requests:rate5m"
VERSION_ERRORS: Final = "version:http_server_errors_per_requests:ratio5m"
VERSION_MEAN: Final = "version:http_server_request_duration_seconds:mean5m"
VERSION_SINCE: Final = "version:process_start_time_seconds:min"
ROUTE_OVER: Final = "route:http_server_requests_over_objective:rate5m"
STARTS: Final = "route:fastapi_time_to_first_byte_seconds_count:rate5m"
EVENTS: Final = "route:fastapi_event_streams:rate5m"
DEPENDENCY: Final = "dependency:fastapi_dependency_duration_seconds:mean5m"
UPSTREAM: Final = "upstream:http_client_request_duration_seconds:mean5m"

TOTAL_RATE: Final = "slo:requests:rate5m"
BAD_RATE: Final = "slo:bad_requests:rate5m"
OBJECTIVE: Final = "slo:objective:ratio"
SECONDS: Final = "slo:objective:seconds"
WINDOW: Final = "slo:window:seconds"
BUDGET: Final = "slo:error_budget:ratio"
BUDGET_LEFT: Final = "slo:error_budget_left:ratio"


def total(window: str) -> str:
    """The number of requests in a window."""
    return f"slo:requests:increase{window}"


def bad(window: str) -> str:
    """The number of bad requests in a window."""
    return f"slo:bad_requests:increase{window}"


def ratio(window: str) -> str:
    """The share of bad requests in a window."""
    return f"slo:bad_requests_per_requests:ratio_rate{window}"
