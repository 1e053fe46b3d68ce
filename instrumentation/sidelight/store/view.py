"""What one reader has seen of a directory, so that it need not look at everything again."""

import logging
from collections.abc import Generator

from sidelight.store import fold, reader
from sidelight.store.directory import Directory
from sidelight.store.files import read_all
from sidelight.store.reader import File, Index
from sidelight.store.slow_requests import SlowRequest, newest

logger = logging.getLogger("sidelight")

MOST_SKIPPED = 10_000
"""Files remembered as skipped; past them only their reasons are."""
MOST_TOLD = 100
"""Files named in the log; whoever fills a directory shall not fill the log too."""


class View:
    """One reader's view: of a directory, or of a process that is alone.

    ``alone`` is the name and descriptor of that process's own file. ``skipped`` holds each
    pair of file name and reason once.
    """

    def __init__(self, directory: Directory | None, alone: tuple[str, int] | None = None) -> None:
        self.directory = directory
        self._alone = alone
        self.skipped: dict[tuple[str, str], None] = {}
        self._known: dict[bytes, Index] = {}

    def read(self) -> Generator[None, None, tuple[list[File], File | None]]:
        """Every file that counts, and the totals. Yields between files."""
        if self.directory is not None:
            return (yield from read_all(self.directory, self._known, self.skip))
        files = [reader.read(*self._alone, self._known, alive=True)] if self._alone else []
        return files, None

    def fold(self, wait: float = 0.0) -> Generator[None, None, None]:
        """Add what the dead left to the totals; waits that many seconds for whoever is at it.

        Raises OSError when the totals can't be written; nothing is lost then.
        """
        if self.directory is not None:
            yield from fold.fold(self.directory, self._known, self.skip, wait)

    def slow(self) -> Generator[None, None, list[SlowRequest]]:
        """The last slow requests of all workers, also of those that died; the newest first."""
        files, totals = yield from self.read()
        everything = [*([totals] if totals else []), *files]
        return newest(record for file in everything for record in reader.slow_requests_in(file))

    def skip(self, name: str, reason: str) -> None:
        """Remember a file that can't be read, or not whole, and say so once."""
        if len(self.skipped) >= MOST_SKIPPED and (name, reason) not in self.skipped:
            name = "more than can be told"
        if (name, reason) not in self.skipped:
            self.skipped[name, reason] = None
            self._tell(name, reason)

    def _tell(self, name: str, reason: str) -> None:
        path = self.directory.path if self.directory else ""
        if len(self.skipped) < MOST_TOLD:
            logger.warning("%r in %s is left out of the metrics: %s", name, path, reason)
        elif len(self.skipped) == MOST_TOLD:
            logger.warning("more files in %s are left out of the metrics, and not named", path)
