"""The months' figures, as the tables of ``docs/slo.md``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isnan

from benchmarks.objectives import evaluation, formulas
from benchmarks.objectives.clock import HOUR, MINUTE
from benchmarks.objectives.evaluation import AlertScore
from benchmarks.objectives.formulas import Scraped, ToolResult
from benchmarks.objectives.scenarios import OBJECTIVE, SCENARIOS
from benchmarks.objectives.service import Scenario, simulate
from benchmarks.report import table

TOOLS = (formulas.sidelight, formulas.sloth, formulas.pyrra)


@dataclass(frozen=True, slots=True)
class Figures:
    """One month: its requests, and the result of each tool."""

    scenario: Scenario
    total: int
    failed: int
    truth: float
    tools: Sequence[ToolResult]
    guarded: float
    pages: Sequence[AlertScore]
    warnings: Sequence[AlertScore]


def figures(scenario: Scenario) -> Figures:
    """Simulate one month, and apply the rules of each tool."""
    month = simulate(scenario)
    scraped = Scraped(month)
    tools = [tool(scraped, OBJECTIVE) for tool in TOOLS]
    pages = evaluation.due(month, OBJECTIVE, evaluation.WORTH_A_PAGE)
    warnings = evaluation.due(month, OBJECTIVE, evaluation.WORTH_A_WARNING)
    return Figures(
        scenario,
        month.total,
        sum(month.failed),
        month.spent(OBJECTIVE),
        tools,
        formulas.sloth_guarded(scraped, OBJECTIVE),
        [evaluation.score(tool.pages, pages, evaluation.GRACE_OF_PAGE) for tool in tools],
        [evaluation.score(tool.warnings, warnings, evaluation.GRACE_OF_WARNING) for tool in tools],
    )


def budget_row(month: Figures) -> list[str]:
    """Budget spent, in per cent."""
    values = [month.truth, *(tool.spent for tool in month.tools), month.guarded]
    counts = [f"{month.total:,}", f"{month.failed:,}"]
    return [month.scenario.name, *counts, *(_percent(value) for value in values)]


def alert_row(month: Figures, scores: Sequence[AlertScore]) -> list[str]:
    """Due; then for each tool raised / missed / false, and the delays."""
    first = scores[0]
    return [
        month.scenario.name,
        str(first.due),
        *(score.text() for score in scores),
        "; ".join(_delay(score) for score in scores) if first.due else "",
    ]


def _percent(value: float) -> str:
    return "NaN" if isnan(value) else f"{100 * value:,.1f}"


def _delay(score: AlertScore) -> str:
    if not score.delays:
        return "never"
    return ", ".join(
        f"{delay / HOUR:.1f} h" if delay >= 2 * HOUR else f"{delay // MINUTE} min"
        for delay in score.delays
    )


BUDGET_HEAD = (
    "month",
    "requests",
    "failed",
    "truth",
    "Sidelight",
    "Sloth",
    "Pyrra",
    "Sloth, empty windows left out",
)
ALERT_HEAD = ("month", "due", "Sidelight", "Sloth", "Pyrra", "first one after")


def months(scenarios: Sequence[Scenario] = SCENARIOS) -> Iterator[Figures]:
    """All months, one after another."""
    for scenario in scenarios:
        yield figures(scenario)


def tables(found: Sequence[Figures]) -> dict[str, str]:
    """The page's tables by name."""
    return {
        "months": "".join(f"- **{m.scenario.name}**: {m.scenario.about}.\n" for m in found),
        "budget": table(BUDGET_HEAD, map(budget_row, found)),
        "pages": table(ALERT_HEAD, [alert_row(month, month.pages) for month in found]),
        "warnings": table(ALERT_HEAD, [alert_row(month, month.warnings) for month in found]),
    }
