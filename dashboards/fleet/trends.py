"""All services together, over time."""

from dashboards.fleet.parts import FIRING, KNOWN
from dashboards.layout import Line
from dashboards.panels import colours, silence
from dashboards.panels.figures import figure
from dashboards.panels.graphs import graph
from dashboards.panels.queries import Query, Shown
from dashboards.promql import error_ratio, raw
from dashboards.promql import recorded as of
from sidelight.slo import names


def lines() -> list[Line]:
    """The lines of this section."""
    return [
        Line(4, [_services(), _alerts_firing(), _targets_down(), _without_sidelight()]),
        Line(8, [_most_requests(), _most_errors()]),
    ]


def _services() -> Shown:
    return figure(
        "Services",
        "Services with requests in the last 5 minutes.",
        "short",
        Query(f"count({of(names.SERVICE)} > 0)", "services", recorded=True),
    )


def _alerts_firing() -> Shown:
    return figure(
        "Alerts firing",
        "Of the services chosen.",
        "short",
        Query(f"count({FIRING})", "alerts"),
        empty="None",
        steps=colours.steps((1, colours.BAD)),
    )


def _targets_down() -> Shown:
    return figure(
        "Targets down",
        "Targets of known services that don't answer Prometheus.",
        "short",
        Query(f"count(({raw('up')} == 0) {KNOWN})", "down"),
        empty="None",
        steps=colours.steps((1, colours.BAD)),
    )


def _without_sidelight() -> Shown:
    return figure(
        "Without Sidelight",
        "Services that only FastAPI's own telemetry or OpenTelemetry's "
        "instrumentation measures: no slow requests, loops, threads and pools.",
        "short",
        Query(
            f"count({of(names.SERVICE)} unless on (job) {raw('sidelight_workers')})",
            "services",
            recorded=True,
        ),
        empty="None",
    )


def _most_requests() -> Shown:
    return graph(
        "Most requests",
        "The ten services with the most requests a second.",
        "reqps",
        [Query(f"topk(10, {of(names.SERVICE)})", "{{job}}", recorded=True)],
    )


def _most_errors() -> Shown:
    return graph(
        "Most errors",
        "The ten services with the largest share of failed requests.",
        "percentunit",
        [Query(f"topk(10, ({error_ratio('job')}) > 0)", "{{job}}", recorded=True)],
        empty=silence.NONE_SO_FAR,
    )
