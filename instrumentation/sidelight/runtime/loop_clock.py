"""How long a request waited for its event loop, from the loop's idle time.

What has arrived waits for the loop for as long as the loop is not idle. At each heartbeat, the
idle time so far is noted. So a wait is the time since the arrival without the idle time since; of
the interval between two notes in which something arrived, the idle time is taken to be first.
"""

import sys
import time
from asyncio import _get_running_loop
from collections import deque
from typing import TYPE_CHECKING

from sidelight.contract import NANOSECONDS
from sidelight.extension import extension
from sidelight.runtime.idle_time import IdleTime, idle_time

MONOTONIC_COARSE = 6
"""``CLOCK_MONOTONIC_COARSE`` of Linux, whose step is that of the kernel's timer."""
MOST_BEATS = 100
"""Heartbeats whose idle time is remembered: at least ten seconds."""
ATTENTIVE = 250_000_000
"""Nanoseconds, after the loop was held, for which it is asked when each request arrived."""
PROBE = 1_000_000
"""Nanoseconds between two requests that are asked while the loop is busy with short steps."""


def tick() -> int:
    """The step in which Linux counts the time since data arrived, in ns."""
    if sys.platform != "linux":  # no time of arrival either
        return 4_000_000
    return round(time.clock_getres(MONOTONIC_COARSE) * NANOSECONDS)


NEVER_IDLE = IdleTime(int)
NOTICEABLE = 2 * tick()
"""Nanoseconds; a shorter wait does not differ from none."""


class PythonClock:
    """The part of a loop's clock that every common request reads, and that clocks steps.

    ``routed`` is the busy time that was counted for routes, in ns, and ``in_step`` whether a step
    is being clocked. Only native code clocks.
    """

    routed = 0
    in_step = 0

    def prepare(self, loop: object, idle: IdleTime) -> None:
        """Follow a loop from now on, which is the running one; None follows none."""
        self._loop, self._read = loop, idle.read
        self._looked, self._idle = time.monotonic_ns(), idle.read()
        self._stretch = self._until = self._probe = 0

    def is_late(self, now: int) -> bool:
        """Whether a request that begins now may have waited noticeably.

        That is so a while after the loop was held, or a request had waited. Where it is busy with
        short steps, without a pause, waits grow slowly: one request in a while tells.
        """
        if self._loop is None:
            return False
        if now >= self._until and now - self._looked < NOTICEABLE // 4:
            return False  # too soon after the last look for a hold
        if _get_running_loop() is not self._loop:
            return False
        idle = self._read()
        busy = now - self._looked - (idle - self._idle)
        self._stretch = busy if idle != self._idle else self._stretch + busy
        self._looked, self._idle = now, idle
        if busy >= NOTICEABLE // 2:
            self._until = now + ATTENTIVE
        if now < self._until:
            return True
        if self._stretch >= NOTICEABLE and now >= self._probe:
            self._probe = now + PROBE
            return True
        return False

    def attend(self, now: int) -> None:
        """A request has waited: so may those that come after it."""
        self._until = now + ATTENTIVE

    def take_steps(self) -> list[tuple[int, int, int]]:
        """Long steps of requests since the last call; see `loop_use`."""
        return []


if TYPE_CHECKING or extension is None:
    ClockBase = PythonClock
else:

    class ClockBase(extension.Clock):
        """The same, read natively."""

        def prepare(self, loop: object, idle: IdleTime) -> None:
            """Follow a loop from now on, which is the running one; None follows none."""
            super().prepare(loop, _get_running_loop, *idle[1:], NOTICEABLE, ATTENTIVE, PROBE)

        def attend(self, now: int) -> None:
            """A request has waited, which native code has noted by itself."""


class LoopClock(ClockBase):
    """The clock of one event loop. Times are of CLOCK_MONOTONIC, in ns."""

    def __init__(self) -> None:
        self._beats: deque[tuple[int, int]] = deque(maxlen=MOST_BEATS)
        self.follow(None)

    def follow(self, loop: object) -> None:
        """Follow a loop from now on, which is the running one; None follows none."""
        idle = None if loop is None else idle_time(loop)
        self.is_known = idle is not None
        """Whether the loop tells its idle time."""
        self._idle_time = idle or NEVER_IDLE
        self._run: object = None
        self._beats.clear()
        self.prepare(None if idle is None else loop, self._idle_time)

    def idle(self) -> int | None:
        """The loop's idle time so far; None where it is unknown. Called on the loop."""
        return self._idle_time.read() if self.is_known else None

    def beat(self, now: int) -> int:
        """Note the idle time. Returns how long the loop was busy since the last beat, in ns.

        Called on the loop.
        """
        if not self.is_known:
            return 0
        run = sys.get_asyncgen_hooks().firstiter
        if run is not self._run:  # the loop was stopped in between, and neither busy nor idle
            self._run = run
            self._beats.clear()
        idle = self._idle_time.read()
        last, last_idle = self._beats[-1] if self._beats else (now, idle)
        self._beats.append((now, idle))
        return max(0, now - last - (idle - last_idle))

    def waited(self, arrival: int, now: int) -> int:
        """How much of the time from ``arrival`` until now the loop was not idle.

        0 where that is unknown. Called on the loop.
        """
        if not self._beats:
            return 0
        busy, upper, upper_idle = 0, now, self._idle_time.read()
        for lower, lower_idle in reversed(tuple(self._beats)):
            idle = upper_idle - lower_idle
            if lower <= arrival:
                return busy + max(0, upper - max(arrival, lower + idle))
            busy += max(0, upper - lower - idle)
            upper, upper_idle = lower, lower_idle
        return busy
