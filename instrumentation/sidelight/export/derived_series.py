"""Series that no file has as such: zeros, requests in flight, and the states of workers."""

import time
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import NamedTuple

from sidelight.contract import DURATION, METHODS, NANOSECONDS, OTHER, SLOW, THRESHOLD, UNKNOWN
from sidelight.export.snapshot import Labels, SeriesKey, Snapshot
from sidelight.store import reader, route_table
from sidelight.store.layout import HEARTBEAT, UNTRACKED, WorkerState
from sidelight.store.reader import FileContents, InflightRequest, route_of
from sidelight.store.route_table import ANY, WEBSOCKET, PublishedRoute

KeyOf = Callable[[str, Labels], SeriesKey]
"""Returns the one key of a series."""
REQUESTS_AT_ONCE = 20
BLOCKED_AFTER = 5 * NANOSECONDS // 2
"""Nanoseconds: a worker whose last heartbeat is older has a blocked event loop."""
ROUTES_AT_ONCE = 200
MAX_TABLES = 16


def add_inflight(
    snapshot: Snapshot, files: Iterable[FileContents], key_of: KeyOf
) -> Generator[None, None, None]:
    """Add the requests in flight, and the age of the oldest of each route."""
    now = time.monotonic_ns()
    counts: dict[SeriesKey, int] = {}
    oldest: dict[SeriesKey, int] = {}
    for file in files:
        if not file.alive:
            continue
        yield
        for number, request in enumerate(reader.inflight_requests(file)):
            if number % REQUESTS_AT_ONCE == 0:
                yield
            route = route_of(file, request)
            for name, labels in _series_of(request, route):
                key = key_of(name, labels)
                counts[key] = counts.get(key, 0) + 1
            if request.method != WEBSOCKET:
                age = key_of("fastapi_oldest_active_request_seconds", (route,))
                oldest[age] = max(oldest.get(age, 0), now - request.start)
        if untracked := file.word(UNTRACKED):
            for name, labels in (
                ("http_server_active_requests", (OTHER, OTHER)),
                ("fastapi_active_requests", (UNKNOWN,)),
            ):
                key = key_of(name, labels)
                counts[key] = counts.get(key, 0) + untracked
    snapshot.sums.update({key: (value,) for key, value in {**counts, **oldest}.items()})


def _series_of(request: InflightRequest, route: str) -> list[tuple[str, Labels]]:
    """Names and labels of the series that count a request in flight."""
    if request.method == WEBSOCKET:
        return [("fastapi_websocket_active", (route,))]
    return [
        ("http_server_active_requests", (request.method, request.scheme)),
        ("fastapi_active_requests", (route,)),
    ]


def add_workers(snapshot: Snapshot, files: Iterable[FileContents], key_of: KeyOf) -> None:
    """Add the states of running workers, their services and versions, and how others ended.

    The services are in the order in which their workers started, the newest first.
    """
    now = time.monotonic_ns()
    states = dict.fromkeys(("serving", "blocked", "draining"), 0)
    for file in sorted(files, key=lambda file: file.header.started, reverse=True):
        if file.alive:
            age = max(0, now - file.word(HEARTBEAT))
            states[state_of(file, age)] += 1
            name = "sidelight_worker_heartbeat_age_seconds"
            snapshot.sums[key_of(name, (str(file.header.worker),))] = (age,)
            taken = key_of("sidelight_snapshot_age_seconds", (str(file.header.worker),))
            if taken in snapshot.sums:  # the file has the time of the values
                snapshot.sums[taken] = (max(0, now - snapshot.sums[taken][0]),)
            snapshot.listening.append(file.index.listening_ports)
            info = file.index.service_info
            if info.version:  # a worker publishes it a moment after it made its file
                snapshot.services.append(info)
                versions = info.version, info.python_version, info.fastapi_version
                labels = *versions, info.server, info.fast_path
                snapshot.sums[key_of("sidelight_build_info", labels)] = (1,)
    for state, number in states.items():
        snapshot.sums[key_of("sidelight_workers", (state,))] = (number,)
    for how in ("clean", "died"):  # from the start, so that increase() sees the first
        snapshot.sums.setdefault(key_of("sidelight_worker_exits_total", (how,)), (0,))


def state_of(file: FileContents, age: int) -> str:
    """The state of a running worker; ``age`` is that of its heartbeat, in nanoseconds."""
    if file.state == WorkerState.DRAINING:
        return "draining"
    return "blocked" if age > BLOCKED_AFTER else "serving"


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

    def __init__(self, key: KeyOf) -> None:
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
            for start in range(0, len(routes), ROUTES_AT_ONCE):
                for failed, zeros, slow, threshold, nanoseconds in routes[
                    start : start + ROUTES_AT_ONCE
                ]:
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
                if number % ROUTES_AT_ONCE == 0:
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
                (0,) * failed.family.classic_values,
                self._key(SLOW.name, labels),
                self._key(THRESHOLD.name, labels),
                (round(route.slow * NANOSECONDS),),
            )
