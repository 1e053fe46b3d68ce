"""A timer on the worker's event loop: says that it runs and how late, and publishes figures."""

import asyncio
import logging
import time
from bisect import bisect_right
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from threading import get_ident
from weakref import WeakValueDictionary

from sidelight.app_metrics.publisher import AppMetricsPublisher
from sidelight.contract import METRICS, NANOSECONDS
from sidelight.errors import StoreError
from sidelight.runtime import instruments, process, threads, watchdog
from sidelight.runtime.faults import Faults, guarded
from sidelight.runtime.watchdog import Pulse, Witness
from sidelight.store.layout import HEARTBEAT
from sidelight.store.process_store import Store

logger = logging.getLogger("sidelight")

PERIOD = 0.1
"""Seconds. At rest it is waking up that costs, so beats are as rare as they may be."""
CHORES_EVERY = 1.0
PROCESS_EVERY = 5
"""Chores."""
MOST_WAITS = 1024
OVERDUE = 5 * NANOSECONDS
"""After which a request finds that no timer runs, as on a new event loop."""
LAG = METRICS["asyncio_event_loop_lag_seconds"]


class Heartbeat:
    """The timer of one store. ``due`` is the CLOCK_MONOTONIC time, in ns, to wake it again."""

    def __init__(self, store: Store) -> None:
        self.due = 0
        self.store = store
        self.faults = Faults(store.file.count)
        self.app_metrics = AppMetricsPublisher(store, partial(self.faults.note, "registry"))
        self._also: list[Callable[[], None]] = []
        self._witnesses: list[Witness] = []
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._limiter = threads.limiter()
        self._pulse: Pulse | None = None
        self._waits: list[int] = []
        self._waited_at: list[int] = []
        self._chores = 0
        self._next_chores = 0.0
        instruments.attach(store.file)

    def join(self, also: Callable[[], None], witness: Witness, threshold: float) -> None:
        """Call ``also`` once a second; ``witness`` says what holds the loop for so many seconds."""
        self._also.append(also)
        self._witnesses.append(witness)
        if self._pulse is None:
            # A hold begins half a beat before the beat it delays is due, on average.
            late = max(threshold - PERIOD / 2, PERIOD / 4)
            period = int(PERIOD * NANOSECONDS)
            self._pulse = Pulse(self._witnesses, int(late * NANOSECONDS), period)

    def part(self, also: Callable[[], None], witness: Witness) -> None:
        """One application less; without any the timer stops."""
        self._also.remove(also)
        self._witnesses.remove(witness)
        if not self._also:
            self.stop()
            instruments.detach(self.store.file)

    def wake(self) -> None:
        """Start the timer on the running loop; without asyncio only beat once."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._do_chores()
            return
        if loop is self._loop and self._timer is not None:
            self._beat(loop)
            return
        self.stop()
        self._loop, self._limiter = loop, threads.limiter()
        if self._pulse is not None:
            self._pulse.loop, self._pulse.thread = loop, get_ident()
            watchdog.watch(self._pulse)
        self._beat(loop)

    def follow(self) -> None:
        """Move the timer to the running loop now, if it is on another."""
        with suppress(RuntimeError):  # there is none, or it is not asyncio's
            if self._loop is not asyncio.get_running_loop():
                self.wake()

    def stop(self) -> None:
        """Stop the timer, whichever loop it is on."""
        if self._timer is not None:
            self._timer.cancel()
        if self._pulse is not None:
            watchdog.leave(self._pulse)
            self._pulse.due, self._pulse.loop = 0, None
        self._timer = self._loop = self._limiter = None

    def _beat(self, loop: asyncio.AbstractEventLoop) -> None:
        """Say that the loop runs. Never raises."""
        if self.store.closed:
            return
        if self._timer is not None:
            self._timer.cancel()
        now = time.monotonic_ns()
        self.due = now + OVERDUE
        self.store.file.words[HEARTBEAT] = now
        for part in (self._count_lag, self.figures, self._chores_if_due):
            with guarded("heartbeat", self.faults):  # the other parts and the timer go on
                part()
        self._timer = loop.call_later(PERIOD, self._beat, loop)

    def _count_lag(self) -> None:
        if self._pulse is not None:
            self.store.file.observe(LAG, (), self._pulse.beat(self.store.file.words[HEARTBEAT]))

    def figures(self) -> None:
        """Publish what threads and pools are doing at this moment."""
        file = self.store.file
        if self._limiter is not None:
            for metric, _, value in threads.readings(self._limiter):
                file.set(metric, (str(file.worker),), value)
                if metric is threads.WAITING and self._waits[-1:] != [value]:
                    self._waits.append(value)
                    self._waited_at.append(time.monotonic_ns())
        instruments.publish(file)

    def met(self, start: int, end: int) -> tuple[float | None, int | None]:
        """What a request met: seconds the loop was held, and calls waiting when it began.

        Times are of CLOCK_MONOTONIC, in ns. None where nothing was looked at.
        """
        pulse = self._pulse
        held = None if pulse is None else pulse.held_between(start, end) / NANOSECONDS
        at = bisect_right(self._waited_at, start) - 1
        return held, self._waits[at] if at >= 0 else None

    def _chores_if_due(self) -> None:
        if time.monotonic() >= self._next_chores:
            self._do_chores()

    def _do_chores(self) -> None:
        """What changes slowly."""
        self._next_chores = time.monotonic() + CHORES_EVERY
        del self._waits[:-MOST_WAITS], self._waited_at[:-MOST_WAITS]
        self.due = time.monotonic_ns() + OVERDUE
        if self._chores % PROCESS_EVERY == 0:
            process.publish(self.store.file)
        self._chores += 1
        self.renew_file()
        self.app_metrics.publish_if_due()

    def renew_file(self) -> None:
        """Make this worker's file again if somebody removed it."""
        try:
            if self.store.renew():
                logger.error(
                    "the directory of this worker's file was removed; made again at %s, "
                    "without what workers before had left there",
                    getattr(self.store.directory, "path", None),
                )
        except StoreError as error:
            if self._chores % 60 == 1:
                logger.error("metrics of this worker can't be read by others: %s", error)  # noqa: TRY400 the message says it all
        for also in self._also:
            also()


_heartbeats: WeakValueDictionary[int, Heartbeat] = WeakValueDictionary()


def heartbeat(store: Store) -> Heartbeat:
    """The one heartbeat of a store, whatever the number of applications that share it."""
    found = _heartbeats.get(id(store))
    if found is None or found.store is not store:
        found = _heartbeats[id(store)] = Heartbeat(store)
    return found
