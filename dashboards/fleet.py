"""Fleet: which service needs attention."""

from typing import Final

from dashboards import shared
from dashboards.builder import FIRING, Row, Section, dashboard, link_to
from dashboards.colours import BAD, BUDGET_LEFT, ERROR_RATIO, WARN
from dashboards.histograms import durations, quantile
from dashboards.panels import NO_DATA, NO_RULES, NO_TRAFFIC, count_stat, time_series
from dashboards.queries import SERVICE_WIDE, Query, burn_rate, error_ratio, raw, recorded, total
from dashboards.tables import Column, Key, coloured_column, table
from sidelight.slo import names

REQUESTS: Final = recorded(names.SERVICE)
SEEN: Final = f"and on (job) last_over_time({REQUESTS}[1d])"
ALERTS: Final = f"count by (job) ({FIRING}) or 0 * sum by (job) ({REQUESTS})"
BUDGET: Final = f"min by (job) ({recorded(names.BUDGET_LEFT, SERVICE_WIDE)})"
BURNING: Final = f"max by (job) ({burn_rate('1h')})"
P95: Final = quantile("0.95", durations("service", by=("job",)))
UNMEASURED: Final = f"count({REQUESTS} unless on (job) {raw('sidelight_workers')})"

SERVICES: Final = table(
    "Services",
    "The current state of each service; services with firing alerts come first. A service that was "
    "seen in the last day and has no target left keeps its row. The budget is the lowest of the "
    "service's objectives, the burn rate the highest; a burn rate of 1 spends the budget exactly "
    "over its window.",
    [Key("job", "Service", link_to("service", shared.OF_SERVICE))],
    coloured_column(ALERTS, "Alerts firing", "short", (1, BAD), decimals=0),
    Column(total(REQUESTS, "job"), "Requests/s", "reqps"),
    coloured_column(error_ratio("job"), "Errors", "percentunit", *ERROR_RATIO),
    Column(P95, "p95", "s"),
    Column(BUDGET, "Budget left", "percentunit", BUDGET_LEFT),
    coloured_column(
        BURNING,
        "Burn rate, 1 h",
        "short",
        (1, WARN),
        (6, BAD),
        decimals=1,
    ),
    Column(total(f"{raw('up')} {SEEN}", "job"), "Instances up", "short", decimals=0),
    coloured_column(total(f"1 - {raw('up')} {SEEN}", "job"), "Down", "short", (1, BAD), decimals=0),
    sort="Alerts firing",
    empty=NO_RULES,
)
COUNTS: Final = [
    count_stat(
        "Services",
        "Services with requests in the last 5 minutes.",
        Query(f"count({REQUESTS} > 0)", "services", recorded=True),
        empty=NO_TRAFFIC,
    ),
    count_stat(
        "Alerts firing",
        "Firing alerts of the selected services.",
        Query(f"count({FIRING})", "alerts"),
        (1, BAD),
    ),
    shared.targets_down(
        "Targets that Prometheus cannot scrape, of services that were seen in the last day.",
        f"({raw('up')} == 0) {SEEN}",
    ),
    count_stat(
        "Overspent services",
        "Services with an objective whose error budget is spent.",
        Query(f"count({BUDGET} <= 0)", "services", recorded=True),
        (1, BAD),
    ),
    shared.errors(),
    count_stat(
        "Without Sidelight",
        "Services that are measured only by FastAPI's own telemetry or by OpenTelemetry's "
        "instrumentation. They have no data on slow requests, event loops, threads and pools.",
        Query(UNMEASURED, "services", recorded=True),
    ),
]
TRENDS: Final = [
    time_series(
        "Services with the most requests",
        "The ten services with the most requests per second.",
        "reqps",
        Query(f"topk(10, {REQUESTS})", "{{job}}", recorded=True),
    ),
    time_series(
        "Services with the most errors",
        "The ten services with the largest share of failed requests.",
        "percentunit",
        Query(f"topk(10, ({error_ratio('job')}) > 0)", "{{job}}", recorded=True),
        empty=NO_DATA,
    ),
    time_series(
        "Services with the highest burn rate",
        "The ten services that spend an error budget fastest, over an hour. At 1 the budget lasts "
        "exactly its window.",
        "short",
        Query(f"topk(10, {BURNING})", "{{job}}", recorded=True),
        empty="No objective, no traffic, or the rules are not loaded: see Telemetry health",
    ),
]


DASHBOARD: Final = dashboard(
    __name__,
    "One row per service, the most urgent first. Works with Sidelight, FastAPI's own telemetry "
    "and OpenTelemetry's instrumentation.",
    Section("", [Row(4, COUNTS), Row(7, TRENDS)]),
    Section("", [Row(7, [shared.firing_alerts()]), Row(13, [SERVICES])]),
)
