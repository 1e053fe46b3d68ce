"""What a worker writes into its file: series, requests in flight, exemplars and records."""

import struct
import time
from bisect import bisect_left
from collections.abc import Iterable

from sidelight.contract import ABSENT, METRICS, NANOSECONDS, ROUTE, WORKER, Metric
from sidelight.store import (
    blocked_loop,
    capacity,
    layout,
    slow_requests,
    waiting_requests,
)
from sidelight.store.atomic_add import add
from sidelight.store.directory import Directory
from sidelight.store.exemplar_slots import ExemplarSlots
from sidelight.store.inflight import UNTRACKED, PathField, RequestId, path_field
from sidelight.store.layout import WORD, BlockKind
from sidelight.store.mapped_file import MappedFile, StoreFull
from sidelight.store.schema import Schema, StoredFamily
from sidelight.store.slow_ring import SlowRing

OVERFLOW = METRICS["sidelight_series_overflow_total"]


class WorkerFile(MappedFile):
    """Series, slots of requests in flight, and exemplars of this process, in shared memory.

    A series is the index of its first word: of a counter's or gauge's value, or of a histogram's
    sum. Making a series takes a lock; adding to one is one step for all other threads (see
    `store.atomic_add`).
    """

    def __init__(self, directory: Directory | None, schema: Schema, max_series: int) -> None:
        """As `MappedFile` is made. Raises `StoreError`."""
        super().__init__(directory, schema, max_series)
        self._numbers = {family.name: number for number, family in enumerate(schema)}
        self._slow_ring = SlowRing(layout.SLOW_RECORDS)
        self._exemplars = ExemplarSlots(self._header.exemplars)
        self._exemplar_time = 0.0
        self._series: dict[bytes, int] = {}
        self._bounds: dict[str, list[int]] = {}
        self._capped_series = 0
        self.paths: dict[int, PathField] = {}
        """Where a slot's path is written, by the slot: the index of its first word."""
        self.free_slots: list[int] = []
        """Free slots. When there is none, another is made, up to the number of the header."""

    def acquire_slot(self, method_scheme: int, path: bytes, start: int) -> int:
        """Write a request into a slot, which `release_slot` frees.

        Where no slot is left, the request is counted only.
        """
        try:
            slot = self.free_slots.pop()
        except IndexError:
            slot = self._new_slot()
        if slot == UNTRACKED:
            add(self.words, layout.UNTRACKED, 1)
        else:
            self.paths[slot].value = path[: layout.PATH_BYTES]
            self.words[slot + 1] = method_scheme
            self.words[slot] = start
        return slot

    @property
    def in_flight(self) -> int:
        """Requests and connections in flight, without those that no slot was left for."""
        return len(self.paths) - len(self.free_slots)

    def requests_in_flight(self) -> list[RequestId]:
        """Those that have a slot, without connections."""
        begin = self._header.slots_at // WORD
        end = begin + len(self.paths) * layout.SLOT_WORDS
        starts = self.words[begin : end : layout.SLOT_WORDS].tolist()
        methods = self.words[begin + 1 : end : layout.SLOT_WORDS].tolist()
        slots = range(begin, end, layout.SLOT_WORDS)
        return [
            (start, slot)
            for start, word, slot in zip(starts, methods, slots, strict=False)
            if start and layout.is_request(word)
        ]

    def _new_slot(self) -> int:
        with self._lock:
            if len(self.paths) == self._header.slots:
                return UNTRACKED
            slot = self._header.slots_at // WORD + len(self.paths) * layout.SLOT_WORDS
            self.paths[slot] = path_field(self.memory, slot)
            return slot

    def _remapped(self) -> None:
        """Write paths to the present mapping of the file."""
        for slot in self.paths:
            self.paths[slot] = path_field(self.memory, slot)

    def release_slot(self, slot: int) -> None:
        """Free a slot of `acquire_slot`."""
        if slot == UNTRACKED:
            add(self.words, layout.UNTRACKED, -1)
        else:
            self.words[slot] = 0
            self.free_slots.append(slot)

    def series(
        self,
        metric: Metric,
        labels: tuple[str, ...],
        *,
        uncapped: bool = False,
        reserved: bool = False,
        by_system: bool = False,
    ) -> int:
        """The index of a series' first word; a new series starts with zeros, now.

        ``uncapped`` is for the few series that the limit does not apply to, ``reserved`` for
        those that may use the reserve of the file too. When a series ``by_system`` began is not
        known. Raises `StoreFull`.
        """
        number = self._numbers[metric.name]
        key = layout.series_key(number, labels)
        found = self._series.get(key)
        if found is not None:
            return found
        with self._lock:
            if key not in self._series:
                capped = not (uncapped or reserved)
                if capped and self._capped_series >= self._max_series:
                    raise StoreFull
                values = self.schema[number].values
                slack = layout.SLACK if capped else 0
                reserved = reserved or metric.name in capacity.ALWAYS_STORED
                spare = slack if reserved else slack + self._reserved
                started = layout.started_key(0 if by_system else time.time_ns(), key)
                at = self._append(BlockKind.STARTED_SERIES, started, values, spare)
                self._series[key] = at
                self._capped_series += capped
            return self._series[key]

    def count(self, metric: Metric, labels: tuple[str, ...] = (), amount: int = 1) -> None:
        """Add to a counter of Sidelight's own, which the limit of series does not apply to.

        In a full file, one by route is counted as ``_OTHER``. Raises `StoreFull` for others.
        """
        try:
            at = self.series(metric, labels, uncapped=True)
        except StoreFull:
            if ROUTE not in metric.labels:
                raise
            self.count(OVERFLOW)
            at = self.series(metric, capacity.last_resort(metric, labels), reserved=True)
        add(self.words, at, amount)

    def observe(self, metric: Metric, labels: tuple[str, ...], value: int) -> None:
        """Add a value in nanoseconds or bytes. The request path has a faster way."""
        at = self.series(metric, labels, uncapped=True)
        index = bisect_left(self.bounds(metric), value) + 1
        add(self.words, at, value)
        add(self.words, at + index, 1)

    def set(self, metric: Metric, labels: tuple[str, ...], value: int) -> None:
        """Set a gauge, or a counter whose value comes from the operating system."""
        self.words[self.series(metric, labels, uncapped=True, by_system=True)] = value

    def bounds(self, metric: Metric) -> list[int]:
        """The boundaries that a histogram counts on, in nanoseconds or bytes."""
        found = self._bounds.get(metric.name)
        if found is None:
            found = [round(b * metric.divisor) for b in self.family(metric).stored_bounds]
            self._bounds[metric.name] = found
        return found

    def family(self, metric: Metric) -> StoredFamily:
        """A metric as it is stored here."""
        return self.schema[self._numbers[metric.name]]

    def set_exemplar(
        self, series: int, bucket: int, trace: bytes, span: bytes, value: float
    ) -> None:
        """Store the exemplar of a bucket, in place of an earlier one.

        Where no slot is left, it takes that of the oldest exemplar.
        """
        with self._lock:
            self._exemplar_time = seconds = max(time.time(), self._exemplar_time)
            slot = self._exemplars.take((series, bucket), seconds)
            self.words[layout.EXEMPLARS_AFTER] = int(self._exemplars.dropped * NANOSECONDS)
            rest = struct.pack("<IQ16s8sdd", bucket, series * WORD, trace, span, value, seconds)
            at = self._header.exemplars_at + slot * layout.EXEMPLAR.size
            self.memory[at : at + layout.EXEMPLAR.size] = layout.with_checksum(rest)

    def add_slow_request(self, record: slow_requests.SlowRequest) -> None:
        """Store a slow request, in place of an old one of the route that has the most."""
        data = slow_requests.pack_record(record)
        with self._lock:
            place = self._slow_ring.place(f"{record.method} {record.route}")
            at = self._slow_at + place * layout.SLOW_RECORD_BYTES
            self.memory[at : at + layout.SLOW_RECORD_BYTES] = data

    def show_blocked_loop(self, began: int, blocked_by: str) -> None:
        """Show other processes that the event loop is blocked since a time, and by what."""
        self._set_blocked_loop(blocked_loop.pack(began, blocked_by))

    def hide_blocked_loop(self) -> None:
        """The event loop runs again."""
        self._set_blocked_loop(blocked_loop.NOT_BLOCKED)

    def _set_blocked_loop(self, record: bytes) -> None:
        with self._lock:
            self.memory[self._loop_at : self._loop_at + layout.BLOCKED_LOOP_BYTES] = record

    def show_waiting_requests(self, requests: Iterable[waiting_requests.Waiting]) -> None:
        """Show other processes the oldest request of each route, in place of those before."""
        data = waiting_requests.pack(requests)
        with self._lock:
            self.memory[self._waiting_at : self._waiting_at + layout.WAITING_BYTES] = data

    def renew(self, directory: Directory) -> None:
        """Write the file again, as `MappedFile` does; the worker may have another number then."""
        former = self.worker
        super().renew(directory)
        if self.worker != former:
            self._reset_worker_series(former)

    def _reset_worker_series(self, worker: int) -> None:
        """Reset the series of a worker number that another worker has now."""
        with self._lock:
            for key, at in self._series.items():
                number, labels = layout.split_key(key)
                metric = METRICS[self.schema[number].name]
                if (WORKER, str(worker)) in zip(metric.labels, labels, strict=False):
                    # A counter by worker is the operating system's: its next reading sets it again.
                    self.words[at] = ABSENT if metric.kind == "gauge" else 0
