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
from weakref import WeakSet

from sidelight.contract import WORKER, Metric
from sidelight.store.writer import Full, WorkerFile

MOST_EARLY = 10_000


class Reading(NamedTuple):
    """A gauge's value now; ``labels`` are without ``worker``, which comes last."""

    metric: Metric
    labels: tuple[str, ...]
    value: int


Gauge = Callable[[], Iterable[Reading]]
Event = tuple[bool, Metric, tuple[str, ...], int]

_lock = threading.RLock()
_files: WeakSet[WorkerFile] = WeakSet()
_early: deque[Event] = deque(maxlen=MOST_EARLY)
_gauges: list[Gauge] = []


def attach(file: WorkerFile) -> None:
    """Measurements go to this file from now on, and the early ones too if it is the first."""
    with _lock:
        _files.add(file)
        while _early:
            _write(_early.popleft())


def detach(file: WorkerFile) -> None:
    """The file is closed."""
    with _lock:
        _files.discard(file)


def observe(metric: Metric, labels: tuple[str, ...], value: int) -> None:
    """Add a value (nanoseconds, or the metric's own unit) to a histogram. Never raises."""
    _event((True, metric, labels, value))


def count(metric: Metric, labels: tuple[str, ...], amount: int = 1) -> None:
    """Add to a counter (nanoseconds, or the metric's own unit). Never raises."""
    _event((False, metric, labels, amount))


def poll(gauge: Gauge) -> None:
    """Ask ``gauge`` for its readings whenever this process publishes its figures.

    It is called on an event loop or another thread, often, so it must be quick. One that
    raises is passed over.
    """
    _gauges.append(gauge)


def publish(file: WorkerFile) -> None:
    """Write the gauges' readings of this moment to a file."""
    for gauge in tuple(_gauges):
        with suppress(Exception):  # somebody else's pool, looked at while it changes
            for metric, labels, value in gauge():
                worker = (str(file.worker),) if WORKER in metric.labels else ()
                file.set(metric, (*labels, *worker), value)


def _event(event: Event) -> None:
    with suppress(Exception), _lock:
        if _files:
            _write(event)
        else:
            _early.append(event)


def _write(event: Event) -> None:
    histogram, metric, labels, value = event
    for file in tuple(_files):
        with suppress(Full):
            (file.observe if histogram else file.count)(metric, labels, value)


def _after_fork() -> None:
    """A forked child has no file yet, and its parent's early measurements are not its own."""
    global _lock  # noqa: PLW0603 the parent's may have been held by a thread that is not here
    _lock = threading.RLock()
    _files.clear()
    _early.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
