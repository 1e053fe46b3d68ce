"""The table of objectives."""

from dashboards import frame
from dashboards.layout import Line
from dashboards.objectives.parts import BY, NO_OBJECTIVE, ends
from dashboards.panels import colours
from dashboards.panels.queries import Shown
from dashboards.panels.tables import Column, Key, rows
from dashboards.promql import burn
from dashboards.promql import recorded as of
from sidelight.slo import names
from sidelight.slo.windows import BURN_RATES

TO = frame.to("service", "var-job=${__data.fields.Service}")
WORST_BY = f"max by ({', '.join(BY)})"
LEAST = f"bottomk(50, {WORST_BY} ({of(names.BUDGET_LEFT)}))"
KEEP = f"and on ({', '.join(BY)}) {LEAST}"
COLUMNS = [
    Column(
        LEAST,
        "Budget left",
        "percentunit",
        ((None, colours.BAD), (0, colours.WARN), (0.25, colours.GOOD)),
    ),
    Column(f"{WORST_BY} ({of(names.OBJECTIVE)}) {KEEP}", "Objective", "percentunit", decimals=3),
    *(
        Column(
            f"{WORST_BY} ({burn(one.long)}) {KEEP}",
            f"Burn, {one.long}",
            "short",
            ((None, colours.PLAIN), (float(one.factor), colours.BAD)),
            decimals=1,
        )
        for one in BURN_RATES
    ),
    Column(f"{WORST_BY} ({ends()}) {KEEP}", "Gone in", "s"),
]


def lines() -> list[Line]:
    """The lines of this section."""
    return [Line(10, [_objectives()])]


def _objectives() -> Shown:
    return rows(
        "Objectives",
        "The 50 with the least budget left. An objective without a route is that of the "
        "whole service. A burn is red from where its alert is.",
        [
            Key("job", "Service", TO),
            Key("slo", "Objective of"),
            Key("http_request_method", "Method"),
            Key("http_route", "Route"),
        ],
        COLUMNS,
        sort="Budget left",
        descending=False,
        empty=NO_OBJECTIVE,
    )
