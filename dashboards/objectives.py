"""Objectives: the error budgets, their burn rates, and the routes that spend them."""

from typing import Final

from dashboards import shared
from dashboards.builder import Row, Section, dashboard, link_to
from dashboards.colours import BAD, BUDGET_LEFT, GOOD, WARN, levels
from dashboards.panels import NO_DATA, bar_gauge, count_stat, stat, time_series
from dashboards.queries import (
    ROUTE_LABELS,
    SERVICE_WIDE,
    Query,
    burn_rate,
    countable,
    failed,
    in_range,
    in_top,
    level,
    ratio,
    recorded,
    spaced,
)
from dashboards.tables import SERVICE, Column, Key, coloured_column, table
from sidelight.slo import names
from sidelight.slo.windows import BURN_RATES, plain

NO_OBJECTIVE: Final = "No objective, no traffic, or the rules are not loaded: see Telemetry health"
LEFT: Final = recorded(names.BUDGET_LEFT)
LASTS: Final = f"({LEFT} > 0) / ({burn_rate('6h')} > 0) * {recorded(names.WINDOW)}"
EXHAUSTED_IN: Final = f"(clamp_min({LEFT} <= 0, 0) or {LASTS})"
"""Seconds until no budget is left at the burn rate of 6 hours; 0 if none is left."""
WHOLE: Final = "whole service"
"""The route of an objective that is a service's."""

OVERVIEW: Final = [
    stat(
        "Least budget left",
        "The lowest of all objectives. 100 % is untouched; below 0 a budget is overspent.",
        "percentunit",
        Query(f"min({LEFT})", "left", recorded=True),
        empty="No objective or no rules",
        colours=BUDGET_LEFT,
    ),
    count_stat(
        "Overspent budgets",
        "Objectives with no budget left.",
        Query(f"count({LEFT} <= 0)", "overspent", recorded=True),
        (1, BAD),
        empty="None, or no rules",
    ),
    stat(
        "Soonest exhausted",
        "The time until the first budget is exhausted, at the burn rate of the last 6 hours; 0 if "
        "one is overspent.",
        "s",
        Query(f"min({EXHAUSTED_IN})", "soonest", recorded=True),
        empty="None is being spent",
        colours=levels((86400, WARN), (604800, GOOD), base=BAD),
    ),
    stat(
        "Highest burn rate, 1 h",
        "A burn rate of 1 spends the budget exactly over its window; from 14.4 on, a person is "
        "paged.",
        "short",
        Query(f"max({burn_rate('1h')})", "burn", recorded=True),
        empty="No objective or no rules",
        colours=levels((1, WARN), (6, BAD)),
    ),
    count_stat(
        "Objectives",
        "Objectives of the selected services and of their routes.",
        Query(f"count({LEFT})", "objectives", recorded=True),
        empty="None, or no rules",
    ),
    count_stat(
        "Total of bad requests",
        "Requests in the selected time range that count against objectives of whole services. A "
        "request that is bad for two of them counts twice.",
        Query(in_range(recorded(names.BAD_RATE, SERVICE_WIDE)), "bad requests"),
        empty="No objective or no rules",
    ),
]

OBJECTIVE_LABELS: Final = ("job", "slo", "http_request_method", "http_route")
WORST: Final = f"max by ({', '.join(OBJECTIVE_LABELS)})"
LEAST: Final = f"bottomk(50, {WORST} ({LEFT}))"
AMONG_LEAST: Final = f"and on ({', '.join(OBJECTIVE_LABELS)}) {LEAST}"
OBJECTIVE: Final = f"{WORST} ({recorded(names.OBJECTIVE)}) {AMONG_LEAST}"
OBJECTIVES: Final = table(
    "Objectives",
    "The 50 objectives with the least budget left. A burn rate is red from the threshold "
    "of its alert on.",
    [
        Key("job", "Service", link_to("service", shared.OF_SERVICE)),
        Key("slo", "SLO"),
        Key("http_request_method", "Method", blank="all"),
        Key("http_route", "Route", blank=WHOLE),
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
            spaced(f"bottomk(10, {LEFT})", "http_request_method", "http_route"),
            "{{job}} {{slo}}{{shown_http_request_method}}{{shown_http_route}}",
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
SHARE: Final = f"({BAD_REQUESTS}) / on () group_left () ({failed()} > 0)"
"""Of all selected services, so that one with little traffic is not the first."""


LABELS: Final = {"job": "job", "route": "http_route", "method": "http_request_method"}
OF_BAR: Final = [f"var-{name}=${{__field.labels.{label}}}" for name, label in LABELS.items()]
TO_ROUTE: Final = link_to("route", *shared.OF_ROUTE, "var-method=${__data.fields.Method}")
SPENDERS: Final = [
    table(
        "Routes with the most failed requests",
        "The 30 routes with the most failed requests per second, over 5 minutes, and their shares "
        "of the failed requests of all selected services.",
        [
            SERVICE,
            Key("http_request_method", "Method"),
            Key("http_route", "Route", TO_ROUTE, blank="no route"),
        ],
        Column(f"topk(30, {BAD_REQUESTS} > 0)", "Failed/s", "reqps"),
        Column(f"{SHARE} {MOST_FAILED}", "Share", "percentunit"),
        Column(f"{ratio(BAD_REQUESTS, REQUESTS)} {MOST_FAILED}", "Errors", "percentunit"),
        Column(f"{REQUESTS} {MOST_FAILED}", "Requests/s", "reqps"),
        sort="Failed/s",
        empty="No failed requests, or the rules are not loaded: see Telemetry health",
    ),
    bar_gauge(
        "Share of failed requests",
        "The share of the failed requests of all selected services that each route has; the ten "
        "largest.",
        "percentunit",
        Query(
            spaced(f"topk(10, {SHARE} > 0)", "http_route"),
            "{{job}} {{http_request_method}}{{shown_http_route}}",
            recorded=True,
        ),
        empty=NO_DATA,
        colour=BAD,
        link=link_to("route", *OF_BAR),
    ),
]


DASHBOARD: Final = dashboard(
    __name__,
    "Error budgets: how much is left, how fast they are spent, and by which routes. Works with "
    "any instrumentation.",
    Section("", [Row(4, OVERVIEW), Row(7, [*TRENDS, BURN_RATE_PANELS[0]]), Row(10, [OBJECTIVES])]),
    Section("Burn rates", [Row(7, BURN_RATE_PANELS[1:])]),
    Section("Budget spent by route", [Row(10, SPENDERS, (16, 8))]),
)
