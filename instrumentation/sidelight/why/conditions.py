"""Kinds of causes that one query shows, as a table: what is down, full, slow or broken."""

from dataclasses import dataclass
from typing import Final, Literal

from sidelight.histogram_queries import DURATION, count, total

_CLIENT: Final = "http_client_request_duration_seconds"
_FAILED_CALLS: Final = 'error_type!~"|4.."<,sel>'
_SERVER: Final = "job, server_address, server_port"
_MEASURED: Final = "and on (job) group by (job) (last_over_time(sidelight_workers{<sel>}[<ago>]))"


@dataclass(frozen=True, slots=True)
class Condition:
    """A kind of cause, found by a query: each series of at least ``above`` is one.

    Where the source evaluates rules with these ``alerts``, their thresholds decide in place of
    ``above``. ``waits`` says that the value is in seconds of waiting per second, so that it is a
    share of the time of all requests.
    """

    kind: str
    alerts: tuple[str, ...]
    query: str
    sentence: str
    above: float = 0
    unit: Literal["percent", "seconds", "number", "events"] = "number"
    waits: bool = False
    severity: str = ""
    """Only alerts of this severity, where one name has two meanings."""


def _increase(counter: str, matcher: str = "") -> str:
    """The increase over three windows, with the first event of a series."""
    series = f"{counter}{{{matcher}<,sel>}}" if matcher else f"{counter}{{<sel>}}"
    return f"(({series} unless {series} offset <long>) or increase({series}[<long>]))"


def _requests(offset: str = "") -> str:
    return f"sum by (job) ({count(DURATION, '<sel>', over=f'[<w>]{offset}')})"


def _calls(matchers: str) -> str:
    return count(_CLIENT, matchers, over="[<w>]")


def _mean(family: str, by: str, offset: str = "") -> str:
    over = f"[<w>]{offset}"
    spent, calls = total(family, "<sel>", over), count(family, "<sel>", over=over)
    return f"sum by ({by}) ({spent}) / (sum by ({by}) ({calls}) > 0)"


def _slower(family: str, by: str) -> str:
    mean, past = _mean(family, by), _mean(family, by, " offset <ago>")
    return f"topk(20, {mean} > 3 * ({past})) > 0.1"


CONDITIONS: Final = (
    Condition(
        kind="down",
        alerts=("TargetsDown", "ServiceVanished"),
        severity="critical",
        query="(count by (job) (up{<sel>} == 0) == count by (job) (up{<sel>})"
        f" or sum by (job) (sidelight_workers{{<sel>}}) == 0) {_MEASURED}",
        sentence="{job} is down: no target of it answers, or none has a worker left.",
    ),
    Condition(
        kind="target_down",
        alerts=("TargetsDown",),
        severity="warning",
        query=f"topk(20, up{{<sel>}} == 0 and on (job) up{{<sel>}} == 1 {_MEASURED})",
        sentence="{instance} of {job} does not answer the scrape; other targets do.",
    ),
    Condition(
        kind="worker_blocked",
        alerts=("WorkerBlocked",),
        query="topk(20, max by (job, instance, worker)"
        " (sidelight_worker_heartbeat_age_seconds{<sel>}))",
        above=10,
        unit="seconds",
        sentence="The event loop of worker {worker} on {instance} has not run for {value}.",
    ),
    Condition(
        kind="stuck",
        alerts=("RequestsStuck",),
        query="topk(20, max by (job, http_route) (fastapi_oldest_active_request_seconds{<sel>}))",
        above=300,
        unit="seconds",
        sentence="The oldest request to {route} has been in flight for {value}.",
    ),
    Condition(
        kind="no_traffic",
        alerts=("TrafficStopped",),
        query=f"{_requests(' offset <ago>')} > 1 unless {_requests()} > 0",
        above=1,
        sentence="{job} receives no requests; earlier there were {value}/s.",
    ),
    Condition(
        kind="thread_pool",
        alerts=("ThreadPoolSaturated",),
        query="topk(20, max by (job, instance, worker)"
        " (avg_over_time(anyio_threadpool_waiting{<sel>}[<w>])))",
        above=1,
        waits=True,
        sentence="All threads of worker {worker} on {instance} are in use, and {value} calls wait "
        "for one.",
    ),
    Condition(
        kind="connection_pool",
        alerts=("ConnectionPoolExhausted",),
        query="topk(20, max by (job, instance, worker, db_client_connection_pool_name)"
        " (avg_over_time(db_client_connection_pending_requests{<sel>}[<w>])))",
        above=1,
        waits=True,
        sentence="The pool {db_client_connection_pool_name} of worker {worker} on {instance} has "
        "no free connection, and {value} calls wait for one.",
    ),
    Condition(
        kind="upstream_errors",
        alerts=("HTTPClientErrors",),
        query=f"topk(20, sum by ({_SERVER}) ({_calls(_FAILED_CALLS)})"
        f" / sum by ({_SERVER}) ({_calls('<sel>')}))",
        above=0.05,
        unit="percent",
        sentence="{value} of the requests to {server} fail.",
    ),
    Condition(
        kind="upstream_slow",
        alerts=("HTTPClientSlow",),
        query=_slower(_CLIENT, _SERVER),
        unit="seconds",
        sentence="Requests to {server} take {value} on average.",
    ),
    Condition(
        kind="dependency_slow",
        alerts=("FastAPIDependencySlow",),
        query=_slower("fastapi_dependency_duration_seconds", "job, dependency, step"),
        unit="seconds",
        sentence="The {step} of the dependency {dependency} takes {value} on average.",
    ),
    Condition(
        kind="validation",
        alerts=("ValidationErrorsJumped",),
        query="topk(20, sum by (job, http_route, location, type)"
        f" ({_increase('fastapi_validation_errors_total')}))",
        above=50,
        unit="events",
        sentence="{route} refuses requests: {value} errors are at {location}, of the type {type}.",
    ),
    Condition(
        kind="memory",
        alerts=("MemoryNearsLimit",),
        query="topk(20, sum by (job, instance) (process_resident_memory_bytes{<sel>})"
        " / max by (job, instance) (sidelight_memory_limit_bytes{<sel>}))",
        above=0.9,
        unit="percent",
        sentence="The workers on {instance} use {value} of their memory limit.",
    ),
    Condition(
        kind="restarts",
        alerts=("RestartLoop",),
        query="topk(20, sum by (job, instance) ("
        + _increase("sidelight_worker_exits_total", 'how="died"')
        + "))",
        above=3,
        unit="events",
        sentence="{value} workers on {instance} were killed or crashed.",
    ),
    Condition(
        kind="file_descriptors",
        alerts=("FileDescriptorsLow",),
        query="topk(20, max by (job, instance, worker)"
        " (process_open_fds{<sel>} / process_max_fds{<sel>}))",
        above=0.8,
        unit="percent",
        sentence="Worker {worker} on {instance} has {value} of its file descriptors open.",
    ),
    Condition(
        kind="cpu_quota",
        alerts=("CPUThrottled",),
        query="topk(20, max by (job, instance)"
        " (rate(sidelight_cpu_throttled_seconds_total{<sel>}[<w>])))",
        above=0.1,
        unit="seconds",
        sentence="The CPU quota of {instance} keeps its processes from running for {value} of "
        "each second; no route's code is the cause.",
    ),
    Condition(
        kind="telemetry",
        alerts=("SidelightErrors",),
        query="topk(20, sum by (job, instance, where) ("
        + _increase("sidelight_internal_errors_total")
        + ") or sum by (job, instance, collector) ("
        + _increase("sidelight_collector_errors_total")
        + "))",
        above=3,
        unit="events",
        sentence="The measurement on {instance} has {value} errors in {origin}; no request is "
        "affected, and some metrics may be incomplete.",
    ),
    Condition(
        kind="telemetry",
        alerts=("SeriesOverflow",),
        query="topk(20, sum by (job, instance) ("
        + _increase("sidelight_series_overflow_total")
        + "))",
        above=10,
        unit="events",
        sentence="{instance} has more label sets than fit: {value} observations were counted "
        "under the route _OTHER.",
    ),
    Condition(
        kind="telemetry",
        alerts=("OtlpExportFailing",),
        query="topk(20, sum by (job, instance) ("
        + _increase("sidelight_otlp_exports_total", 'outcome="failure"')
        + "))",
        above=3,
        unit="events",
        sentence="{value} exports of {instance} to the OpenTelemetry collector failed.",
    ),
    Condition(
        kind="telemetry",
        alerts=("TargetNotInstrumented",),
        query=f"topk(20, up{{<sel>}} == 1 unless on (job, instance) sidelight_workers {_MEASURED})",
        above=1,
        sentence="{instance} answers the scrape without metrics of Sidelight.",
    ),
    Condition(
        kind="error_budget",
        alerts=("ErrorBudgetExhausted",),
        query="",
        sentence="",
    ),
)


def question(condition: Condition) -> str:
    """The name of a condition's question."""
    return f"{condition.kind} {condition.alerts[0]}"


QUESTIONS: Final = {question(one): one.query for one in CONDITIONS if one.query}
