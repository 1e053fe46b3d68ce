"""What is read and written once a second beside the requests, in the watchdog's thread.

A call of the file system may wait, so the event loop makes none.
"""

from contextlib import suppress
from functools import partial
from time import monotonic

from sidelight.app_metrics.publisher import AppMetricsPublisher
from sidelight.contract import METRICS
from sidelight.runtime import process
from sidelight.runtime.cpu_throttling import throttling
from sidelight.runtime.faults import Faults, guarded
from sidelight.runtime.tcp_sockets import listening_ports
from sidelight.store.layout import BlockKind
from sidelight.store.listening_ports import ListeningPorts, encode
from sidelight.store.mapped_file import StoreFull
from sidelight.store.process_store import Store
from sidelight.store.shared_counts import Reading, SharedCounts

EVERY = 1.0
PROCESS_EVERY = 5
"""Process metrics are published at every fifth time."""
THROTTLED = (
    METRICS["sidelight_cpu_throttled_periods_total"],
    METRICS["sidelight_cpu_throttled_seconds_total"],
)
PORTS_EVERY = 60
PORTS_FIRST = (1, 5)
"""The times at which a server that has just started may listen."""


class FileChores:
    """Those of one store. ``is_file_gone`` asks the event loop to make the worker's file again."""

    def __init__(self, store: Store, app_metrics: AppMetricsPublisher, faults: Faults) -> None:
        self.is_file_gone = False
        self._store = store
        self._app_metrics = app_metrics
        self._faults = faults
        self._container_counts = SharedCounts()
        self._times = 0
        self._next = 0.0
        self._ports = ListeningPorts()

    def do_if_due(self) -> None:
        """Do them, once a second. Never raises."""
        if monotonic() >= self._next and not self._store.closed:
            self.do()

    def do(self) -> None:
        """Do them now. Never raises."""
        self._next = monotonic() + EVERY
        parts = [self._count_throttling, self.look_for_file, self._app_metrics.publish_if_due]
        if self._times % PROCESS_EVERY == 0:
            parts.append(partial(process.publish, self._store.file))
        if self._times % PORTS_EVERY == 0 or self._times in PORTS_FIRST:
            parts.append(self._publish_ports)
        self._times += 1
        for part in parts:
            with guarded("heartbeat", self._faults):  # the other parts go on
                part()

    def _publish_ports(self) -> None:
        """Publish the ports on which this process listens, with those that it had before."""
        if not self._store.shared:  # no sidecar reads it
            return
        with suppress(OSError, StoreFull):  # the system doesn't tell, or there is no room
            found = listening_ports()
            if not found.ports <= self._ports.ports:
                self._ports = found._replace(ports=found.ports | self._ports.ports)
                self._store.file.append_block(BlockKind.LISTENING_PORTS, encode(self._ports))

    def _count_throttling(self) -> None:
        """Count what no other worker of the container has counted; nothing where it is unknown."""
        found = self._container_counts.take(_throttling, self._store.directory)
        for metric, amount in zip(THROTTLED, found or (), strict=False):
            self._store.file.count(metric, (), amount)

    def look_for_file(self) -> None:
        """Find out whether the worker's file is where readers find it."""
        self.is_file_gone = not self._store.is_whole()


def _throttling() -> Reading | None:
    found = throttling()
    return None if found is None else (found.group, (found.periods, found.ns))
