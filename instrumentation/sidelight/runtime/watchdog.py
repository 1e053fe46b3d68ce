"""A thread that watches event loops from outside, and finds what blocks one.

A loop's heartbeat says when its next beat is due. When the beat is overdue by the threshold, the
stack of the loop's thread shows what runs there, and the time since the last look is attributed
to it. No Python thread runs while a C extension keeps the GIL, so while this thread wakes late
nothing can be seen.
"""

import asyncio
import os
import sys
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from types import FrameType
from typing import NamedTuple, Protocol
from weakref import WeakSet

from sidelight.contract import NANOSECONDS
from sidelight.runtime import instruments
from sidelight.runtime.faults import guarded

MOST_BLOCKS = 256
"""Past blocks that are remembered, to be recorded with slow requests."""
POLL = NANOSECONDS // 20
IDLE = NANOSECONDS // 4
"""Nanoseconds between two looks: at a loop that is blocked, and where none runs."""


class BlockSource(NamedTuple):
    """What a stack works for: a route, empty outside of any request; and where in the code."""

    route: str
    where: tuple[str, ...] = ()


class BlockAttribution(Protocol):
    """Finds the request that a stack belongs to, and counts the time it blocks the loop."""

    def attribute(self, frame: FrameType | None) -> BlockSource:
        """What a stack works for; no frame where it could not be read."""

    def count_block(self, source: BlockSource, ns: int, *, first: bool) -> None:
        """Count ``ns`` of a blocked loop. ``first`` is the first look at one block."""


@dataclass(slots=True, eq=False, weakref_slot=True)
class WatchedLoop:
    """One event loop. ``due`` is when its next beat should come (CLOCK_MONOTONIC, ns)."""

    attributions: list[BlockAttribution]
    threshold: int
    period: int
    loop: asyncio.AbstractEventLoop | None = None
    thread: int = 0
    due: int = 0
    blocks: deque[tuple[int, int]] = field(default_factory=lambda: deque(maxlen=MOST_BLOCKS))
    _counted: int = 0
    _last_source: BlockSource | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def beat(self, now: int) -> int:
        """The loop runs: count the rest of a block. Returns how late it is, in ns."""
        with self._lock:
            late = now - self.due if self.due else 0
            if late > self.threshold:
                self._count(now, self._last_source or self._attribute(None))
                self.blocks.append((self.due - self.period // 2, now))
            self._counted, self._last_source = 0, None
            self.due = now + self.period
        return max(late, 0)

    def blocked_between(self, start: int, end: int) -> int:
        """Nanoseconds of a span in which the loop was blocked, as far as that is remembered."""
        blocks = list(self.blocks)
        if self.due and end - self.due > self.threshold:
            blocks.append((self.due - self.period // 2, end))
        return sum(max(0, min(end, last) - max(start, first)) for first, last in blocks)

    def overdue(self, now: int) -> bool:
        """Whether the loop is blocked now, as far as that can be seen from outside."""
        return self.due > 0 and now - self.due > self.threshold

    def next_look(self, now: int) -> int:
        """When a look may see something: once the next beat is overdue by half the threshold."""
        if not self.due or self.loop is None or not self.loop.is_running():
            return now + IDLE
        return max(self.due + self.threshold // 2, now + POLL)

    def look(self, planned: int, now: int) -> None:
        """From another thread: find whether the loop is blocked, and by what.

        ``planned`` is when this look should have been: since then nothing could be seen, and
        only what also ran before that is known to have run. What is seen before the threshold
        is only remembered, since it may end in time.
        """
        with self._lock:
            if self.loop is None or not self.loop.is_running():
                self.due = self._counted = 0
            late = now - self.due if self.due else 0
            if late <= self.threshold // 2:
                return
            overslept = now - planned > self.threshold
            frames = sys._current_frames()  # noqa: SLF001 it is documented
            source = self._attribute(frames.get(self.thread))
            if overslept and (self._last_source is None or self._last_source.route != source.route):
                source = self._attribute(None)
            self._last_source = source
            if late > self.threshold:
                self._count(now, self._last_source)

    def _count(self, now: int, source: BlockSource) -> None:
        first = not self._counted
        if first:  # it began between the last beat and the one that is due: on average half-way
            self._counted = self.due - self.period // 2
        ns = max(0, now - self._counted)  # a look may have come between a beat and its clock
        for attribution in self.attributions[:1]:  # they share one file
            attribution.count_block(source, ns, first=first)
        self._counted += ns

    def _attribute(self, frame: FrameType | None) -> BlockSource:
        """What a stack works for, by the first that knows it."""
        sources = [attribution.attribute(frame) for attribution in self.attributions]
        return next((source for source in sources if source.route), sources[0])


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
