"""What is shown of routes that nobody asked for yet, so that rate() sees the first of them."""

from collections.abc import Callable, Generator, Iterable, Iterator

from sidelight.contract import DURATION, METHODS, NANOSECONDS, OTHER, SLOW, THRESHOLD
from sidelight.export.snapshot import Key, Labels, Snapshot
from sidelight.store import route_table
from sidelight.store.reader import FileContents
from sidelight.store.route_table import ANY, WEBSOCKET, PublishedRoute

CHUNK = 200
MAX_TABLES = 16

Zeros = tuple[Key, tuple[int, ...], Key, Key, tuple[int, ...]]
"""A route's series of status 500, its slow requests, and its threshold, with what each has."""


class KnownRoutes:
    """Known routes at zero for status 500 and for slow requests, and their thresholds.

    ``key`` gives the one key of a series.
    """

    def __init__(self, key: Callable[[str, Labels], Key]) -> None:
        self._key = key
        self._known: dict[tuple[str, str], list[Zeros]] = {}

    def clear(self) -> None:
        """Forget them; keys are made anew."""
        self._known.clear()

    def add(self, shot: Snapshot, files: Iterable[FileContents]) -> Generator[None, None, None]:
        """Put them on the page, where nothing was counted."""
        tables = {(note, f.index.routes) for f in files if f.alive for note in f.index.roots}
        for table in sorted(tables)[:MAX_TABLES]:
            zeros = yield from self._of(*table)
            for start in range(0, len(zeros), CHUNK):
                for failed, none, slow, threshold, seconds in zeros[start : start + CHUNK]:
                    shot.sums.setdefault(failed, none)
                    shot.sums.setdefault(slow, (0,))
                    shot.sums[threshold] = seconds
                yield

    def _of(self, note: str, text: str) -> Generator[None, None, list[Zeros]]:
        """What is known of the routes of one table below one root."""
        found = self._known.get((note, text))
        if found is None:
            found = []
            scheme, _, root = note.partition(" ")
            routes = route_table.decode(text) if scheme in {"http", "https"} else ()
            for number, route in enumerate(routes):
                if number % CHUNK == 0:
                    yield
                found += self._of_route(scheme, root, route)
            if len(self._known) >= MAX_TABLES:
                self._known.clear()
            self._known[note, text] = found
        return found

    def _of_route(self, scheme: str, root: str, route: PublishedRoute) -> Iterator[Zeros]:
        for method in route.methods:
            if method in {WEBSOCKET, ANY, "HEAD"} or route.slow is None:
                continue
            method = method if method in METHODS else OTHER  # noqa: PLW2901 the label of it
            labels = (method, root + route.template)
            failed = self._key(DURATION.name, (*labels, "500", "500", scheme))
            yield (
                failed,
                (0,) * failed.words,
                self._key(SLOW.name, labels),
                self._key(THRESHOLD.name, labels),
                (round(route.slow * NANOSECONDS),),
            )
