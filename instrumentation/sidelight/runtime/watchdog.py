"""A thread that looks at event loops from outside, and says what holds one that is held.

A loop's heartbeat says when its next beat is due. When that is overdue by the threshold, the
stack of the loop's thread shows what runs there; the time since the last look is counted
against it. No thread of Python runs while a C extension keeps the GIL: what this thread
overslept is time in which nothing could be seen.
"""

import asyncio
import os
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from types import FrameType
from typing import Protocol
from weakref import WeakSet

from sidelight.contract import NANOSECONDS
from sidelight.runtime import instruments

HOLDS = 256
"""Past holds that are remembered, for those who ask what a slow request met."""
POLL = 0.05
"""Seconds between two looks."""


class Witness(Protocol):
    """Names what a stack belongs to, and keeps what was found."""

    def route(self, frame: FrameType | None) -> str:
        """The route a stack works for: empty outside of any request; no frame, no stack."""

    def held(self, route: str, ns: int, *, first: bool, frame: FrameType | None) -> None:
        """Count ``ns`` of a held loop. ``first`` with the first look at one hold."""


@dataclass(slots=True, eq=False, weakref_slot=True)
class Pulse:
    """One event loop. ``due`` is when its next beat should come (CLOCK_MONOTONIC, ns)."""

    witnesses: list[Witness]
    threshold: int
    period: int
    loop: asyncio.AbstractEventLoop | None = None
    thread: int = 0
    due: int = 0
    holds: deque[tuple[int, int]] = field(default_factory=lambda: deque(maxlen=HOLDS))
    _counted: int = 0
    _route: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def beat(self, now: int) -> int:
        """The loop runs: count what is left of a hold. Returns how late it is, in ns."""
        with self._lock:
            late = now - self.due if self.due else 0
            if self._counted:
                self._count(now, self._route, first=False, frame=None)
            elif late > self.threshold:
                self._begin()
                self._count(now, self._name(None), first=True, frame=None)
            if self._counted:
                self.holds.append((self.due - self.period // 2, now))
            self._counted = 0
            self.due = now + self.period
        return max(late, 0)

    def held_between(self, start: int, end: int) -> int:
        """Nanoseconds of a span in which the loop was held, as far as it is remembered."""
        holds = list(self.holds)
        if self.due and end - self.due > self.threshold:
            holds.append((self.due - self.period // 2, end))
        return sum(max(0, min(end, last) - max(start, first)) for first, last in holds)

    def overdue(self, now: int) -> bool:
        """Whether the loop is held now, as far as can be told from outside."""
        return self.due > 0 and now - self.due > self.threshold

    def look(self, planned: int, now: int) -> None:
        """From another thread: see whether the loop is held, and by what.

        ``planned`` is when this look should have been: before it, nothing could be seen.
        """
        with self._lock:
            if self.loop is None or not self.loop.is_running():
                self.due = self._counted = 0
            if not self.due or now - self.due <= self.threshold:
                return
            first = not self._counted
            if first:
                self._begin()
            blind = now - planned > self.threshold
            frame = None if blind else sys._current_frames().get(self.thread)  # noqa: SLF001 documented
            self._count(now, self._name(frame), first=first, frame=frame)

    def _begin(self) -> None:
        # The hold began between the last beat and the one that is due: on average half-way.
        self._counted = self.due - self.period // 2

    def _count(self, now: int, route: str, *, first: bool, frame: FrameType | None) -> None:
        self._route = route
        for witness in self.witnesses[:1]:  # they share one file
            witness.held(route, now - self._counted, first=first, frame=frame)
        self._counted = now

    def _name(self, frame: FrameType | None) -> str:
        """The route a stack works for, by the first that knows it."""
        routes = (witness.route(frame) for witness in self.witnesses)
        return next(filter(None, routes), "")


_pulses: WeakSet[Pulse] = WeakSet()
_thread: threading.Thread | None = None
_starting = threading.Lock()


def watch(pulse: Pulse) -> None:
    """Look after a loop from now on, in this process's one thread for all of them."""
    global _thread  # noqa: PLW0603 one a process
    with _starting:
        _pulses.add(pulse)
        if _thread is None or not _thread.is_alive():
            _thread = threading.Thread(target=_run, name="sidelight-watchdog", daemon=True)
            _thread.start()


def leave(pulse: Pulse) -> None:
    """The loop has ended; without any left the thread ends too."""
    with _starting:
        _pulses.discard(pulse)


def _run() -> None:
    global _thread  # noqa: PLW0603 as above
    while True:
        planned = time.monotonic_ns() + int(POLL * NANOSECONDS)
        time.sleep(POLL)
        with _starting:
            for pulse in [p for p in _pulses if p.loop is None or p.loop.is_closed()]:
                _pulses.discard(pulse)
            pulses = list(_pulses)
            if not pulses:
                _thread = None
                return
        for pulse in pulses:
            with suppress(Exception):  # a thread of ours that dies would blind us
                pulse.look(planned, time.monotonic_ns())
        if any(pulse.overdue(time.monotonic_ns()) for pulse in pulses):
            instruments.publish_all()  # in place of the loop that can't
        pulses.clear()  # hold none of them while asleep


def _after_fork() -> None:
    global _thread, _starting
    _thread, _starting = None, threading.Lock()
    _pulses.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
