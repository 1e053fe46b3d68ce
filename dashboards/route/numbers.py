"""The first line: how the route is now."""

from dashboards.layout import Line
from dashboards.panels import colours, silence
from dashboards.panels.figures import figure
from dashboards.panels.queries import Query, Shown
from dashboards.promql import WHERE, error_ratio, quantile, raw, total
from dashboards.promql import recorded as of
from dashboards.route.parts import ROUTE, SOME, good
from sidelight.slo import names

IN_FLIGHT = f"sum({raw('fastapi_active_requests', ROUTE)}) or 0 * sum({raw('sidelight_workers')})"
OWN_LEFT = f"min({of(names.BUDGET_LEFT, WHERE, SOME)})"


def lines() -> list[Line]:
    """The lines of this section."""
    return [
        Line(
            4,
            [
                _requests(),
                _errors(),
                _p95(),
                _in_flight(),
                _oldest_in_flight(),
                _its_own_budget_left(),
            ],
        )
    ]


def _requests() -> Shown:
    return figure(
        "Requests",
        f"Requests a second, over 5 minutes. {silence.ALL_INSTANCES}",
        "reqps",
        Query(total(of(names.ROUTE, WHERE)), "requests", recorded=True),
    )


def _errors() -> Shown:
    return figure(
        "Errors",
        "5xx, or broken off after the status. Never 4xx, nor clients that left. "
        f"{silence.ALL_INSTANCES}",
        "percentunit",
        Query(error_ratio(more=(WHERE,)), "errors", recorded=True),
        steps=colours.steps((0.001, colours.WARN), (0.01, colours.BAD)),
    )


def _p95() -> Shown:
    return figure(
        "p95",
        f"95 of 100 good responses were quicker. {silence.ALL_INSTANCES}",
        "s",
        Query(quantile("0.95", good()), "p95", recorded=True),
    )


def _in_flight() -> Shown:
    return figure(
        "In flight",
        "Requests that are not answered yet.",
        "short",
        Query(IN_FLIGHT, "in flight"),
        empty=silence.ONLY_SIDELIGHT,
    )


def _oldest_in_flight() -> Shown:
    return figure(
        "Oldest in flight",
        "Since when the oldest of them waits. It counts in no latency until it ends.",
        "s",
        Query(f"max({raw('fastapi_oldest_active_request_seconds', ROUTE)})", "oldest"),
        empty="None, or needs Sidelight",
        steps=colours.steps((30, colours.WARN), (300, colours.BAD), base=colours.PLAIN),
    )


def _its_own_budget_left() -> Shown:
    return figure(
        "Its own budget left",
        "Of an objective of this route; most routes have none.",
        "percentunit",
        Query(OWN_LEFT, "left", recorded=True),
        empty="No objective of its own",
        steps=colours.steps((0, colours.WARN), (0.25, colours.GOOD), base=colours.BAD),
    )
