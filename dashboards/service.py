"""Service: the state of one service for its users, its routes, its saturation, its instances."""

from typing import Any, Final

from dashboards import service_instances, shared
from dashboards.builder import Row, Section, dashboard, link_to
from dashboards.colours import BAD, ERROR_RATIO, GOOD, PLAIN, WARN
from dashboards.histograms import durations, exemplars, quantile
from dashboards.panels import (
    NO_RULES,
    PanelBuilder,
    stat,
    time_series,
)
from dashboards.queries import (
    ROUTE_LABELS,
    SERVICE_WIDE,
    Query,
    error_ratio,
    in_top,
    or_text,
    ratio,
    raw,
    recorded,
    total,
    waited,
)
from dashboards.tables import SERVICE, Column, Key, coloured_column, table
from sidelight.slo import names

ALL_DURATIONS: Final = durations("service")
LATENCY: Final = (SERVICE_WIDE, 'slo="latency"')
UP_OF_ALL: Final = (
    f'(0 * count_values("up", sum({raw("up")})) + on () group_left (all) '
    f'0 * count_values("all", count({raw("up")})))'
    f" + on () group_left () (sum({raw('up')}) / count({raw('up')}))"
)
"""The share of the targets that answer, with both numbers as labels."""
UP: Final = or_text(f'label_join({UP_OF_ALL}, "shown", " of ", "up", "all")', -1, "No target")
BUILDS: Final = f"count by (version) ({raw('sidelight_build_info')})"
UNBUILT: Final = f"0 * sum({raw('http_server_active_requests')})"
"""Of any instrumentation; of few series, in contrast to durations."""
MEASURED_BY: Final = or_text(
    f'label_replace({BUILDS}, "shown", "Sidelight $1", "version", "(.+)") '
    f'or on () label_replace({UNBUILT}, "shown", "OpenTelemetry only", "job", "")',
    0,
    "Not measured",
)
OVERVIEW: Final = [
    shared.request_rate(total(recorded(names.SERVICE))),
    shared.errors(),
    shared.p95(ALL_DURATIONS),
    shared.budget_left(
        "Budget left",
        "Of the objective with the least budget left. 100 % is untouched, below 0 is overspent.",
        SERVICE_WIDE,
        empty="No objective",
    ),
    stat(
        "Instances up",
        "How many of the service's targets answer Prometheus. A service that pushes by OTLP has no "
        "targets.",
        "percentunit",
        Query(UP, "{{shown}}"),
        empty="No target",
        colours=((None, PLAIN), (0, BAD), (1, GOOD)),
        name=True,
    ),
    stat(
        "Measured by",
        "Sidelight and its version. A service that is measured only by FastAPI's own telemetry or "
        "by OpenTelemetry's instrumentation has no data on slow requests, event loops, threads and "
        "pools.",
        "string",
        Query(MEASURED_BY, "{{shown}}"),
        empty="Not measured",
        name=True,
    ),
]


def _against_objective(
    title: str, description: str, query: Query, objective: str, **options: Any
) -> PanelBuilder:
    """The share of bad requests, and the share that an objective of the service allows."""
    allowed = recorded(names.BUDGET, SERVICE_WIDE, f'slo="{objective}"')
    return time_series(
        title,
        description,
        "percentunit",
        query,
        Query(f"min({allowed})", "Limit: objective", recorded=True),
        **options,
    )


RED: Final = [
    shared.requests_by_status("Requests by status", names.SERVICE_CLASS),
    _against_objective(
        "Errors",
        "The share of requests that failed, and the share that the availability objective allows.",
        Query(error_ratio(), "errors", recorded=True),
        "availability",
        colours={"errors": BAD},
    ),
    _against_objective(
        "Slower than the latency objective",
        "The share of good responses that took longer than the objective's threshold, and the "
        "share that the objective allows.",
        Query(f"max({recorded(names.ratio('5m'), *LATENCY)})", "too slow", recorded=True),
        "latency",
        colours={"too slow": WARN},
        empty="No traffic, or no latency objective: see Objectives",
    ),
]
TIME: Final = total(recorded(names.ROUTE_TIME))
DURATIONS: Final = [
    shared.latency(
        "Latency",
        "The time from arrival to the last byte of good responses, and the threshold of the "
        "latency objective, if there is one. Points are traces. The first query returns "
        "traces only: its offset of ten years leaves no samples.",
        ALL_DURATIONS,
        Query(f"min({recorded(names.SECONDS, *LATENCY)})", "Limit: objective", recorded=True),
        exemplars(),
    ),
    shared.latency_distribution("Latency distribution", ALL_DURATIONS),
    time_series(
        "Waiting for the event loop",
        "The share of the time of all requests for which they waited for the event loop, before "
        f"the application was called. {shared.ALL_INSTANCES}",
        "percentunit",
        Query(ratio(f"({waited()} or 0 * {TIME})", TIME), "waiting", recorded=True),
        colours={"waiting": WARN},
    ),
]

SPENT: Final = total(recorded(names.ROUTE_TIME), *ROUTE_LABELS)
SHARE: Final = f"topk(30, {SPENT}) / on () group_left () (sum({recorded(names.ROUTE_TIME)}) > 0)"
TOP: Final = in_top(SPENT, 30, *ROUTE_LABELS)
P95: Final = quantile("0.95", durations("route", by=ROUTE_LABELS))
TO_ROUTE: Final = link_to(
    "route", *shared.OF_ROUTE, "var-method=${__data.fields.Method}", "${instance:queryparam}"
)
ROUTES: Final = table(
    "Routes by share of time",
    "The 30 routes in which the service spends most of its time: the number of requests times "
    "their duration. *No route* are requests that matched none.",
    [
        SERVICE,
        Key("http_request_method", "Method"),
        Key("http_route", "Route", TO_ROUTE, blank="no route"),
    ],
    Column(SHARE, "Share of time", "percentunit", decimals=1),
    Column(f"{total(recorded(names.ROUTE), *ROUTE_LABELS)} {TOP}", "Requests/s", "reqps"),
    coloured_column(f"({error_ratio(*ROUTE_LABELS)}) {TOP}", "Errors", "percentunit", *ERROR_RATIO),
    Column(f"({P95}) {TOP}", "p95", "s"),
    coloured_column(
        f"{total(recorded(names.ROUTE_SLOW), *ROUTE_LABELS)} {TOP}",
        "Slow/s",
        "reqps",
        (0.01, WARN),
    ),
    sort="Share of time",
    empty=NO_RULES,
)
RAISED: Final = f"increase({raw('fastapi_exceptions_total')}[$__range])"
EXCEPTIONS: Final = table(
    "Unhandled exceptions by route",
    "The exceptions that the application did not handle, in the selected time range; the 20 most "
    "frequent.",
    [
        SERVICE,
        Key("http_route", "Route", link_to("route", *shared.OF_ROUTE), blank="no route"),
        Key("error_type", "Exception"),
    ],
    Column(
        f"topk(20, {total(RAISED, 'job', 'http_route', 'error_type')} > 0)",
        "Exceptions",
        "short",
        decimals=0,
    ),
    sort="Exceptions",
    empty="None (requires Sidelight)",
)


OF_VERSION: Final = ("job", "service_version")
NEWEST: Final = in_top(recorded(names.VERSION_SINCE), 20, *OF_VERSION)
RELEASES: Final = table(
    "Releases",
    "The versions that run now, the newest first, of a service that reports its version: two while "
    "a release is in progress. Errors are 5xx responses. "
    f"{shared.ALL_INSTANCES}",
    [SERVICE, Key("service_version", "Version")],
    Column(f"time() - {recorded(names.VERSION_SINCE)} {NEWEST}", "Running for", "s"),
    Column(f"{total(recorded(names.VERSION_STATUS), *OF_VERSION)} {NEWEST}", "Requests/s", "reqps"),
    coloured_column(
        f"{total(recorded(names.VERSION_ERRORS), *OF_VERSION)} {NEWEST}",
        "Errors",
        "percentunit",
        *ERROR_RATIO,
    ),
    Column(f"{total(recorded(names.VERSION_MEAN), *OF_VERSION)} {NEWEST}", "Mean latency", "s"),
    sort="Running for",
    descending=False,
    empty="No version is reported: set service_version",
)


TOTALS: Final = shared.totals()


DASHBOARD: Final = dashboard(
    __name__,
    "Requests, errors and latency of a service, then its routes, its saturation and its instances.",
    Section(
        "",
        [Row(4, OVERVIEW), Row(7, RED), Row(7, [shared.firing_alerts()]), Row(4, [RELEASES])],
    ),
    shared.log_lines(),
    Section("Duration", [Row(9, DURATIONS)]),
    Section("Routes", [Row(12, [ROUTES]), Row(8, [EXCEPTIONS])]),
    Section("Totals over the time range", [Row(4, TOTALS)]),
    Section(
        "Saturation", [Row(7, service_instances.SATURATION), Row(7, service_instances.RESOURCES)]
    ),
    Section("Instances", [Row(7, service_instances.SPREAD), Row(9, [service_instances.INSTANCES])]),
)
