"""How much may still go wrong, how fast it goes, and which routes spend it."""

from typing import Any

from dashboards import frame
from dashboards.layout import Section
from dashboards.objectives import burns, numbers, objectives, spenders


def make() -> dict[str, Any]:
    """The dashboard."""
    return frame.dashboard(
        __name__,
        "Budgets of the objectives: what is left, how fast it is spent, and by which routes. "
        "Whatever measures the services.",
        ("job", "instance"),
        [
            Section("", [*numbers.lines(), *objectives.lines()]),
            Section("How fast", burns.lines()),
            Section("Who spends it", spenders.lines()),
        ],
    )
