"""How long a thread waited for a processor, by Linux's scheduler.

``schedstat`` of a thread has the time that it ran and the time that it was ready to run without a
processor, each in nanoseconds. A wait is added when it ends; until then the state of the thread
tells. Without this file, as on other systems, no wait is known. The event loop may read it: the
kernel answers from memory, in a few microseconds.
"""

import os
from typing import NamedTuple

RUNNABLE = b"R"
MAX_BYTES = 1024


class ProcessorTimes(NamedTuple):
    """Nanoseconds that a thread ran, and that it waited for a processor."""

    ran: int
    waited: int


class ProcessorWaits:
    """The waits of one thread, by its number in the system; each is taken once."""

    def __init__(self, thread: int = 0) -> None:
        self._folder = f"/proc/self/task/{thread}/"
        self._start: ProcessorTimes | None = None
        self._since = 0
        self._taken = 0

    def restart(self, now: int) -> None:
        """Begin at this time (CLOCK_MONOTONIC, ns): what was before is not taken any more."""
        self._start, self._since, self._taken = self._times(), now, 0

    def take(self, now: int, ns: int, *, from_outside: bool) -> int:
        """How much of the last ``ns`` the thread waited."""
        found = min(ns, max(0, self.waited(now, from_outside=from_outside) - self._taken))
        self._taken += found
        return found

    def waited(self, now: int, *, from_outside: bool) -> int:
        """Nanoseconds that the thread waited since `restart`; 0 where that is not known.

        ``from_outside`` is whether another thread asks: this one may be waiting then.
        """
        times = self._times()
        if times is None or self._start is None:
            return 0
        waited = times.waited - self._start.waited
        if from_outside and self._state() == RUNNABLE:
            waited = max(waited, now - self._since - (times.ran - self._start.ran))
        return waited

    def _times(self) -> ProcessorTimes | None:
        try:
            ran, waited = self._read("schedstat").split()[:2]
            return ProcessorTimes(int(ran), int(waited))
        except (OSError, ValueError):
            return None

    def _state(self) -> bytes:
        try:
            return self._read("stat").rpartition(b")")[2][1:2]
        except OSError:
            return b""

    def _read(self, name: str) -> bytes:
        fd = os.open(self._folder + name, os.O_RDONLY)
        try:
            return os.pread(fd, MAX_BYTES, 0)
        finally:
            os.close(fd)
