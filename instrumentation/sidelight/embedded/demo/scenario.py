"""The scenario of the demo: the load in each step, and what the dashboards show of it."""

from dataclasses import dataclass
from itertools import cycle
from typing import Final


@dataclass(frozen=True, slots=True)
class ScenarioStep:
    """A step of so many ``seconds``.

    ``profile`` is a load profile of the shop's load generator. ``description`` and ``hint`` are
    printed.
    """

    name: str
    profile: str
    seconds: float
    description: str
    hint: str


SCENARIO: Final = (
    ScenarioStep(
        "normal load",
        "normal",
        90,
        "Forty clients browse and order. A small share of the requests fails.",
        "Fleet: the shop has no alert. Service: the routes by their share of the time.",
    ),
    ScenarioStep(
        "errors on one route",
        "coupon",
        75,
        "Clients send a coupon that the shop can't parse: checkouts fail.",
        "Service: the errors of one route rise. Alerts: AvailabilityErrorBudgetBurn.",
    ),
    ScenarioStep(
        "recovery",
        "normal",
        75,
        "Clients no longer send the coupon.",
        "Alerts: the alert is resolved. Objectives: the spent error budget stays spent.",
    ),
    ScenarioStep(
        "blocked event loop",
        "barcodes",
        75,
        "Clients request large bar codes, whose computation blocks the event loop.",
        "Service: every route is slow. Runtime: the route that blocks the loop. Slow requests.",
    ),
    ScenarioStep(
        "recovery",
        "normal",
        90,
        "Clients no longer request large bar codes.",
        "Runtime: the event loop is not blocked, and latency is back to normal.",
    ),
)
LENGTH: Final = sum(step.seconds for step in SCENARIO)
"""Seconds."""


def step_at(
    second: float, scenario: tuple[ScenarioStep, ...] = SCENARIO
) -> tuple[ScenarioStep, float]:
    """The step at a second, and the rest of its seconds. The scenario repeats at its end."""
    for step in cycle(scenario):
        if second < step.seconds:
            return step, step.seconds - second
        second -= step.seconds
    raise ValueError("a scenario has at least one step")
