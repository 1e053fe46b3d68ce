"""A timer on the worker's event loop: says that it runs, and publishes what changes slowly."""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress

from sidelight.errors import StoreError
from sidelight.runtime import process
from sidelight.runtime.registry import Snapshots
from sidelight.store.layout import HEARTBEAT
from sidelight.store.local import Store

logger = logging.getLogger("sidelight")

PERIOD = 1.0
OVERDUE = 5 * 1_000_000_000
"""Nanoseconds after which a request finds that no timer runs, as on a new event loop."""
PROCESS_EVERY = 5


class Heartbeat:
    """The timer of one store. ``due`` is the CLOCK_MONOTONIC time, in ns, to wake it again."""

    def __init__(self, store: Store, also: Callable[[], None]) -> None:
        self.due = 0
        self._also = also
        self.store = store
        self.snapshots = Snapshots(store)
        self._timer: asyncio.TimerHandle | None = None
        self._beats = 0

    def wake(self) -> None:
        """Start the timer on the running loop; without asyncio only beat once."""
        self.stop()
        self.beat()
        with suppress(RuntimeError):
            self._schedule(asyncio.get_running_loop())

    def stop(self) -> None:
        """Stop the timer, whichever loop it is on."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = loop.call_later(PERIOD, self._fire, loop)

    def _fire(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self.store.closed:
            self.beat()
            self._schedule(loop)

    def beat(self) -> None:
        """Say that the loop runs. Never raises."""
        now = time.monotonic_ns()
        self.due = now + OVERDUE
        file = self.store.file
        file.words[HEARTBEAT] = now
        try:
            if self._beats % PROCESS_EVERY == 0:
                process.publish(file)
            self._beats += 1
            self.mend()
            self.snapshots.beat()
        except Exception:
            logger.exception("fault in the heartbeat; requests are not affected")

    def mend(self) -> None:
        """Make this worker's file again if somebody removed it."""
        try:
            if self.store.renew():
                logger.error(
                    "the directory of this worker's file was removed; made again at %s, "
                    "without what workers before had left there",
                    getattr(self.store.directory, "path", None),
                )
        except StoreError as error:
            if self._beats % 60 == 1:
                logger.error("metrics of this worker can't be read by others: %s", error)  # noqa: TRY400 the message says it all
        self._also()
