"""Counters of the responses that took longer than a latency objective of their route.

Every objective is a boundary of the histograms, so these have the counts: nothing is counted
twice, and the counters are the same whatever Prometheus makes of the histograms.
"""

from bisect import bisect_left
from collections.abc import Generator, Iterable
from typing import NamedTuple

from sidelight.contract import (
    CLIENT_DISCONNECTED,
    DURATION,
    INCOMPLETE_RESPONSE,
    METRICS,
    OVER_OBJECTIVE,
    SERVER_SHUTDOWN,
)
from sidelight.export.derived_series import KeyOf
from sidelight.export.snapshot import Labels, SeriesKey, Snapshot
from sidelight.latency_objectives import ByFirstByte, LatencyObjectives
from sidelight.route_pattern import RoutePattern
from sidelight.store.reader import FileContents

FIRST_BYTE = METRICS["fastapi_time_to_first_byte_seconds"]
EVENT_STREAMS = METRICS["fastapi_event_streams_total"]
NOT_GOOD = frozenset({CLIENT_DISCONNECTED, INCOMPLETE_RESPONSE, SERVER_SHUTDOWN})
"""Errors of responses that no latency objective counts, besides those with a 5xx status."""
AT_ONCE = 200


class RouteObjective(NamedTuple):
    """A latency objective of one route: its counter, and how it judges."""

    key: SeriesKey
    seconds: float
    by_first_byte: ByFirstByte


class Judged(NamedTuple):
    """What a snapshot has of the responses that objectives judge, by method and route."""

    durations: dict[SeriesKey, tuple[int, ...]]
    first_bytes: dict[Labels, tuple[SeriesKey, tuple[int, ...]]]
    event_streams: set[Labels]

    def streams(self, route: Labels, by_first_byte: ByFirstByte) -> bool:
        """Whether an objective judges a route by first bytes."""
        if by_first_byte is ByFirstByte.EVENT_STREAMS:
            return route in self.event_streams
        return by_first_byte is ByFirstByte.ALL or route in self.first_bytes


class OverObjective:
    """Adds the counters, from zero, for each route that has durations.

    The objectives are those of the worker that started last; where none runs, the same as before.
    """

    def __init__(self, key: KeyOf) -> None:
        self._key = key
        self._objectives = LatencyObjectives()
        self._routes: dict[Labels, list[RouteObjective]] = {}

    def clear(self) -> None:
        """Forget all routes, since their keys are made anew."""
        self._routes.clear()

    def add(self, snapshot: Snapshot, files: Iterable[FileContents]) -> Generator[None, None, None]:
        """Add them to a snapshot, after its zero series."""
        self._learn(files)
        if not self._objectives:
            return
        judged = yield from _judged(snapshot)
        over: dict[SeriesKey, int] = {}
        for number, (key, values) in enumerate(judged.durations.items()):
            if number % AT_ONCE == 0:
                yield
            route, good = key.labels[:2], _is_good(*key.labels[2:4])
            for one in self._of_route(route):
                counts = good and not judged.streams(route, one.by_first_byte)
                more = _above(one.seconds, key, values) if counts else 0
                over[one.key] = over.get(one.key, 0) + more
                _begin(snapshot, one.key, key)
        for route, (key, values) in judged.first_bytes.items():
            for one in self._of_route(route):
                if judged.streams(route, one.by_first_byte):
                    over[one.key] = over.get(one.key, 0) + _above(one.seconds, key, values)
        snapshot.sums.update({key: (count,) for key, count in over.items()})

    def _learn(self, files: Iterable[FileContents]) -> None:
        # A worker publishes its objectives before what it says of itself.
        told = [file for file in files if file.alive and file.index.service_info.version]
        if told:
            found = max(told, key=lambda file: file.header.started).index.latency_objectives
            if found != self._objectives:
                self._objectives = found
                self.clear()

    def _of_route(self, labels: Labels) -> list[RouteObjective]:
        """The objectives of a method and route."""
        found = self._routes.get(labels)
        if found is None:
            found = self._routes[labels] = [
                RouteObjective(
                    self._key(OVER_OBJECTIVE.name, (*labels, repr(seconds))), seconds, by
                )
                for seconds, by in self._objectives.of_route(RoutePattern(*labels)).items()
            ]
        return found


def _judged(snapshot: Snapshot) -> Generator[None, None, Judged]:
    found = Judged({}, {}, set())
    for number, (key, values) in enumerate(snapshot.sums.items()):
        if number % AT_ONCE == 0:
            yield
        name = key.family.name
        if name == DURATION.name:
            found.durations[key] = values
        elif name == FIRST_BYTE.name:
            found.first_bytes[key.labels] = key, values
        elif name == EVENT_STREAMS.name:
            found.event_streams.add(key.labels)
    return found


def _begin(snapshot: Snapshot, counter: SeriesKey, durations: SeriesKey) -> None:
    """A counter begins with the first durations of its route."""
    if durations in snapshot.created:
        began = snapshot.created[durations]
        snapshot.created[counter] = min(began, snapshot.created.get(counter, began))


def _is_good(status: str, error: str) -> bool:
    """Whether a latency objective counts a response, as `sidelight.slo.latency_rates` does."""
    return not (len(status) == 3 and status.startswith("5")) and error not in NOT_GOOD  # noqa: PLR2004 a status has three digits


def _above(seconds: float, key: SeriesKey, values: tuple[int, ...]) -> int:
    """The observations above a boundary. The first value is the sum of all."""
    return sum(values[bisect_left(key.family.bounds, seconds) + 2 :])
