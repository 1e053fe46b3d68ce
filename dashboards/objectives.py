"""How much may still go wrong, how fast it goes, and which routes spend it."""

from typing import Any, Final

from dashboards import frame, recorded
from dashboards.frame import Line, Section
from dashboards.panels import (
    BAD,
    GOOD,
    NO_RULES,
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
from dashboards.promql import countable, failed, over
from dashboards.promql import recorded as of

NO_OBJECTIVE: Final = "No objective, no traffic, or rules not loaded: see Telemetry health"
BY: Final = ("job", "slo", "http_request_method", "http_route")
ON: Final = f"on ({', '.join(BY)})"
WHOLE: Final = 'http_route=""'
ROUTES: Final = ("job", "http_request_method", "http_route")


def make() -> dict[str, Any]:
    """The dashboard."""
    return frame.dashboard(
        __file__,
        "Budgets of the objectives: what is left, how fast it is spent, and by which routes. "
        "Whatever measures the services.",
        ("job", "instance"),
        [
            Section("", [_numbers(), _objectives()]),
            Section("How fast", _burns()),
            Section("Who spends it", [_spenders()]),
        ],
    )


def _burn(window: str) -> str:
    return f"{of(recorded.burnt(window))} / {ON} {of(recorded.BUDGET)}"


def _ends() -> str:
    """Seconds until nothing is left, if the burn of 6 hours goes on; of a budget of 30 days."""
    return f"(({of(recorded.BUDGET_LEFT)} > 0) / {ON} ({_burn('6h')} > 0)) * 2592000"


def _numbers() -> Line:
    return Line(
        4,
        [
            figure(
                "Least budget left",
                "Of all objectives: 100 % is untouched, below 0 is overspent.",
                "percentunit",
                Query(f"min({of(recorded.BUDGET_LEFT)})", "left", recorded=True),
                empty=NO_OBJECTIVE,
                steps=steps((0, WARN), (0.25, GOOD), base=BAD),
            ),
            figure(
                "Overspent",
                "Objectives with nothing left.",
                "short",
                Query(f"count({of(recorded.BUDGET_LEFT)} <= 0)", "overspent", recorded=True),
                empty="None",
                steps=steps((1, BAD)),
            ),
            figure(
                "Soonest exhausted",
                "When the first budget is gone, if the last 6 hours go on. For a window of 30 "
                "days; of another, in proportion.",
                "s",
                Query(f"min({_ends()})", "soonest", recorded=True),
                empty="None is being spent",
                steps=steps((86400, WARN), (604800, GOOD), base=BAD),
            ),
            figure(
                "Fastest burn, 1 h",
                "1 spends the budget exactly in its window; from 14.4 on somebody is called.",
                "short",
                Query(f"max({_burn('1h')})", "burn", recorded=True),
                empty=NO_OBJECTIVE,
                steps=steps((1, WARN), (6, BAD)),
            ),
        ],
    )


def _objectives() -> Line:
    to = frame.to("service", "var-job=${__data.fields.Service}")
    by = f"max by ({', '.join(BY)})"
    least = f"bottomk(50, {by} ({of(recorded.BUDGET_LEFT)}))"
    keep = f"and {ON} {least}"
    columns = [
        Column(least, "Budget left", "percentunit", ((None, BAD), (0, WARN), (0.25, GOOD))),
        Column(f"{by} ({of(recorded.OBJECTIVE)}) {keep}", "Objective", "percentunit", decimals=3),
        *(
            Column(
                f"{by} ({_burn(window)}) {keep}",
                f"Burn, {window}",
                "short",
                ((None, PLAIN), (float(factor), BAD)),
                decimals=1,
            )
            for window, factor in recorded.BURN_LINES
        ),
        Column(f"{by} ({_ends()}) {keep}", "Gone in", "s"),
    ]
    return Line(
        10,
        [
            rows(
                "Objectives",
                "The 50 with the least budget left. An objective without a route is that of the "
                "whole service. A burn is red from where its alert is.",
                [
                    Key("job", "Service", to),
                    Key("slo", "Objective of"),
                    Key("http_request_method", "Method"),
                    Key("http_route", "Route"),
                ],
                columns,
                sort="Budget left",
                descending=False,
                empty=NO_OBJECTIVE,
            )
        ],
    )


def _burns() -> list[Line]:
    pairs = [("1h", "5m", "14.4"), ("6h", "30m", "6"), ("1d", "2h", "3"), ("3d", "6h", "1")]
    charts = [
        graph(
            f"Burn over {long} and {short}",
            f"The objective that burns fastest. Above {factor} in both windows is an alert.",
            "short",
            [
                Query(f"max({_burn(long)})", long, recorded=True),
                Query(f"max({_burn(short)})", short, recorded=True),
                Query(f"vector({factor})", "Limit: alert", recorded=True),
            ],
            empty=NO_OBJECTIVE,
        )
        for long, short, factor in pairs
    ]
    left = f"bottomk(10, {of(recorded.BUDGET_LEFT)})"
    return [
        Line(7, charts),
        Line(
            8,
            [
                graph(
                    "Budget left, over time",
                    "The ten objectives with the least left.",
                    "percentunit",
                    [
                        Query(
                            left,
                            "{{job}} {{slo}} {{http_request_method}} {{http_route}}",
                            recorded=True,
                        )
                    ],
                    empty=NO_OBJECTIVE,
                    centred=True,
                ),
                graph(
                    "Requests and bad ones",
                    "That objectives of whole services count, a second.",
                    "reqps",
                    [
                        Query(
                            f"sum by (slo) ({of(recorded.REQUESTS, WHOLE)})",
                            "{{slo}}: all",
                            recorded=True,
                        ),
                        Query(
                            f"sum by (slo) ({of(recorded.BAD, WHOLE)})",
                            "{{slo}}: bad",
                            recorded=True,
                        ),
                    ],
                    empty=NO_OBJECTIVE,
                ),
            ],
        ),
    ]


def _spenders() -> Line:
    bad, requests = failed(*ROUTES), countable(*ROUTES)
    worst = f"topk(30, {bad} > 0)"
    keep = f"and on ({', '.join(ROUTES)}) {worst}"
    to = frame.to(
        "route",
        "var-job=${__data.fields.Service}",
        "var-route=${__data.fields.Route}",
        "var-method=${__data.fields.Method}",
    )
    return Line(
        10,
        [
            rows(
                "Routes that spend the most availability",
                "The 30 with most failed requests a second, over 5 minutes.",
                [
                    Key("job", "Service"),
                    Key("http_request_method", "Method"),
                    Key("http_route", "Route", to),
                ],
                [
                    Column(worst, "Failed/s", "reqps"),
                    Column(
                        f"({bad}) / on (job) group_left () ({failed('job')} > 0) {keep}",
                        "Share of all",
                        "percentunit",
                    ),
                    Column(f"{over(bad, requests)} {keep}", "Errors", "percentunit"),
                    Column(f"{requests} {keep}", "Requests/s", "reqps"),
                ],
                sort="Failed/s",
                empty=NO_RULES + "; or none fails",
            )
        ],
    )
