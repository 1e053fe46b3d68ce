"""Reads a whole directory: every worker's file that counts, and the totals."""

import errno
import logging
import os
from collections.abc import Callable, Generator

from sidelight.app_metrics.families import MAX_BYTES
from sidelight.errors import InvalidDataError
from sidelight.store import layout, reader
from sidelight.store.blocked_loop import BlockedLoop
from sidelight.store.directory import APP_METRICS_SUFFIX, TOTALS, WORKER_SUFFIX, Directory
from sidelight.store.file_index import FileIndex  # noqa: TC001 says what an attribute is
from sidelight.store.reader import FileContents
from sidelight.store.slow_requests import SlowRequest, kept
from sidelight.store.waiting_requests import WaitingRequest

logger = logging.getLogger("sidelight")

READER_ERRORS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})
"""Errors of the reading process itself, not of the file."""
ACCESS_ERRORS = frozenset({errno.EACCES, errno.EPERM, errno.EIO})
# The most memory of a reader that all files together may take, and what each part costs.
MAX_WEIGHT = 16 * layout.MAX_BYTES
SERIES_WEIGHT = 256
APP_METRICS_WEIGHT = 8
MAX_SKIPPED = 10_000
"""File names that are remembered as skipped; after these only the reasons are."""
MAX_LOGGED = 100
"""File names that are logged as skipped."""

OnSkip = Callable[[str, str], None]
"""Is called with a file's name and the reason why it is not read, or not whole."""
ReadSteps = Generator[None, None, FileContents | None]


class DirectoryReader:
    """Reads a directory, or the one file of a process that has no directory.

    ``alone`` is the name and descriptor of that process's own file. ``skipped`` holds each
    pair of file name and reason once. The indexes of files are kept from one reading to the next.
    """

    def __init__(self, directory: Directory | None, alone: tuple[str, int] | None = None) -> None:
        self.directory = directory
        self._alone = alone
        self.skipped: dict[tuple[str, str], None] = {}
        self.indexes: dict[bytes, FileIndex] = {}

    def read(self) -> Generator[None, None, tuple[list[FileContents], FileContents | None]]:
        """Every worker's file that is not in the totals yet, and the totals.

        Files are read first and totals second: a worker that is merged in between is then found
        in the totals' ids, never in both or in neither. Yields between files.
        """
        if self.directory is None:
            own = [reader.read(*self._alone, self.indexes, alive=True)] if self._alone else []
            return own, None
        found = []
        left = MAX_WEIGHT
        for name in self.directory.names(WORKER_SUFFIX):
            file = yield from self._worker(name, min(left, layout.MAX_BYTES))
            yield
            if file is not None:
                found.append(file)
                left -= _weight(file)
        totals = yield from self.read_totals()
        merged = set(totals.index.merged_ids if totals else ())
        files = [file for file in found if file.header.id not in merged]
        present = {file.header.id for file in (*files, *([totals] if totals else []))}
        for gone in self.indexes.keys() - present:
            self.indexes.pop(gone, None)
        return files, totals

    def read_totals(self, on_skip: OnSkip | None = None) -> ReadSteps:
        """The totals, where they exist and are valid."""
        return (yield from self._read(TOTALS, layout.MAX_BYTES, on_skip or self.skip, alive=False))

    def slow_requests(self) -> Generator[None, None, list[SlowRequest]]:
        """The last slow requests of all workers, running or not; the newest first."""
        files, totals = yield from self.read()
        everything = [*([totals] if totals else []), *files]
        return kept(record for file in everything for record in reader.slow_requests_in(file))

    def blocked_loops(self) -> Generator[None, None, list[BlockedLoop]]:
        """The event loops that are blocked now; the one that is blocked for longest first."""
        files, _ = yield from self.read()
        found = [loop for file in files if (loop := reader.blocked_loop_of(file)) is not None]
        return sorted(found, key=lambda loop: -loop.seconds)

    def waiting_requests(self) -> Generator[None, None, list[WaitingRequest]]:
        """The oldest request in flight of each route of each worker; the oldest of all first."""
        files, _ = yield from self.read()
        found = [each for file in files for each in reader.waiting_requests_of(file)]
        return sorted(found, key=lambda each: -each.seconds)

    def _worker(self, name: str, most: int) -> ReadSteps:
        """A worker's file with its snapshot, which is gone once the totals have it."""
        snapshot = name.removesuffix(WORKER_SUFFIX) + APP_METRICS_SUFFIX
        file = yield from self._read(name, most, self.skip)
        if file is None:
            return None
        if file.index.has_unknown_blocks:
            self.skip(name, "later_blocks")
        if file.index.has_long_labels:
            self.skip(name, "long_labels")
        try:
            file.app_metrics = self._read_bytes(
                snapshot, min(most // APP_METRICS_WEIGHT, MAX_BYTES)
            )
        except FileNotFoundError:
            pass
        except (InvalidDataError, OSError) as error:
            file.app_metrics = b""
            self.skip(snapshot, getattr(error, "reason", "unreadable"))
        return file

    def _read(
        self, name: str, most: int, on_skip: OnSkip, *, alive: bool | None = None
    ) -> ReadSteps:
        """A file that exists and is valid."""
        try:
            fd = self._open(name)
        except FileNotFoundError:
            return None
        except OSError as error:
            _skip_unreadable(name, error, on_skip)
            return None
        try:
            return (yield from reader.reading(name, fd, self.indexes, alive=alive, most=most))
        except InvalidDataError as error:
            on_skip(name, error.reason)
        except OSError as error:
            _skip_unreadable(name, error, on_skip)
        finally:
            os.close(fd)
        return None

    def _open(self, name: str) -> int:
        if self.directory is None:
            raise FileNotFoundError(name)
        return self.directory.open(name)

    def _read_bytes(self, name: str, most: int) -> bytes:
        fd = self._open(name)
        try:
            return reader.read_bytes(fd, most)
        finally:
            os.close(fd)

    def skip(self, name: str, reason: str) -> None:
        """Remember that a file is not read, or not whole, and log it once."""
        if len(self.skipped) >= MAX_SKIPPED and (name, reason) not in self.skipped:
            name = "further files"
        if (name, reason) not in self.skipped:
            self.skipped[name, reason] = None
            self._log_skipped(name, reason)

    def _log_skipped(self, name: str, reason: str) -> None:
        path = self.directory.path if self.directory else ""
        if len(self.skipped) < MAX_LOGGED:
            logger.warning("%r in %s is left out of the metrics: %s", name, path, reason)
        elif len(self.skipped) == MAX_LOGGED:
            logger.warning("more files in %s are left out of the metrics, and not named", path)


def _weight(file: FileContents) -> int:
    index = len(file.index.series) * SERIES_WEIGHT
    return len(file.data) + index + len(file.app_metrics) * APP_METRICS_WEIGHT


def _skip_unreadable(name: str, error: OSError, on_skip: OnSkip) -> None:
    """Leave a worker's file out. Raises the error where counts would fall for no reason.

    That is without the totals, and where this process cannot open files at all.
    """
    if error.errno in READER_ERRORS or (name == TOTALS and error.errno in ACCESS_ERRORS):
        raise error
    on_skip(name, "unreadable")
