"""Zero series of routes without requests, so that ``rate()`` sees the first request."""

from collections.abc import Callable, Generator, Iterable, Iterator
from typing import NamedTuple

from sidelight.contract import DURATION, METHODS, NANOSECONDS, OTHER, SLOW, THRESHOLD
from sidelight.export.snapshot import Labels, SeriesKey, Snapshot
from sidelight.store import route_table
from sidelight.store.reader import FileContents
from sidelight.store.route_table import ANY, WEBSOCKET, PublishedRoute

CHUNK = 200
MAX_TABLES = 16


class RouteZeros(NamedTuple):
    """A route's series of status 500 and of slow requests, with zeros, and its threshold."""

    failed: SeriesKey
    zeros: tuple[int, ...]
    slow: SeriesKey
    threshold: SeriesKey
    nanoseconds: tuple[int, ...]


class ZeroSeries:
    """Zero series of all published routes, and their thresholds for slow requests.

    ``key`` returns the one key of a series.
    """

    def __init__(self, key: Callable[[str, Labels], SeriesKey]) -> None:
        self._key = key
        self._tables: dict[tuple[str, str], list[RouteZeros]] = {}

    def clear(self) -> None:
        """Forget all routes, since their keys are made anew."""
        self._tables.clear()

    def add(self, snapshot: Snapshot, files: Iterable[FileContents]) -> Generator[None, None, None]:
        """Add them to a snapshot, where nothing was counted."""
        tables = {(root, f.index.routes) for f in files if f.alive for root in f.index.roots}
        for table in sorted(tables)[:MAX_TABLES]:
            routes = yield from self._of_table(*table)
            for start in range(0, len(routes), CHUNK):
                for failed, zeros, slow, threshold, nanoseconds in routes[start : start + CHUNK]:
                    snapshot.sums.setdefault(failed, zeros)
                    snapshot.sums.setdefault(slow, (0,))
                    snapshot.sums[threshold] = nanoseconds
                yield

    def _of_table(self, root: str, table: str) -> Generator[None, None, list[RouteZeros]]:
        """The zero series of the routes of one table below one scheme and root path."""
        found = self._tables.get((root, table))
        if found is None:
            found = []
            scheme, _, path = root.partition(" ")
            routes = route_table.decode(table) if scheme in {"http", "https"} else ()
            for number, route in enumerate(routes):
                if number % CHUNK == 0:
                    yield
                found += self._of_route(scheme, path, route)
            if len(self._tables) >= MAX_TABLES:
                self._tables.clear()
            self._tables[root, table] = found
        return found

    def _of_route(self, scheme: str, root: str, route: PublishedRoute) -> Iterator[RouteZeros]:
        for method in route.methods:
            if method in {WEBSOCKET, ANY, "HEAD"} or route.slow is None:
                continue
            method = method if method in METHODS else OTHER  # noqa: PLW2901 the label of it
            labels = (method, root + route.template)
            failed = self._key(DURATION.name, (*labels, "500", "500", scheme))
            yield RouteZeros(
                failed,
                (0,) * failed.words,
                self._key(SLOW.name, labels),
                self._key(THRESHOLD.name, labels),
                (round(route.slow * NANOSECONDS),),
            )
