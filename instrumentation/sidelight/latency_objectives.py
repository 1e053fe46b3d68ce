"""The latency objectives of a service as its workers publish them: seconds, and for which routes.

``sidelight.slo`` makes the rules from the same table of the settings; this is what a reader of the
store needs to count the responses that took longer.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from json import dumps, loads
from typing import Any, NamedTuple

from sidelight import latency
from sidelight.route_pattern import RoutePattern

MOST = 1000
"""Routes with an objective, or excluded routes, that are read from a file."""


class ByFirstByte(Enum):
    """Which responses of a route are judged by their first byte, and not by their last."""

    EVENT_STREAMS = "those of a route that sends event streams"
    STREAMS = "those of a route that streams"
    ALL = "only streams count, by their first byte"


class LatencyObjective(NamedTuple):
    """``first_byte`` is that of the settings: by it, streams are judged by their first byte."""

    seconds: float
    first_byte: bool


@dataclass(frozen=True, slots=True)
class LatencyObjectives:
    """The objective of the whole service, those of routes, and the routes that it leaves out."""

    service: LatencyObjective | None = None
    routes: Mapping[RoutePattern, LatencyObjective] = field(default_factory=dict)
    exclude: tuple[RoutePattern, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.service or self.routes)

    @property
    def seconds(self) -> Iterator[float]:
        """Every latency: what must be a bucket."""
        if self.service is not None:
            yield self.service.seconds
        yield from (one.seconds for one in self.routes.values())

    def of_route(self, route: RoutePattern) -> dict[float, ByFirstByte]:
        """The latencies that apply to a route.

        One that two objectives judge in different ways is left out: one counter can't be both.
        """
        own, whole = self.routes.get(route), self.service
        found = {}
        if own is not None:
            found[own.seconds] = ByFirstByte.ALL if own.first_byte else ByFirstByte.EVENT_STREAMS
        streams = own is not None and own.first_byte
        if whole is None or streams or any(one.covers(route) for one in self.exclude):
            return found
        by = ByFirstByte.STREAMS if whole.first_byte else ByFirstByte.EVENT_STREAMS
        if found.setdefault(whole.seconds, by) is not by:
            del found[whole.seconds]
        return found


def read(slo: Any) -> LatencyObjectives:
    """The latency objectives of the table ``slo``. Raises `SettingsError`."""
    slo = latency.table(slo)
    root, exclude = slo.get("root_path", ""), slo.get("exclude", [])
    root = root if isinstance(root, str) else ""
    return LatencyObjectives(
        _objective("slo.latency", slo) if "latency" in slo else None,
        {
            RoutePattern.parse(str(one.get("match", "")), root): _objective(
                f"{latency.place(one)}.latency", one
            )
            for one in latency.routes(slo)
            if "latency" in one
        },
        tuple(RoutePattern.parse(str(one), root) for one in exclude)
        if isinstance(exclude, list)
        else (),
    )


def _objective(key: str, table: Mapping[str, Any]) -> LatencyObjective:
    seconds = latency.latency(key, table["latency"]).seconds
    return LatencyObjective(float(seconds), table.get("first_byte") is True)


def encode(objectives: LatencyObjectives) -> bytes:
    """The objectives as they are stored in a file; nothing where there are none."""
    if not objectives:
        return b""
    routes = [[*one, route.method, route.template] for route, one in objectives.routes.items()]
    exclude = [[route.method, route.template] for route in objectives.exclude]
    return dumps([objectives.service, routes, exclude]).encode()


def decode(data: bytes) -> LatencyObjectives:
    """The inverse of `encode`; none at all from anything else."""
    try:
        service, routes, exclude = loads(data)
        return LatencyObjectives(
            None if service is None else _checked(*service),
            {RoutePattern(*map(str, one[2:])): _checked(*one[:2]) for one in routes[:MOST]},
            tuple(RoutePattern(*map(str, one)) for one in exclude[:MOST]),
        )
    except (ArithmeticError, LookupError, RecursionError, TypeError, ValueError):
        return LatencyObjectives()


def _checked(seconds: Any, first_byte: Any) -> LatencyObjective:
    if not 0 < float(seconds) < math.inf:
        raise ValueError(seconds)
    return LatencyObjective(float(seconds), bool(first_byte))
