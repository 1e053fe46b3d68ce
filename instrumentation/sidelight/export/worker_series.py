"""Series that are not stored as such: requests in flight, and the states of workers."""

import time
from collections.abc import Callable, Generator, Iterable

from sidelight.contract import NANOSECONDS, OTHER, UNKNOWN
from sidelight.export.snapshot import Labels, SeriesKey, Snapshot
from sidelight.store import reader
from sidelight.store.layout import HEARTBEAT, UNTRACKED, WorkerState
from sidelight.store.reader import FileContents, InflightRequest, route_of
from sidelight.store.route_table import WEBSOCKET

KeyOf = Callable[[str, Labels], SeriesKey]
"""Returns the one key of a series."""
REQUESTS_AT_ONCE = 20
BLOCKED_AFTER = 5 * NANOSECONDS // 2
"""Nanoseconds: a worker whose last heartbeat is older has a blocked event loop."""


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
    """Add the states of running workers, their services and versions, and how others ended."""
    now = time.monotonic_ns()
    states = dict.fromkeys(("serving", "blocked", "draining"), 0)
    for file in files:
        if file.alive:
            age = max(0, now - file.word(HEARTBEAT))
            states[state_of(file, age)] += 1
            name = "sidelight_worker_heartbeat_age_seconds"
            snapshot.sums[key_of(name, (str(file.header.worker),))] = (age,)
            info = file.index.service_info
            if info.version:  # a worker publishes it a moment after it made its file
                snapshot.services.append(info)
                labels = info.version, info.python_version, info.fastapi_version, info.server
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
