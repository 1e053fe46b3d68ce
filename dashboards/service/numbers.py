"""The first line: how the service is now."""

from dashboards.layout import Line
from dashboards.panels import colours, silence
from dashboards.panels.figures import figure
from dashboards.panels.queries import Query, Shown
from dashboards.promql import error_ratio, quantile, raw, total
from dashboards.promql import recorded as of
from dashboards.service.parts import WHOLE
from sidelight.slo import names

BY_BUCKET = total(of(names.SERVICE_LE), "le")
LEFT = f"min({of(names.BUDGET_LEFT, WHOLE)})"


def lines() -> list[Line]:
    """The lines of this section."""
    return [
        Line(4, [_requests(), _errors(), _p95(), _budget_left(), _instances_up(), _measured_by()])
    ]


def _requests() -> Shown:
    return figure(
        "Requests",
        f"Requests a second, over 5 minutes. {silence.ALL_INSTANCES}",
        "reqps",
        Query(total(of(names.SERVICE)), "requests", recorded=True),
    )


def _errors() -> Shown:
    return figure(
        "Errors",
        "Requests that failed: 5xx, or broken off after the status. Never 4xx, nor clients "
        f"that left. {silence.ALL_INSTANCES}",
        "percentunit",
        Query(error_ratio(), "errors", recorded=True),
        steps=colours.steps((0.001, colours.WARN), (0.01, colours.BAD)),
    )


def _p95() -> Shown:
    return figure(
        "p95",
        f"95 of 100 good responses were quicker. {silence.ALL_INSTANCES}",
        "s",
        Query(quantile("0.95", BY_BUCKET), "p95", recorded=True),
    )


def _budget_left() -> Shown:
    return figure(
        "Budget left",
        "Of the objective with the least left: 100 % is untouched, below 0 is overspent.",
        "percentunit",
        Query(LEFT, "left", recorded=True),
        empty="No objective: see Objectives",
        steps=colours.steps((0, colours.WARN), (0.25, colours.GOOD), base=colours.BAD),
    )


def _instances_up() -> Shown:
    return figure(
        "Instances up",
        "Targets that answer Prometheus. A service that pushes by OTLP has none.",
        "short",
        Query(f"sum({raw('up')})", "up"),
        empty="No target: pushed, or see Telemetry health",
        steps=colours.steps((1, colours.GOOD), base=colours.BAD),
    )


def _measured_by() -> Shown:
    return figure(
        "Measured by",
        "Sidelight, or only FastAPI's own telemetry or OpenTelemetry's instrumentation: "
        "then panels of slow requests, loops, threads and pools stay empty.",
        "string",
        Query(f"count by (version) ({raw('sidelight_build_info')})", "Sidelight {{version}}"),
        empty="OpenTelemetry only, or no worker lives: see Telemetry health",
        words=True,
    )
