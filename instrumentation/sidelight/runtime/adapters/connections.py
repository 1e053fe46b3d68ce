"""What the adapters of all connection pools share: waits, uses and counts.

https://opentelemetry.io/docs/specs/semconv/database/database-metrics/
"""

import time
from asyncio import CancelledError
from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from types import TracebackType
from typing import Any, NamedTuple

from sidelight.cardinality import CardinalityLimiter
from sidelight.contract import METRICS, OTHER
from sidelight.runtime import instruments
from sidelight.runtime.adapters.adapter import Adapter
from sidelight.runtime.faults import guarded
from sidelight.runtime.instruments import GaugeReading
from sidelight.runtime.origin import ORIGIN, Origin, route_of

COUNT = METRICS["db_client_connection_count"]
MOST = METRICS["db_client_connection_max"]
BY_ROUTE = METRICS["db_client_connection_in_use_by_route"]
PENDING = METRICS["db_client_connection_pending_requests"]
WAIT = METRICS["db_client_connection_wait_time_seconds"]
USE = METRICS["db_client_connection_use_time_seconds"]
TIMEOUTS = METRICS["db_client_connection_timeouts_total"]

MOST_ROUTES = 200
"""Routes of all pools together that are shown; every further one is ``_OTHER``."""
_limit = CardinalityLimiter(MOST_ROUTES)


class Counts(NamedTuple):
    """Connections of a pool; None is what its kind can't tell."""

    idle: int | None
    used: int
    most: int | None


class Use:
    """A connection that a caller has taken, for the request in whose context that was."""

    def __init__(self, pool: str) -> None:
        self.began = time.monotonic_ns()
        self._pool = pool
        self._origin: Origin | None = ORIGIN.get()

    @cached_property
    def route(self) -> str:
        """The label of the request's route, which takes time to find: most uses end before."""
        route = route_of(self._origin)
        return OTHER if _limit(f"{self._pool} {route}") == OTHER else route


class Pool(Adapter):
    """One watched pool."""

    def __init__(self, given: Any, name: str) -> None:
        super().__init__(given, name)
        self.waiting: set[Wait] = set()
        self._uses: dict[int, Use] = {}
        self._routes: set[str] = set()

    def wait(self) -> "Wait":
        """A context manager for the code that gets a connection."""
        return Wait(self)

    @guarded("watch")
    def taken(self, key: int) -> None:
        """Record that a caller has taken the connection of this key."""
        self._uses[key] = Use(self.name)

    def given_back(self, key: int) -> None:
        """Record that a caller has given its connection back; an unknown one is ignored."""
        self.used(self.let_go(key))

    def let_go(self, key: int) -> Use | None:
        """A caller is about to give back: its use, to be passed to `used` afterwards.

        The next caller may have the connection before the giving back returns.
        """
        return self._uses.pop(key, None)

    @guarded("watch")
    def used(self, use: Use | None) -> None:
        """Record the end of a use."""
        if use is not None:
            instruments.observe(USE, (self.name,), time.monotonic_ns() - use.began)

    @property
    def in_use(self) -> int:
        """Connections taken since the pool is watched, and not given back."""
        return len(self._uses)

    @guarded("watch")
    def ended(self, began: int, error: BaseException | None) -> None:
        """Record the end of a wait: with a connection, or with this error."""
        if error is None:
            instruments.observe(WAIT, (self.name,), time.monotonic_ns() - began)
        elif isinstance(error, CancelledError) or self.gave_up(error):
            instruments.count(TIMEOUTS, (self.name,))

    def gave_up(self, error: BaseException) -> bool:
        """Whether an error is the timeout of a wait for a connection."""
        return type(error).__name__ == "TimeoutError"

    def counts(self, source: Any) -> Counts | None:
        """The connections of this moment; None if there is nothing to count yet, or any more."""
        raise NotImplementedError

    def readings(self) -> Iterator[GaugeReading]:
        """The present values of the gauges."""
        source = self.source
        counts = None if source is None else self.counts(source)
        if counts is None:
            return
        yield GaugeReading(COUNT, (self.name, "used"), counts.used)
        yield GaugeReading(PENDING, (self.name,), len(self.waiting))
        if counts.idle is not None:
            yield GaugeReading(COUNT, (self.name, "idle"), counts.idle)
        if counts.most is not None:
            yield GaugeReading(MOST, (self.name,), counts.most)
        for route, number in self._by_route().items():
            yield GaugeReading(BY_ROUTE, (route, self.name), number)

    def _by_route(self) -> dict[str, int]:
        """The connections that requests of each route have; 0 of routes that had some before."""
        found = Counter(use.route for use in tuple(self._uses.values()))
        self._routes.update(found)
        return {route: found[route] for route in self._routes}

    def forked(self) -> None:
        """Reset the counts: a forked child has no callers of its parent."""
        self.waiting.clear()
        self._uses.clear()
        self._routes.clear()


class Wait:
    """One caller that waits for a connection."""

    __slots__ = ("_began", "_pool")

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def __enter__(self) -> None:
        self._began = time.monotonic_ns()
        self._pool.waiting.add(self)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool.waiting.discard(self)
        self._pool.ended(self._began, error)
