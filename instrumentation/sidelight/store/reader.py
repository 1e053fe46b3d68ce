"""Reads one file of a directory, without a lock, a mapping, or any help of its worker.

A file is read with ``pread``, so one that is cut short is a short read and not a signal.
"""

import os
import struct
from collections.abc import Generator
from dataclasses import dataclass, replace
from itertools import compress
from typing import NamedTuple

from sidelight.contract import UNKNOWN
from sidelight.cooperative import run_to_end
from sidelight.errors import InvalidDataError
from sidelight.store import (
    blocked_loop,
    layout,
    locks,
    route_table,
    slow_requests,
    waiting_requests,
)
from sidelight.store.blocked_loop import BlockedLoop
from sidelight.store.directory import TOTALS, WORKER_SUFFIX
from sidelight.store.file_index import FileIndex
from sidelight.store.layout import WORD, FileHeader, WorkerState
from sidelight.store.slow_requests import SlowRequest
from sidelight.store.waiting_requests import WaitingRequest

# Limits on what a file may ask of its reader: a file may be made by anybody.
MAX_SLOTS = 4 * layout.SLOTS
MAX_EXEMPLARS = 4 * layout.EXEMPLARS


class InflightRequest(NamedTuple):
    """A request in flight: when it began (CLOCK_MONOTONIC, ns) and what it asked for.

    ``whole`` is whether the path is complete.
    """

    start: int
    scheme: str
    method: str
    path: bytes
    whole: bool


class StoredExemplar(NamedTuple):
    """An exemplar: the series' address, bucket, hex ids, value, seconds since the epoch."""

    series: int
    bucket: int
    trace_id: str
    span_id: str
    value: float
    seconds: float


@dataclass(slots=True)
class FileContents:
    """One file as it was at one moment."""

    name: str
    header: FileHeader
    alive: bool
    data: bytes
    index: FileIndex
    app_metrics: bytes = b""
    """The worker's last snapshot of the application's own metrics."""
    exemplars_after: int = 0
    """Exemplars up to this time (ns since the epoch) may no longer be stored."""

    @property
    def state(self) -> int:
        """What the worker said of itself: a `WorkerState`."""
        return self.word(layout.STATE)

    def word(self, at: int) -> int:
        """A word of the header."""
        found: int = struct.unpack_from("<Q", self.data, at * WORD)[0]
        return found

    @property
    def clean(self) -> bool:
        """Whether the worker shut down by itself."""
        return self.state == WorkerState.CLOSED


def read(
    name: str, fd: int, indexes: dict[bytes, FileIndex], *, alive: bool | None = None
) -> FileContents:
    """Read an open file. ``indexes`` keeps the index of files read before, by id.

    Its lock tells whether its process lives, unless the caller knows. Raises `InvalidDataError`
    or OSError.
    """
    return run_to_end(reading(name, fd, indexes, alive=alive))


def reading(
    name: str,
    fd: int,
    indexes: dict[bytes, FileIndex],
    *,
    alive: bool | None = None,
    most: int = layout.MAX_BYTES,
) -> Generator[None, None, FileContents]:
    """What `read` does, in steps; ``most`` is how many bytes the file may have in use."""
    if alive is None:
        alive = not locks.is_free(fd)
    header = _header(name, fd)
    used = int.from_bytes(_read_at(fd, WORD, layout.USED * WORD), "little")
    wanted = min(max(used, header.arena_at), header.size)
    if wanted > most:
        raise InvalidDataError("too_large")
    data = _read_at(fd, wanted, 0)
    # Read last: a worker publishes the time of an exemplar before it writes another in its place.
    after = int.from_bytes(_read_at(fd, WORD, layout.EXEMPLARS_AFTER * WORD), "little")
    index = indexes.get(header.id, FileIndex(header.arena_at, header.started))
    if len(data) < max(header.arena_at, index.end):  # the latter since it was read before
        raise InvalidDataError("truncated")
    while index.extend(data):
        yield
    if not index.schema:
        raise InvalidDataError("torn")
    if index.end < min(used, len(data)) and not alive:
        raise InvalidDataError("torn")
    indexes[header.id] = index
    return FileContents(name, header, alive, data, index, exemplars_after=after)


def _header(name: str, fd: int) -> FileHeader:
    header = layout.unpack_header(_read_at(fd, layout.HEADER_BYTES, 0))
    if name != TOTALS and name != header.id.hex() + WORKER_SUFFIX:
        raise InvalidDataError("not_ours")  # a copy would be counted twice
    if header.slots > MAX_SLOTS or header.exemplars > MAX_EXEMPLARS:
        raise InvalidDataError("torn")
    if os.fstat(fd).st_size < header.size:
        raise InvalidDataError("truncated")
    return header


def read_bytes(fd: int, most: int) -> bytes:
    """All of an open file. Raises OSError, or `InvalidDataError` where it is too large."""
    data = _read_at(fd, most + 1, 0)
    if len(data) > most:
        raise InvalidDataError("too_large")
    return data


def _read_at(fd: int, size: int, at: int) -> bytes:
    if hasattr(os, "pread"):
        return os.pread(fd, size, at)
    os.lseek(fd, at, os.SEEK_SET)  # Windows
    return os.read(fd, size)


def inflight_requests(file: FileContents) -> list[InflightRequest]:
    """Requests in flight in a worker."""
    found = []
    step = file.header.slot_bytes
    starts = _column(file, file.header.slots_at, file.header.slots, step)
    for number in compress(range(len(starts)), starts):
        at = file.header.slots_at + number * step
        (word,) = struct.unpack_from("<Q", file.data, at + WORD)
        text = file.data[at + 2 * WORD : at + layout.SLOT_WORDS * WORD]
        path, end, _ = text.partition(b"\0")
        asked = layout.unpack_method_scheme(word)
        found.append(InflightRequest(starts[number], *asked, path, bool(end)))
    return found


def route_of(file: FileContents, request: InflightRequest) -> str:
    """The route of a request in flight, by the table that its worker published."""
    if not request.whole:
        return UNKNOWN
    roots = tuple(root.partition(" ")[2] for root in file.index.roots)
    return route_table.template_for(file.index.routes, roots, request.method, request.path)


def slow_requests_in(file: FileContents) -> list[SlowRequest]:
    """The slow requests a file keeps, in no order."""
    found = slow_requests.read_ring(file.data, *file.index.slow_ring)
    if file.alive:  # the number of a worker that has died is soon another's
        found = [replace(record, worker=file.header.worker) for record in found]
    return [*file.index.slow_requests, *found]


def blocked_loop_of(file: FileContents) -> BlockedLoop | None:
    """What blocks the event loop of a worker that runs; None where nothing does."""
    if not file.alive or not file.index.blocked_loop:
        return None
    return blocked_loop.read(file.data, file.index.blocked_loop, file.header.worker)


def waiting_requests_of(file: FileContents) -> list[WaitingRequest]:
    """The oldest requests in flight of a worker that runs, as it last saw them."""
    if not file.alive or not file.index.waiting_requests:
        return []
    present = {request.start for request in inflight_requests(file)}
    found = waiting_requests.read(file.data, file.index.waiting_requests)
    return [
        WaitingRequest.since(start, file.header.worker, route, place)
        for start, route, place in found
        if start in present
    ]


def exemplars(file: FileContents) -> list[StoredExemplar]:
    """The exemplars of a file; torn ones are left out."""
    found = []
    header = file.header
    step = header.exemplar_bytes
    for number, head in enumerate(_column(file, header.exemplars_at, header.exemplars, step)):
        if head:
            at = header.exemplars_at + number * step
            part = file.data[at : at + layout.EXEMPLAR.size]
            _, bucket, series, trace, span, value, seconds = layout.EXEMPLAR.unpack(part)
            if layout.with_checksum(part[4:]) == part:
                one = StoredExemplar(series, bucket, trace.hex(), span.hex(), value, seconds)
                found.append(one)
    return found


def _column(file: FileContents, at: int, count: int, step: int) -> list[int]:
    """The first word of each of ``count`` records of ``step`` bytes."""
    part = memoryview(file.data)[at : at + count * step]
    return part.cast("Q")[:: step // WORD].tolist() if count else []
