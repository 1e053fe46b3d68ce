"""Which thread keeps the GIL while an event loop's thread waits for it.

That is taken to be one that ran for longest meanwhile, of those that run Python code. Their clocks
are read, and not files about them: each call that reads a file releases the GIL, and this thread
would then wait for it as well.
"""

import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import NamedTuple

from sidelight.contract import NANOSECONDS
from sidelight.runtime.gil_waits import LoopTimes, has_gil, own_switches
from sidelight.runtime.processor_waits import ProcessorTimes, read_task, task_times

SWITCHES = b"\nvoluntary_ctxt_switches:"
MOST_INTERVALS = 2
"""A thread that wakes up to ask for the GIL may wait as long again until it can ask."""
MOST_HOLDERS = 8
HAS_THREAD_CLOCKS = sys.platform == "linux"


class ThreadActivity(NamedTuple):
    """What the loop's thread has done so far, and how long each other one ran, in ns."""

    times: ProcessorTimes | None
    switches: int
    ran: Mapping[int, int]


class GilHolders:
    """The threads of this process, as one loop's thread meets them.

    ``thread`` is its number in the system.
    """

    def __init__(self, thread: int = 0) -> None:
        self._thread = thread
        self._before = self._present = ThreadActivity(None, 0, {})
        self._noted = 0
        self.is_alone = False
        """Whether the others did little in the time that `holders` was asked for."""

    def restart(self, times: ProcessorTimes | None) -> None:
        """The loop runs: what its thread did before does not count any more. Called there."""
        self._before = ThreadActivity(times, own_switches(), self._before.ran)

    def note(self, now: int) -> None:
        """Once a second: what other threads did before does not count any more."""
        if now - self._noted >= NANOSECONDS:
            self._noted = now
            self._before = self._before._replace(ran=self._others())

    def advance(self) -> None:
        """What `holders` has counted does not count any more."""
        self._before, self._noted = self._present, 0

    def holders(self, ns: int, *, on_loop: bool = False) -> list[int]:
        """The threads that the loop's waited for most of ``ns`` for, by Python's numbers.

        That is the time since the beat, or since `advance`. These are the busiest, and those that
        ran for at least half as long; none where the loop's thread did something else.
        """
        before, times = self._before, task_times(self._thread)
        switches = own_switches() if on_loop else switches_of(self._thread)
        present = self._present = ThreadActivity(times, switches, self._others())
        self.is_alone = False
        if before.times is None or times is None or not has_gil():
            return []
        others = {each: ran - before.ran.get(each, 0) for each, ran in present.ran.items()}
        ran, waited = map(int.__sub__, times, before.times)
        since = LoopTimes(ns, ran, waited, sum(others.values()), switches - before.switches)
        self.is_alone = 2 * since.wanted <= ns - waited
        if 2 * since.gil_wait(MOST_INTERVALS) <= ns - waited:
            return []
        busiest = sorted(others, key=others.__getitem__, reverse=True)[:MOST_HOLDERS]
        python = {each.native_id: each.ident for each in threading.enumerate()}
        found = [python.get(each) for each in busiest if 2 * others[each] >= others[busiest[0]]]
        return [each for each in found if each is not None]

    def _others(self) -> dict[int, int]:
        neither = self._thread, threading.get_native_id()
        numbers = [each.native_id for each in threading.enumerate()]
        return {each: ran_so_far(each) for each in numbers if each and each not in neither}


def ran_so_far(thread: int) -> int:
    """How long a thread of this process has run, in ns; 0 where that is unknown.

    The number of its clock is made as Linux does it (clock_getcpuclockid(3)). Python's
    `time.pthread_getcpuclockid` crashes if the thread has ended.
    """
    with suppress(OSError):
        if HAS_THREAD_CLOCKS:
            return time.clock_gettime_ns(~thread << 3 | 6)
    return 0


def switches_of(thread: int) -> int:
    """How often a thread of this process has given up its processor by itself."""
    with suppress(OSError, ValueError):
        return int(read_task(thread, "status").partition(SWITCHES)[2].split()[0])
    return 0
