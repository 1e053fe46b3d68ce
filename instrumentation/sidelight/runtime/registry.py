"""Snapshots of the application's own prometheus_client registry, for readers of other workers.

A worker takes one only while somebody scrapes, and rarely enough to stay below one per cent
of a core. prometheus_client is looked at only if the application has imported it.
"""

import os
import sys
import threading
import time
from collections.abc import Iterable
from typing import Any

from sidelight.runtime.faults import Faults
from sidelight.store import user
from sidelight.store.directory import USER_SUFFIX, WORKER_SUFFIX, Directory
from sidelight.store.process_store import Store
from sidelight.store.user import AppFamily

SHARE = 0.01
SHORTEST = 1.0
SCRAPE_MARK = "scraped"
SCRAPED_WITHIN = 180.0
QUICK = 0.002
"""Seconds up to which a snapshot may be taken on the event loop."""
AGAIN = 10.0
"""Seconds until a quick one that failed is tried again."""
DEFAULT_COLLECTORS = frozenset({"ProcessCollector", "PlatformCollector", "GCCollector"})


def registry() -> Any:
    """prometheus_client's default registry, or None where nobody uses it."""
    module = sys.modules.get("prometheus_client")
    return getattr(module, "REGISTRY", None)


def families(source: Any) -> list[AppFamily]:
    """What a registry collects, without prometheus_client's default collectors."""
    modes, default_names = _modes(source), _default_names(source)
    return [
        _family(metric, modes.get(metric.name, ""))
        for metric in source.collect()
        if metric.name not in default_names
    ]


def _family(metric: Any, mode: str) -> AppFamily:
    family = AppFamily(metric.name, metric.type, metric.documentation, metric.unit, mode)
    for sample in metric.samples:
        if sample.name == metric.name + "_created":
            continue
        key = (sample.name.removeprefix(metric.name), tuple(sample.labels.items()))
        family.samples[key] = float(sample.value)
        if sample.exemplar is not None:
            traced = tuple(sample.exemplar.labels.items())
            family.exemplars[key] = (traced, sample.exemplar.value, sample.exemplar.timestamp)
    return family


def _collectors(source: Any) -> dict[Any, Iterable[str]]:
    # Not public, and the only place that knows a gauge's mode: without it gauges go by worker.
    return dict(getattr(source, "_collector_to_names", {}))


def _modes(source: Any) -> dict[str, str]:
    modes = {}
    for collector in _collectors(source):
        mode = getattr(collector, "_multiprocess_mode", None)
        name = getattr(collector, "_name", None)
        if isinstance(mode, str) and isinstance(name, str):
            modes[name] = mode
    return modes


def _default_names(source: Any) -> frozenset[str]:
    return frozenset(
        name
        for collector, names in _collectors(source).items()
        if type(collector).__name__ in DEFAULT_COLLECTORS
        and type(collector).__module__.startswith("prometheus_client.")
        for name in (*names, *(name.removesuffix("_total") for name in names))
    )


class Snapshots:
    """Takes and publishes this worker's snapshots."""

    def __init__(self, store: Store, faults: Faults) -> None:
        self._store = store
        self._faults = faults
        self._cost = 0.0
        self._next = 0.0
        self._busy = threading.Lock()
        self.latest = b""

    @property
    def quick(self) -> bool:
        """Whether the last snapshot took so little that the loop may take the next."""
        return 0 < self._cost <= QUICK

    def beat(self) -> None:
        """Take one if it is time to; long ones in a thread of their own."""
        if registry() is None or time.monotonic() < self._next or not self._wanted():
            return
        if self.quick:
            self._take_quietly(AGAIN)
        elif not self._busy.locked():
            threading.Thread(
                target=self._take_quietly,
                args=(SCRAPED_WITHIN,),
                name="sidelight-snapshot",
                daemon=True,
            ).start()

    def _wanted(self) -> bool:
        where = self._store.directory
        if where is None:
            return False
        try:
            age = (
                time.time() - os.stat(SCRAPE_MARK, dir_fd=where.fd, follow_symlinks=False).st_mtime
            )
        except OSError:
            return False
        return age < SCRAPED_WITHIN

    def _take_quietly(self, again: float) -> None:
        try:
            self.take()
        except Exception:  # noqa: BLE001 a collector of the application's may raise anything
            self._next = time.monotonic() + again
            if not self._store.closed:
                self._faults.note("registry")

    def take(self) -> bytes:
        """Collect the registry now. Raises whatever a collector raises."""
        source = registry()
        if source is None:
            return b""
        with self._busy:
            began = time.thread_time()
            self.latest = user.encode(families(source))
            self._cost = time.thread_time() - began
            self._next = time.monotonic() + max(SHORTEST, self._cost / SHARE)
        where, file = self._store.directory, self._store.file
        # Nobody would read, nor ever remove, a snapshot without a worker's file beside it.
        if where is not None and not self._store.closed and file.is_linked():
            where.write(file.name.removesuffix(WORKER_SUFFIX) + USER_SUFFIX, self.latest)
        return self.latest


def mark_scraped(directory: Directory) -> None:
    """Tell all workers that somebody scrapes. Raises OSError."""
    directory.touch(SCRAPE_MARK)
