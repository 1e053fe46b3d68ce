"""The table of services."""

from typing import Final

from dashboards import frame
from dashboards.fleet.parts import FIRING, KNOWN
from dashboards.layout import Line
from dashboards.panels import colours, silence
from dashboards.panels.queries import Shown
from dashboards.panels.tables import Column, Key, rows
from dashboards.promql import burn, error_ratio, quantile, raw, total
from dashboards.promql import recorded as of
from sidelight.slo import names

WHOLE: Final = 'http_route=""'
TO = frame.to("service", "var-job=${__data.fields.Service}")
EACH = total(of(names.SERVICE), "job")
UP = total(f"{raw('up')} {KNOWN}", "job")
LEAST = f"min by (job) ({of(names.BUDGET_LEFT, WHOLE)})"
BURN = f"max by (job) ({burn('1h')})"
ALERTS_OF_EACH = f"count by (job) ({FIRING}) or 0 * sum by (job) ({of(names.SERVICE)})"
BUCKETS = total(of(names.SERVICE_LE), "job", "le")


def lines() -> list[Line]:
    """The lines of this section."""
    return [Line(13, [_services()])]


def _services() -> Shown:
    return rows(
        "Services",
        "As they are now: those with alerts first. A service that was seen within a day "
        "and has no target left keeps its row. Budget and burn are those of the "
        "objective that is worst off; burn 1 spends the budget exactly in its window.",
        [Key("job", "Service", TO)],
        [
            Column(
                ALERTS_OF_EACH,
                "Alerts firing",
                "short",
                ((None, colours.PLAIN), (1, colours.BAD)),
                decimals=0,
            ),
            Column(EACH, "Requests/s", "reqps"),
            Column(
                error_ratio("job"),
                "Errors",
                "percentunit",
                ((None, colours.PLAIN), (0.001, colours.WARN), (0.01, colours.BAD)),
            ),
            Column(quantile("0.95", BUCKETS), "p95", "s"),
            Column(
                LEAST,
                "Budget left",
                "percentunit",
                ((None, colours.BAD), (0, colours.WARN), (0.25, colours.GOOD)),
            ),
            Column(
                BURN,
                "Burn, 1 h",
                "short",
                ((None, colours.PLAIN), (1, colours.WARN), (6, colours.BAD)),
                decimals=1,
            ),
            Column(
                UP, "Instances up", "short", ((None, colours.BAD), (1, colours.PLAIN)), decimals=0
            ),
        ],
        sort="Alerts firing",
        empty=silence.NO_RULES,
    )
