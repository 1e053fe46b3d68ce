"""The sidecar's view of one directory: opened again when it goes, folded when a worker dies."""

import logging
import time
import uuid
from collections.abc import Callable, Iterable  # noqa: TC003 they say what an attribute is
from contextlib import suppress
from dataclasses import replace

import anyio

from sidelight.cooperative import run_in_slices
from sidelight.errors import StoreError
from sidelight.export.collector import Collector
from sidelight.export.snapshot import Snapshot
from sidelight.runtime.about import about
from sidelight.runtime.registry import mark_scraped
from sidelight.settings import Settings
from sidelight.store import directory
from sidelight.store.directory import Directory
from sidelight.store.directory_reader import DirectoryReader
from sidelight.store.service_info import TELEMETRY_FIX, ServiceInfo
from sidelight.store.slow_requests import SlowRequest
from sidelight.store.stopped_workers import merge_stopped_workers

logger = logging.getLogger("sidelight.sidecar")

FOLD_EVERY = 5.0

Figure = tuple[str, str, int]
"""A metric's name, the value of its label (or ""), and its value as it is stored."""


class Watch:
    """Snapshots of one directory, one at a time."""

    def __init__(self, settings: Settings, path: str) -> None:
        self._settings = settings
        self._path = path
        self._lock = anyio.Lock()
        self._open: tuple[Directory, DirectoryReader, Collector] | None = None
        self._said = ""
        self.about = ServiceInfo()
        self.exports: dict[str, int] = {}
        self.figures: Callable[[], Iterable[Figure]] = tuple

    async def shot(self) -> Snapshot:
        """Everything the directory holds now. Raises `StoreError` when it can't be read."""
        began = time.perf_counter_ns()
        async with self._lock:
            where, view, collector = self.opened()
            with suppress(OSError):
                mark_scraped(where)
            await self._fold(view)
            try:
                shot = await run_in_slices(collector.collect())
            except OSError as error:  # a page with too little on it would look like a reset
                raise directory.explained(error, self._path) from error
            self.about = self._whose(shot)
            collector.name_target(shot, self.about)
            for outcome, number in self.exports.items():
                shot.sums[collector.key("sidelight_otlp_exports_total", (outcome,))] = (number,)
            for name, label, value in self.figures():
                shot.sums[collector.key(name, (label,))] = (value,)
            collector.timed(shot, time.perf_counter_ns() - began)
        return shot

    async def slow(self) -> list[SlowRequest]:
        """The last slow requests, the newest first. Raises `StoreError`."""
        async with self._lock:
            return await run_in_slices(self.opened()[1].slow_requests())

    async def keep(self) -> None:
        """Fold the dead for ever, asked or not."""
        while True:
            try:
                async with self._lock:
                    await self._fold(self.opened()[1])
            except StoreError as error:
                self._say(str(error))
            except Exception:
                logger.exception("fault while folding; trying again")
            await anyio.sleep(FOLD_EVERY)

    async def _fold(self, view: DirectoryReader) -> None:
        try:
            await run_in_slices(merge_stopped_workers(view))
        except OSError as error:
            self._say(f"what dead workers left can't be added to the totals: {error}")

    def opened(self) -> tuple[Directory, DirectoryReader, Collector]:
        """The directory; opened, and made if it is missing. Raises `StoreError`."""
        if self._open is not None and not self._open[0].exists():
            self._open[0].close()
            self._open = None
        if self._open is None:
            where = directory.shared(self._path)
            view = DirectoryReader(where)
            self._open = where, view, Collector(view)
            self.about = about(self._settings, where.identity(str(uuid.uuid4())))
            self._said = ""
        return self._open

    def _whose(self, shot: Snapshot) -> ServiceInfo:
        """This service: as told to the sidecar, or else as its workers say."""
        if self.exports and any(about.telemetry for about in shot.abouts):
            self._say(
                "FastAPI's own telemetry sends the same metrics as --otlp does, so every "
                f"request counts twice; leave it to one of them: {TELEMETRY_FIX}"
            )
        told = [self.about, *shot.abouts]
        return replace(
            self.about,
            service_name=next((about.service_name for about in told if about.service_name), ""),
            service_version=next((a.service_version for a in told if a.service_version), ""),
        )

    def _say(self, text: str) -> None:
        """Once, until there is something else to say."""
        if text != self._said:
            self._said = text
            logger.warning(text)
