"""A directory that workers share, asked as a Prometheus is: it is sampled for some seconds first.

Nothing is written to the directory. It has no rules, and nothing of an hour before.
"""

import asyncio
import time
from collections.abc import Collection
from typing import Final

from sidelight.cooperative import run_in_slices
from sidelight.embedded.history.history import History, HistoryQuerier
from sidelight.embedded.history.scrape import ScrapeTarget
from sidelight.embedded.history.scrape_loop import HistorySampler
from sidelight.embedded.promql.engine import Matrix, Vector, instant_query, range_query
from sidelight.embedded.promql.limits import QueryError, QueryLimits
from sidelight.export.collector import Collector
from sidelight.export.snapshot import Snapshot
from sidelight.store.directory import explained, open_existing
from sidelight.store.directory_reader import DirectoryReader
from sidelight.store.service_info import ServiceInfo
from sidelight.why.source import Labels, LoadedAlerts, Sample, SourceError, contradicts

STEP: Final = 1.0
"""Seconds between two samples."""
KEEP: Final = 3_600_000
MEMORY: Final = 64 << 20
LIMITS: Final = QueryLimits(seconds=5.0, samples=5_000_000)


class ReadOnlyDirectory:
    """Snapshots of a directory. Raises `StoreError`."""

    def __init__(self, path: str) -> None:
        self.service = ServiceInfo()
        self._path = path
        self._collector = Collector(DirectoryReader(open_existing(path)))

    async def snapshot(self) -> Snapshot:
        """All values now. Raises `StoreError`."""
        try:
            found = await run_in_slices(self._collector.collect())
        except OSError as error:
            raise explained(error, self._path) from error
        self.service = next((one for one in found.services if one.service_name), self.service)
        return found


class DirectoryPrometheus:
    """The answers of a history that `sample` has filled. Each method raises `SourceError`."""

    def __init__(self, path: str, job: str) -> None:
        self._history = History(KEEP, MEMORY)
        target = ScrapeTarget(job, path)
        self._sampler = HistorySampler(ReadOnlyDirectory(path), self._history, STEP, target)

    def sample(self, seconds: float) -> None:
        """Sample the directory once a second, for so long."""
        asyncio.run(self._sample(seconds))

    async def _sample(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        await self._sampler.sample()
        while time.monotonic() < until:
            await asyncio.sleep(STEP)
            await self._sampler.sample()

    def query(self, expr: str, at: float) -> list[Sample]:
        """The result of a query at one time."""
        try:
            with HistoryQuerier(self._history, LIMITS) as source:
                found = instant_query(expr, source, round(at * 1000), LIMITS)
        except QueryError as error:
            raise SourceError(str(error)) from error
        if not isinstance(found, Vector):
            raise SourceError(f"{expr} has no series")
        values = found.values.tolist()
        table = [None] * len(values) if found.histograms is None else found.histograms
        rows = zip(found.labels, values, table, strict=True)
        return [Sample(labels, value) for labels, value, histogram in rows if histogram is None]

    def times(self, expr: str, labels: Labels, period: tuple[float, float, float]) -> list[float]:
        """The times at which a query has such a series."""
        start, end, step = (round(one * 1000) for one in period)
        try:
            with HistoryQuerier(self._history, LIMITS) as source:
                found: Matrix = range_query(expr, source, start, end, step, LIMITS)
        except QueryError as error:
            raise SourceError(str(error)) from error
        rows = [n for n, one in enumerate(found.labels) if not contradicts(one, labels)]
        return [float(t) / 1000 for t in found.times[found.present[rows].any(axis=0)]]

    def alerts(self, names: Collection[str]) -> LoadedAlerts:  # noqa: ARG002 as the protocol
        """None: a directory has no rules."""
        return LoadedAlerts(None, ())


def sampled(path: str, job: str, seconds: float) -> DirectoryPrometheus:
    """A directory that has been sampled for so long. Raises `StoreError`."""
    found = DirectoryPrometheus(path, job)
    found.sample(seconds)
    return found
