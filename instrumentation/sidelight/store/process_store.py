"""The worker file of this process, and its directory.

A process has one file per directory, whatever the number of applications; without a directory it
has one in its own memory for each application, so that tests do not mix.
"""

import os
import re
import subprocess
import sys
import threading
import uuid
import weakref
from contextlib import suppress

from sidelight.contract import METRICS
from sidelight.cooperative import run_to_end
from sidelight.errors import StoreError
from sidelight.settings import Settings
from sidelight.store import directory, locks, supervisor
from sidelight.store.directory import APP_METRICS_SUFFIX, WORKER_SUFFIX, Directory
from sidelight.store.directory_reader import DirectoryReader
from sidelight.store.schema import schema
from sidelight.store.stopped_workers import merge_stopped_workers
from sidelight.store.writer import WorkerFile

ATTEMPTS = 5
SNAPSHOT_AGE = METRICS["sidelight_snapshot_age_seconds"]
CLEANUP_PROGRAM = os.path.join(os.path.dirname(__file__), "cleanup.py")
INTERPRETER = re.compile(r"(python|pypy|graalpy)[0-9.]*[a-z]*")
_lock = threading.Lock()
_shared: dict[tuple[str, tuple[float, ...], int], "Store"] = {}
_open_stores: weakref.WeakSet["Store"] = weakref.WeakSet()


class Store:
    """A worker file and its directory (None when this process is alone)."""

    def __init__(self, settings: Settings) -> None:
        """Raises `StoreError`."""
        self._settings = settings
        self.closed = False
        self._applications = 0
        self.directory, self.file = self._begin()
        self.reader = DirectoryReader(self.directory, (self.file.name, self.file.fd))
        self.reading = threading.Lock()
        """Is held by what uses `reader`: a scrape, on whichever event loop."""
        with suppress(StoreError):  # another process, or a later attempt, merges them then
            self.merge_stopped()
        _open_stores.add(self)

    def _begin(self) -> tuple[Directory | None, WorkerFile]:
        """Open the directory and make a file in it.

        The last worker of the server's former ones may remove the directory in between: then both
        are made again.
        """
        for left in reversed(range(ATTEMPTS)):
            where = None
            try:
                where = open_directory(self._settings)
                settings = self._settings
                return where, WorkerFile(where, schema(settings.buckets), settings.max_series)
            except StoreError as error:
                if where is not None:
                    where.close()
                if not left or error.reason != "vanished":
                    raise
        raise AssertionError

    def merge_stopped(self, wait: float = 0.0) -> None:
        """Merge stopped workers into the totals. Raises `StoreError`."""
        if self.directory is None:
            return
        reader = DirectoryReader(self.directory)  # a scrape may use the other one now
        reader.skipped = self.reader.skipped
        try:
            run_to_end(merge_stopped_workers(reader, wait))
        except OSError as error:
            raise directory.explained(error, self.directory.path) from error

    def is_whole(self) -> bool:
        """Whether directory and file have their names still; then the file's time is set to now."""
        if self.directory is None:
            return True
        if self.file.is_linked() and self.directory.exists():
            self.file.touch()
            return True
        return False

    def renew(self) -> bool:
        """Make directory and file again if they were removed; whether that was needed."""
        if self.is_whole():
            return False
        where = open_directory(self._settings)
        if where is None:
            return False
        try:
            self.file.renew(where)
        except StoreError:
            where.close()
            raise
        self.directory = self.reader.directory = where
        return True

    @property
    def shared(self) -> bool:
        """Whether other processes can read this one's file."""
        return self.directory is not None

    def scraped_within(self, seconds: float) -> bool:
        """Whether the metrics of this directory were scraped in the last so many seconds."""
        return self.directory is not None and self.directory.scraped_within(seconds)

    def publish_app_metrics(self, data: bytes, taken: int) -> None:
        """Write a snapshot of the application's metrics beside this worker's file.

        Without that file, no process would read or remove the snapshot. ``taken`` is the
        CLOCK_MONOTONIC time of its oldest values, in nanoseconds; its age is exported.
        """
        self.file.set(SNAPSHOT_AGE, (str(self.file.worker),), taken)
        if self.directory is not None and not self.closed and self.file.is_linked():
            name = self.file.name.removesuffix(WORKER_SUFFIX) + APP_METRICS_SUFFIX
            self.directory.write(name, data)

    @property
    def instance(self) -> str:
        """One id for all workers of this directory, or for a process that is alone."""
        own = str(uuid.UUID(bytes=self.file.id))
        return own if self.directory is None else self.directory.identity(own)

    def close(self) -> None:
        """End the use by one application; after the last one, merge this worker into the totals."""
        with _lock:
            self._applications -= 1
            if self._applications > 0 or self.directory is None:
                return
            self.closed = True
            for key in [key for key, store in _shared.items() if store is self]:
                del _shared[key]
        self.file.close()
        with suppress(StoreError, OSError):
            self.merge_stopped(wait=2.0)
            self._start_cleanup()

    def _start_cleanup(self) -> None:
        """After the last worker of a private directory: start the program that removes it.

        Without a Python interpreter to run it, the next start removes the directory.
        """
        where = self.directory
        if where is None or where.shared or any(directory.workers(where, alive=True)):
            return
        if not is_interpreter(sys.executable) or not os.path.isfile(CLEANUP_PROGRAM):
            return
        _, pid, started, *_ = os.path.basename(where.path).split("-")
        program = subprocess.Popen(  # noqa: S603 Sidelight's own program and names
            [sys.executable, "-I", "-S", CLEANUP_PROGRAM, where.path, pid, started],
            cwd="/",
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        program.returncode = 0  # it is not waited for, and no warning of that is wanted


def is_interpreter(executable: str | None) -> bool:
    """Whether a path is that of a Python interpreter.

    In a frozen service, or one that embeds Python, ``sys.executable`` is the service itself.
    """
    if getattr(sys, "frozen", False) or not executable or not os.path.isfile(executable):
        return False
    names = os.path.basename(executable), os.path.basename(os.path.realpath(executable))
    return all(map(INTERPRETER.fullmatch, names))


def open_directory(settings: Settings) -> Directory | None:
    """The directory of this process's server, or None when it is alone. Raises `StoreError`."""
    if not locks.POSSIBLE:
        return None
    if settings.directory:
        return directory.open_shared(settings.directory)
    group = supervisor.group()
    if group is None:
        return None
    return directory.open_private(group)


def open_store(settings: Settings) -> Store:
    """This process's store for these settings. Raises `StoreError`."""
    where = settings.directory or supervisor.group()
    if where is None or not locks.POSSIBLE:
        return Store(settings)
    key = (where, settings.buckets, settings.max_series)
    with _lock:
        if key not in _shared:
            _shared[key] = Store(settings)
        _shared[key]._applications += 1  # noqa: SLF001 under the lock of all stores
        return _shared[key]


def _after_fork() -> None:
    """In a forked child: it makes a file of its own at its first use."""
    global _lock  # noqa: PLW0603 a thread of the parent may have held it
    _lock = threading.Lock()
    if _open_stores:
        supervisor.orphan()
    _shared.clear()
    for store in list(_open_stores):
        store.closed = True
        with suppress(OSError):
            store.file.abandon()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
