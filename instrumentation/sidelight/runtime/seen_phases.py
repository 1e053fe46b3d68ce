"""In which phase each request was seen, and how much of its time that tells."""

from collections import OrderedDict
from typing import NamedTuple

from sidelight.store.inflight import RequestId

MOST_REQUESTS = 1024
"""Requests that are remembered: as many as a worker shows in flight."""


class Seen(NamedTuple):
    """What looks at one request have found. Times are of CLOCK_MONOTONIC, in ns.

    ``first`` is the time from which on it is known, ``last`` the time of the last look.
    """

    first: int
    last: int
    phase: str
    spent: dict[str, int]


class SeenPhases:
    """The phases of requests. Looks come from the loop and from a thread."""

    def __init__(self) -> None:
        self._requests: OrderedDict[RequestId, Seen] = OrderedDict()

    def add(self, request: RequestId, phase: str, now: int, passed: int) -> None:
        """A request is in a phase; in none of those that have names if empty.

        Phases follow each other, so a request that is in the same one as before was in it all the
        time. Of another it is only known that it began after the look before: ``passed`` is how
        long ago that was, of whatever request.
        """
        start, _ = request
        before = self._requests.get(request) or Seen(max(start, now - passed), start, "", {})
        since = now - before.last
        ns = since if phase == before.phase else min(passed, since)
        spent = {**before.spent, phase: before.spent.get(phase, 0) + max(0, ns)}
        self._requests[request] = Seen(before.first, now, phase, spent)
        self._requests.move_to_end(request)
        while len(self._requests) > MOST_REQUESTS:
            self._requests.popitem(last=False)

    def spent(self, request: RequestId, called: int) -> dict[str, int]:
        """Nanoseconds by phase of a request, from the call of the application on.

        What is not known is in none: before the first look, after the last one.
        """
        seen = self._requests.get(request)
        if seen is None:
            return {}
        spent = dict(seen.spent)
        spent[next(iter(spent))] -= max(0, called - seen.first)
        return {phase: ns for phase, ns in spent.items() if phase and ns > 0}
