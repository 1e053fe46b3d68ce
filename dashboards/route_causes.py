"""Panels of Route: why its requests take as long as they do."""

from typing import Final

from dashboards import shared
from dashboards.colours import BAD, QUANTILES, WARN
from dashboards.histograms import durations, histogram, mean, quantile
from dashboards.panels import NO_DATA, SIDELIGHT_ONLY, time_series
from dashboards.queries import (
    ROUTE,
    ROUTE_AND_METHOD,
    ROUTE_LABELS,
    Query,
    in_top,
    rate,
    ratio,
    raw,
    recorded,
    total,
    waited,
)
from dashboards.tables import Column, Key, table
from sidelight.contract import CODE
from sidelight.histogram_queries import FIRST_BYTE
from sidelight.slo import names

NO_WAITS: Final = "No long waits, or not reported. Needs Sidelight"
FIRST_BYTES: Final = histogram(FIRST_BYTE, ROUTE_AND_METHOD)
STREAMING: Final = " or ".join(
    rate(name, ROUTE_AND_METHOD) for name in (f"{FIRST_BYTE}_count", FIRST_BYTE)
)
"""Series of the routes that stream, however histograms are stored."""
OF_STREAMS: Final = f" and on ({', '.join(ROUTE_LABELS)}) ({STREAMING})"
STREAMED: Final = durations("route", ROUTE_AND_METHOD, more=OF_STREAMS)
FAILURES: Final = (ROUTE_AND_METHOD, 'http_response_status_code=~"5.."')
LATENCY_CAUSES: Final = [
    time_series(
        "Time by phase",
        "The mean time in each phase of the requests that were sampled.",
        "s",
        Query(mean("fastapi_request_phase_duration_seconds", "phase", where=(ROUTE,)), "{{phase}}"),
        empty=SIDELIGHT_ONLY,
        stacked=True,
    ),
    time_series(
        "First byte and last byte",
        "The p95 of streamed responses. A late first byte is a slow start; a late last byte is a "
        "long stream.",
        "s",
        Query(quantile("0.95", FIRST_BYTES), "first byte"),
        Query(quantile("0.95", STREAMED), "last byte", recorded=True),
        empty=SIDELIGHT_ONLY,
        colours={"first byte": QUANTILES["p50"], "last byte": QUANTILES["p99"]},
    ),
    time_series(
        "Slow requests",
        "Requests per second that took at least the slow request threshold of their route.",
        "reqps",
        Query(total(recorded(names.ROUTE_SLOW, ROUTE_AND_METHOD)), "slow", recorded=True),
        empty=SIDELIGHT_ONLY,
        colours={"slow": WARN},
    ),
]
WAITED: Final = waited(ROUTE_AND_METHOD)
REQUESTS: Final = total(recorded(names.ROUTE, ROUTE_AND_METHOD))
TIME: Final = total(recorded(names.ROUTE_TIME, ROUTE_AND_METHOD))
WAITS: Final = [
    time_series(
        "Own time and waits for the event loop",
        "The mean duration of all requests: what the route itself took, and how long its requests "
        f"waited for the event loop before the application was called. {shared.ALL_INSTANCES}",
        "s",
        Query(ratio(f"({TIME} - ({WAITED} or 0 * {TIME}))", REQUESTS), "own", recorded=True),
        Query(ratio(f"({WAITED} or 0 * {TIME})", REQUESTS), "waiting", recorded=True),
        stacked=True,
        colours={"waiting": WARN},
    ),
    time_series(
        "Waits that the route caused",
        "How long requests, of this route or of others, waited for the event loop while requests "
        "of this route kept it busy: seconds in each second.",
        "short",
        Query(total(rate("fastapi_queue_seconds_caused_total", ROUTE)), "caused"),
        empty="No waits, or not reported. Needs Sidelight",
        colours={"caused": WARN},
    ),
]
LINE: Final = (*CODE, "awaited")
WAITING: Final = total(rate("fastapi_request_wait_seconds_total", ROUTE), *LINE)
MOST_WAITED: Final = in_top(f"{WAITING} > 0", 20, *LINE)
ALL_WAITING: Final = total(rate("fastapi_request_wait_seconds_total", ROUTE))
ALL_REQUESTS: Final = total(recorded(names.ROUTE, ROUTE))
WHERE_IT_WAITS: Final = table(
    "Where it waits",
    "The lines of your code at which requests of the route wait, and what they await there; the 20 "
    "with the longest waits. Requests are examined once they are older than wait_sample_after, "
    "0.25 s. *Waiting* is how many requests wait there, on average; *A request* is the time there "
    "by all requests of the route, quick ones too.",
    [
        Key("code_file_path", "File"),
        Key("code_line_number", "Line"),
        Key("code_function_name", "Function"),
        Key("awaited", "Awaits", blank="not known"),
    ],
    Column(f"topk(20, {WAITING} > 0)", "Waiting", "short", decimals=2),
    Column(f"{WAITING} / on () group_left () ({ALL_REQUESTS} > 0) {MOST_WAITED}", "A request", "s"),
    Column(
        f"{WAITING} / on () group_left () ({ALL_WAITING} > 0) {MOST_WAITED}",
        "Share",
        "percentunit",
        decimals=0,
    ),
    sort="Waiting",
    empty=NO_WAITS,
)
OTHER_CAUSES: Final = [
    time_series(
        "Event loops blocked by the route",
        "The share of the time of all selected event loops for which the route blocked them; all "
        "other requests of a blocked loop's worker waited.",
        "percentunit",
        Query(
            ratio(
                total(rate("asyncio_event_loop_blocked_seconds_total", ROUTE)),
                total(raw("sidelight_workers")),
            ),
            "blocked",
        ),
        empty=SIDELIGHT_ONLY,
        colours={"blocked": WARN},
    ),
    time_series(
        "Background tasks",
        "The mean time in background tasks after the last byte. It is not part of the latency.",
        "s",
        Query(mean("fastapi_background_task_duration_seconds", where=(ROUTE,)), "background"),
        empty=SIDELIGHT_ONLY,
    ),
    time_series(
        "Duration of 5xx responses",
        "The mean duration of 5xx responses, which no latency includes. Long ones are timeouts of "
        "an upstream; short ones are faults of the service.",
        "s",
        Query(
            ratio(
                total(recorded(names.STATUS_TIME, *FAILURES)),
                total(recorded(names.ROUTE_STATUS, *FAILURES)),
            ),
            "5xx",
            recorded=True,
        ),
        empty=NO_DATA,
        colours={"5xx": BAD},
    ),
]
