"""How long a thread waited for a processor, by Linux's scheduler.

``schedstat`` of a thread has the time that it ran and the time that it was ready to run without a
processor, each in nanoseconds. A wait is added when it ends: a thread that is ready to run may have
waited for longer. Without this file, as on other systems, no wait is known. The event loop may read
it, since the kernel answers from memory, in a few microseconds.
"""

import os
from typing import NamedTuple

RUNNABLE = b"R"
UNCLEAR = 10_000_000
"""Nanoseconds. Less than this between two looks may be due to how seldom the kernel counts."""
MAX_BYTES = 4096


class ProcessorTimes(NamedTuple):
    """Nanoseconds that a thread ran, and that it waited for a processor."""

    ran: int
    waited: int


POSITIONED = hasattr(os, "pread")


class ProcessorWaits:
    """The waits of one thread, by its number in the system; each is taken once."""

    def __init__(self, thread: int = 0) -> None:
        self._thread = thread
        self._start: ProcessorTimes | None = None
        self._last = 0, ProcessorTimes(0, 0)
        self._taken = 0

    def restart(self, now: int) -> None:
        """Begin at this time (CLOCK_MONOTONIC, ns): what was before is not taken any more."""
        self._start, self._taken = task_times(self._thread), 0
        if self._start is not None:
            self._last = now, self._start

    @property
    def at_start(self) -> ProcessorTimes | None:
        """The times of the thread at `restart`; None where they are not known."""
        return self._start

    def take(self, ns: int) -> int:
        """How much of the last ``ns`` the thread waited."""
        found = min(ns, max(0, self.waited() - self._taken))
        self._taken += found
        return found

    def waited(self) -> int:
        """Nanoseconds that the thread waited since `restart`; 0 where that is not known."""
        times = task_times(self._thread)
        if times is None or self._start is None:
            return 0
        return times.waited - self._start.waited

    def may_wait(self, now: int) -> bool:
        """Whether the thread, which is not this one, may be waiting since some time."""
        times = task_times(self._thread)
        if times is None or self._start is None:
            return False
        before, last = self._last
        self._last = now, times
        neither = now - before - (times.ran - last.ran) - (times.waited - last.waited)
        return neither >= UNCLEAR and self._state() == RUNNABLE

    def _state(self) -> bytes:
        try:
            return read_task(self._thread, "stat").rpartition(b")")[2][1:2]
        except OSError:
            return b""


def task_times(thread: int) -> ProcessorTimes | None:
    """The times of a thread of this process, by its number in the system; None if unknown."""
    try:
        ran, waited = read_task(thread, "schedstat").split()[:2]
        return ProcessorTimes(int(ran), int(waited))
    except (OSError, ValueError):
        return None


def read_task(thread: int, name: str) -> bytes:
    """A file of the kernel about a thread of this process. Raises OSError."""
    if not POSITIONED:
        raise OSError("no positioned reads, and so no /proc")
    fd = os.open(f"/proc/self/task/{thread}/{name}", os.O_RDONLY)
    try:
        return os.pread(fd, MAX_BYTES, 0)
    finally:
        os.close(fd)
