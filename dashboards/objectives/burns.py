"""How fast budgets burn, over time."""

from typing import Final

from dashboards.layout import Line
from dashboards.objectives.parts import NO_OBJECTIVE
from dashboards.panels.graphs import graph
from dashboards.panels.queries import Query, Shown
from dashboards.promql import burn, limit
from dashboards.promql import recorded as of
from sidelight.slo import names
from sidelight.slo.windows import BURN_RATES, plain

WHOLE: Final = 'http_route=""'
CHARTS = [
    graph(
        f"Burn over {one.long} and {one.short}",
        f"The objective that burns fastest. Above {plain(one.factor)} in both windows is an alert.",
        "short",
        [
            Query(f"max({burn(one.long)})", one.long, recorded=True),
            Query(f"max({burn(one.short)})", one.short, recorded=True),
            Query(limit(plain(one.factor), of(names.BUDGET)), "Limit: alert", recorded=True),
        ],
        empty=NO_OBJECTIVE,
    )
    for one in BURN_RATES
]
LEFT = f"bottomk(10, {of(names.BUDGET_LEFT)})"


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
            Query(f"sum by (slo) ({of(names.TOTAL_RATE, WHOLE)})", "{{slo}}: all", recorded=True),
            Query(f"sum by (slo) ({of(names.BAD_RATE, WHOLE)})", "{{slo}}: bad", recorded=True),
        ],
        empty=NO_OBJECTIVE,
    )
