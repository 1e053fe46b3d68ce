"""What happens to the shop, when, and what there is to see of it."""

from dataclasses import dataclass
from itertools import cycle
from typing import Final


@dataclass(frozen=True, slots=True)
class Act:
    """A part of the story, so many ``seconds`` long.

    ``mood`` is what the shoppers are told (visits.py of the shop knows it), ``happens`` and
    ``look`` what the spectator is.
    """

    name: str
    mood: str
    seconds: float
    happens: str
    look: str


ACTS: Final = (
    Act(
        "steady",
        "calm",
        90,
        "Some forty shoppers browse and buy. A few requests fail, as ever.",
        "Fleet: the shop is green. Service: which routes take most of the time.",
    ),
    Act(
        "errors on one route",
        "coupon",
        75,
        "A newsletter brings a coupon that the shop can't read: checkouts fail.",
        "Service: errors rise, and one route's row is red. Alerts: the budget burns fast.",
    ),
    Act(
        "recovery",
        "calm",
        75,
        "The coupon is withdrawn.",
        "Alerts: resolved. Objectives: what it has cost stays spent.",
    ),
    Act(
        "a blocked loop",
        "posters",
        75,
        "Somebody prints posters: bar codes of a size that holds the event loop.",
        "Service: every route is slow. Runtime: which one holds the loop. Slow: in which line.",
    ),
    Act(
        "recovery",
        "calm",
        90,
        "The posters are printed.",
        "Runtime: the loop is free, and latency is as before.",
    ),
)

LENGTH: Final = sum(act.seconds for act in ACTS)
"""Seconds."""


def at(second: float, acts: tuple[Act, ...] = ACTS) -> tuple[Act, float]:
    """The act played at a second of the story, which begins again at its end; and its rest."""
    for act in cycle(acts):
        if second < act.seconds:
            return act, act.seconds - second
        second -= act.seconds
    raise ValueError("a story has acts")
