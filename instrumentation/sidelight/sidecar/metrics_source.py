"""Snapshots of one directory. Opens it again when it was removed, and merges stopped workers."""

import logging
import time
import uuid
from collections.abc import Callable, Iterable  # noqa: TC003 they say what an attribute is
from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple

import anyio
import anyio.to_thread

from sidelight.cooperative import run_in_slices
from sidelight.errors import StoreError
from sidelight.export.collector import Collector
from sidelight.export.snapshot import Snapshot
from sidelight.runtime.about import about
from sidelight.settings import Settings
from sidelight.sidecar.socket_queues import socket_queues
from sidelight.store import directory
from sidelight.store.blocked_loop import BlockedLoop
from sidelight.store.directory import Directory
from sidelight.store.directory_reader import DirectoryReader
from sidelight.store.service_info import TELEMETRY_FIX, ServiceInfo
from sidelight.store.slow_requests import SlowRequest
from sidelight.store.stopped_workers import merge_stopped_workers
from sidelight.store.waiting_requests import WaitingRequest

logger = logging.getLogger("sidelight.sidecar")

MERGE_EVERY = 5.0


class ExtraValue(NamedTuple):
    """A value that is in no store: a metric's name, its label (or ""), and what is stored."""

    name: str
    label: str
    value: int


class OpenDirectory(NamedTuple):
    """A directory with its reader and its collector."""

    directory: Directory
    reader: DirectoryReader
    collector: Collector


class MetricsSource:
    """Takes snapshots of one directory, one at a time.

    ``service`` is the service as of the last snapshot. ``export_outcomes`` counts exports to a
    collector, ``extra_values`` returns further values; both are added to each snapshot.
    """

    def __init__(self, settings: Settings, path: str) -> None:
        self.settings = settings
        self._path = path
        self._lock = anyio.Lock()
        self._open: OpenDirectory | None = None
        self._last_warning = ""
        self._own = self.service = ServiceInfo()
        self.export_outcomes: dict[str, int] = {}
        self.extra_values: Callable[[], Iterable[ExtraValue]] = tuple

    async def snapshot(self) -> Snapshot:
        """All values of the directory now. Raises `StoreError` when it cannot be read."""
        began = time.perf_counter_ns()
        async with self._lock:
            opened = self.ensure_open()
            with suppress(OSError):
                opened.directory.mark_scraped()
            await self._merge(opened.reader)
            collector = opened.collector
            try:
                snapshot = await run_in_slices(collector.collect())
            except OSError as error:  # with parts missing, counters would seem to be reset
                raise directory.explained(error, self._path) from error
            self.service = self._service_of(snapshot)
            collector.add_target_info(snapshot, self.service)
            queues = await anyio.to_thread.run_sync(socket_queues, snapshot.listening)
            for (name, port), value in queues.items():
                snapshot.sums[collector.key(name, (port,))] = (value,)
            for outcome, number in self.export_outcomes.items():
                snapshot.sums[collector.key("sidelight_otlp_exports_total", (outcome,))] = (number,)
            for name, label, value in self.extra_values():
                snapshot.sums[collector.key(name, (label,))] = (value,)
            collector.add_duration(snapshot, time.perf_counter_ns() - began)
        return snapshot

    async def slow_requests(self) -> list[SlowRequest]:
        """The last slow requests, the newest first. Raises `StoreError`."""
        async with self._lock:
            return await run_in_slices(self.ensure_open().reader.slow_requests())

    async def blocked_loops(self) -> list[BlockedLoop]:
        """The event loops that are blocked now. Raises `StoreError`."""
        async with self._lock:
            return await run_in_slices(self.ensure_open().reader.blocked_loops())

    async def waiting_requests(self) -> list[WaitingRequest]:
        """The oldest request in flight of each route and worker. Raises `StoreError`."""
        async with self._lock:
            return await run_in_slices(self.ensure_open().reader.waiting_requests())

    async def run(self) -> None:
        """Merge stopped workers for ever, scraped or not."""
        while True:
            try:
                async with self._lock:
                    await self._merge(self.ensure_open().reader)
            except StoreError as error:
                self._warn_once(str(error))
            except Exception:
                logger.exception("fault while stopped workers are merged; trying again")
            await anyio.sleep(MERGE_EVERY)

    async def _merge(self, reader: DirectoryReader) -> None:
        try:
            await run_in_slices(merge_stopped_workers(reader))
        except OSError as error:
            self._warn_once(f"stopped workers cannot be added to the totals: {error}")

    def ensure_open(self) -> OpenDirectory:
        """The directory, opened, and made if it does not exist. Raises `StoreError`."""
        if self._open is not None and not self._open.directory.exists():
            self._open.directory.close()
            self._open = None
        if self._open is None:
            where = directory.open_shared(self._path)
            reader = DirectoryReader(where)
            self._open = OpenDirectory(where, reader, Collector(reader))
            self._own = about(self.settings, where.identity(str(uuid.uuid4())))
            self._last_warning = ""
        return self._open

    def _service_of(self, snapshot: Snapshot) -> ServiceInfo:
        """The service, as the sidecar's settings name it, or else as its newest worker does.

        Without a worker it is what it was before.
        """
        names = sorted({service.service_name for service in snapshot.services} - {""})
        if len(names) > 1:
            self._warn_once(
                f"the services {' and '.join(names)} share {self._path}, so their requests are one "
                "sum; give each a SIDELIGHT_DIR and a sidecar of its own"
            )
        elif self.export_outcomes and any(service.telemetry for service in snapshot.services):
            self._warn_once(
                "FastAPI's own telemetry sends the same metrics as --otlp does, so every "
                f"request counts twice; leave it to one of them: {TELEMETRY_FIX}"
            )
        known = [self._own, *snapshot.services, self.service]
        return replace(
            self._own,
            service_name=next((s.service_name for s in known if s.service_name), ""),
            service_version=next((s.service_version for s in known if s.service_version), ""),
        )

    def _warn_once(self, text: str) -> None:
        """Log a warning, unless it was the last one."""
        if text != self._last_warning:
            self._last_warning = text
            logger.warning(text)
