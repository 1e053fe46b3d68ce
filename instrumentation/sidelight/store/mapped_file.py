"""The file of one worker: mapped into memory, and locked as long as the worker runs.

It is as long as it can become, and gets memory in steps, as the blocks in use need it. Nothing
beyond is ever read or written through the mapping: on a full tmpfs that would end the process with
SIGBUS, where `posix_fallocate` fails.
"""

import mmap
import os
import threading
import time
from contextlib import suppress
from uuid import uuid4

from sidelight.errors import InvalidDataError, StoreError
from sidelight.store import capacity, layout, locks
from sidelight.store.directory import (
    DRAFT_SUFFIX,
    NUMBER_LOCK,
    WORKER_SUFFIX,
    Directory,
    explained,
    workers,
)
from sidelight.store.layout import WORD, BlockKind, WorkerState
from sidelight.store.schema import Schema, encode


class StoreFull(Exception):  # noqa: N818 it says what the file is
    """There is no room for another label set."""


class MappedFile:
    """The file, its name and number in the directory, and its blocks.

    ``words`` is the whole file as 8-byte numbers.
    """

    def __init__(self, directory: Directory | None, schema: Schema, max_series: int) -> None:
        """Without a directory the file has no name and ends with the process.

        Raises `StoreError`; the directory is then as it was.
        """
        self.directory = directory
        self.schema = schema
        self.id = uuid4().bytes
        self.name = self.id.hex() + WORKER_SUFFIX
        self.worker = 0
        self.pid = os.getpid()
        self.fd = -1
        self._max_series = max_series
        self._reserved = capacity.reserved_bytes(schema)
        self._allocated = self._end = 0
        self._lock = threading.RLock()  # a finalizer may count while this thread holds it
        if directory is None:
            self.fd = _unnamed_file()
            self._fill(None)
        else:
            self._make(directory, None)

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
        self._begin(schema)

    def _begin(self, schema: bytes) -> None:
        """Write the first blocks: the schema, and those that records are written into."""
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
        self._remapped()
        os.close(former[2])

    def _remapped(self) -> None:
        """The file is another mapping now: what points into the one before must move."""

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
        self._remapped()
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
