"""Where measurements go that belong to the process and to no application: threads, pools.

Watched objects are often made before the first request, and are shared by all applications
of a process. So this is the process's own: it hands everything to the files of all its
stores, and keeps what came before there was one.
"""

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import NamedTuple
from weakref import ReferenceType, WeakKeyDictionary, WeakSet, ref

from sidelight.contract import ABSENT, WORKER, Metric
from sidelight.store.mapped_file import StoreFull
from sidelight.store.writer import WorkerFile

MOST_EARLY = 10_000


class GaugeReading(NamedTuple):
    """A gauge's value now; ``labels`` are without ``worker``, which comes last."""

    metric: Metric
    labels: tuple[str, ...]
    value: int


Gauge = Callable[[], Iterable[GaugeReading]]
SeriesName = tuple[Metric, tuple[str, ...]]
Event = tuple[bool, Metric, tuple[str, ...], int]

_lock = threading.RLock()
_files: WeakSet[WorkerFile] = WeakSet()
_targets: tuple[ReferenceType[WorkerFile], ...] = ()
_early: deque[Event] = deque(maxlen=MOST_EARLY)
_gauges: list[Gauge] = []
_shown: WeakKeyDictionary[WorkerFile, set[SeriesName]] = WeakKeyDictionary()
_publishing = threading.Lock()


def attach(file: WorkerFile) -> None:
    """Write measurements to this file from now on; the first file gets the early ones as well."""
    with _lock:
        _files.add(file)
        _aim()
        while _early:
            with suppress(Exception):
                _write(_early.popleft())


def detach(file: WorkerFile) -> None:
    """Stop writing to a file that is closed."""
    with _lock:
        _files.discard(file)
        _aim()


def observe(metric: Metric, labels: tuple[str, ...], value: int) -> None:
    """Add a value (nanoseconds, or the metric's own unit) to a histogram. Never raises."""
    _event((True, metric, labels, value))


def count(metric: Metric, labels: tuple[str, ...], amount: int = 1) -> None:
    """Add to a counter (nanoseconds, or the metric's own unit). Never raises."""
    _event((False, metric, labels, amount))


def poll(gauge: Gauge) -> None:
    """Call ``gauge`` for its readings whenever this process publishes its gauges.

    It is called often, on an event loop or another thread, so it must be fast. If it raises,
    it is skipped. A series without a reading is no longer exported. A gauge that is added
    twice is called once.
    """
    with _lock:
        if gauge not in _gauges:
            _gauges.append(gauge)


def publish(file: WorkerFile) -> None:
    """Write the present readings of all gauges to a file. Never raises."""
    if not _gauges or not _publishing.acquire(blocking=False):
        return  # nothing to read, or another thread is reading now
    try:
        with suppress(Exception):
            _publish(file)
    finally:
        _publishing.release()


def publish_all() -> None:
    """Write the present readings to all files while an event loop is blocked. Never raises."""
    with _lock:
        files = tuple(_files)
    for file in files:
        publish(file)


def _publish(file: WorkerFile) -> None:
    shown: set[SeriesName] = set()
    for gauge in tuple(_gauges):
        with suppress(Exception):  # a pool of a library, read while it changes
            for metric, labels, value in gauge():
                worker = (str(file.worker),) if WORKER in metric.labels else ()
                with suppress(StoreFull):  # there is room for those that have a series
                    file.set(metric, (*labels, *worker), max(0, value))
                shown.add((metric, (*labels, *worker)))
    for metric, labels in _shown.get(file, set()) - shown:
        file.set(metric, labels, ABSENT)
    _shown[file] = shown


def _event(event: Event) -> None:
    try:
        if not _write(event):
            with _lock:
                _aim()
                if not _write(event):
                    _early.append(event)
    except Exception:  # noqa: BLE001, S110 a fault of Sidelight must not reach the caller
        pass


def _write(event: Event) -> bool:
    """Whether there was a file to write to, even if it is full."""
    histogram, metric, labels, value = event
    found = False
    for target in _targets:
        file = target()
        if file is not None:
            found = True
            try:
                (file.observe if histogram else file.count)(metric, labels, value)
            except StoreFull:  # there may be room in the next
                continue
    return found


def _aim() -> None:
    """Make the list of files again. It is kept, since iterating over weak references is slow."""
    global _targets  # noqa: PLW0603 one a process
    _targets = tuple(map(ref, _files))


def _after_fork() -> None:
    """A forked child has no file yet, and its parent's early measurements are not its own."""
    # The parent's locks may have been held by threads that are not here.
    global _lock, _publishing
    _lock, _publishing = threading.RLock(), threading.Lock()
    _files.clear()
    _aim()
    _shown.clear()
    _early.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
