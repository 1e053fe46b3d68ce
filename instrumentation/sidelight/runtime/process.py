"""Process metrics of this worker, from /proc, the garbage collector and the control group."""

import gc
import os
import time
from contextlib import suppress
from pathlib import Path

from sidelight.contract import METRICS, NANOSECONDS
from sidelight.store.writer import WorkerFile

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

_PROC = Path("/proc/self")
_GC = {
    "collections": METRICS["python_gc_collections_total"],
    "collected": METRICS["python_gc_objects_collected_total"],
    "uncollectable": METRICS["python_gc_objects_uncollectable_total"],
}


def publish(file: WorkerFile) -> None:
    """Write this process's figures to its file. What the system doesn't tell is left out."""
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
        file.set(METRICS["process_open_fds"], worker, sum(1 for _ in (_PROC / "fd").iterdir()) - 1)
    started = start_time()
    if started is not None:
        file.set(METRICS["process_start_time_seconds"], worker, started)
    limit = memory_limit()
    if limit is not None:
        file.set(METRICS["sidelight_memory_limit_bytes"], worker, limit)


def start_time() -> int | None:
    """When this process started: nanoseconds since the epoch."""
    with suppress(OSError, ValueError, IndexError):
        ticks = int((_PROC / "stat").read_text().rpartition(")")[2].split()[19])
        boot = time.time_ns() - time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        return boot + ticks * NANOSECONDS // os.sysconf("SC_CLK_TCK")
    return None


def memory_limit() -> int | None:
    """Bytes the control group (version 2, or else 1) allows; None without a limit."""
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        with suppress(OSError, ValueError):
            limit = int(Path(path).read_text())
            return limit if limit < 1 << 60 else None
    return None
