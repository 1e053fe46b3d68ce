"""How fast budgets burn, over time."""

from typing import Final

from dashboards import recorded
from dashboards.layout import Line
from dashboards.objectives.parts import NO_OBJECTIVE, burn
from dashboards.panels.graphs import graph
from dashboards.panels.queries import Query, Shown
from dashboards.promql import recorded as of

WHOLE: Final = 'http_route=""'
PAIRS = [("1h", "5m", "14.4"), ("6h", "30m", "6"), ("1d", "2h", "3"), ("3d", "6h", "1")]
CHARTS = [
    graph(
        f"Burn over {long} and {short}",
        f"The objective that burns fastest. Above {factor} in both windows is an alert.",
        "short",
        [
            Query(f"max({burn(long)})", long, recorded=True),
            Query(f"max({burn(short)})", short, recorded=True),
            Query(f"vector({factor})", "Limit: alert", recorded=True),
        ],
        empty=NO_OBJECTIVE,
    )
    for long, short, factor in PAIRS
]
LEFT = f"bottomk(10, {of(recorded.BUDGET_LEFT)})"


def lines() -> list[Line]:
    """The lines of this section."""
    return [Line(7, CHARTS), Line(8, [_budget_left_over_time(), _requests_and_bad_ones()])]


def _budget_left_over_time() -> Shown:
    return graph(
        "Budget left, over time",
        "The ten objectives with the least left.",
        "percentunit",
        [Query(LEFT, "{{job}} {{slo}} {{http_request_method}} {{http_route}}", recorded=True)],
        empty=NO_OBJECTIVE,
        centred=True,
    )


def _requests_and_bad_ones() -> Shown:
    return graph(
        "Requests and bad ones",
        "That objectives of whole services count, a second.",
        "reqps",
        [
            Query(f"sum by (slo) ({of(recorded.REQUESTS, WHOLE)})", "{{slo}}: all", recorded=True),
            Query(f"sum by (slo) ({of(recorded.BAD, WHOLE)})", "{{slo}}: bad", recorded=True),
        ],
        empty=NO_OBJECTIVE,
    )
