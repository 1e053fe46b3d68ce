"""A timer on the worker's event loop, which measures how late it is and publishes gauges."""

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from weakref import WeakValueDictionary

from sidelight.app_metrics.publisher import AppMetricsPublisher
from sidelight.contract import METRICS, NANOSECONDS
from sidelight.runtime import instruments, threads, watchdog
from sidelight.runtime.block_attribution import BlockAttribution
from sidelight.runtime.faults import Faults, guarded
from sidelight.runtime.file_chores import FileChores
from sidelight.runtime.gil_holders import GilHolders
from sidelight.runtime.gil_waits import LoopWaits
from sidelight.runtime.loop_chores import LoopChores
from sidelight.runtime.loop_clock import LoopClock
from sidelight.runtime.loop_sampler import LoopSampler
from sidelight.runtime.loop_use import LoopUse
from sidelight.runtime.processor_waits import ProcessorWaits
from sidelight.runtime.request_conditions import RequestConditions, ThreadWaits, Waits
from sidelight.runtime.seen_phases import SeenPhases
from sidelight.runtime.trio_loop import TrioLoop, TrioTimer, running_loop
from sidelight.runtime.watched_loop import WatchedLoop
from sidelight.store.layout import HEARTBEAT
from sidelight.store.process_store import Store

PERIOD = 0.1
"""Seconds. An idle process pays for each beat, so the period is as long as possible."""
OVERDUE = 5 * NANOSECONDS
"""After which a request finds that no timer runs, as on a new event loop."""
COLLECTOR_ERRORS = METRICS["sidelight_collector_errors_total"]
LAG = METRICS["asyncio_event_loop_lag_seconds"]


class Heartbeat:
    """The timer of one store. ``due`` is the CLOCK_MONOTONIC time, in ns, to wake it again."""

    def __init__(self, store: Store) -> None:
        self.due = 0
        self.store = store
        self.faults = Faults(store.file.count)
        collectors = Faults(store.file.count, COLLECTOR_ERRORS, "the collector %s failed")
        self.app_metrics = AppMetricsPublisher(
            store, collectors.note, partial(self.faults.note, "registry")
        )
        self.files = FileChores(store, self.app_metrics, self.faults)
        self.chores = LoopChores(store, self.files)
        self._attributions: list[BlockAttribution] = []
        self.waits: Waits | None = None
        """Set by the first application: it looks at the requests of all."""
        self.phases = SeenPhases()
        self._timer: asyncio.TimerHandle | TrioTimer | None = None
        self._loop: asyncio.AbstractEventLoop | TrioLoop | None = None
        self._limiter = threads.limiter()
        self.clock = LoopClock()
        self.use = LoopUse(self.clock, store.file.count)
        self._loop_waits = LoopWaits()
        self._watched_loop: WatchedLoop | None = None
        self._thread_waits = ThreadWaits()
        self._moving = threading.RLock()  # while the timer is set, perhaps on another loop

    def add_application(
        self, on_chores: Callable[[], None], attribution: BlockAttribution, threshold: float
    ) -> None:
        """Call ``on_chores`` once a second, and attribute blocks of ``threshold`` seconds.

        Reads files, so it is not called on the event loop.
        """
        instruments.attach(self.store.file)
        self.files.do()
        with self._moving:
            self.chores.add_application(on_chores)
            self._attributions.append(attribution)
            if self._watched_loop is None:
                # A block begins half a beat before the beat that it delays, on average.
                late = max(threshold - PERIOD / 2, PERIOD / 4)
                period = int(PERIOD * NANOSECONDS)
                self._watched_loop = WatchedLoop(
                    self._attributions,
                    int(late * NANOSECONDS),
                    period,
                    chores=self.files.do_if_due,
                    sampler=LoopSampler(self.use),
                )

    def remove_application(
        self, on_chores: Callable[[], None], attribution: BlockAttribution
    ) -> None:
        """Remove an application. The timer stops with the last one."""
        with self._moving:
            self.chores.remove_application(on_chores)
            self._attributions.remove(attribution)
            if not self._attributions:
                self.stop()
                instruments.detach(self.store.file)

    def wake(self, *, soon: bool = False) -> None:
        """Start the timer on the running loop of asyncio or Trio; without one, beat once.

        ``soon`` leaves the chores to the loop's next turn, and the timer to another loop that has
        just started it.
        """
        try:
            loop = running_loop()
        except RuntimeError:
            self.store.file.words[HEARTBEAT] = time.monotonic_ns()
            self.files.do()
            self._do_chores()
            return
        with self._moving:
            elsewhere = self._loop is not None and self._loop is not loop
            if soon and elsewhere and time.monotonic_ns() < self.due:
                self.chores.call_applications()
            else:
                self._wake_on(loop, soon=soon)

    def _wake_on(self, loop: asyncio.AbstractEventLoop | TrioLoop, *, soon: bool) -> None:
        if loop is self._loop and self._timer is not None:
            if not soon:
                self._beat(loop)
            return
        self.stop()
        self._loop, self._limiter = loop, threads.limiter()
        self.clock.follow(loop)
        self._loop_waits.follow()
        if self._watched_loop is not None:
            self._watched_loop.loop, self._watched_loop.thread = loop, threading.get_ident()
            self._watched_loop.waits = ProcessorWaits(threading.get_native_id())
            self._watched_loop.holders = GilHolders(threading.get_native_id())
            watchdog.watch(self._watched_loop)
        self._beat(loop, soon=soon)
        if soon:
            self.chores.call_applications()

    def follow(self) -> None:
        """Move the timer to the running loop now, if it is on another."""
        with suppress(RuntimeError):  # there is none that is known
            if self._loop is not running_loop():
                self.wake()

    def stop(self) -> None:
        """Stop the timer. On the loop of another thread it ends by itself, at its next beat."""
        with self._moving:
            if self._timer is not None and self._loop is _present_loop():
                self._timer.cancel()
            if self._watched_loop is not None:
                watchdog.leave(self._watched_loop)
                self._watched_loop.due, self._watched_loop.loop = 0, None
            self._timer = self._loop = self._limiter = None
            self.clock.follow(None)

    def _beat(self, loop: asyncio.AbstractEventLoop | TrioLoop, *, soon: bool = False) -> None:
        """Record that the loop runs, and set the timer again. Never raises."""
        if self.store.closed:
            return
        with self._moving:
            if loop is self._loop:
                self._beat_here(loop, soon=soon)

    def _beat_here(self, loop: asyncio.AbstractEventLoop | TrioLoop, *, soon: bool) -> None:
        if self._timer is not None:
            self._timer.cancel()
        now = time.monotonic_ns()
        self.due = now + OVERDUE
        self.store.file.words[HEARTBEAT] = now
        parts: list[Callable[[], object]] = [
            partial(self.use.beat, now),
            self._count_lag,
            self._count_waits,
            self.publish_gauges,
            self._look_at_requests,
        ]
        parts += [] if soon else [self._chores_if_due]
        for part in parts:
            with guarded("heartbeat", self.faults):  # the other parts and the timer go on
                part()
        self._timer = loop.call_later(0 if soon else PERIOD, self._beat, loop)

    def _count_lag(self) -> None:
        if self._watched_loop is not None:
            self.store.file.observe(
                LAG, (), self._watched_loop.beat(self.store.file.words[HEARTBEAT])
            )

    def _count_waits(self) -> None:
        if self._watched_loop is not None:
            now, times = self.store.file.words[HEARTBEAT], self._watched_loop.waits.at_start
            self._loop_waits.beat(self.store.file, now, self.clock.idle(), times)

    def _look_at_requests(self) -> None:
        if self.waits is not None and isinstance(self._loop, asyncio.AbstractEventLoop):
            self.waits.look(self._loop, time.monotonic_ns())

    def publish_gauges(self) -> None:
        """Publish the gauges of threads and pools at this moment."""
        file = self.store.file
        if self._limiter is not None:
            for metric, _, value in threads.readings(self._limiter):
                file.set(metric, (str(file.worker),), value)
                if metric is threads.WAITING:
                    self._thread_waits.note(value)
        instruments.publish(file)

    def conditions(self, start: int, end: int) -> RequestConditions:
        """What a request met in a span, whose waiting calls are those at the start.

        Times are of CLOCK_MONOTONIC, in ns.
        """
        waiting = self._thread_waits.at(start)
        if self._watched_loop is None:
            return RequestConditions(None, "", waiting)
        blocked, by = self._watched_loop.conditions(start, end)
        return RequestConditions(blocked / NANOSECONDS, str(by or ""), waiting)

    def _chores_if_due(self) -> None:
        if self.chores.are_due:
            self._do_chores()

    def _do_chores(self) -> None:
        self.due = time.monotonic_ns() + OVERDUE
        self._thread_waits.forget_oldest()
        self.chores.do()


def _present_loop() -> asyncio.AbstractEventLoop | TrioLoop | None:
    """The loop that runs in this thread."""
    with suppress(RuntimeError):
        return running_loop()
    return None


_heartbeats: WeakValueDictionary[int, Heartbeat] = WeakValueDictionary()
_making = threading.Lock()


def heartbeat(store: Store) -> Heartbeat:
    """The one heartbeat of a store, whatever the number of applications that share it."""
    with _making:
        found = _heartbeats.get(id(store))
        if found is None or found.store is not store:
            found = _heartbeats[id(store)] = Heartbeat(store)
        return found
