"""The series of an instance: so many label sets of each family, each as wide as in the contract."""

from collections import Counter
from collections.abc import Mapping
from typing import Final

from sidelight.contract import DURATION_BUCKETS, METRICS, boundaries

STATUSES, PHASES, GENERATIONS, STATES, ENDS = 3, 4, 3, 3, 2
OTHER_ROUTE: Final = {
    "http_server_request_duration_seconds": 1,
    "fastapi_slow_requests_total": 1,
    "fastapi_slow_request_threshold_seconds": 1,
}
"""Of a route without requests, which has zeros for the status 500."""
USED_ROUTE: Final = {
    **OTHER_ROUTE,
    "http_server_request_duration_seconds": STATUSES,
    "http_server_response_body_size_bytes": 1,
    "fastapi_request_queue_seconds": 1,
    "fastapi_queue_seconds_caused_total": 1,
    "fastapi_request_phase_duration_seconds": PHASES,
    "fastapi_validation_errors_total": 1,
    "asyncio_event_loop_busy_seconds_total": 1,
}
ONE_WORKER: Final = {
    "anyio_threadpool_capacity": 1,
    "anyio_threadpool_in_use": 1,
    "anyio_threadpool_waiting": 1,
    "process_cpu_seconds_total": 1,
    "process_resident_memory_bytes": 1,
    "process_virtual_memory_bytes": 1,
    "process_open_fds": 1,
    "process_max_fds": 1,
    "process_start_time_seconds": 1,
    "python_gc_objects_collected_total": GENERATIONS,
    "python_gc_objects_uncollectable_total": GENERATIONS,
    "python_gc_collections_total": GENERATIONS,
    "sidelight_cpu_wait_seconds_total": 1,
    "sidelight_gil_wait_seconds_total": 1,
    "sidelight_worker_heartbeat_age_seconds": 1,
}
WHOLE: Final = {
    "asyncio_event_loop_lag_seconds": 1,
    "asyncio_event_loop_busy_seconds_total": 1,
    "fastapi_queue_seconds_caused_total": 1,
    "target_info": 1,
    "sidelight_build_info": 1,
    "sidelight_workers": STATES,
    "sidelight_worker_exits_total": ENDS,
    "sidelight_series": 1,
    "sidelight_scrape_duration_seconds": 1,
    "sidelight_cpu_throttled_seconds_total": 1,
    "sidelight_cpu_throttled_periods_total": 1,
    "sidelight_accept_queue": 1,
    "sidelight_unread_bytes": 1,
}
"""Of Sidelight and of the service as a whole; the route of two families is empty here."""
OF_PROMETHEUS: Final = 5
"""What a scrape adds to a page: up, and four about the scrape."""


def width(name: str) -> int:
    """The series of one label set of a family."""
    metric = METRICS[name]
    if metric.kind == "histogram":  # the buckets with that of infinity, the sum and the count
        return len(boundaries(metric.scale, DURATION_BUCKETS)) + 3
    return 2 if metric.kind == "summary" else 1


def series(sets: Mapping[str, int]) -> int:
    """The series of so many label sets of each family."""
    return sum(many * width(name) for name, many in sets.items())


def families(used: int, other: int, workers: int) -> Counter[str]:
    """The label sets of each family on the page of an instance."""
    found: Counter[str] = Counter(WHOLE)
    for times, sets in ((used, USED_ROUTE), (other, OTHER_ROUTE), (workers, ONE_WORKER)):
        found.update({name: times * many for name, many in sets.items()})
    return found


USED, UNUSED, WORKER = map(series, (USED_ROUTE, OTHER_ROUTE, ONE_WORKER))
REST: Final = series(WHOLE) + OF_PROMETHEUS
