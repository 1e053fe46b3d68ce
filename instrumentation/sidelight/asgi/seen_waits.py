"""For how long each request in flight was seen at each place, for the report of a slow one."""

from sidelight.asgi.wait_place import WaitPlace
from sidelight.runtime.request_conditions import LongestWait
from sidelight.store.inflight import RequestId


class SeenWaits:
    """The places of requests; all times are in ns."""

    def __init__(self) -> None:
        self._times: dict[RequestId, dict[WaitPlace, int]] = {}
        self._last: dict[RequestId, int] = {}
        self._now = self._passed = 0

    def keep(self, requests: set[RequestId], passed: int) -> None:
        """So much time has passed since the last look; forget all but these requests."""
        self._now += passed
        self._passed = passed
        for gone in self._times.keys() - requests:
            del self._times[gone], self._last[gone]

    def add(self, request: RequestId, place: WaitPlace, age: int) -> None:
        """A request of an age is at a place: count the time since it was seen last."""
        times = self._times.setdefault(request, {})
        since = self._last.get(request, self._now - min(self._passed, age))
        times[place] = times.get(place, 0) + self._now - since
        self._last[request] = self._now

    def longest(self, request: RequestId) -> LongestWait | None:
        """Where a request was for longest; None of one that was not seen."""
        times = dict(self._times.get(request, {}))  # another thread may ask
        found = max(times.items(), key=lambda one: one[1], default=None)
        return None if found is None else LongestWait(str(found[0]), found[1])
