"""Publishes snapshots of the application's registry, for readers in other processes.

A worker takes one only while the metrics are scraped, and rarely enough to use less than one
per cent of a core.
"""

import threading
import time
from collections.abc import Callable
from typing import Protocol

from sidelight.app_metrics.families import encode
from sidelight.app_metrics.registry import collect_families, default_registry

CPU_SHARE = 0.01
MIN_INTERVAL = 1.0
SCRAPED_WITHIN = 180.0
MAX_ON_LOOP = 0.002
"""Seconds up to which a snapshot may be taken on the event loop."""
RETRY_AFTER = 10.0
"""Seconds until a short snapshot that failed is tried again."""


class SnapshotStore(Protocol):
    """Where a worker publishes its snapshots."""

    closed: bool

    def scraped_within(self, seconds: float) -> bool:
        """Whether the metrics were scraped in the last so many seconds."""

    def publish_app_metrics(self, data: bytes) -> None:
        """Put a snapshot where other processes read it."""


class AppMetricsPublisher:
    """Takes and publishes this worker's snapshots; ``latest`` is the last one.

    ``on_error`` is called in an ``except`` block where a background snapshot fails.
    """

    def __init__(self, store: SnapshotStore, on_error: Callable[[], None]) -> None:
        self._store = store
        self._on_error = on_error
        self._cost = 0.0
        self._next = 0.0
        self._busy = threading.Lock()
        self.latest = b""

    @property
    def is_quick(self) -> bool:
        """Whether the last snapshot took so little time that the loop may take the next one."""
        return 0 < self._cost <= MAX_ON_LOOP

    def publish_if_due(self) -> None:
        """Publish a snapshot if it is time to; a long one in a thread of its own."""
        if default_registry() is None or time.monotonic() < self._next:
            return
        if not self._store.scraped_within(SCRAPED_WITHIN):
            return
        if self.is_quick:
            self._publish_safely(RETRY_AFTER)
        elif not self._busy.locked():
            threading.Thread(
                target=self._publish_safely,
                args=(SCRAPED_WITHIN,),
                name="sidelight-snapshot",
                daemon=True,
            ).start()

    def _publish_safely(self, retry_after: float) -> None:
        try:
            self.publish()
        except Exception:  # noqa: BLE001 a collector of the application's may raise anything
            self._next = time.monotonic() + retry_after
            if not self._store.closed:
                self._on_error()

    def publish(self) -> bytes:
        """Take and publish a snapshot now. Raises whatever a collector raises."""
        registry = default_registry()
        if registry is None:
            return b""
        with self._busy:
            began = time.thread_time()
            self.latest = encode(collect_families(registry))
            self._cost = time.thread_time() - began
            self._next = time.monotonic() + max(MIN_INTERVAL, self._cost / CPU_SHARE)
        self._store.publish_app_metrics(self.latest)
        return self.latest
