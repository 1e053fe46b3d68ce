"""Where requests in flight wait, seen at each beat of their event loop.

A request that is old enough is examined, and the time between two looks is counted for the line
at which it waits. A look takes about a millisecond at most, and a hundredth of the time: with many
requests in flight it sees a random sample, whose times count for all.
"""

from asyncio import AbstractEventLoop
from collections import Counter
from collections.abc import Iterable, Iterator
from random import Random
from time import thread_time_ns
from typing import Any, NamedTuple
from weakref import ref

from sidelight.asgi.phase_of_code import phase_of
from sidelight.asgi.recorder import Recorder
from sidelight.asgi.request_tasks import RequestTask, request_of, tasks_of
from sidelight.asgi.seen_waits import SeenWaits
from sidelight.asgi.wait_place import OTHER_WAIT, WaitPlace, wait_place
from sidelight.cardinality import LineLimiter
from sidelight.contract import METRICS, NANOSECONDS
from sidelight.runtime.await_tree import AwaitTree
from sidelight.runtime.request_conditions import LongestWait
from sidelight.store.inflight import RequestId

WAITS = METRICS["fastapi_request_wait_seconds_total"]
PERIOD = NANOSECONDS // 10
"""Nanoseconds between two looks that are cheap."""
MOST_TIME = NANOSECONDS // 1250
"""Nanoseconds of the processor after which a look begins no other request."""
A_FEW = 4
"""Requests between two looks at the clock, which is a call of the operating system."""
SLACK = PERIOD // 20
SHARE = 100
"""A look may take one part in so many of the time until the next."""
MOST_BEATS = 50
"""Beats until the next look, at most: one that met the garbage collector is paid for in part."""


class Look(NamedTuple):
    """A request that was examined: its task, its route, when it began, and where it waits."""

    task: Any
    route: str
    start: int
    place: WaitPlace


class OldestRequest(NamedTuple):
    """The oldest request of a route that was examined, and where it waits."""

    task: "ref[Any]"
    start: int
    place: WaitPlace


class RequestWaits:
    """The waits of the requests of one worker's file; all times are of CLOCK_MONOTONIC, in ns."""

    def __init__(self, recorder: Recorder) -> None:
        self._writer = recorder.writer
        self._faults = recorder.faults
        self._after = round(recorder.settings.wait_sample_after * NANOSECONDS)
        slow = min(recorder.settings.slow_request_threshold.values())
        self._least = min(self._after, round(slow / 2 * NANOSECONDS))
        self._limit = LineLimiter(OTHER_WAIT)
        self._random = Random().random  # noqa: S311 no secret, and not the application's own generator
        self._gap = PERIOD
        self._next = self._show_at = 0
        self.looked = 0
        """When requests were examined last."""
        self._shown = False
        self._seen = SeenWaits()
        self._phases = recorder.heartbeat.phases
        self.oldest: dict[str, OldestRequest] = {}

    def look(self, loop: AbstractEventLoop, now: int) -> None:
        """Look at the requests that are old enough. Called on the loop, at each beat."""
        if now < self._next:
            return
        began = thread_time_ns()
        requests = [
            one for one in self._writer.file.requests_in_flight() if one[0] <= now - self._least
        ]
        # A loop that was blocked meanwhile is no wait of these requests.
        passed, self.looked = min(now - self.looked, self._gap), now
        self._seen.keep(set(requests), passed)
        if requests:
            self._look_at(loop, now, len(requests), passed, began + MOST_TIME)
        else:
            self.oldest = {}
        self._show(now)
        beats = -(-(SHARE * (thread_time_ns() - began) - SLACK) // PERIOD)
        self._gap = min(max(1, beats), MOST_BEATS) * PERIOD
        self._next = now + self._gap - PERIOD // 2

    def longest(self, request: RequestId) -> LongestWait | None:
        """Where a request was seen for longest; None where it was not seen."""
        return self._seen.longest(request)

    def _look_at(self, loop: AbstractEventLoop, now: int, many: int, passed: int, end: int) -> None:
        """Count the time that has passed for all of so many requests, by a sample of them.

        The oldest of each route are always in it.
        """
        before = [task for one in self.oldest.values() if (task := one.task()) is not None]
        oldest = list(self._looks(before, now, passed))
        known = set(map(id, before))
        tasks = (task for task in tasks_of(loop, self._random) if id(task) not in known)
        sample, whole = [], True
        for look in self._looks(tasks, now, passed):
            sample.append(look)
            if len(sample) % A_FEW == 0 and thread_time_ns() > end:
                whole = False
                break
        others = len(sample) if whole else max(0, many - len(oldest))
        self._count(oldest, passed)
        self._count(sample, passed * others // max(1, len(sample)))
        self.oldest = _oldest([*oldest, *sample])

    def _show(self, now: int) -> None:
        """Show other processes the oldest requests, once a second while there are any."""
        if now < self._show_at or not (self.oldest or self._shown):
            return
        self._show_at = now + NANOSECONDS
        self._shown = bool(self.oldest)
        found = ((each.start, route, str(each.place)) for route, each in self.oldest.items())
        self._writer.file.show_waiting_requests(found)

    def _looks(self, tasks: Iterable[Any], now: int, passed: int) -> Iterator[Look]:
        """Those tasks that run a request which is old enough."""
        for task in tasks:
            try:
                request = request_of(task)
                if request is not None and request.start <= now - self._least:
                    route, old = self._route(request, now)
                    if old:
                        tree = AwaitTree(request.awaitable)
                        place = wait_place(tree, request.scope.get("endpoint"))
                        self._seen.add(request.id, place, now - request.start)
                        self._phases.add(request.id, phase_of(tree), now, passed)
                        yield Look(task, route, request.start, place)
            except Exception:  # noqa: BLE001 as `guarded`; the other tasks are examined
                self._faults.note("waits")

    def _route(self, request: RequestTask, now: int) -> tuple[str, bool]:
        """The route of a request, and whether it is old enough for its route."""
        key, scope = request.key, request.scope
        if scope.get("endpoint") is None:  # not routed yet
            return key.recorder.labels.seen(scope), now - request.start >= self._after
        series = key.find_route(scope, 0)
        return series.route, now - request.start >= min(self._after, series.slow_ns // 2)

    def _count(self, looks: Iterable[Look], ns: int) -> None:
        """Count so many nanoseconds for each of some requests."""
        for (route, place), many in Counter((look.route, look.place) for look in looks).items():
            code, awaited = self._limit(route, place)
            self._writer.increment(WAITS, (route, *code, awaited), many * ns)


def _oldest(looks: Iterable[Look]) -> dict[str, OldestRequest]:
    found: dict[str, OldestRequest] = {}
    for look in looks:
        if look.route not in found or look.start < found[look.route].start:
            found[look.route] = OldestRequest(ref(look.task), look.start, look.place)
    return found
