"""Reads files of a directory: no lock, no mapping, and nothing asked of any worker.

A file is read with ``pread``, so one that is cut short is a short read and not a signal.
"""

import os
import struct
from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import compress, islice
from typing import NamedTuple

from sidelight.contract import UNKNOWN
from sidelight.store import about, layout, locks, route_table, slow_requests
from sidelight.store.about import About
from sidelight.store.directory import TOTALS, WORKER_SUFFIX
from sidelight.store.layout import WORD, Block, Damaged, Header, State
from sidelight.store.schema import Family, Schema, decode
from sidelight.store.slow_requests import SlowRequest, newest
from sidelight.store.steps import result

BLOCKS_AT_ONCE = 200
"""Read between two turns of an event loop."""
# What a file may ask of its reader; whoever writes it need not mean well.
MOST_SERIES = layout.MOST_BYTES // layout.BYTES_PER_SERIES
MOST_KEY = 4096
MOST_ROWS = 4 * layout.ROWS
MOST_EXEMPLARS = 4 * layout.EXEMPLARS
MOST_TABLE = 1024 * 1024
MOST_ROOTS = 64
MOST_FOLDED = 16_384
"""Ids the totals may name: more than they ever keep (see `fold`)."""


class Series(NamedTuple):
    """Where a file keeps one series."""

    family: Family
    labels: tuple[str, ...]
    at: int
    unpack: Callable[[bytes, int], tuple[int, ...]]


class Row(NamedTuple):
    """A request in flight: when it began (CLOCK_MONOTONIC, ns) and what it asked for."""

    start: int
    scheme: str
    method: str
    path: bytes
    whole: bool


class Trace(NamedTuple):
    """An exemplar: the series' address, bucket, hex ids, value, seconds since the epoch."""

    series: int
    bucket: int
    trace_id: str
    span_id: str
    value: float
    seconds: float


@dataclass(slots=True)
class Index:
    """The blocks of a file as far as they were read. They never change, so it is kept."""

    end: int
    schema: Schema = ()
    series: list[Series] = field(default_factory=list)
    routes: str = ""
    roots: list[str] = field(default_factory=list)
    folded: tuple[bytes, ...] = ()
    user: bytes = b""
    about: About = field(default_factory=About)
    slow: list[SlowRequest] = field(default_factory=list)
    """SlowRequest requests that the totals keep."""
    ring: tuple[int, int] = (0, 0)
    """Where a worker keeps its own: byte offset and words."""
    strange: bool = False
    """Whether a later version put something in that this one doesn't know."""
    overlong: bool = False
    """Whether series are left out, whose labels are too long for a page."""


@dataclass(slots=True)
class File:
    """One file as it was at one moment."""

    name: str
    header: Header
    alive: bool
    data: bytes
    index: Index
    user: bytes = b""
    """The worker's last snapshot of the application's own metrics."""

    @property
    def state(self) -> int:
        """What the worker said of itself: a `State`."""
        return self.word(layout.STATE)

    def word(self, at: int) -> int:
        """A word of the header."""
        found: int = struct.unpack_from("<Q", self.data, at * WORD)[0]
        return found

    @property
    def clean(self) -> bool:
        """Whether the worker ended by its own will."""
        return self.state == State.CLOSED


def read(name: str, fd: int, known: dict[bytes, Index], *, alive: bool | None = None) -> File:
    """Read an open file. ``known`` remembers the index of files read before, by id.

    Its lock tells whether its process lives, unless the caller knows. Raises `Damaged` or
    OSError.
    """
    return result(reading(name, fd, known, alive=alive))


def reading(
    name: str,
    fd: int,
    known: dict[bytes, Index],
    *,
    alive: bool | None = None,
    most: int = layout.MOST_BYTES,
) -> Generator[None, None, File]:
    """What `read` does, in steps; ``most`` is how many bytes the file may have in use."""
    if alive is None:
        alive = not locks.unheld(fd)
    header = _header(name, fd)
    used = int.from_bytes(_read_at(fd, WORD, layout.USED * WORD), "little")
    wanted = min(max(used, header.arena_at), header.size)
    if wanted > most:
        raise Damaged("too_large")
    data = _read_at(fd, wanted, 0)
    index = known.get(header.id, Index(header.arena_at))
    if len(data) < max(header.arena_at, index.end):  # the latter since it was read before
        raise Damaged("truncated")
    while _extend(index, data):
        yield
    if not index.schema:
        raise Damaged("torn")
    if index.end < min(used, len(data)) and not alive:
        raise Damaged("torn")
    known[header.id] = index
    return File(name, header, alive, data, index)


def _header(name: str, fd: int) -> Header:
    header = layout.unpack_header(_read_at(fd, layout.HEADER_BYTES, 0))
    if name != TOTALS and name != header.id.hex() + WORKER_SUFFIX:
        raise Damaged("not_ours")  # a copy would be counted twice
    if header.rows > MOST_ROWS or header.exemplars > MOST_EXEMPLARS:
        raise Damaged("torn")
    if os.fstat(fd).st_size < header.size:
        raise Damaged("truncated")
    return header


def whole(fd: int, most: int) -> bytes:
    """All of a small file that is open. Raises `Damaged` where it is not small, or OSError."""
    data = _read_at(fd, most + 1, 0)
    if len(data) > most:
        raise Damaged("too_large")
    return data


def _read_at(fd: int, size: int, at: int) -> bytes:
    if hasattr(os, "pread"):
        return os.pread(fd, size, at)
    os.lseek(fd, at, os.SEEK_SET)  # Windows
    return os.read(fd, size)


def _extend(index: Index, data: bytes) -> bool:
    """Add some of the blocks that are new; whether there may be more."""
    before = index.end
    for kind, values, key, at in islice(layout.blocks(data, before), BLOCKS_AT_ONCE):
        if kind == Block.SERIES:
            _add_series(index, values, key, at)
        elif kind == Block.SCHEMA:
            if index.schema:
                raise Damaged("torn")  # series before and after would mean different things
            index.schema = decode(key)
        elif kind == Block.SLOW:
            index.slow = newest([*index.slow, *slow_requests.decode(key)])
            index.ring = (at, values)
        else:
            _add_note(index, kind, key)
        index.end = at + values * WORD
    return index.end > before


def _add_note(index: Index, kind: int, key: bytes) -> None:
    if kind == Block.ROUTES:
        index.routes = key[:MOST_TABLE].decode("utf-8", "replace")
    elif kind == Block.ROOTS:
        if len(index.roots) < MOST_ROOTS:
            index.roots.append(key[:MOST_KEY].decode("utf-8", "replace"))
    elif kind == Block.FOLDED:
        ids = key[-16 * MOST_FOLDED :]
        index.folded = tuple(ids[i : i + 16] for i in range(0, len(ids), 16))
    elif kind == Block.USER:
        index.user = key
    elif kind == Block.ABOUT:
        index.about = about.decode(key)
    else:
        index.strange = True


def _add_series(index: Index, values: int, key: bytes, at: int) -> None:
    if len(key) > MOST_KEY:
        index.overlong = True
        return
    if len(index.series) >= MOST_SERIES:
        raise Damaged("too_large")
    try:
        number, labels = _split(key)
        family = index.schema[number]
    except (ValueError, IndexError):
        raise Damaged("torn") from None
    if values != family.values or number < 0:
        raise Damaged("torn")
    index.series.append(Series(family, labels, at, unpacker(values)))


_split = lru_cache(maxsize=32_768)(layout.split_key)
"""Workers of one service have the same keys: their labels are kept once."""
_UNPACKERS: dict[int, Callable[[bytes, int], tuple[int, ...]]] = {}


def unpacker(values: int) -> Callable[[bytes, int], tuple[int, ...]]:
    """Reads so many words at an offset."""
    if values not in _UNPACKERS:
        _UNPACKERS[values] = struct.Struct(f"<{values}Q").unpack_from
    return _UNPACKERS[values]


def rows(file: File) -> list[Row]:
    """Requests in flight in a worker."""
    found = []
    step = file.header.row_bytes
    starts = _column(file, file.header.rows_at, file.header.rows, step)
    for number in compress(range(len(starts)), starts):
        at = file.header.rows_at + number * step
        (word,) = struct.unpack_from("<Q", file.data, at + WORD)
        text = file.data[at + 2 * WORD : at + layout.ROW_WORDS * WORD]
        path, end, _ = text.partition(b"\0")
        found.append(Row(starts[number], *layout.asked_for(word), path, bool(end)))
    return found


def route_of(file: File, method: str, path: bytes, *, whole: bool) -> str:
    """The route of a row, by the table its worker published."""
    if not whole:
        return UNKNOWN
    roots = tuple(root.partition(" ")[2] for root in file.index.roots)
    return route_table.template_of(file.index.routes, roots, method, path)


def slow_requests_in(file: File) -> list[SlowRequest]:
    """The slow requests a file keeps, in no order."""
    found = slow_requests.ring(file.data, *file.index.ring)
    if file.alive:  # the number of one who died is another's soon
        found = [replace(record, worker=file.header.worker) for record in found]
    return [*file.index.slow, *found]


def traces(file: File) -> list[Trace]:
    """The exemplars of a file; torn ones are left out."""
    found = []
    step = file.header.exemplar_bytes
    for number, head in enumerate(
        _column(file, file.header.exemplars_at, file.header.exemplars, step)
    ):
        if head:
            at = file.header.exemplars_at + number * step
            part = file.data[at : at + layout.EXEMPLAR.size]
            _, bucket, series, trace, span, value, seconds = layout.EXEMPLAR.unpack(part)
            if layout.checked(part[4:]) == part:
                found.append(Trace(series, bucket, trace.hex(), span.hex(), value, seconds))
    return found


def _column(file: File, at: int, count: int, step: int) -> list[int]:
    """The first word of each of ``count`` records of ``step`` bytes."""
    part = memoryview(file.data)[at : at + count * step]
    return part.cast("Q")[:: step // WORD].tolist() if count else []
