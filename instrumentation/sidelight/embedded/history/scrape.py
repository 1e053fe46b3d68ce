"""Scrapes: a target's page is read into one step of the history, every few seconds."""

import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import anyio
import anyio.to_thread

from sidelight.cooperative import in_slices
from sidelight.embedded.history.exposition import (
    Exemplars,
    MetricMetadata,
    parse_sample,
    series_labels,
)
from sidelight.embedded.history.history import History
from sidelight.embedded.history.stream import SeriesStream
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


@dataclass(frozen=True, slots=True)
class ScrapeTarget:
    """The labels of a target: ``job``, ``instance``, and ``extra`` ones from the settings."""

    job: str
    instance: str
    extra: tuple[tuple[str, str], ...] = ()

    @property
    def labels(self) -> dict[str, str]:
        """All labels of the target."""
        return {**dict(self.extra), "job": self.job, "instance": self.instance}


class Scrape:
    """The samples of one scrape, by id, read piece by piece. Do not run it on the event loop."""

    def __init__(self, history: History, stream: SeriesStream, target: Mapping[str, str]) -> None:
        self._history = history
        self._stream = stream
        self._target = dict(target)
        self._ids: list[int] = []
        self._values: list[bytes] = []
        self._exemplars: list[tuple[bytes, bytes]] = []
        self.samples: dict[int, float] = {}
        self.lines = 0
        self.added = 0

    def read(self, piece: bytes, metadata: MetricMetadata) -> None:
        """Read some whole lines of the page."""
        with self._history.lock:
            known = self._stream.index.ids
            before = len(known)
            for line in piece.split(b"\n"):
                key, _, value = line.rpartition(b" ")
                found = known.get(key)
                if found is None:
                    self._read_line(line, metadata)
                else:
                    self._ids.append(found)
                    self._values.append(value)
            self.added += len(known) - before
            self.samples.update(zip(self._ids, map(float, self._values), strict=True))
        self.lines += len(self._ids)
        self._ids, self._values = [], []

    def _read_line(self, line: bytes, metadata: MetricMetadata) -> None:
        """Read a comment, a sample of a new series, or a sample with an exemplar."""
        if line.startswith(b"#") or not line:
            metadata.read(line)
            return
        found = parse_sample(line)
        if found is None:
            return
        self.lines += 1
        number = self._stream.index.ids.get(found.key)
        if number is None:
            number = self._history.identify(
                self._stream, found.key, lambda: series_labels(found.key, self._target)
            )
        if number is None:
            return
        self.samples[number] = found.value
        if found.exemplar:
            self._exemplars.append((found.key, found.exemplar))

    def add_sample(self, name: str, value: float) -> None:
        """Add a sample about the scrape itself."""
        with self._history.lock:
            key = name.encode()
            number = self._history.identify(
                self._stream, key, lambda: {"__name__": name, **self._target}
            )
        if number is not None:
            self.samples[number] = value

    def store(self, time: int, exemplars: Exemplars) -> None:
        """Store the samples as one step of the history."""
        self._history.add(self._stream, time, self.samples)
        for key, text in self._exemplars:
            exemplars.add(key, text, series_labels(key, self._target), time)


class SnapshotSource(Protocol):
    """What is scraped: a sidecar's source, or a directory that is only read."""

    service: ServiceInfo

    async def snapshot(self) -> Snapshot:
        """All values now. Raises `StoreError`."""


class HistorySampler:
    """Scrapes one store directory into a history, every ``step`` seconds."""

    def __init__(
        self, source: SnapshotSource, history: History, step: float, target: ScrapeTarget
    ) -> None:
        """A ``target`` without a job gets the name of the service."""
        self.metadata = MetricMetadata()
        self.exemplars = Exemplars()
        self.late = 0
        """Scrapes that were skipped because the one before took too long."""
        self._source = source
        self._history = history
        self._step = step
        self._configured_target = target
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
