"""The first line: whether anything is broken."""

from typing import Final

from dashboards.layout import Line
from dashboards.panels import colours
from dashboards.panels.figures import figure
from dashboards.panels.queries import Query, Shown
from dashboards.promql import rate, raw, total
from dashboards.promql import recorded as of
from dashboards.telemetry_health.parts import COUNT
from sidelight.slo import names

RULES: Final = 'rule_group=~".*sidelight.*"'
SILENT = f"({raw('up')} == 1) unless on (job, instance) {raw(names.INSTANCE_STATUS)}"
OURS = f"on (job) last_over_time({of(names.SERVICE)}[1d])"


def lines() -> list[Line]:
    """The lines of this section."""
    return [
        Line(
            4,
            [
                _targets_down(),
                _seen_without_its_metrics(),
                _requests(),
                _rules_that_record(),
                _rules_that_fail(),
                _faults_inside_sidelight(),
            ],
        )
    ]


def _targets_down() -> Shown:
    return figure(
        "Targets down",
        "Targets of the chosen jobs that don't answer Prometheus.",
        "short",
        Query(f"count({raw('up')} == 0)", "down"),
        empty="None",
        steps=colours.steps((1, colours.BAD)),
    )


def _seen_without_its_metrics() -> Shown:
    return figure(
        "Seen without its metrics",
        "Instances of a service that answer and have no request metrics, while the "
        "service had some within a day: no middleware, or no request yet.",
        "short",
        Query(f"count({SILENT} and {OURS})", "silent"),
        empty="None",
        steps=colours.steps((1, colours.WARN)),
    )


def _requests() -> Shown:
    return figure(
        "Requests",
        "A second, from raw series: 0 is idle, nothing is not measured.",
        "reqps",
        Query(total(rate(COUNT)), "requests"),
        empty="Not measured",
    )


def _rules_that_record() -> Shown:
    return figure(
        "Rules that record",
        "Services whose requests are recorded; without rules most panels are empty.",
        "short",
        Query(f"count({of(names.SERVICE)})", "services", recorded=True),
        empty="None: load the rules",
        steps=colours.steps((1, colours.GOOD), base=colours.BAD),
    )


def _rules_that_fail() -> Shown:
    return figure(
        "Rules that fail",
        "Evaluations that failed in the time chosen above, where Prometheus scrapes itself.",
        "short",
        Query(
            f"sum(increase(prometheus_rule_evaluation_failures_total{{{RULES}}}[$__range]))",
            "failed",
        ),
        empty="Not known: Prometheus doesn't scrape itself",
        steps=colours.steps((0.5, colours.BAD)),
    )


def _faults_inside_sidelight() -> Shown:
    return figure(
        "Faults inside Sidelight",
        "In the time chosen above; no request was harmed.",
        "short",
        Query(f"sum(increase({raw('sidelight_internal_errors_total')}[$__range]))", "faults"),
        empty="None",
        steps=colours.steps((0.5, colours.WARN)),
    )
