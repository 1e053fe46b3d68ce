"""Route: one route, or several together: rate, errors, latency and the causes of latency."""

from collections.abc import Callable
from typing import Final

from dashboards import route_calls, route_causes, shared
from dashboards.builder import Row, Section, dashboard
from dashboards.colours import BAD, CLIENT_ERROR, PLAIN, WARN, levels
from dashboards.histograms import counted, durations, exemplars, histogram, mean, quantile
from dashboards.panels import NO_DATA, NO_SIDELIGHT, SIDELIGHT_ONLY, PanelBuilder, stat, time_series
from dashboards.queries import (
    ROUTE,
    ROUTE_AND_METHOD,
    Query,
    burn_rate,
    level,
    rate,
    raw,
    recorded,
    total,
)
from dashboards.tables import Column, Key, table
from sidelight.slo import names

ANY_ROUTE: Final = 'http_route!=""'
NO_OBJECTIVE: Final = "No objective for this route"
ALL_DURATIONS: Final = durations("route", ROUTE_AND_METHOD)
"""Recorded ones of good responses: for All, there are far too many raw ones."""
IN_FLIGHT: Final = (
    f"sum({raw('fastapi_active_requests', ROUTE)}) or 0 * sum({raw('sidelight_workers')})"
)

OVERVIEW: Final = [
    shared.request_rate(total(recorded(names.ROUTE, ROUTE_AND_METHOD))),
    shared.errors(ROUTE_AND_METHOD),
    shared.p95(ALL_DURATIONS),
    stat(
        "In flight",
        "Requests that have not been answered yet.",
        "short",
        Query(IN_FLIGHT, "in flight"),
        empty=NO_SIDELIGHT,
    ),
    stat(
        "Oldest in flight",
        "The age of the oldest request in flight. It is in no latency until it ends.",
        "s",
        Query(f"max({raw('fastapi_oldest_active_request_seconds', ROUTE)})", "oldest"),
        empty=NO_SIDELIGHT,
        colours=levels((30, WARN), (300, BAD), base=PLAIN),
    ),
    shared.budget_left(
        "Budget left of the route",
        "Of an objective for this route; most routes have none.",
        ROUTE_AND_METHOD,
        ANY_ROUTE,
        empty="No objective of its own",
    ),
]

OF: Final = "of route $route, method $method"
"""The end of a title: the route that the panel is about."""
BY_CODE: Final = total(
    recorded(names.ROUTE_STATUS, ROUTE_AND_METHOD, 'http_response_status_code=~"4..|5.."'),
    "http_response_status_code",
    "error_type",
)
OTHER_TYPE: Final = '"error_type", "([^0-9].*)"'
"""An error type that is not the status code."""
EXCEPTIONS: Final = total(rate("fastapi_exceptions_total", ROUTE), "error_type")
RED: Final = [
    shared.requests_by_status(f"Requests {OF}", names.ROUTE_CLASS, ROUTE_AND_METHOD),
    time_series(
        f"4xx and 5xx {OF}",
        "4xx and 5xx responses by status code and error type; the ten most frequent.",
        "reqps",
        Query(
            f'label_replace(topk(10, {BY_CODE} > 0), "other_type", " $1", {OTHER_TYPE})',
            "{{http_response_status_code}}{{other_type}}",
            recorded=True,
        ),
        empty=NO_DATA,
    ),
    time_series(
        f"Exceptions {OF}",
        "Exceptions that the application did not handle, by class.",
        "cps",
        Query(f"topk(10, {EXCEPTIONS})", "{{error_type}}"),
        empty=SIDELIGHT_ONLY,
    ),
]

SLOW_FROM: Final = f"min({recorded(names.ROUTE_SLOW_FROM, ROUTE_AND_METHOD)})"
OBJECTIVE: Final = f"min({recorded(names.SECONDS, ROUTE_AND_METHOD, ANY_ROUTE)})"
DURATIONS: Final = [
    shared.latency(
        f"Latency {OF}",
        "The time from arrival to the last byte of good responses, the threshold for slow "
        "requests, and that of the route's objective, if there is one. Points are traces. "
        f"{shared.ALL_INSTANCES}",
        ALL_DURATIONS,
        Query(SLOW_FROM, "Limit: slow request", recorded=True),
        Query(OBJECTIVE, "Limit: objective", recorded=True),
        exemplars(ROUTE_AND_METHOD),
    ),
    shared.latency_distribution(
        f"Latency distribution {OF}", ALL_DURATIONS, exemplars(ROUTE_AND_METHOD)
    ),
]


def _compared(title: str, unit: str, expr: Callable[[str], str]) -> PanelBuilder:
    """An expression now, a day ago and a week ago."""
    offsets = {"now": "", "a day ago": " offset 1d", "a week ago": " offset 1w"}
    queries = [Query(expr(offset), name, recorded=True) for name, offset in offsets.items()]
    return time_series(title, "The same time of day, a day and a week ago.", unit, *queries)


ALLOWED: Final = recorded(names.BUDGET, ROUTE_AND_METHOD, ANY_ROUTE)
COMPARISONS: Final = [
    _compared(
        "Requests: now and before",
        "reqps",
        lambda offset: f"sum({recorded(names.ROUTE, ROUTE_AND_METHOD)}{offset})",
    ),
    _compared(
        "p95: now and before",
        "s",
        lambda offset: quantile("0.95", durations("route", ROUTE_AND_METHOD, more=offset)),
    ),
    time_series(
        "Burn rate of the route",
        "Bad requests over an hour as a multiple of what the route's objective allows.",
        "short",
        Query(
            f"max by (slo) ({burn_rate('1h', ROUTE_AND_METHOD, ANY_ROUTE)})",
            "{{slo}}",
            recorded=True,
        ),
        Query(level("1", ALLOWED), "Limit: budget lasts its window", recorded=True),
        empty=NO_OBJECTIVE,
    ),
]

INVALID: Final = f"increase({raw('fastapi_validation_errors_total', ROUTE)}[$__range])"
CLIENT_ERRORS: Final = [
    table(
        "Validation errors by field",
        "The invalid fields of requests that were answered with 422, in the selected time range; "
        "the 30 most frequent.",
        [Key("http_route", "Route"), Key("location", "Field"), Key("type", "Type")],
        Column(
            f"topk(30, {total(INVALID, 'http_route', 'location', 'type')})",
            "Errors",
            "short",
            decimals=0,
        ),
        sort="Errors",
        empty=SIDELIGHT_ONLY,
    ),
    time_series(
        "Disconnects, lost requests, invalid responses",
        "Clients that disconnected before the last byte, requests that were lost with their "
        "worker, and responses that did not match their model.",
        "cps",
        Query(
            total(rate("fastapi_client_disconnects_total", ROUTE_AND_METHOD)), "client disconnect"
        ),
        Query(total(rate("fastapi_requests_lost_total", ROUTE)), "lost"),
        Query(total(rate("fastapi_response_validation_errors_total", ROUTE)), "invalid response"),
        empty=SIDELIGHT_ONLY,
        colours={"client disconnect": CLIENT_ERROR, "lost": BAD, "invalid response": WARN},
    ),
    time_series(
        "Body size",
        "The mean size of request and response bodies.",
        "bytes",
        *(
            Query(mean(f"http_server_{name}_body_size_bytes", where=(ROUTE_AND_METHOD,)), name)
            for name in ("request", "response")
        ),
        empty="No bodies, or not reported",
    ),
]

CLOSED: Final = "fastapi_websocket_duration_seconds"
WEBSOCKETS: Final = [
    time_series(title, description, unit, query, empty="No WebSocket (requires Sidelight)")
    for title, description, unit, query in (
        (
            "Open connections",
            "Open WebSocket connections.",
            "short",
            Query(f"sum({raw('fastapi_websocket_active', ROUTE)})", "open"),
        ),
        (
            "Closed connections by close code",
            "Connections closed per second. The codes 1000 and 1001 are normal.",
            "cps",
            Query(total(counted(CLOSED, ROUTE), "close_code"), "{{close_code}}"),
        ),
        (
            "Connection duration",
            "The median duration of the connections that were closed.",
            "s",
            Query(quantile("0.5", histogram(CLOSED, ROUTE)), "median"),
        ),
    )
]

TOTALS: Final = shared.totals(ROUTE_AND_METHOD)


DASHBOARD: Final = dashboard(
    __name__,
    "One route, or several together: request rate, errors, latency, and the causes of latency.",
    Section("", [Row(4, OVERVIEW), Row(7, RED)]),
    shared.log_lines(),
    Section("Duration", [Row(9, DURATIONS), Row(7, COMPARISONS)]),
    Section("Totals over the time range", [Row(4, TOTALS)]),
    Section(
        "Causes of latency",
        [
            Row(7, route_causes.WAITS),
            Row(8, [route_causes.WHERE_IT_WAITS]),
            Row(8, route_causes.LATENCY_CAUSES),
            Row(7, route_causes.OTHER_CAUSES),
            Row(7, route_calls.PANELS),
        ],
    ),
    Section("Client errors, lost requests and body size", [Row(8, CLIENT_ERRORS)]),
    Section("WebSockets", [Row(7, WEBSOCKETS)]),
    variables=("job", "instance", "route", "method"),
)
