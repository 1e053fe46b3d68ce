"""Panels that two dashboards show: of one service and one route, or of one service and a process.

`ALL_INSTANCES` in a description says that the Instance variable does not apply: recorded series
of services and routes have no instance.
"""

from typing import Final

from dashboards import colours
from dashboards.builder import FIRING, Row, Section, link_to
from dashboards.histograms import LOOP_LAG, Histogram, distribution, quantile, quantiles
from dashboards.panels import (
    NO_SIDELIGHT,
    NO_TRAFFIC,
    SIDELIGHT_ONLY,
    PanelBuilder,
    count_stat,
    heatmap,
    logs,
    stat,
    time_series,
)
from dashboards.queries import JOB, Query, error_ratio, in_range, raw, recorded, total
from dashboards.tables import Column, Key, table
from sidelight.project import PROJECT_URL
from sidelight.slo import names
from sidelight.slo.recording import CLASS, COUNTED, FAILED

OF_SERVICE: Final = "var-job=${__data.fields.Service}"
OF_ROUTE: Final = (OF_SERVICE, "var-route=${__data.fields.http_route}")
"""The service, and the route, of a row of a table."""
ALL_INSTANCES: Final = "All instances of the service, regardless of the Instance variable."


def request_rate(expr: str) -> PanelBuilder:
    """Requests per second."""
    return stat(
        "Requests",
        f"Requests per second, over 5 minutes. {ALL_INSTANCES}",
        "reqps",
        Query(expr, "requests", recorded=True),
    )


def errors(*matchers: str) -> PanelBuilder:
    """The share of requests that failed."""
    return stat(
        "Errors",
        "The share of requests that failed: 5xx, and responses that broke off after the status. "
        f"4xx and client disconnects are not errors. {ALL_INSTANCES}",
        "percentunit",
        Query(error_ratio(matchers=matchers), "errors", recorded=True),
        colours=colours.levels(*colours.ERROR_RATIO),
    )


def p95(of: Histogram) -> PanelBuilder:
    """The 95th percentile of the latency."""
    return stat(
        "p95",
        f"95 % of good responses took at most this long. {ALL_INSTANCES}",
        "s",
        Query(quantile("0.95", of), "p95", recorded=True),
    )


def budget_left(title: str, description: str, *matchers: str, empty: str) -> PanelBuilder:
    """The least error budget that is left."""
    left = f"min({recorded(names.BUDGET_LEFT, *matchers)})"
    query = Query(left, "left", recorded=True)
    return stat(title, description, "percentunit", query, empty=empty, colours=colours.BUDGET_LEFT)


def requests_by_status(title: str, series: str, *matchers: str) -> PanelBuilder:
    """Requests per second by class of status."""
    return time_series(
        title,
        "Requests per second by status class. 4xx responses are caused by the client. "
        f"{ALL_INSTANCES}",
        "reqps",
        Query(total(recorded(series, *matchers), CLASS), "{{status_class}}", recorded=True),
        colours=colours.STATUS_CLASSES,
        stacked=True,
    )


def latency(title: str, description: str, of: Histogram, *more: Query) -> PanelBuilder:
    """Quantiles of the latency with limits and traces."""
    queries = (*quantiles(of, *colours.QUANTILES), *more)
    return time_series(title, description, "s", *queries, colours=colours.QUANTILES)


def latency_distribution(title: str, of: Histogram, *more: Query) -> PanelBuilder:
    """The buckets of the latency over time."""
    points = " Points are traces." if more else ""
    return heatmap(
        title,
        "Good responses per second in each bucket. Two bands mean two kinds of request." + points,
        "reqps",
        Query(distribution(of), "{{le}}", recorded=True),
        *more,
    )


def loop_lag() -> PanelBuilder:
    """How late event loops run."""
    return time_series(
        "Event loop lag",
        "How late event loops run. While a call blocks an event loop, all requests of its worker "
        "wait.",
        "s",
        Query(quantile("0.5", LOOP_LAG), "p50"),
        Query(quantile("0.99", LOOP_LAG), "p99"),
        empty=SIDELIGHT_ONLY,
        colours=colours.QUANTILES,
    )


def threads() -> PanelBuilder:
    """AnyIO threads in use, and calls that wait for one."""
    legends = {"in_use": "in use", "waiting": "waiting", "capacity": "Limit: capacity"}
    return time_series(
        "AnyIO threads",
        "Threads in use by synchronous endpoints and dependencies, all workers together, and "
        "calls that wait for a thread.",
        "short",
        *(Query(f"sum({raw(f'anyio_threadpool_{k}')})", legend) for k, legend in legends.items()),
        empty=SIDELIGHT_ONLY,
        colours={"waiting": colours.BAD},
    )


def targets_down(description: str, expr: str) -> PanelBuilder:
    """Targets that Prometheus cannot scrape."""
    return count_stat(
        "Targets down", description, Query(f"count({expr})", "down"), (1, colours.BAD)
    )


TO_ROUTE: Final = link_to("route", OF_SERVICE, "var-route=${__data.fields.Route}")
TO_INSTANCE: Final = link_to("runtime", OF_SERVICE, "var-instance=${__data.fields.Instance}")
RUNBOOK: Final = f"{PROJECT_URL}/docs/runbooks/${{__data.fields.Alert}}.md"
SINCE: Final = f"time() - (ALERTS_FOR_STATE{{{JOB}}} and ignoring (alertstate) {FIRING})"
BY: Final = "alertname, severity, window, job, http_request_method, http_route, instance"


def firing_alerts() -> PanelBuilder:
    """The alerts that fire, with their runbooks and dashboards."""
    return table(
        "Firing alerts",
        "The 50 alerts that fire for longest, critical ones first. An alert leads to its runbook, "
        "and its service, route or instance to a dashboard.",
        [
            Key("severity", "Severity"),
            Key("alertname", "Alert", RUNBOOK),
            Key("window", "Window"),
            Key("job", "Service", link_to("service", OF_SERVICE)),
            Key("http_request_method", "Method"),
            Key(
                "http_route",
                "Route",
                TO_ROUTE,
            ),
            Key(
                "instance",
                "Instance",
                TO_INSTANCE,
            ),
        ],
        Column(f"topk(50, max by ({BY}) ({SINCE}))", "Active for", "s"),
        sort="Severity",
        descending=False,
        empty="No alert fires",
    )


def totals(*matchers: str) -> list[PanelBuilder]:
    """Numbers of requests in the selected time range."""
    return [
        count_stat(
            f"Total of {what}",
            f"{what.capitalize()} in the selected time range. {ALL_INSTANCES}",
            Query(in_range(recorded(series, *matchers, *more)), what),
            empty=empty,
        )
        for what, series, more, empty in (
            ("requests", names.ROUTE_CLASS, (), NO_TRAFFIC),
            ("5xx responses", names.ROUTE_CLASS, (FAILED, COUNTED), "None"),
            ("4xx responses", names.ROUTE_CLASS, (f'{CLASS}="4xx"',), "None"),
            ("slow requests", names.ROUTE_SLOW, (), NO_SIDELIGHT),
        )
    ]


def log_lines() -> Section:
    """The logs of the service, for those who have Loki."""
    panel = logs(
        "Logs",
        "The newest lines that Loki has of the service: its label service_name is the job.",
        '{service_name=~"$job"}',
    )
    return Section("Logs (requires Loki)", [Row(10, [panel])], closed=True)
