"""Process metrics of this worker, from /proc, the garbage collector and the control group."""

import gc
import os
import time
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from sidelight.contract import METRICS, NANOSECONDS
from sidelight.runtime import control_groups
from sidelight.store.writer import WorkerFile

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment] # Windows has none

_PROC = Path("/proc/self")
_LIMITS = ("memory.max", "memory.limit_in_bytes")
"""Of version 2 and of version 1."""
_UNLIMITED = 1 << 60
"""Version 1 has a number near 2**63 where there is no limit."""
_GC = {
    "collections": METRICS["python_gc_collections_total"],
    "collected": METRICS["python_gc_objects_collected_total"],
    "uncollectable": METRICS["python_gc_objects_uncollectable_total"],
}


def publish(file: WorkerFile) -> None:
    """Write the metrics of this process to its file, without those the system does not have."""
    worker = (str(file.worker),)
    file.set(METRICS["process_cpu_seconds_total"], worker, time.process_time_ns())
    for generation, stats in enumerate(gc.get_stats()):
        for name, metric in _GC.items():
            file.set(metric, (*worker, str(generation)), stats[name])
    if resource is not None:
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        file.set(METRICS["process_max_fds"], worker, max(soft, 0))
    with suppress(OSError, ValueError, IndexError):
        virtual, resident = (_PROC / "statm").read_text().split()[:2]
        page = os.sysconf("SC_PAGE_SIZE")
        file.set(METRICS["process_virtual_memory_bytes"], worker, int(virtual) * page)
        file.set(METRICS["process_resident_memory_bytes"], worker, int(resident) * page)
        file.set(METRICS["process_open_fds"], worker, open_fds())
    started = start_time(os.getpid())
    if started is not None:
        file.set(METRICS["process_start_time_seconds"], worker, started)
    limit = memory_limit()
    if limit is not None:
        file.set(METRICS["sidelight_memory_limit_bytes"], worker, limit)


def open_fds() -> int:
    """The number of open file descriptors. Raises OSError."""
    listing = _PROC / "fd"
    number = listing.stat().st_size  # by Linux 6.2 and later
    return number or len(os.listdir(listing)) - 1  # noqa: PTH208 iterdir() makes a path of each


@lru_cache(maxsize=1)
def start_time(_pid: int) -> int | None:
    """When this process started: nanoseconds since the epoch.

    It is computed once for each process: it is the difference of two clocks, and varies.
    """
    with suppress(OSError, ValueError, IndexError):
        ticks = int((_PROC / "stat").read_text("latin-1").rpartition(")")[2].split()[19])
        boot = time.time_ns() - time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        return boot + ticks * NANOSECONDS // os.sysconf("SC_CLK_TCK")
    return None


def memory_limit() -> int | None:
    """The memory limit of the control group and of its parents in bytes; None without one."""
    limits = []
    for folder in control_groups.folders("memory"):
        for name in _LIMITS:
            with suppress(OSError, ValueError):
                limits.append(int((folder / name).read_text()))
    least = min(limits, default=_UNLIMITED)
    return least if least < _UNLIMITED else None
