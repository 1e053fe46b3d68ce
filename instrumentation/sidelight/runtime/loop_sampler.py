"""Looks at what runs on a busy event loop, in place of steps that are not clocked.

The extension clocks the steps of requests where they pass the router. What else requests do, as in
tasks that they start, and all of it where they are measured in Python, is sampled: a thread looks
at the stack of the loop's thread, at times that are evenly spaced, whatever the loop does. A look
at a computation in Python comes late, by the interpreter's switch interval of 5 ms, or when it has
ended. So one that is shorter is not seen by any thread, unless it waits for something.
"""

from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import NamedTuple

from sidelight.runtime.loop_use import LoopUse
from sidelight.runtime.thread_frame import frame_of

INTERVAL = 20_000_000
"""Nanoseconds between two samples."""
LATE = 1_000_000
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
        self._seen = ""

    def next_sample(self, now: int, due: int) -> int:
        """When to sample next, where the next heartbeat is ``due``.

        A loop that is idle is not sampled, until its heartbeat is late.
        """
        last = self._last if self._use.is_busy else max(self._last, due)
        return max(now, last + INTERVAL)

    def is_wanted(self, now: int, due: int) -> bool:
        """Whether there is something to sample still: the heartbeat may have come meanwhile."""
        return self._use.is_busy or now >= due + INTERVAL

    def sample(self, thread: int, planned: int, now: int, work_of: WorkOf) -> None:
        """Look at a thread, and note what it works for, at the time that was planned.

        A look that comes so late that others were due meanwhile stands for them too. One that
        comes late and sees no route was kept from the GIL by what has ended now: it is taken to be
        what the look before saw. The route of a step is clocked.
        """
        self._last = now - (now - planned) % INTERVAL
        in_step, work = self._use.in_step, _seen(thread, work_of)
        before, self._seen = self._seen, "" if in_step else work.route
        was_late = now - planned >= LATE and not in_step
        self._use.add_sample(self._last, self._seen or (before if was_late else ""))
        self._use.lines.add_sample((work.route, *work.line) if work.line else None)


def _seen(thread: int, work_of: WorkOf) -> Work:
    """What a thread works for; nothing where that could not be read."""
    frame = frame_of(thread)
    with suppress(Exception):  # its request ends meanwhile, or has no whole scope yet
        return Work() if frame is None else work_of(frame)
    return Work()
