"""The blocks of a file, decoded. A block never changes once written, so each is read once."""

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

from sidelight import latency_objectives
from sidelight.errors import InvalidDataError
from sidelight.latency_objectives import LatencyObjectives
from sidelight.store import layout, listening_ports, service_info, slow_requests
from sidelight.store.layout import WORD, BlockKind
from sidelight.store.listening_ports import ListeningPorts
from sidelight.store.schema import Schema, StoredFamily, decode
from sidelight.store.service_info import ServiceInfo
from sidelight.store.slow_requests import SlowRequest, kept

BLOCKS_AT_ONCE = 200
"""Blocks that are read between two turns of an event loop."""
# Limits on what a file may ask of its reader: a file may be made by anybody.
MAX_SERIES = 150_000
MAX_KEY = 4096
MAX_TABLE = 1024 * 1024
MAX_ROOTS = 64
MAX_MERGED_IDS = 16_384
"""Ids that the totals may name: more than they ever keep (see `totals.IDS_KEPT`)."""

Unpack = Callable[[bytes | bytearray, int], tuple[int, ...]]


class StoredSeries(NamedTuple):
    """Where a file keeps one series, and when it began (ns since the epoch; 0: not known)."""

    family: StoredFamily
    labels: tuple[str, ...]
    at: int
    unpack: Unpack
    started: int


@dataclass(slots=True)
class FileIndex:
    """The blocks of a file up to byte ``end``.

    ``started`` is when its worker began: no series of an earlier version began before.
    """

    end: int
    started: int = 0
    schema: Schema = ()
    series: list[StoredSeries] = field(default_factory=list)
    routes: str = ""
    roots: list[str] = field(default_factory=list)
    merged_ids: tuple[bytes, ...] = ()
    app_metrics: bytes = b""
    service_info: ServiceInfo = field(default_factory=ServiceInfo)
    listening_ports: ListeningPorts = field(default_factory=ListeningPorts)
    latency_objectives: LatencyObjectives = field(default_factory=LatencyObjectives)
    slow_requests: list[SlowRequest] = field(default_factory=list)
    """Slow requests that the totals keep."""
    slow_ring: tuple[int, int] = (0, 0)
    """Where a worker keeps its own: byte offset and words."""
    blocked_loop: int = 0
    waiting_requests: int = 0
    """Where a worker says that its event loop is blocked: the byte offset, 0 without."""
    has_unknown_blocks: bool = False
    """Whether a later version added blocks of a kind that this version does not know."""
    has_long_labels: bool = False
    """Whether series are left out, since their labels are too long."""

    def extend(self, data: bytes) -> bool:
        """Read some of the blocks that are new; whether there may be more.

        Raises `InvalidDataError`.
        """
        before = self.end
        for kind, values, key, at in islice(layout.iter_blocks(data, before), BLOCKS_AT_ONCE):
            if kind == BlockKind.STARTED_SERIES:
                started, name = layout.split_started(key)
                self._add_series(values, name, at, started)
            elif kind == BlockKind.SERIES:
                self._add_series(values, key, at, self.started)
            elif kind == BlockKind.SCHEMA:
                if self.schema:
                    raise InvalidDataError(
                        "torn"
                    )  # series before and after would differ in meaning
                self.schema = decode(key)
            elif kind == BlockKind.SLOW_REQUESTS:
                self.slow_requests = kept([*self.slow_requests, *slow_requests.decode(key)])
                self.slow_ring = (at, values)
            elif kind == BlockKind.BLOCKED_LOOP:
                self.blocked_loop = at
            elif kind == BlockKind.WAITING_REQUESTS:
                self.waiting_requests = at
            else:
                self._add_block(kind, key)
            self.end = at + values * WORD
        return self.end > before

    def _add_block(self, kind: int, key: bytes) -> None:
        """Add a block without values."""
        if kind == BlockKind.ROUTES:
            self.routes = key[:MAX_TABLE].decode("utf-8", "replace")
        elif kind == BlockKind.ROOTS:
            if len(self.roots) < MAX_ROOTS:
                self.roots.append(key[:MAX_KEY].decode("utf-8", "replace"))
        elif kind == BlockKind.MERGED_IDS:
            ids = key[-16 * MAX_MERGED_IDS :]
            self.merged_ids = tuple(ids[i : i + 16] for i in range(0, len(ids), 16))
        elif kind == BlockKind.APP_METRICS:
            self.app_metrics = key
        elif kind == BlockKind.SERVICE_INFO:
            self.service_info = service_info.decode(key)
        elif kind == BlockKind.LISTENING_PORTS:
            self.listening_ports = listening_ports.decode(key)
        elif kind == BlockKind.LATENCY_OBJECTIVES:
            self.latency_objectives = latency_objectives.decode(key[:MAX_TABLE])
        else:
            self.has_unknown_blocks = True

    def _add_series(self, values: int, key: bytes, at: int, started: int) -> None:
        if len(key) > MAX_KEY:
            self.has_long_labels = True
            return
        if len(self.series) >= MAX_SERIES:
            raise InvalidDataError("too_large")
        try:
            number, labels = _split(key)
            family = self.schema[number]
        except (ValueError, IndexError):
            raise InvalidDataError("torn") from None
        if values != family.values or number < 0:
            raise InvalidDataError("torn")
        self.series.append(StoredSeries(family, labels, at, unpacker(values), started))


_split = lru_cache(maxsize=32_768)(layout.split_key)
"""Workers of one service have the same keys: their labels are kept once."""
_UNPACKERS: dict[int, Unpack] = {}


def unpacker(values: int) -> Unpack:
    """Reads so many words at an offset."""
    if values not in _UNPACKERS:
        _UNPACKERS[values] = struct.Struct(f"<{values}Q").unpack_from
    return _UNPACKERS[values]
