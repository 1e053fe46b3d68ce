"""What a request met: a blocked loop, calls that waited for a thread, and its own waits."""

import asyncio
from bisect import bisect_right
from operator import itemgetter
from time import monotonic_ns
from typing import NamedTuple, Protocol

from sidelight.store.inflight import RequestId

MOST_CHANGES = 1024


class RequestConditions(NamedTuple):
    """What a request met: seconds the loop was blocked and by what, calls that waited for a thread.

    ``blocked_by`` is empty where the loop was not blocked; None is what was not measured.
    """

    loop_blocked: float | None
    blocked_by: str
    threads_waiting: int | None


class LongestWait(NamedTuple):
    """Where a request waited, and for how many ns."""

    at: str
    ns: int


class Waits(Protocol):
    """Looks at where the requests in flight wait."""

    def look(self, loop: asyncio.AbstractEventLoop, now: int) -> None:
        """Look at those of a loop, on the loop itself."""

    def longest(self, request: RequestId) -> LongestWait | None:
        """Where a request was seen for longest; None where it was not seen."""


class ThreadWaits:
    """How many calls waited for a thread, and since when (CLOCK_MONOTONIC, ns)."""

    def __init__(self) -> None:
        self._changes: list[tuple[int, int]] = []

    def note(self, waiting: int) -> None:
        """So many calls wait now."""
        if [number for _, number in self._changes[-1:]] != [waiting]:
            self._changes.append((monotonic_ns(), waiting))

    def forget_oldest(self) -> None:
        """Keep the newest changes only."""
        del self._changes[:-MOST_CHANGES]

    def at(self, start: int) -> int | None:
        """How many calls waited then; None where that is not known."""
        changes = self._changes.copy()  # another thread may shorten it
        at = bisect_right(changes, start, key=itemgetter(0)) - 1
        return changes[at][1] if at >= 0 else None
