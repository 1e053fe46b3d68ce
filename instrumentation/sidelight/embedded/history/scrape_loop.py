"""The scrape loop: a store directory is scraped into a history, every few seconds."""

import logging
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any, Protocol

import anyio
import anyio.to_thread

from sidelight.cooperative import in_slices
from sidelight.embedded.history.exposition import Exemplars, MetricMetadata
from sidelight.embedded.history.history import History
from sidelight.embedded.history.scrape import Scrape, ScrapeTarget
from sidelight.errors import StoreError
from sidelight.export.prometheus import render
from sidelight.export.snapshot import Snapshot
from sidelight.store.service_info import ServiceInfo
from sidelight.text_format import ExpositionFormat

DEFAULT_JOB = "sidelight"
"""The job of a service without a name."""
logger = logging.getLogger("sidelight.sidecar")
PIECE_BYTES = 1 << 18
"""Bytes of a page that the worker thread reads at a time."""
REST_FACTOR = 4
"""After a scrape, the sampler pauses at least this many times as long as the scrape took."""


class SnapshotSource(Protocol):
    """What is scraped: a sidecar's source, or a directory that is only read."""

    service: ServiceInfo

    async def snapshot(self) -> Snapshot:
        """All values now. Raises `StoreError`."""


class HistorySampler:
    """Scrapes one store directory into a history, every ``step`` seconds."""

    def __init__(
        self,
        source: SnapshotSource,
        history: History,
        step: float,
        target: ScrapeTarget,
        *,
        native: bool = False,
    ) -> None:
        """A ``target`` without a job gets the name of the service.

        ``native`` is whether durations are kept as native histograms too.
        """
        self.metadata = MetricMetadata()
        self.exemplars = Exemplars()
        self.late = 0
        """Scrapes that were skipped because the one before took too long."""
        self._source = source
        self._history = history
        self._step = step
        self._configured_target = target
        self._native = native
        self._thread = anyio.CapacityLimiter(1)
        self._target = target
        self._latest = 0

    async def run(self) -> None:
        """Scrape until cancelled."""
        due = time.monotonic()
        while True:
            began = time.monotonic()
            try:
                await self.sample()
            except Exception:
                logger.exception("the history could not be sampled; the next step tries again")
            took = time.monotonic() - began
            due += self._step
            rested = began + took * (1 + REST_FACTOR)
            while due < rested:
                due += self._step
                self.late += 1
            await anyio.sleep(max(0.0, due - time.monotonic()))

    async def sample(self) -> None:
        """Scrape once."""
        now, began = self._now(), time.perf_counter()
        try:
            scrape = await self._scrape()
        except StoreError:  # the source logs it
            scrape = self._begin()
            scrape.add_sample("up", 0)
        else:
            scrape.add_sample("up", 1)
        await self._run(self._finish, scrape, now, began)

    def _now(self) -> int:
        """Return the time in milliseconds. If the clock was set back, all samples are dropped."""
        now = time.time_ns() // 1_000_000
        if now <= self._latest - 1000 * self._step:
            logger.warning("the clock was set back: all samples of the history are dropped")
            self._history.clear()
        self._latest = now
        return now

    async def _scrape(self) -> Scrape:
        """Render and read the whole page. Raises `StoreError`."""
        snapshot = await self._source.snapshot()
        # A step of the history has one time, so that samples have no timestamp of their own.
        pieces = in_slices(render(snapshot, ExpositionFormat.OPENMETRICS, timestamps=False))
        scrape = self._begin()
        async for piece in larger_pieces(pieces):
            await self._run(scrape.read, piece, self.metadata)
        if self._native:
            await self._run(scrape.read_native, snapshot)
        return scrape

    def _begin(self) -> Scrape:
        """Start a scrape. If the target's labels have changed, the series of the old ones end."""
        job = (
            self._configured_target.job
            or self._source.service.service_name
            or self._target.job
            or DEFAULT_JOB
        )
        target = replace(self._configured_target, job=job)
        if target != self._target and self._target.job:
            old = Scrape(self._history, self._history.stream(self._target), self._target.labels)
            old.store(self._latest, self.exemplars)
        self._target = target
        return Scrape(self._history, self._history.stream(target), target.labels)

    def _finish(self, scrape: Scrape, now: int, began: float) -> None:
        scrape.add_sample("scrape_duration_seconds", time.perf_counter() - began)
        scrape.add_sample("scrape_samples_scraped", scrape.lines)
        scrape.add_sample("scrape_samples_post_metric_relabeling", scrape.lines)
        scrape.add_sample("scrape_series_added", scrape.added)
        scrape.store(now, self.exemplars)
        self.exemplars.expire(now - self._history.keep)

    async def _run(self, work: Callable[..., None], *given: Any) -> None:
        await anyio.to_thread.run_sync(work, *given, limiter=self._thread)


async def larger_pieces(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Join pieces of whole lines to fewer, larger pieces."""
    waiting: list[bytes] = []
    size = 0
    async for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size >= PIECE_BYTES:
            yield b"".join(waiting)
            waiting, size = [], 0
    yield b"".join(waiting)
