"""A thread that watches event loops from outside, and finds what blocks one.

A loop's heartbeat says when its next beat is due. When the beat is overdue by the threshold, the
stack of the loop's thread shows what runs there, and the time since the last look is attributed
to it. No Python thread runs while a C extension keeps the GIL, so while this thread wakes late
nothing can be seen. What is read from files once a second is read in this thread too.
"""

import os
import threading
import time
from pathlib import Path
from weakref import WeakSet

from sidelight.contract import NANOSECONDS
from sidelight.runtime import instruments
from sidelight.runtime.faults import guarded
from sidelight.runtime.processor_waits import ProcessorWaits
from sidelight.runtime.watched_loop import IDLE, WatchedLoop

FORK_SECONDS = 0.1
"""How long a fork waits at most for the thread to end."""

_watched_loops: WeakSet[WatchedLoop] = WeakSet()
_thread: threading.Thread | None = None
_stop = threading.Event()
"""Ends the present thread. Each thread has one of its own."""
_starting = threading.Lock()


def watch(watched: WatchedLoop) -> None:
    """Watch a loop from now on, in this process's one thread for all of them."""
    with _starting:
        _watched_loops.add(watched)
        _start()


def _start() -> None:
    global _thread, _stop  # noqa: PLW0603 one a process
    if _thread is None or not _thread.is_alive():
        _stop = threading.Event()
        _thread = threading.Thread(
            target=_run, args=(_stop,), name="sidelight-watchdog", daemon=True
        )
        _thread.start()


def leave(watched: WatchedLoop) -> None:
    """The loop has ended; without any left the thread ends too."""
    with _starting:
        _watched_loops.discard(watched)


def _run(stop: threading.Event) -> None:
    waits = ProcessorWaits(threading.get_native_id())
    waits.restart(time.monotonic_ns())
    while (planned := _plan()) is not None:
        # Nothing here refers to a loop while this thread sleeps.
        if stop.wait(max(0, planned - time.monotonic_ns()) / NANOSECONDS):
            return
        if _sample():
            _look(waits.waited())
            waits.restart(time.monotonic_ns())


def _plan() -> int | None:
    """When to look next; None where no loop is left, and the thread is to end."""
    global _thread  # noqa: PLW0603 one a process
    now = time.monotonic_ns()
    with _starting:
        for watched in [p for p in _watched_loops if p.loop is None or p.loop.is_closed()]:
            _watched_loops.discard(watched)
        looks = [watched.plan(now) for watched in _watched_loops]
        if not looks:
            _thread = None
            return None
    return min(now + IDLE, *looks)


def _loops() -> list[WatchedLoop]:
    with _starting:
        return list(_watched_loops)


def _sample() -> bool:
    """Take the samples that are due. Returns whether a look is due as well.

    No file is read before, or for a sample alone: each such call gives up the GIL, and what a
    sample is about would end while this thread waits to have it again.
    """
    loops = _loops()
    for watched in loops:
        with guarded("watchdog"):
            watched.sample(time.monotonic_ns())
    now = time.monotonic_ns()
    return any(watched.is_look_due(now) for watched in loops)


def _look(waited: int) -> None:
    """Look at all loops. This thread had no processor for ``waited`` ns since the last look."""
    loops = _loops()
    for watched in loops:
        with guarded("watchdog"):  # without this thread no blocked loop would be seen
            watched.visit(time.monotonic_ns(), waited)
            if watched.running():
                watched.chores()
    if any(watched.overdue(time.monotonic_ns()) for watched in loops):
        instruments.publish_all()  # in place of the loop that can't


def _before_fork() -> None:
    """End the thread, since Python warns of a fork in a process that has several."""
    global _thread
    with _starting:
        thread, _thread = _thread, None
        _stop.set()
    if thread is not None and thread is not threading.current_thread():
        thread.join(FORK_SECONDS)
        _wait_for_end(Path(f"/proc/self/task/{thread.native_id}"))


def _wait_for_end(task: Path) -> None:
    """Wait until Linux has removed a thread that has ended: Python counts those of the system."""
    end = time.monotonic() + FORK_SECONDS
    while task.exists() and time.monotonic() < end:
        time.sleep(0.0001)


def _after_fork_in_parent() -> None:
    with _starting:
        if _watched_loops:
            _start()


def _after_fork_in_child() -> None:
    global _thread, _starting
    _thread, _starting = None, threading.Lock()
    _watched_loops.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=_after_fork_in_parent,
        after_in_child=_after_fork_in_child,
    )
