"""Metrics of event loops."""

from typing import Final

from sidelight.contract.labels import CODE, ROUTE
from sidelight.contract.metric import Metric

METRICS: Final = (
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
        "asyncio_event_loop_line_seconds_total",
        "counter",
        "seconds",
        (ROUTE, *CODE),
        "Time an event loop was not idle, by the line of the application's code that kept it busy; "
        "of the lines that did so for longest, sampled.",
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
)
