"""Metrics of what requests wait for: threads, executors, connection pools and other services."""

from typing import Final

from sidelight.contract.labels import ERROR, METHOD, POOL, PORT, ROUTE, SERVER, STATUS, WORKER
from sidelight.contract.metric import Metric

METRICS: Final = (
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
)
