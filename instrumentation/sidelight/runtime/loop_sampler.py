"""Looks at what runs on a busy event loop, in place of steps that are not clocked.

The extension clocks the steps of requests where they pass the router. What else requests do, as in
tasks that they start, and all of it where they are measured in Python, is sampled: a thread looks
at the stack of the loop's thread. A computation in Python that is shorter than the interpreter's
switch interval, of 5 ms, is not seen by any thread, unless it waits for something.
"""

from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import NamedTuple

from sidelight.runtime.loop_use import LoopUse
from sidelight.runtime.thread_frame import frame_of

INTERVAL = 20_000_000
"""Nanoseconds between two samples."""
LATE = 2_000_000
"""Nanoseconds after which a look came late."""


class Work(NamedTuple):
    """What a stack works for: a route, and a line of code as the labels ``code_…`` have it.

    Both are empty where there is none.
    """

    route: str = ""
    line: tuple[str, ...] = ()


WorkOf = Callable[[FrameType], Work]


class LoopSampler:
    """The samples of one event loop; all times are of CLOCK_MONOTONIC, in ns."""

    def __init__(self, use: LoopUse) -> None:
        self._use = use
        self._last = 0

    def next_sample(self, due: int) -> int:
        """When to sample next, where the next heartbeat is ``due``.

        A loop that is idle is not sampled, until its heartbeat is late.
        """
        return (self._last if self._use.is_busy else max(self._last, due)) + INTERVAL

    def sample(self, thread: int, now: int, due: int, work_of: WorkOf) -> None:
        """Look at a thread, and note what it works for.

        A look that comes late, since another thread kept the GIL, and sees no route says nothing:
        what kept it has ended. The route of a step is clocked.
        """
        late, self._last = now - self.next_sample(due), now
        clocked, work = self._use.in_step, Work()
        frame = frame_of(thread)
        if frame is not None:
            with suppress(Exception):  # its request ends meanwhile, or has no whole scope yet
                work = work_of(frame)
        route = "" if clocked else work.route
        if route or clocked or late < LATE:
            self._use.add_sample(now, route)
            self._use.lines.add_sample((work.route, *work.line) if work.line else None)
