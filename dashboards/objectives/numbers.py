"""The first line: what is worst."""

from dashboards.layout import Line
from dashboards.objectives.parts import NO_OBJECTIVE, ends
from dashboards.panels import colours
from dashboards.panels.figures import figure
from dashboards.panels.gauges import dial
from dashboards.panels.queries import Query, Shown
from dashboards.promql import burn
from dashboards.promql import recorded as of
from sidelight.slo import names


def lines() -> list[Line]:
    """The lines of this section."""
    return [
        Line(5, [_least_budget_left(), _overspent(), _soonest_exhausted(), _fastest_burn_1_h()])
    ]


def _least_budget_left() -> Shown:
    return dial(
        "Least budget left",
        "Of all objectives: 100 % is untouched; overspent it is empty, and red.",
        "percentunit",
        Query(f"min({of(names.BUDGET_LEFT)})", "left", recorded=True),
        empty=NO_OBJECTIVE,
        steps=colours.steps((0, colours.WARN), (0.25, colours.GOOD), base=colours.BAD),
    )


def _overspent() -> Shown:
    return figure(
        "Overspent",
        "Objectives with nothing left.",
        "short",
        Query(f"count({of(names.BUDGET_LEFT)} <= 0)", "overspent", recorded=True),
        empty="None, or rules not loaded",
        steps=colours.steps((1, colours.BAD)),
    )


def _soonest_exhausted() -> Shown:
    return figure(
        "Soonest exhausted",
        "When the first budget is gone, if the last 6 hours go on.",
        "s",
        Query(f"min({ends()})", "soonest", recorded=True),
        empty="None is being spent, or rules not loaded",
        steps=colours.steps((86400, colours.WARN), (604800, colours.GOOD), base=colours.BAD),
    )


def _fastest_burn_1_h() -> Shown:
    return figure(
        "Fastest burn, 1 h",
        "1 spends the budget exactly in its window; from 14.4 on somebody is called.",
        "short",
        Query(f"max({burn('1h')})", "burn", recorded=True),
        empty=NO_OBJECTIVE,
        steps=colours.steps((1, colours.WARN), (6, colours.BAD)),
    )
