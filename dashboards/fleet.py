"""Which of all services needs a look."""

from typing import Any, Final

from dashboards import frame, recorded
from dashboards.frame import Line, Section
from dashboards.panels import (
    BAD,
    GOOD,
    NO_RULES,
    NONE_SO_FAR,
    PLAIN,
    WARN,
    Column,
    Key,
    Query,
    figure,
    graph,
    rows,
    steps,
)
from dashboards.promql import JOB, error_ratio, quantile, raw, total
from dashboards.promql import recorded as of

MOST: Final = 200
"""Rows; who has more services chooses among them."""
KNOWN: Final = f"and on (job) last_over_time({of(recorded.SERVICE)}[1d])"
WHOLE: Final = 'http_route=""'
FIRING: Final = f'ALERTS{{{JOB},alertstate="firing",severity=~"critical|warning"}}'


def make() -> dict[str, Any]:
    """The dashboard."""
    return frame.dashboard(
        __file__,
        "A row a service, the worst first. Whatever measures them: Sidelight, FastAPI's own "
        "telemetry or OpenTelemetry's instrumentation.",
        ("job", "instance"),
        [Section("", [_services()]), Section("All together", _trends())],
    )


def _services() -> Line:
    to = frame.to("service", "var-job=${__data.fields.Service}")
    each = total(of(recorded.SERVICE), "job")
    up = total(f"{raw('up')} {KNOWN}", "job")
    least = f"min by (job) ({of(recorded.BUDGET_LEFT, WHOLE)})"
    burn = f"max by (job) ({of(recorded.burnt('1h'))} / {of(recorded.BUDGET)})"
    firing = f"count by (job) ({FIRING}) or 0 * sum by (job) ({of(recorded.SERVICE)})"
    buckets = total(of(recorded.SERVICE_LE), "job", "le")
    return Line(
        13,
        [
            rows(
                "Services",
                "As they are now: those with alerts first. A service that was seen within a day "
                "and has no target left keeps its row. Budget and burn are those of the "
                "objective that is worst off; burn 1 spends the budget exactly in its window.",
                [Key("job", "Service", to)],
                [
                    Column(firing, "Alerts firing", "short", ((None, PLAIN), (1, BAD)), decimals=0),
                    Column(f"topk({MOST}, {each})", "Requests/s", "reqps"),
                    Column(
                        error_ratio("job"),
                        "Errors",
                        "percentunit",
                        ((None, PLAIN), (0.001, WARN), (0.01, BAD)),
                    ),
                    Column(quantile("0.95", buckets), "p95", "s"),
                    Column(
                        least,
                        "Budget left",
                        "percentunit",
                        ((None, BAD), (0, WARN), (0.25, GOOD)),
                    ),
                    Column(
                        burn,
                        "Burn, 1 h",
                        "short",
                        ((None, PLAIN), (1, WARN), (6, BAD)),
                        decimals=1,
                    ),
                    Column(up, "Instances up", "short", ((None, BAD), (1, PLAIN)), decimals=0),
                ],
                sort="Alerts firing",
                empty=NO_RULES,
            )
        ],
    )


def _trends() -> list[Line]:
    return [
        Line(
            4,
            [
                figure(
                    "Services",
                    "Services with requests in the last 5 minutes.",
                    "short",
                    Query(f"count({of(recorded.SERVICE)} > 0)", "services", recorded=True),
                    empty=NO_RULES,
                ),
                figure(
                    "Alerts firing",
                    "Of the services chosen.",
                    "short",
                    Query(f"count({FIRING})", "alerts"),
                    empty="None",
                    steps=steps((1, BAD)),
                ),
                figure(
                    "Targets down",
                    "Targets of known services that don't answer Prometheus.",
                    "short",
                    Query(f"count(({raw('up')} == 0) {KNOWN})", "down"),
                    empty="None",
                    steps=steps((1, BAD)),
                ),
                figure(
                    "Without Sidelight",
                    "Services that only FastAPI's own telemetry or OpenTelemetry's "
                    "instrumentation measures: no slow requests, loops, threads and pools.",
                    "short",
                    Query(
                        f"count({of(recorded.SERVICE)} unless on (job) "
                        f"{raw('sidelight_build_info')})",
                        "services",
                        recorded=True,
                    ),
                    empty="None",
                ),
            ],
        ),
        Line(
            8,
            [
                graph(
                    "Most requests",
                    "The ten services with the most requests a second.",
                    "reqps",
                    [Query(f"topk(10, {of(recorded.SERVICE)})", "{{job}}", recorded=True)],
                    empty=NO_RULES,
                ),
                graph(
                    "Most errors",
                    "The ten services with the largest share of failed requests.",
                    "percentunit",
                    [Query(f"topk(10, ({error_ratio('job')}) > 0)", "{{job}}", recorded=True)],
                    empty=NONE_SO_FAR,
                ),
            ],
        ),
    ]
