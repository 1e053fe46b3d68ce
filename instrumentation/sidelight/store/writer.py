"""The file that one worker writes: mapped into memory, and locked as long as the worker runs.

It is as long as it can become, and gets memory in steps, as the series in use need it. Nothing
beyond is ever read or written through the mapping: on a full tmpfs that would end the process with
SIGBUS, where `posix_fallocate` fails.
"""

import mmap
import os
import struct
import threading
import time
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterable
from contextlib import suppress
from uuid import uuid4

from sidelight.contract import ABSENT, METRICS, NANOSECONDS, ROUTE, WORKER, Metric
from sidelight.errors import InvalidDataError, StoreError
from sidelight.store import (
    blocked_loop,
    capacity,
    layout,
    locks,
    slow_requests,
    waiting_requests,
)
from sidelight.store.atomic_add import add
from sidelight.store.directory import (
    DRAFT_SUFFIX,
    NUMBER_LOCK,
    WORKER_SUFFIX,
    Directory,
    explained,
    workers,
)
from sidelight.store.inflight import UNTRACKED, PathField, path_field
from sidelight.store.layout import WORD, BlockKind, WorkerState
from sidelight.store.schema import Schema, StoredFamily, encode
from sidelight.store.slow_ring import SlowRing

OVERFLOW = METRICS["sidelight_series_overflow_total"]


class StoreFull(Exception):  # noqa: N818 it says what the file is
    """There is no room for another label set."""


class WorkerFile:
    """Series, slots of requests in flight, and exemplars of this process, in shared memory.

    ``words`` is the whole file as 8-byte numbers. A series is the index of its first word: of a
    counter's or gauge's value, or of a histogram's sum. Making a series takes a lock; adding to
    one is one step for all other threads (see `store.atomic_add`).
    """

    def __init__(self, directory: Directory | None, schema: Schema, max_series: int) -> None:
        """Without a directory the file has no name and ends with the process.

        Raises `StoreError`; the directory is then as it was.
        """
        self.directory = directory
        self.schema = schema
        self._numbers = {family.name: number for number, family in enumerate(schema)}
        self.id = uuid4().bytes
        self.name = self.id.hex() + WORKER_SUFFIX
        self.worker = 0
        self.pid = os.getpid()
        self.fd = -1
        self._max_series = max_series
        self._reserved = capacity.reserved_bytes(schema)
        self._allocated = self._end = 0
        self._slow_ring = SlowRing(layout.SLOW_RECORDS)
        self._exemplars: OrderedDict[tuple[int, int], tuple[int, float]] = OrderedDict()
        self._exemplar_time = 0.0
        self._lock = threading.RLock()  # a finalizer may count while this thread holds it
        self._series: dict[bytes, int] = {}
        self._bounds: dict[str, list[int]] = {}
        self._capped_series = 0
        if directory is None:
            self.fd = _unnamed_file()
            self._fill(None)
        else:
            self._make(directory, None)
        self.paths: dict[int, PathField] = {}
        """Where a slot's path is written, by the slot: the index of its first word."""
        self.free_slots: list[int] = []
        """Free slots. When there is none, another is made, up to the number of the header."""

    def _make(self, directory: Directory, former: mmap.mmap | None) -> None:
        """Take a worker number, and rename a complete file into place. Raises `StoreError`."""
        draft = self.id.hex() + DRAFT_SUFFIX
        try:
            with directory.locked(NUMBER_LOCK, seconds=2.0):
                self.worker = _free_number(directory, self.worker)
                self.fd = directory.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL)
                locks.acquire(self.fd)
                self._fill(former)
                os.rename(draft, self.name, src_dir_fd=directory.fd, dst_dir_fd=directory.fd)
        except OSError as error:
            directory.remove(draft)
            self._release()
            raise explained(error, directory.path) from error

    def _fill(self, former: mmap.mmap | None) -> None:
        """Give the file its size, header and contents: those of ``former``, or a schema.

        A full tmpfs fails here, and not with a SIGBUS later.
        """
        header = layout.worker_header(
            self._max_series,
            self.id,
            self.worker,
            self.pid,
            time.time_ns(),
            extra=capacity.extra_bytes(self.schema, self._max_series),
        )
        schema = encode(self.schema)
        os.ftruncate(self.fd, header.size)
        self._header, self._allocated = header, 0
        used = header.arena_at + len(schema) + layout.RECORDS if former is None else self._end
        self._allocate(used + self._reserved)
        self.memory = mmap.mmap(self.fd, header.size)
        self.words = memoryview(self.memory).cast(layout.NATIVE)
        packed = layout.pack_header(header)
        self.memory[: len(packed)] = packed
        if former is not None:
            self.memory[layout.STATE * WORD : used] = former[layout.STATE * WORD : used]
            return
        self._end = header.arena_at
        self.words[layout.STATE] = WorkerState.SERVING
        self.words[layout.HEARTBEAT] = time.monotonic_ns()
        self._append(BlockKind.SCHEMA, schema, 0)
        ring = layout.SLOW_RECORDS * layout.SLOW_RECORD_BYTES
        self._slow_at = self._append(BlockKind.SLOW_REQUESTS, b"", ring // WORD) * WORD
        loop = layout.BLOCKED_LOOP_BYTES
        self._loop_at = self._append(BlockKind.BLOCKED_LOOP, b"", loop // WORD) * WORD
        waiting = layout.WAITING_BYTES
        self._waiting_at = self._append(BlockKind.WAITING_REQUESTS, b"", waiting // WORD) * WORD

    def _allocate(self, upto: int) -> None:
        """Give the file memory up to this byte, and to the end of a step.

        Raises OSError where the directory has none left.
        """
        upto = min(-(-upto // layout.STEP) * layout.STEP, self._header.size)
        if self.directory is None or not hasattr(os, "posix_fallocate"):
            upto = self._header.size  # no limit but the machine's, or no way to ask
        elif upto > self._allocated:
            os.posix_fallocate(self.fd, self._allocated, upto - self._allocated)
        self._allocated = max(upto, self._allocated)

    def _has_memory(self, upto: int) -> bool:
        """Whether the file has memory up to this byte, now or after it was given more."""
        if upto > self._allocated:
            with suppress(OSError):
                self._allocate(upto)
        return upto <= self._allocated

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

    def request_starts(self) -> list[int]:
        """When each request in flight began (CLOCK_MONOTONIC, ns), without connections."""
        begin = self._header.slots_at // WORD
        end = begin + len(self.paths) * layout.SLOT_WORDS
        starts = self.words[begin : end : layout.SLOT_WORDS].tolist()
        methods = self.words[begin + 1 : end : layout.SLOT_WORDS].tolist()
        return [
            s for s, word in zip(starts, methods, strict=False) if s and layout.is_request(word)
        ]

    def _new_slot(self) -> int:
        with self._lock:
            if len(self.paths) == self._header.slots:
                return UNTRACKED
            slot = self._header.slots_at // WORD + len(self.paths) * layout.SLOT_WORDS
            self.paths[slot] = path_field(self.memory, slot)
            return slot

    def _map_paths(self) -> None:
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

    def append_block(self, kind: BlockKind, key: bytes) -> None:
        """Add a block without values, such as the route table. Raises `StoreFull`."""
        with self._lock:
            self._append(kind, key, 0, layout.SLACK + self._reserved)

    def _append(self, kind: BlockKind, key: bytes, values: int, spare: int = 0) -> int:
        data = layout.pack_block(kind, key, values)
        start, end = self._end, self._end + len(data) + values * WORD
        if end + spare > self._header.size:
            raise StoreFull
        if not self._has_memory(end + min(spare, self._reserved)):
            raise StoreFull
        # The head with its checksum is written last: until then a reader stops before this block.
        self.memory[start + WORD : start + len(data)] = data[WORD:]
        self.memory[start : start + WORD] = data[:WORD]
        self._end = end
        self.words[layout.USED] = end
        return (end - values * WORD) // WORD

    def set_exemplar(
        self, series: int, bucket: int, trace: bytes, span: bytes, value: float
    ) -> None:
        """Store the exemplar of a bucket, in place of an earlier one.

        Where no slot is left, it takes that of the oldest exemplar.
        """
        with self._lock:
            self._exemplar_time = seconds = max(time.time(), self._exemplar_time)
            slot = self._exemplar_slot((series, bucket), seconds)
            rest = struct.pack("<IQ16s8sdd", bucket, series * WORD, trace, span, value, seconds)
            at = self._header.exemplars_at + slot * layout.EXEMPLAR.size
            self.memory[at : at + layout.EXEMPLAR.size] = layout.with_checksum(rest)

    def _exemplar_slot(self, bucket: tuple[int, int], seconds: float) -> int:
        """The slot of a bucket. The time of an exemplar that gives its slot away is published."""
        found = self._exemplars.pop(bucket, None)
        slot = len(self._exemplars) if found is None else found[0]
        if slot == self._header.exemplars:
            _, (slot, dropped) = self._exemplars.popitem(last=False)
            self.words[layout.EXEMPLARS_AFTER] = int(dropped * NANOSECONDS)
        self._exemplars[bucket] = slot, seconds
        return slot

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

    def is_linked(self) -> bool:
        """Whether the file still has its name."""
        return self.directory is None or os.fstat(self.fd).st_nlink > 0

    def touch(self) -> None:
        """Set the time of the file to now: a write to mapped memory does not change it."""
        with suppress(OSError):
            os.utime(self.fd)

    def renew(self, directory: Directory) -> None:
        """Write the file again, with its contents, after its directory or name was removed.

        Raises `StoreError`; the old file is then still in use, though readers do not see it.
        """
        identity = self.id, self.name, self.worker
        former = self.memory, self.words, self.fd, self._header, self._allocated
        self.id = uuid4().bytes
        self.name = self.id.hex() + WORKER_SUFFIX
        self.fd = -1
        try:
            self._make(directory, self.memory)
        except StoreError:
            self.id, self.name, self.worker = identity
            self.memory, self.words, self.fd, self._header, self._allocated = former
            raise
        self.directory = directory
        self._map_paths()
        if self.worker != identity[2]:
            self._reset_worker_series(identity[2])
        os.close(former[2])

    def _reset_worker_series(self, worker: int) -> None:
        """Reset the series of a worker number that another worker has now."""
        with self._lock:
            for key, at in self._series.items():
                number, labels = layout.split_key(key)
                metric = METRICS[self.schema[number].name]
                if (WORKER, str(worker)) in zip(metric.labels, labels, strict=False):
                    # A counter by worker is the operating system's: its next reading sets it again.
                    self.words[at] = ABSENT if metric.kind == "gauge" else 0

    def close(self, state: WorkerState = WorkerState.CLOSED) -> None:
        """Release the lock, so that the next reader merges the file into the totals."""
        self.words[layout.STATE] = state
        if self.directory is not None:
            locks.release(self.fd)  # the mapping keeps a descriptor of its own
        self._release()

    def abandon(self) -> None:
        """In a forked child: drop the descriptor of the parent's lock, and write nothing there."""
        self._lock = threading.RLock()  # a thread of the parent may have held it
        self._release()
        former, self.memory = self.memory, mmap.mmap(-1, self._header.size)
        self._allocated = self._header.size
        self._map_paths()
        words, self.words = self.words, memoryview(bytearray(self._header.size)).cast(layout.NATIVE)
        with suppress(BufferError):  # native keys use it until they are renewed
            words.release()
            former.close()

    def _release(self) -> None:
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)

    def __del__(self) -> None:
        """Close the file without a warning, which would fail a test that drops an application."""
        self._release()


def _unnamed_file() -> int:
    """A file in memory without a name, which ends with the process."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("sidelight", os.MFD_CLOEXEC)
    import tempfile  # noqa: PLC0415 only where there is no memfd (macOS)

    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def _free_number(directory: Directory, wanted: int) -> int:
    """``wanted``, or else the lowest number that no running worker has."""
    taken = set()
    for name in workers(directory, alive=True):
        try:
            fd = directory.open(name)
            with os.fdopen(fd, "rb") as file:
                head = file.read(layout.HEADER_BYTES)
            taken.add(layout.worker_number(head))
        except (OSError, InvalidDataError):
            continue
    if wanted not in taken:
        return wanted
    return next(number for number in range(len(taken) + 1) if number not in taken)
