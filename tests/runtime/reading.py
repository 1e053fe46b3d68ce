"""A worker's file as a test reads it: what instruments have written, by name and labels."""

import asyncio
import time
from collections.abc import Callable

from sidelight.contract import DURATION_BUCKETS, NANOSECONDS
from sidelight.cooperative import run_to_end
from sidelight.export.collector import Collector
from sidelight.runtime import instruments
from sidelight.store.directory_reader import DirectoryReader
from sidelight.store.schema import schema
from sidelight.store.writer import WorkerFile

POOL = "db_client_connection_"


class Worker:
    """The file of a worker that serves nothing; or another's, which publishes itself."""

    def __init__(self, file: WorkerFile | None = None) -> None:
        self._publish = file is None
        self.file = file or WorkerFile(None, schema(DURATION_BUCKETS), 4000)
        self._collector = Collector(DirectoryReader(None, (self.file.name, self.file.fd)))

    def all(self, name: str) -> dict[tuple[str, ...], tuple[int, ...]]:
        """Stored values of a family at this moment, by labels."""
        if self._publish:
            instruments.publish(self.file)
        sums = run_to_end(self._collector.collect()).sums
        return {key.labels: v for key, v in sums.items() if key.family.name == name}

    def gauge(self, name: str, *labels: str) -> int | None:
        """A gauge's value; None if it isn't there."""
        found = self.all(name).get((*labels, "0"))
        return None if found is None else found[0]

    def counter(self, name: str, *labels: str) -> int:
        """A counter's value."""
        return self.all(name).get(labels, (0,))[0]

    def histogram(self, name: str, *labels: str) -> tuple[int, float]:
        """A histogram's count, and its sum in seconds."""
        found = self.all(name).get(labels, (0,))
        return sum(found[1:]), found[0] / NANOSECONDS

    def connections(self, pool: str) -> tuple[int | None, ...]:
        """A pool's connections: idle, used, at most; and how many wait."""
        count, most = POOL + "count", POOL + "max"
        return (
            self.gauge(count, pool, "idle"),
            self.gauge(count, pool, "used"),
            self.gauge(most, pool),
            self.gauge(POOL + "pending_requests", pool),
        )


async def soon(check: Callable[[], bool]) -> None:
    """Wait, without blocking the loop, until a condition holds."""
    for _ in range(6000):
        if check():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("never came true")


def eventually(check: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, "never came true"
        time.sleep(0.005)
