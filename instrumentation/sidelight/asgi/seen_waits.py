"""For how long each request in flight was seen at each place, for the report of a slow one."""

from sidelight.asgi.wait_place import WaitPlace
from sidelight.runtime.request_conditions import LongestWait


class SeenWaits:
    """The places of requests, by when they began (CLOCK_MONOTONIC, ns)."""

    def __init__(self) -> None:
        self._times: dict[int, dict[WaitPlace, int]] = {}
        self._last: dict[int, int] = {}
        self._now = self._passed = 0

    def keep(self, starts: set[int], passed: int) -> None:
        """So much time has passed since the last look; forget all but these requests."""
        self._now += passed
        self._passed = passed
        for start in self._times.keys() - starts:
            del self._times[start], self._last[start]

    def add(self, start: int, place: WaitPlace, age: int) -> None:
        """A request of an age is at a place: count the time since it was seen last."""
        times = self._times.setdefault(start, {})
        since = self._last.get(start, self._now - min(self._passed, age))
        times[place] = times.get(place, 0) + self._now - since
        self._last[start] = self._now

    def longest(self, start: int) -> LongestWait | None:
        """Where a request was for longest; None of one that was not seen."""
        times = dict(self._times.get(start, {}))  # another thread may ask
        found = max(times.items(), key=lambda one: one[1], default=None)
        return None if found is None else LongestWait(str(found[0]), found[1])
