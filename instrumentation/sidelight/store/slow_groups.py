"""Slow requests with one cause, together: how many, how slow, and of which routes.

Requests that wait for a blocked event loop have one cause, whatever their routes. Where a request
waits by itself, its route belongs to the cause.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from sidelight.store.slow_requests import CALLER, SlowRequest

MOST_ROUTES = 5
"""Routes of a group that are named."""


@dataclass(frozen=True, slots=True)
class SlowGroup:
    """Slow requests with one cause, which is empty where none is known.

    ``routes`` are with their methods, those with the most requests first; at most five of
    ``route_count``. ``mean`` and ``longest`` are seconds, ``first`` and ``last`` times of ends in
    seconds since the epoch.
    """

    cause: str
    count: int
    mean: float
    longest: float
    routes: tuple[str, ...]
    route_count: int
    first: float
    last: float

    def to_dict(self) -> dict[str, Any]:
        """The fields by name."""
        return asdict(self)


def groups(records: Iterable[SlowRequest]) -> list[SlowGroup]:
    """The causes of some slow requests: those that several have, and then those of one.

    Of both the one first that took the most time of all.
    """
    found: dict[tuple[str, str], list[SlowRequest]] = {}
    for record in records:
        found.setdefault(_cause(record), []).append(record)
    made = [_group(cause, together) for (cause, _), together in found.items()]
    return sorted(made, key=lambda group: (group.count == 1, -group.count * group.mean))


def _cause(record: SlowRequest) -> tuple[str, str]:
    """What explains a request's time, and its route unless the cause is another's."""
    route = _route(record)
    if record.blocked_by and (record.loop_blocked or 0) >= record.seconds / 2:
        return f"event loop blocked by {record.blocked_by.partition(CALLER)[0]}", ""
    if record.waited_at:
        return f"waits at {record.waited_at}", route
    phase = _longest_phase(record)
    return f"time in {phase}" if phase else "", route


def _longest_phase(record: SlowRequest) -> str:
    """The phase that a request was in for longest; empty where another may have been longer."""
    phases = record.phases or {}
    longest = max(phases, key=phases.__getitem__, default="")
    unknown = record.seconds - sum(phases.values())
    return longest if longest and phases[longest] >= unknown else ""


def _group(cause: str, records: list[SlowRequest]) -> SlowGroup:
    seconds = [record.seconds for record in records]
    ends = [record.when for record in records]
    by_route: dict[str, int] = {}
    for record in records:
        by_route[_route(record)] = by_route.get(_route(record), 0) + 1
    routes = sorted(by_route, key=lambda route: (-by_route[route], route))
    mean = sum(seconds) / len(seconds)
    return SlowGroup(
        cause,
        len(records),
        mean,
        max(seconds),
        tuple(routes[:MOST_ROUTES]),
        len(routes),
        min(ends),
        max(ends),
    )


def _route(record: SlowRequest) -> str:
    return f"{record.method} {record.route or '(no route)'}"
