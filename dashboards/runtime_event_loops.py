"""Panels of the Runtime dashboard: event loops, and what they wait for."""

from typing import Final

from dashboards import shared
from dashboards.builder import link_to
from dashboards.colours import BAD, WARN
from dashboards.histograms import LOOP_LAG, distribution
from dashboards.panels import SIDELIGHT_ONLY, heatmap, time_series
from dashboards.queries import Query, in_top, rate, raw, total
from dashboards.tables import SERVICE, Column, Key, table
from sidelight.contract import CODE

BLOCKED: Final = total(rate("asyncio_event_loop_blocked_seconds_total"), "job", "http_route")
BLOCKS: Final = total(rate("asyncio_event_loop_blocks_total"), "job", "http_route")
EVENT_LOOPS: Final = f"on (job) group_left () {total(raw('sidelight_workers'), 'job')}"
BLOCKING: Final = in_top(f"{BLOCKED} > 0", 20, "job", "http_route")
TO_ROUTE: Final = link_to("route", *shared.OF_ROUTE)
LOOPS: Final = [
    heatmap(
        "Event loop lag distribution",
        "How late the heartbeats of event loops are. Dark cells at the bottom are normal.",
        "cps",
        Query(distribution(LOOP_LAG), "{{le}}"),
        empty=SIDELIGHT_ONLY,
    ),
    table(
        "Routes that block event loops",
        "How many event loops each route blocked on average, their share of all event loops of the "
        "service, and how often; the 20 highest. *Outside any request* is a timer or a task that "
        "no request started; _UNMATCHED is a middleware that ran for requests without a "
        "route; _UNKNOWN is a C extension that did not release the GIL.",
        [SERVICE, Key("http_route", "Route", TO_ROUTE, blank="outside any request")],
        Column(f"topk(20, {BLOCKED} > 0)", "Loops", "short", decimals=2),
        Column(f"{BLOCKED} / {EVENT_LOOPS} {BLOCKING}", "Share", "percentunit", decimals=1),
        Column(f"{BLOCKS} {BLOCKING}", "Blocks/s", "cps"),
        sort="Loops",
        empty=SIDELIGHT_ONLY,
    ),
]
BUSY: Final = total(rate("asyncio_event_loop_busy_seconds_total"), "job", "http_route")
CAUSED: Final = total(rate("fastapi_queue_seconds_caused_total"), "job", "http_route")
KEPT_BUSY: Final = in_top(f"{BUSY} > 0", 20, "job", "http_route")
LOOP_USE: Final = table(
    "Routes that keep event loops busy",
    "The share of all event loops that each route keeps busy, and how long requests waited "
    "meanwhile for the loop, in seconds of each second; the 20 highest. *Not one route* is the "
    "server's own work, and other code that works for no request.",
    [SERVICE, Key("http_route", "Route", TO_ROUTE, blank="not one route")],
    Column(f"topk(20, {BUSY} > 0)", "Loops", "short", decimals=2),
    Column(f"{BUSY} / {EVENT_LOOPS} {KEPT_BUSY}", "Share", "percentunit", decimals=1),
    Column(f"({CAUSED} or 0 * {BUSY}) {KEPT_BUSY}", "Waits caused", "short", decimals=2),
    sort="Loops",
    empty=SIDELIGHT_ONLY,
)
LINE: Final = ("job", "http_route", *CODE)
BY_LINE: Final = total(rate("asyncio_event_loop_line_seconds_total"), *LINE)
LOOP_LINES: Final = table(
    "Which lines hold the loop",
    "The lines of your code that keep event loops busy, and their share of all event loops of the "
    "service; the 20 highest, by samples. A line has a row once it has taken 0.1 s in a worker.",
    [
        SERVICE,
        Key("http_route", "Route", TO_ROUTE, blank="outside any request"),
        Key("code_file_path", "File"),
        Key("code_line_number", "Line"),
        Key("code_function_name", "Function"),
    ],
    Column(f"topk(20, {BY_LINE} > 0)", "Loops", "short", decimals=2),
    Column(
        f"{BY_LINE} / {EVENT_LOOPS} {in_top(f'{BY_LINE} > 0', 20, *LINE)}",
        "Share",
        "percentunit",
        decimals=1,
    ),
    sort="Loops",
    empty="No line of the application's held a loop, or not reported. Needs Sidelight",
)
LOOP_TRENDS: Final = [
    shared.loop_lag(),
    time_series(
        "Requests in flight",
        "Requests that have not been answered yet, by method.",
        "short",
        Query(
            total(raw("http_server_active_requests"), "http_request_method"),
            "{{http_request_method}}",
        ),
        empty="None, or not reported",
        stacked=True,
    ),
    time_series(
        "Oldest heartbeat",
        "The age of the last heartbeat of the selected worker whose event loop ran longest ago.",
        "s",
        Query(f"max({raw('sidelight_worker_heartbeat_age_seconds')})", "oldest"),
        empty=SIDELIGHT_ONLY,
        colours={"oldest": WARN},
    ),
]
MACHINE: Final = [
    time_series(
        "What event loops wait for",
        "Seconds per second: for the GIL, which other threads keep (an estimate), and for a "
        "processor, summed over event loops; and how long a CPU quota stopped the container, "
        "summed over its processors, which is a part of the wait for a processor.",
        "short",
        Query(total(rate("sidelight_gil_wait_seconds_total")), "GIL"),
        Query(total(rate("sidelight_cpu_wait_seconds_total")), "processor"),
        Query(total(rate("sidelight_cpu_throttled_seconds_total")), "CPU quota"),
        empty=SIDELIGHT_ONLY,
        colours={"CPU quota": BAD, "processor": WARN},
    ),
    time_series(
        "Throttled periods",
        "Periods per second, mostly of 100 ms, in which containers used up their quota: at most "
        "10 of one container.",
        "cps",
        Query(total(rate("sidelight_cpu_throttled_periods_total")), "periods"),
        empty="No CPU quota is known, or not reported",
        colours={"periods": BAD},
    ),
]
SOCKETS: Final = [
    time_series(
        title,
        description,
        unit,
        Query(f"topk(10, max by (port) ({raw(metric)}))", "port {{port}}"),
        empty="No data (requires the sidecar)",
    )
    for title, description, unit, metric in (
        (
            "Connections to be accepted",
            "Connections that the service has not accepted yet, by port; the most of an instance.",
            "short",
            "sidelight_accept_queue",
        ),
        (
            "Unread bytes",
            "Bytes that the service has not read yet, by port; the most of an instance.",
            "bytes",
            "sidelight_unread_bytes",
        ),
    )
]
