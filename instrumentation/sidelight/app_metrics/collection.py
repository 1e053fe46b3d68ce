"""A collection of the application's metrics, one collector after another."""

import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from sidelight.app_metrics.families import SUMMED, encode_family
from sidelight.app_metrics.registry import collector_name, families_of


class CollectorValues:
    """The families of one collector as they last were, encoded, with their kinds.

    ``taken`` is the CLOCK_MONOTONIC time of the values, in nanoseconds; ``seconds`` is how long
    the last collection took.
    """

    __slots__ = ("_collector", "_running", "families", "name", "seconds", "taken")

    def __init__(self, collector: Any) -> None:
        self._collector = collector
        self._running = False
        self.families: list[tuple[str, bytes]] = []
        self.name = collector_name(collector)
        self.seconds = 0.0
        self.taken = 0

    def collect(self) -> None:
        """Run the collector. Raises whatever it raises, and TimeoutError while it still runs.

        The families of a collector that still runs stay as they are. Of one that raises, the sums
        stay, since totals never fall; its gauges do not, since they may be wrong by now.
        """
        if self._running:
            raise TimeoutError("the collection before has not ended")
        self._running, began = True, time.monotonic_ns()
        try:
            found = families_of(self._collector)
            self.families = [(family.kind, encode_family(family)) for family in found]
            self.taken = began
        except BaseException:
            self.families = [each for each in self.families if each[0] in SUMMED]
            raise
        finally:
            self._running = False
            self.seconds = (time.monotonic_ns() - began) / 1e9


class Collection:
    """One run of all collectors of a worker, in steps; then ``publish`` is called.

    Quick collectors run first. ``on_error`` is called with a collector's name in an ``except``
    block where it raises. ``cost`` is the CPU time used so far, in seconds.
    """

    def __init__(
        self,
        collectors: Iterable[CollectorValues],
        publish: Callable[[float], None],
        on_error: Callable[[str], None],
    ) -> None:
        self._waiting = deque(sorted(collectors, key=lambda one: one.seconds))
        self._publish = publish
        self._on_error = on_error
        self.cost = 0.0
        self.done = False

    def step(self) -> bool:
        """Run the next collector, or publish after the last; whether there is more to do."""
        began = time.thread_time()
        try:
            collector = self._waiting.popleft()
        except IndexError:
            self._end(began)
            return False
        try:
            collector.collect()
        except BaseException:  # noqa: BLE001 SystemExit too would end the thread
            self._on_error(collector.name)
        if self.done:  # a thread that was left behind with this collector
            self._end(began)
        self.cost += time.thread_time() - began
        return True

    def _end(self, began: float) -> None:
        try:
            self._publish(self.cost + time.thread_time() - began)
        finally:
            self.done = True
