"""The queries of ``sidelight why``, by name. `sidelight.why.scope.Scope` fills in placeholders.

Each answer is bounded: by the service, by ``topk``, or by the number of its instances.
"""

from typing import Final

from sidelight.histogram_queries import DURATION, count, quantile, total

QUEUE: Final = "fastapi_request_queue_seconds"
ROUTE: Final = "job, http_request_method, http_route"
LINE: Final = "job, http_route, code_file_path, code_line_number, code_function_name"
VERSIONS: Final = (
    "sum by (job, service_version) (sum by (job, instance) ({}) * on (job, instance)"
    " group_left (service_version) topk by (job, instance) (1,"
    ' max by (job, instance, service_version) (target_info{{service_version!=""<,sel>}})))'
)


def _rate(series: str) -> str:
    return f"rate({series}{{<sel>}}[<w>])"


def _count() -> str:
    return count(DURATION, "<sel>", over="[<w>]")


def _sum(family: str = DURATION) -> str:
    return total(family, "<sel>", "[<w>]")


def _top(number: int, by: str, inner: str) -> str:
    return f"topk({number}, sum by ({by}) ({inner}) > 0)"


QUESTIONS: Final = {
    "workers": "sum by (job) (sidelight_workers{<sel>})",
    "requests": f"sum by (job) ({_count()})",
    "failed": "sum by (job) (<failed>)",
    "time": f"sum by (job) ({_sum()})",
    "p99": quantile("0.99", DURATION, "<sel>", "job", "[<w>]"),
    "slow": f"sum by (job) ({_rate('fastapi_slow_requests_total')})",
    # By route. Ratios are computed from pairs of answers.
    "failed_by_route": _top(5, ROUTE, "<failed>"),
    "requests_by_route": f"topk(100, sum by ({ROUTE}) ({_count()}) > 0)",
    "time_by_route": _top(100, ROUTE, _sum()),
    "slow_by_route": _top(5, ROUTE, _rate("fastapi_slow_requests_total")),
    "exceptions": "topk(20, sum by (job, http_route, error_type) ("
    "(fastapi_exceptions_total{<sel>} unless fastapi_exceptions_total{<sel>} offset <w>)"
    " or increase(fastapi_exceptions_total{<sel>}[<w>])) > 0)",
    # The event loop, and who keeps it.
    "queued": f"sum by (job) ({_sum(QUEUE)})",
    "queued_by_route": _top(100, ROUTE, _sum(QUEUE)),
    "caused": _top(5, "job, http_route", _rate("fastapi_queue_seconds_caused_total")),
    "blocked": _top(5, "job, http_route", _rate("asyncio_event_loop_blocked_seconds_total")),
    "loop_lines": _top(20, LINE, _rate("asyncio_event_loop_line_seconds_total")),
    "throttled": f"sum by (job) ({_rate('sidelight_cpu_throttled_seconds_total')})",
    "processor": f"sum by (job) ({_rate('sidelight_cpu_wait_seconds_total')})",
    "gil": f"sum by (job) ({_rate('sidelight_gil_wait_seconds_total')})",
    # Where requests wait, and in which phase.
    "wait_lines": _top(50, f"{LINE}, awaited", _rate("fastapi_request_wait_seconds_total")),
    "phases": _top(100, "job, http_route, phase", _sum("fastapi_request_phase_duration_seconds")),
    # Instances and versions that differ from the others.
    "failed_by_instance": "topk(50, sum by (job, instance) (<failed>))",
    "requests_by_instance": f"topk(50, sum by (job, instance) ({_count()}))",
    "time_by_instance": f"topk(50, sum by (job, instance) ({_sum()}))",
    "failed_by_version": VERSIONS.format("<failed>"),
    "requests_by_version": VERSIONS.format(_count()),
    "time_by_version": VERSIONS.format(_sum()),
    # What changed.
    "versions": "group by (job, service_version) (target_info{<sel>})",
    "youngest": "min by (job) (time() - process_start_time_seconds{<sel>})",
    "started": "count by (job) (time() - process_start_time_seconds{<sel>} < <span>)",
}
BEFORE: Final = frozenset(
    {"requests", "failed", "time", "p99", "slow", "failed_by_route", "requests_by_route"}
    | {"time_by_route", "versions", "queued"}
)
"""The questions that are also asked about the time that now is compared with."""
