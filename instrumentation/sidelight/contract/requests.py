"""Metrics of requests, and of what belongs to one: streams, tasks, phases, dependencies."""

from typing import Final

from sidelight.contract.labels import CODE, ERROR, METHOD, OBJECTIVE_SECONDS, ROUTE, SCHEME, STATUS
from sidelight.contract.metric import Metric

METRICS: Final = (
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
        "fastapi_request_wait_seconds_total",
        "counter",
        "seconds",
        (ROUTE, *CODE, "awaited"),
        "Time that requests spent at a line of the application's code, and the public call that it "
        "awaits; of requests that were older than wait_sample_after, sampled.",
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
        "fastapi_requests_over_objective_total",
        "counter",
        "",
        (METHOD, ROUTE, OBJECTIVE_SECONDS),
        "Good responses that took longer than a latency objective of their route; streams to their "
        "first byte, where the objective says so.",
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
)
