"""Every metric Sidelight exports: name, kind, unit, labels, boundaries and help.

The one place that holds a metric's name. The store, the wire formats, the docs and the
tests read it from here; names follow OpenTelemetry's semantic conventions where they name
a thing (https://opentelemetry.io/docs/specs/semconv/http/http-metrics/).
"""

from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["counter", "gauge", "histogram", "summary", "info"]
Scale = Literal["", "duration", "lag", "size", "session"]

METHOD: Final = "http_request_method"
ROUTE: Final = "http_route"
STATUS: Final = "http_response_status_code"
ERROR: Final = "error_type"
SCHEME: Final = "url_scheme"
SERVER: Final = "server_address"
PORT: Final = "server_port"
WORKER: Final = "worker"
POOL: Final = "db_client_connection_pool_name"

OTHER: Final = "_OTHER"
"""Label value for what is past a cap, or a method that is not a known one."""
UNKNOWN: Final = "_UNKNOWN"
"""Label value for a route that could not be read."""
UNMATCHED: Final = "_UNMATCHED"
"""Label value, in metrics of the event loop, for a request that no route matched."""
CLIENT_DISCONNECTED: Final = "client_disconnected"
INCOMPLETE_RESPONSE: Final = "incomplete_response"
SERVER_SHUTDOWN: Final = "server_shutdown"
"""Cut by the server as it stopped."""

METHODS: Final = frozenset(
    {
        "CONNECT",
        "DELETE",
        "GET",
        "HEAD",
        "OPTIONS",
        "PATCH",
        "POST",
        "PUT",
        "QUERY",
        "TRACE",
    }
)
"""Known methods (RFC 9110, RFC 5789 and QUERY); every other one is ``_OTHER``."""

DURATION_BUCKETS: Final = (
    0.005,
    0.01,
    0.025,
    0.05,
    0.075,
    0.1,
    0.25,
    0.5,
    0.75,
    1.0,
    2.5,
    5.0,
    7.5,
    10.0,
)
"""Seconds; the boundaries the semantic conventions advise for HTTP durations."""
SIZE_BUCKETS: Final = (1_000.0, 10_000.0, 100_000.0, 1_000_000.0)
"""Bytes."""
SESSION_BUCKETS: Final = (1.0, 10.0, 60.0, 300.0, 900.0, 3_600.0, 14_400.0, 43_200.0)
"""Seconds; WebSocket connections last from a moment to half a day."""

LAG_BUCKETS: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds; how late a timer of an event loop runs."""

NANOSECONDS: Final = 1_000_000_000
ABSENT: Final = (1 << 64) - 1
"""Stored for a gauge that no longer exists; a file keeps its series until it is removed."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric family as it is exported.

    A summary is a sum and a count, without quantiles; it is stored as a histogram without
    boundaries. ``name`` is the Prometheus name (a counter's ends in ``_total``). Values are
    stored as integers: nanoseconds where ``unit`` is seconds, otherwise the unit itself.
    """

    name: str
    kind: Kind
    unit: str
    labels: tuple[str, ...]
    help: str
    scale: Scale = ""

    @property
    def divisor(self) -> int:
        """The number that a stored value is divided by when it is exported."""
        return NANOSECONDS if self.unit == "seconds" else 1


def _catalogue(*metrics: Metric) -> dict[str, Metric]:
    return {metric.name: metric for metric in metrics}


METRICS: Final = _catalogue(
    Metric(
        "http_server_request_duration_seconds",
        "histogram",
        "seconds",
        (METHOD, ROUTE, STATUS, ERROR, SCHEME),
        "Time from a request's arrival to the last byte of its response.",
        "duration",
    ),
    Metric(
        "http_server_active_requests",
        "gauge",
        "",
        (METHOD, SCHEME),
        "Requests in flight.",
    ),
    Metric("fastapi_active_requests", "gauge", "", (ROUTE,), "Requests in flight, by route."),
    Metric(
        "fastapi_oldest_active_request_seconds",
        "gauge",
        "seconds",
        (ROUTE,),
        "Age of the oldest request in flight.",
    ),
    Metric(
        "http_server_request_body_size_bytes",
        "histogram",
        "bytes",
        (METHOD, ROUTE),
        "Size of request bodies that the application read.",
        "size",
    ),
    Metric(
        "http_server_response_body_size_bytes",
        "histogram",
        "bytes",
        (METHOD, ROUTE),
        "Size of response bodies as passed to the server; of files it sends, the content-length.",
        "size",
    ),
    Metric(
        "fastapi_request_queue_seconds",
        "histogram",
        "seconds",
        (METHOD, ROUTE),
        "Time from the arrival of a request's bytes until the application was called, of requests "
        "that waited for the event loop.",
        "duration",
    ),
    Metric(
        "fastapi_queue_seconds_caused_total",
        "counter",
        "seconds",
        (ROUTE,),
        "Time that requests waited for the event loop, by the route whose requests kept it busy "
        "meanwhile; empty where that is not known.",
    ),
    Metric(
        "fastapi_time_to_first_byte_seconds",
        "histogram",
        "seconds",
        (METHOD, ROUTE),
        "Time to the first byte of a streamed response's body.",
        "duration",
    ),
    Metric(
        "fastapi_event_streams_total",
        "counter",
        "",
        (METHOD, ROUTE),
        "Event streams (text/event-stream) that ended.",
    ),
    Metric(
        "fastapi_background_task_duration_seconds",
        "histogram",
        "seconds",
        (ROUTE,),
        "Time spent in background tasks after the last byte of a response.",
        "duration",
    ),
    Metric(
        "fastapi_slow_requests_total",
        "counter",
        "",
        (METHOD, ROUTE),
        "Requests that took as long as their route's threshold, or longer.",
    ),
    Metric(
        "fastapi_slow_request_threshold_seconds",
        "gauge",
        "seconds",
        (METHOD, ROUTE),
        "Time from which a request of this route counts as slow.",
    ),
    Metric(
        "fastapi_exceptions_total",
        "counter",
        "",
        (ROUTE, ERROR),
        "Exceptions that escaped the application, by class name.",
    ),
    Metric(
        "fastapi_client_disconnects_total",
        "counter",
        "",
        (METHOD, ROUTE),
        "Requests whose client disconnected before the last byte.",
    ),
    Metric(
        "fastapi_requests_lost_total",
        "counter",
        "",
        (ROUTE,),
        "Requests in flight in a worker when it died, or when it closed its file.",
    ),
    Metric(
        "fastapi_request_phase_duration_seconds",
        "summary",
        "seconds",
        (ROUTE, "phase"),
        "Time spent in a phase of a request, of the requests that were sampled.",
    ),
    Metric(
        "fastapi_dependency_duration_seconds",
        "histogram",
        "seconds",
        ("dependency", "step"),
        "Time spent in a dependency marked with @timed, by step: setup or teardown.",
        "duration",
    ),
    Metric(
        "fastapi_validation_errors_total",
        "counter",
        "",
        (ROUTE, "location", "type"),
        "Errors in requests answered with 422, by declared location and type.",
    ),
    Metric(
        "fastapi_response_validation_errors_total",
        "counter",
        "",
        (ROUTE,),
        "Responses that did not fit their route's response model.",
    ),
    Metric("fastapi_websocket_active", "gauge", "", (ROUTE,), "Open WebSocket connections."),
    Metric(
        "fastapi_websocket_duration_seconds",
        "histogram",
        "seconds",
        (ROUTE, "close_code"),
        "Duration of WebSocket connections; a refused handshake is refused_ with its status.",
        "session",
    ),
    Metric(
        "asyncio_event_loop_lag_seconds",
        "histogram",
        "seconds",
        (),
        "How late the heartbeat of an event loop ran.",
        "lag",
    ),
    Metric(
        "asyncio_event_loop_busy_seconds_total",
        "counter",
        "seconds",
        (ROUTE,),
        "Time an event loop was not idle, by the route whose requests kept it busy; empty for the "
        "rest, as the server's own work.",
    ),
    Metric(
        "asyncio_event_loop_blocked_seconds_total",
        "counter",
        "seconds",
        (ROUTE,),
        "Time an event loop was blocked, by route: _UNMATCHED for a request without a route, "
        "empty outside of any request, and for the time that it waited for a processor.",
    ),
    Metric(
        "asyncio_event_loop_blocks_total",
        "counter",
        "",
        (ROUTE,),
        "Times an event loop was blocked for longer than the threshold, by route.",
    ),
    Metric(
        "anyio_threadpool_capacity",
        "gauge",
        "",
        (WORKER,),
        "Threads that synchronous endpoints and dependencies may use.",
    ),
    Metric(
        "anyio_threadpool_in_use",
        "gauge",
        "",
        (WORKER,),
        "Threads for synchronous endpoints and dependencies that are in use.",
    ),
    Metric(
        "anyio_threadpool_waiting",
        "gauge",
        "",
        (WORKER,),
        "Calls that wait for a thread for synchronous endpoints and dependencies.",
    ),
    Metric(
        "python_executor_capacity",
        "gauge",
        "",
        ("executor", WORKER),
        "Threads or processes of a watched executor.",
    ),
    Metric(
        "python_executor_in_use",
        "gauge",
        "",
        ("executor", WORKER),
        "Calls that run in a watched executor; of a process pool, those submitted to it.",
    ),
    Metric(
        "python_executor_queued",
        "gauge",
        "",
        ("executor", WORKER),
        "Calls that wait for a thread of a watched executor.",
    ),
    Metric(
        "python_executor_wait_seconds",
        "histogram",
        "seconds",
        ("executor",),
        "Time from a call's submission to its start.",
        "duration",
    ),
    Metric(
        "python_executor_run_seconds",
        "histogram",
        "seconds",
        ("executor",),
        "Time from a call's start to its end.",
        "duration",
    ),
    Metric(
        "db_client_connection_count",
        "gauge",
        "",
        (POOL, "db_client_connection_state", WORKER),
        "Connections of a watched pool, by state: idle or used.",
    ),
    Metric(
        "db_client_connection_max",
        "gauge",
        "",
        (POOL, WORKER),
        "Maximum number of connections of a watched pool.",
    ),
    Metric(
        "db_client_connection_in_use_by_route",
        "gauge",
        "",
        (ROUTE, POOL),
        "Connections of a watched pool that requests of each route have taken and not given back; "
        "empty outside of any request.",
    ),
    Metric(
        "db_client_connection_pending_requests",
        "gauge",
        "",
        (POOL, WORKER),
        "Calls that wait for a connection of a watched pool.",
    ),
    Metric(
        "db_client_connection_wait_time_seconds",
        "histogram",
        "seconds",
        (POOL,),
        "Time it took to get a connection from a watched pool.",
        "duration",
    ),
    Metric(
        "db_client_connection_use_time_seconds",
        "histogram",
        "seconds",
        (POOL,),
        "Time from acquiring a connection to releasing it.",
        "duration",
    ),
    Metric(
        "db_client_connection_timeouts_total",
        "counter",
        "",
        (POOL,),
        "Waits for a connection that timed out.",
    ),
    Metric(
        "http_client_request_duration_seconds",
        "histogram",
        "seconds",
        (METHOD, ROUTE, SERVER, PORT, STATUS, ERROR),
        "Time of outgoing HTTP requests of a watched client, by the route whose requests sent "
        "them; empty outside of any request.",
        "duration",
    ),
    Metric(
        "process_cpu_seconds_total",
        "counter",
        "seconds",
        (WORKER,),
        "User and system CPU time spent, by worker number.",
    ),
    Metric("process_resident_memory_bytes", "gauge", "bytes", (WORKER,), "Resident memory."),
    Metric("process_virtual_memory_bytes", "gauge", "bytes", (WORKER,), "Virtual memory."),
    Metric("process_open_fds", "gauge", "", (WORKER,), "Open file descriptors."),
    Metric("process_max_fds", "gauge", "", (WORKER,), "Maximum number of open file descriptors."),
    Metric(
        "process_start_time_seconds",
        "gauge",
        "seconds",
        (WORKER,),
        "When the process started, in seconds since the epoch.",
    ),
    Metric(
        "python_gc_objects_collected_total",
        "counter",
        "",
        (WORKER, "generation"),
        "Objects collected by the garbage collector.",
    ),
    Metric(
        "python_gc_objects_uncollectable_total",
        "counter",
        "",
        (WORKER, "generation"),
        "Uncollectable objects found by the garbage collector.",
    ),
    Metric(
        "python_gc_collections_total",
        "counter",
        "",
        (WORKER, "generation"),
        "Collections of each generation.",
    ),
    Metric(
        "sidelight_memory_limit_bytes",
        "gauge",
        "bytes",
        (WORKER,),
        "Memory the worker's control group may use, where it has a limit.",
    ),
    Metric(
        "sidelight_cpu_throttled_seconds_total",
        "counter",
        "seconds",
        (),
        "Time that the CPU quota of the workers' control group kept it from running, added up over "
        "processors.",
    ),
    Metric(
        "sidelight_cpu_throttled_periods_total",
        "counter",
        "",
        (),
        "Periods, mostly of 100 ms, in which the workers' control group used up its CPU quota.",
    ),
    Metric(
        "sidelight_cpu_wait_seconds_total",
        "counter",
        "seconds",
        (WORKER,),
        "Time that the thread of the event loop was ready to run and had no processor.",
    ),
    Metric(
        "sidelight_gil_wait_seconds_total",
        "counter",
        "seconds",
        (WORKER,),
        "Estimated time that the thread of the event loop waited for the GIL.",
    ),
    Metric(
        "target_info",
        "info",
        "",
        ("service_name", "service_version", "service_instance_id"),
        "The service, as OpenTelemetry's resource attributes name it.",
    ),
    Metric(
        "sidelight_build_info",
        "info",
        "",
        ("version", "python_version", "fastapi_version", "server", "fast_path"),
        "Versions in use, and whether common requests are measured natively or in Python.",
    ),
    Metric(
        "sidelight_workers",
        "gauge",
        "",
        ("state",),
        "Worker processes, by state: serving, blocked or draining.",
    ),
    Metric(
        "sidelight_worker_heartbeat_age_seconds",
        "gauge",
        "seconds",
        (WORKER,),
        "Time since the worker's event loop last ran its heartbeat.",
    ),
    Metric(
        "sidelight_worker_exits_total",
        "counter",
        "",
        ("how",),
        "Workers that ended: clean, or died (killed, crashed, or without a lifespan).",
    ),
    Metric("sidelight_series", "gauge", "", (), "Label sets stored by all workers."),
    Metric(
        "sidelight_series_overflow_total",
        "counter",
        "",
        (),
        "Observations counted under the route _OTHER because a worker's file is full: it has "
        "max_series label sets, or no bytes left for another, as with many long routes.",
    ),
    Metric(
        "sidelight_files_skipped_total",
        "counter",
        "",
        ("reason",),
        "Files of the directory that could not be read; each counts once.",
    ),
    Metric(
        "sidelight_families_skipped_total",
        "counter",
        "",
        ("reason",),
        "Metric families that could not be exported.",
    ),
    Metric(
        "sidelight_internal_errors_total",
        "counter",
        "",
        ("where",),
        "Faults inside Sidelight; none of them reached a request.",
    ),
    Metric(
        "sidelight_queue_headers_ignored_total",
        "counter",
        "",
        ("reason",),
        "Requests whose queue_header was ignored: negative, future, too_old, not_a_number or "
        "repeated.",
    ),
    Metric(
        "sidelight_collector_errors_total",
        "counter",
        "",
        ("collector",),
        "Collectors of the application's own metrics that raised, or that had not ended in time.",
    ),
    Metric(
        "sidelight_otlp_exports_total",
        "counter",
        "",
        ("outcome",),
        "Exports to an OpenTelemetry collector: success, or failure after every retry.",
    ),
    Metric(
        "sidelight_accept_queue",
        "gauge",
        "",
        ("port",),
        "Connections to a port of the service that wait to be accepted, as the sidecar sees them.",
    ),
    Metric(
        "sidelight_unread_bytes",
        "gauge",
        "bytes",
        ("port",),
        "Bytes that the service has not read yet from the connections to its port.",
    ),
    Metric("sidelight_history_series", "gauge", "", (), "Series in the history of the sidecar."),
    Metric(
        "sidelight_history_samples",
        "gauge",
        "",
        (),
        "Samples in the history: one for each change of a value.",
    ),
    Metric("sidelight_history_bytes", "gauge", "bytes", (), "Memory of the history."),
    Metric(
        "sidelight_history_span_seconds",
        "gauge",
        "seconds",
        (),
        "Time from the oldest to the newest sample of the history.",
    ),
    Metric(
        "sidelight_history_skipped_total",
        "counter",
        "",
        ("reason",),
        "Samples left out for lack of memory, and steps left out as too late, by reason.",
    ),
    Metric(
        "sidelight_rule_failures_total",
        "counter",
        "",
        (),
        "Failed evaluations of the sidecar's rules.",
    ),
    Metric(
        "sidelight_snapshot_age_seconds",
        "gauge",
        "seconds",
        (WORKER,),
        "Age of the oldest values that are shown of the application's own metrics.",
    ),
    Metric(
        "sidelight_scrape_duration_seconds",
        "gauge",
        "seconds",
        (),
        "Time to collect these metrics.",
    ),
)

DURATION: Final = METRICS["http_server_request_duration_seconds"]
SLOW: Final = METRICS["fastapi_slow_requests_total"]
THRESHOLD: Final = METRICS["fastapi_slow_request_threshold_seconds"]


def boundaries(scale: Scale, duration: tuple[float, ...]) -> tuple[float, ...]:
    """The upper bounds of a scale, without infinity; ``duration`` is the configured one."""
    if scale == "size":
        return SIZE_BUCKETS
    if scale == "session":
        return SESSION_BUCKETS
    if scale == "lag":
        return LAG_BUCKETS
    return duration if scale == "duration" else ()
