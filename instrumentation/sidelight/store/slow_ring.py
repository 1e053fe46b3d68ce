"""Which of a worker's slow requests gives its place to the next."""

from collections import deque


class SlowRing:
    """The places of a number of slow requests, by route.

    When all are taken, the oldest request of the route that has the most gives its place: a route
    with many slow requests replaces its own, and the few of another stay.
    """

    def __init__(self, places: int) -> None:
        self._free = deque(range(places))
        self._by_route: dict[str, deque[int]] = {}

    def place(self, route: str) -> int:
        """The place of the next slow request of a route."""
        found = self._free.popleft() if self._free else self._taken()
        self._by_route.setdefault(route, deque()).append(found)
        return found

    def _taken(self) -> int:
        most = max(self._by_route, key=lambda route: len(self._by_route[route]))
        places = self._by_route[most]
        found = places.popleft()
        if not places:
            del self._by_route[most]
        return found
