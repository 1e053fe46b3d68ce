"""Objectives: the error budgets, their burn rates, and the routes that spend them."""

from typing import Final

from dashboards.builder import Row, Section, dashboard, link_to
from dashboards.colours import BAD, BUDGET_LEFT, GOOD, WARN, levels
from dashboards.panels import NO_DATA, bar_gauge, count_stat, gauge, stat, time_series
from dashboards.queries import (
    ROUTE_LABELS,
    SERVICE_WIDE,
    Query,
    burn_rate,
    countable,
    failed,
    in_top,
    level,
    ratio,
    recorded,
)
from dashboards.tables import SERVICE, Column, Key, coloured_column, table
from sidelight.slo import names
from sidelight.slo.windows import BURN_RATES, plain

NO_OBJECTIVE: Final = "No objective, no traffic, or the rules are not loaded: see Telemetry health"
LEFT: Final = recorded(names.BUDGET_LEFT)
EXHAUSTED_IN: Final = f"({LEFT} > 0) / ({burn_rate('6h')} > 0) * {recorded(names.WINDOW)}"
"""Seconds until no budget is left at the burn rate of 6 hours, whatever the objective's window."""

OVERVIEW: Final = [
    gauge(
        "Least budget left",
        "The lowest of all objectives. 100 % is untouched; an overspent budget is an empty red "
        "gauge.",
        "percentunit",
        Query(f"min({LEFT})", "left", recorded=True),
        empty=NO_OBJECTIVE,
        colours=BUDGET_LEFT,
    ),
    count_stat(
        "Overspent budgets",
        "Objectives with no budget left.",
        Query(f"count({LEFT} <= 0)", "overspent", recorded=True),
        (1, BAD),
        empty="None, or the rules are not loaded",
    ),
    stat(
        "Time to exhaustion",
        "The time until the first budget is exhausted, at the burn rate of the last 6 hours.",
        "s",
        Query(f"min({EXHAUSTED_IN})", "soonest", recorded=True),
        empty="No budget is being spent, or the rules are not loaded",
        colours=levels((86400, WARN), (604800, GOOD), base=BAD),
    ),
    count_stat(
        "Highest burn rate, 1 h",
        "A burn rate of 1 spends the budget exactly over its window; from 14.4 on, a person is "
        "paged.",
        Query(f"max({burn_rate('1h')})", "burn", recorded=True),
        (1, WARN),
        (6, BAD),
        empty=NO_OBJECTIVE,
    ),
]

OBJECTIVE_LABELS: Final = ("job", "slo", "http_request_method", "http_route")
WORST: Final = f"max by ({', '.join(OBJECTIVE_LABELS)})"
LEAST: Final = f"bottomk(50, {WORST} ({LEFT}))"
AMONG_LEAST: Final = f"and on ({', '.join(OBJECTIVE_LABELS)}) {LEAST}"
OBJECTIVE: Final = f"{WORST} ({recorded(names.OBJECTIVE)}) {AMONG_LEAST}"
OBJECTIVES: Final = table(
    "Objectives",
    "The 50 objectives with the least budget left. A row without a route is the objective of a "
    "whole service. A burn rate is red from the threshold of its alert on.",
    [
        Key("job", "Service", link_to("service", "var-job=${__data.fields.Service}")),
        Key("slo", "SLO"),
        Key("http_request_method", "Method"),
        Key("http_route", "Route"),
    ],
    Column(LEAST, "Budget left", "percentunit", BUDGET_LEFT),
    Column(OBJECTIVE, "Objective", "percentunit", decimals=3),
    *(
        coloured_column(
            f"{WORST} ({burn_rate(one.long)}) {AMONG_LEAST}",
            f"Burn rate, {one.long}",
            "short",
            (float(one.factor), BAD),
            decimals=1,
        )
        for one in BURN_RATES
    ),
    Column(f"{WORST} ({EXHAUSTED_IN}) {AMONG_LEAST}", "Exhausted in", "s"),
    sort="Budget left",
    descending=False,
    empty=NO_OBJECTIVE,
)

BURN_RATE_PANELS: Final = [
    time_series(
        f"Burn rate over {one.long} and {one.short}",
        "The objective with the highest burn rate. An alert fires if both windows are above "
        f"{plain(one.factor)}.",
        "short",
        *(
            Query(f"max({burn_rate(window)})", window, recorded=True)
            for window in (one.long, one.short)
        ),
        Query(
            level(plain(one.factor), recorded(names.BUDGET)),
            "Limit: alert",
            recorded=True,
        ),
        empty=NO_OBJECTIVE,
    )
    for one in BURN_RATES
]
TRENDS: Final = [
    time_series(
        "Budget left over time",
        "The ten objectives with the least budget left.",
        "percentunit",
        Query(
            f"bottomk(10, {LEFT})",
            "{{job}} {{slo}} {{http_request_method}} {{http_route}}",
            recorded=True,
        ),
        empty=NO_OBJECTIVE,
        centred=True,
    ),
    time_series(
        "All requests and bad requests",
        "The requests per second that count for the objectives of whole services.",
        "reqps",
        *(
            Query(
                f"sum by (slo) ({recorded(series, SERVICE_WIDE)})",
                f"{{{{slo}}}}: {name}",
                recorded=True,
            )
            for name, series in (("all", names.TOTAL_RATE), ("bad", names.BAD_RATE))
        ),
        empty=NO_OBJECTIVE,
    ),
]

BAD_REQUESTS: Final = failed(*ROUTE_LABELS)
REQUESTS: Final = countable(*ROUTE_LABELS)
MOST_FAILED: Final = in_top(f"{BAD_REQUESTS} > 0", 30, *ROUTE_LABELS)
SHARE: Final = f"({BAD_REQUESTS}) / on (job) group_left () ({failed('job')} > 0)"


def _to_route(field: str, service: str, route: str, method: str) -> str:
    """A link to the dashboard of a route, from these fields of a table or labels of a series."""
    fields = {"job": service, "route": route, "method": method}
    return link_to("route", *(f"var-{name}=${{{field}.{value}}}" for name, value in fields.items()))


SPENDERS: Final = [
    table(
        "Routes with the most failed requests",
        "The 30 routes with the most failed requests per second, over 5 minutes.",
        [
            SERVICE,
            Key("http_request_method", "Method"),
            Key("http_route", "Route", _to_route("__data.fields", "Service", "Route", "Method")),
        ],
        Column(f"topk(30, {BAD_REQUESTS} > 0)", "Failed/s", "reqps"),
        Column(f"{SHARE} {MOST_FAILED}", "Share of service", "percentunit"),
        Column(f"{ratio(BAD_REQUESTS, REQUESTS)} {MOST_FAILED}", "Errors", "percentunit"),
        Column(f"{REQUESTS} {MOST_FAILED}", "Requests/s", "reqps"),
        sort="Failed/s",
        empty="No failed requests, or the rules are not loaded: see Telemetry health",
    ),
    bar_gauge(
        "Share of failed requests",
        "The share of its service's failed requests that each route has; the ten largest.",
        "percentunit",
        Query(
            f"topk(10, {SHARE} > 0)",
            "{{job}} {{http_request_method}} {{http_route}}",
            recorded=True,
        ),
        empty=NO_DATA,
        colour=BAD,
        link=_to_route("__field.labels", "job", "http_route", "http_request_method"),
    ),
]


DASHBOARD: Final = dashboard(
    __name__,
    "Error budgets: how much is left, how fast they are spent, and by which routes. Works with "
    "any instrumentation.",
    Section("", [Row(5, OVERVIEW), Row(10, [OBJECTIVES])]),
    Section("Burn rates", [Row(7, BURN_RATE_PANELS), Row(8, TRENDS)]),
    Section("Budget spent by route", [Row(10, SPENDERS, (16, 8))]),
)
