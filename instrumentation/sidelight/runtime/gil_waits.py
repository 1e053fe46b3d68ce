"""How long an event loop's thread waits for a processor and for the GIL, as counters.

No interface tells how long a thread waits for the GIL. It is estimated as the least of three:

- the time in which the thread neither runs, nor is ready to run, nor is idle, which includes calls
  that block, such as a sleep;
- the time in which other threads run, one of which has the GIL, or wait for a processor, which they
  are taken to do for as large a part as the thread itself;
- the number of times the thread gives up its processor, times the interpreter's switch interval: a
  thread that waits for the GIL wakes up after each to ask for it, and from a call that blocks once.
"""

import sys
import time
from typing import NamedTuple

from sidelight.contract import METRICS, NANOSECONDS
from sidelight.runtime.processor_waits import ProcessorTimes
from sidelight.store.writer import WorkerFile

try:
    from resource import RUSAGE_THREAD, getrusage
except ImportError:  # neither macOS nor Windows counts the switches of a thread
    HAS_SWITCHES = False
else:
    HAS_SWITCHES = True

CPU_WAIT = METRICS["sidelight_cpu_wait_seconds_total"]
GIL_WAIT = METRICS["sidelight_gil_wait_seconds_total"]
LITTLE = 1_000_000
"""Nanoseconds. A thread that ran for less shows nothing of how many want a processor."""


def has_gil() -> bool:
    """Whether this interpreter has a GIL; Python 3.12 and earlier ones always have."""
    return bool(getattr(sys, "_is_gil_enabled", lambda: True)())


def own_switches() -> int:
    """How often the calling thread has given up its processor by itself."""
    return getrusage(RUSAGE_THREAD).ru_nvcsw if HAS_SWITCHES else 0


class LoopTimes(NamedTuple):
    """Of a loop's thread in some time, in ns; ``others`` is how long other threads ran."""

    ns: int
    ran: int
    waited: int
    others: int
    switches: int

    @property
    def wanted(self) -> int:
        """How long others wanted to run, if they got as much of it as the loop's thread did."""
        return self.others * (self.ran + self.waited + LITTLE) // (self.ran + LITTLE)

    def gil_wait(self, intervals: int = 1) -> int:
        """The estimate, in ns, if each switch follows so many switch intervals at most.

        What the loop was idle is not in ``ns``.
        """
        neither = self.ns - self.ran - self.waited
        asked = int(self.switches * intervals * sys.getswitchinterval() * NANOSECONDS)
        return max(0, min(neither, self.wanted, asked))


class LoopWaits:
    """The waits of a worker's loop, whichever thread it is in. Its methods are called there."""

    def __init__(self) -> None:
        self._before: LoopTimes | None = None
        self._cpu = self._gil = 0

    def follow(self) -> None:
        """Another loop, or another thread, begins at the next beat."""
        self._before = None

    def beat(
        self, file: WorkerFile, now: int, idle: int | None, times: ProcessorTimes | None
    ) -> None:
        """Publish the waits until now, none without ``times``; that for the GIL needs ``idle``."""
        if times is None:
            return
        ran = time.thread_time_ns()
        others = time.process_time_ns() - ran
        present = LoopTimes(now - (idle or 0), ran, times.waited, others, own_switches())
        if self._before is not None:
            since = LoopTimes(*map(int.__sub__, present, self._before))
            self._cpu += max(0, since.waited)
            self._gil += since.gil_wait()
        self._before = present
        worker = (str(file.worker),)
        file.set(CPU_WAIT, worker, self._cpu)
        if idle is not None and HAS_SWITCHES and has_gil():
            file.set(GIL_WAIT, worker, self._gil)
