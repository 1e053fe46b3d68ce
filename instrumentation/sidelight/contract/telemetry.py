"""Metrics of the service as a whole, and of Sidelight itself."""

from typing import Final

from sidelight.contract.labels import WORKER
from sidelight.contract.metric import Metric

METRICS: Final = (
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
