"""A thread that watches event loops from outside, and finds what blocks one.

A loop's heartbeat says when its next beat is due. When the beat is overdue by the threshold, the
stack of the loop's thread shows what runs there, and the time since the last look is attributed
to it. No Python thread runs while a C extension keeps the GIL, so while this thread wakes late
nothing can be seen.
"""

import os
import threading
import time
from weakref import WeakSet

from sidelight.contract import NANOSECONDS
from sidelight.runtime import instruments
from sidelight.runtime.faults import guarded
from sidelight.runtime.watched_loop import IDLE, WatchedLoop

_watched_loops: WeakSet[WatchedLoop] = WeakSet()
_thread: threading.Thread | None = None
_starting = threading.Lock()


def watch(watched: WatchedLoop) -> None:
    """Watch a loop from now on, in this process's one thread for all of them."""
    global _thread  # noqa: PLW0603 one a process
    with _starting:
        _watched_loops.add(watched)
        if _thread is None or not _thread.is_alive():
            _thread = threading.Thread(target=_run, name="sidelight-watchdog", daemon=True)
            _thread.start()


def leave(watched: WatchedLoop) -> None:
    """The loop has ended; without any left the thread ends too."""
    with _starting:
        _watched_loops.discard(watched)


def _run() -> None:
    while (planned := _plan()) is not None:
        time.sleep(max(0, planned - time.monotonic_ns()) / NANOSECONDS)  # and blocks no watched
        _look(planned)


def _plan() -> int | None:
    """When to look next; None where no loop is left, and the thread is to end."""
    global _thread  # noqa: PLW0603 one a process
    now = time.monotonic_ns()
    with _starting:
        for watched in [p for p in _watched_loops if p.loop is None or p.loop.is_closed()]:
            _watched_loops.discard(watched)
        looks = [watched.next_look(now) for watched in _watched_loops]
        if not looks:
            _thread = None
            return None
    return min(now + IDLE, *looks)


def _look(planned: int) -> None:
    with _starting:
        loops = list(_watched_loops)
    for watched in loops:
        with guarded("watchdog"):  # without this thread no blocked loop would be seen
            watched.look(planned, time.monotonic_ns())
    if any(watched.overdue(time.monotonic_ns()) for watched in loops):
        instruments.publish_all()  # in place of the loop that can't


def _after_fork() -> None:
    global _thread, _starting
    _thread, _starting = None, threading.Lock()
    _watched_loops.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
