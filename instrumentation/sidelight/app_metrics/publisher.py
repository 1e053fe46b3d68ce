"""Publishes snapshots of the application's registries, for readers in other processes.

A worker takes one each second while the metrics are scraped, and seldom without a scrape, but
never so often that it uses more than one per cent of a core.
"""

import math
import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

import anyio

from sidelight.app_metrics import collector_thread
from sidelight.app_metrics.collection import Collection, CollectorValues
from sidelight.app_metrics.families import join
from sidelight.app_metrics.registry import collectors, default_registry
from sidelight.cardinality import CardinalityLimiter

CPU_SHARE = 0.01
MIN_INTERVAL = 1.0
SCRAPED_WITHIN = 180.0
SELDOM = 30.0
"""Seconds between two snapshots that no scrape asks for, for what a killed worker leaves."""
SCRAPE_SECONDS = 1.0
"""How long a scrape waits for the collectors."""
MAX_NAMES = 64
"""Collectors that errors are counted of by name."""
FIRST_PAUSE, LONGEST_PAUSE = 0.0005, 0.02
"""Seconds between two looks at a collection that runs."""


class SnapshotStore(Protocol):
    """Where a worker publishes its snapshots."""

    closed: bool

    @property
    def shared(self) -> bool:
        """Whether there are other processes."""

    def scraped_within(self, seconds: float) -> bool:
        """Whether the metrics were scraped in the last so many seconds."""

    def publish_app_metrics(self, data: bytes, taken: int) -> None:
        """Put a snapshot where other processes read it.

        ``taken`` is the CLOCK_MONOTONIC time of its oldest values, in nanoseconds.
        """


class AppMetricsPublisher:
    """Takes and publishes this worker's snapshots; ``latest`` is the last one.

    ``on_error`` is called with the name of a collector in an ``except`` block where it fails,
    and ``on_fault`` in one where Sidelight fails.
    """

    def __init__(
        self,
        store: SnapshotStore,
        on_error: Callable[[str], None],
        on_fault: Callable[[], None],
    ) -> None:
        self._store = store
        self._on_error = on_error
        self._on_fault = on_fault
        self._names = CardinalityLimiter(MAX_NAMES)
        self._registries: list[Any] = []
        self._collectors: dict[int, CollectorValues] = {}
        self._next = 0.0
        self._seldom = time.monotonic() + SELDOM
        self._lock = threading.Lock()
        self.latest = b""

    def add_registry(self, registry: Any) -> None:
        """Collect this registry too. None stands for prometheus_client's default registry."""
        if not any(registry is known for known in self._registries):
            self._registries.append(registry)

    def publish_if_due(self) -> None:
        """Begin a collection if it is time to."""
        now = time.monotonic()
        if now < self._next:
            collector_thread.thread.keep_running()
        elif self._store.scraped_within(SCRAPED_WITHIN) or (
            self._store.shared and now >= self._seldom
        ):
            self._begin()

    async def collect(self) -> bytes:
        """A new snapshot; after `SCRAPE_SECONDS` the last one, as far as it has come."""
        collection = self._begin()
        until, pause = time.monotonic() + SCRAPE_SECONDS, FIRST_PAUSE
        while collection is not None and not collection.done and time.monotonic() < until:
            await anyio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
            collector_thread.thread.keep_running()
        return self.latest

    def _begin(self) -> Collection | None:
        """Begin a collection in the thread; None where the application has no registry."""
        registries = [default_registry() if one is None else one for one in self._registries]
        found = [each for one in registries if one is not None for each in collectors(one)]
        before = self._collectors
        self._collectors = {id(c): before.get(id(c)) or CollectorValues(c) for c in found}
        if not found and not before:
            return None
        self._next = math.inf
        collection = Collection(self._collectors.values(), self._publish, self._note)
        collector_thread.thread.submit(collection)
        return collection

    def _publish(self, cost: float) -> None:
        """Publish what the collectors last returned, which took ``cost`` seconds of CPU time."""
        with self._lock:
            self._next = time.monotonic() + max(MIN_INTERVAL, cost / CPU_SHARE)
            self._seldom = time.monotonic() + SELDOM
            try:
                present = [one for one in list(self._collectors.values()) if one.families]
                self.latest = join(data for one in present for _, data in one.families)
                if not self._store.closed:
                    taken = min((one.taken for one in present), default=time.monotonic_ns())
                    self._store.publish_app_metrics(self.latest, taken)
            except Exception:  # noqa: BLE001 the disk may be full
                self._on_fault()

    def _note(self, collector: str) -> None:
        if not self._store.closed:
            self._on_error(self._names(collector))
