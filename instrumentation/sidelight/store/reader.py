"""Reads files of a directory: no lock, no mapping, and nothing asked of any worker.

A file is read with ``pread``, so one that is cut short is a short read and not a signal.
"""

import os
import struct
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from sidelight.store import about, layout, locks, slow
from sidelight.store.about import About
from sidelight.store.directory import TOTALS, WORKER_SUFFIX
from sidelight.store.layout import WORD, Block, Damaged, Header, State
from sidelight.store.schema import Family, Schema, decode
from sidelight.store.slow import Slow


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
    slow: list[Slow] = field(default_factory=list)
    """Slow requests that the totals keep."""
    ring: tuple[int, int] = (0, 0)
    """Where a worker keeps its own: byte offset and words."""
    strange: bool = False
    """Whether a later version put something in that this one doesn't know."""


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
    if alive is None:
        alive = not locks.unheld(fd)
    header = layout.unpack_header(_read_at(fd, layout.HEADER_BYTES, 0))
    if name != TOTALS and name != header.id.hex() + WORKER_SUFFIX:
        raise Damaged("not_ours")  # a copy would be counted twice
    size = os.fstat(fd).st_size
    if size < header.size:
        raise Damaged("truncated")
    used = int.from_bytes(_read_at(fd, WORD, layout.USED * WORD), "little")
    data = _read_at(fd, min(max(used, header.arena_at), header.size), 0)
    if len(data) < header.arena_at:
        raise Damaged("truncated")
    index = known.get(header.id)
    if index is None:
        index = Index(header.arena_at)
    _extend(index, data)
    if not index.schema:
        raise Damaged("torn")
    if index.end < min(used, len(data)) and not alive:
        raise Damaged("torn")
    known[header.id] = index
    return File(name, header, alive, data, index)


def _read_at(fd: int, size: int, at: int) -> bytes:
    if hasattr(os, "pread"):
        return os.pread(fd, size, at)
    os.lseek(fd, at, os.SEEK_SET)  # Windows
    return os.read(fd, size)


def _extend(index: Index, data: bytes) -> None:
    for kind, values, key, at in layout.blocks(data, index.end):
        if kind == Block.SERIES:
            _add_series(index, values, key, at)
        elif kind == Block.SCHEMA:
            index.schema = decode(key)
        elif kind == Block.ROUTES:
            index.routes = key.decode("utf-8", "replace")
        elif kind == Block.ROOTS:
            index.roots.append(key.decode("utf-8", "replace"))
        elif kind == Block.FOLDED:
            index.folded = tuple(key[i : i + 16] for i in range(0, len(key), 16))
        elif kind == Block.USER:
            index.user = key
        elif kind == Block.ABOUT:
            index.about = about.decode(key)
        elif kind == Block.SLOW:
            index.slow += slow.decode(key)
            index.ring = (at, values)
        else:
            index.strange = True
        index.end = at + values * WORD


def _add_series(index: Index, values: int, key: bytes, at: int) -> None:
    try:
        number, labels = layout.split_key(key)
        family = index.schema[number]
    except (ValueError, IndexError):
        raise Damaged("torn") from None
    if values != family.values or number < 0:
        raise Damaged("torn")
    index.series.append(Series(family, labels, at, _unpacker(values)))


_UNPACKERS: dict[int, Callable[[bytes, int], tuple[int, ...]]] = {}


def _unpacker(values: int) -> Callable[[bytes, int], tuple[int, ...]]:
    if values not in _UNPACKERS:
        _UNPACKERS[values] = struct.Struct(f"<{values}Q").unpack_from
    return _UNPACKERS[values]


def rows(file: File) -> list[Row]:
    """Requests in flight in a worker."""
    found = []
    step = file.header.row_bytes
    for number, start in enumerate(_column(file, file.header.rows_at, file.header.rows, step)):
        if start:
            at = file.header.rows_at + number * step
            text = file.data[at + WORD : at + WORD + layout.ROW_TEXT]
            scheme, method, path = (*text.rstrip(b" \0").split(b" ", 2), b"", b"")[:3]
            whole = text[-1:] in {b" ", b"\0"}
            found.append(
                Row(start, scheme.decode("latin-1"), method.decode("latin-1"), path, whole)
            )
    return found


def slow_requests(file: File) -> list[Slow]:
    """The slow requests a file keeps, in no order."""
    found = slow.ring(file.data, *file.index.ring)
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
