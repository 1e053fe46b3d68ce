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
from dataclasses import dataclass, field
from types import FrameType
from typing import NamedTuple, Protocol
from weakref import WeakSet

from sidelight.contract import NANOSECONDS
from sidelight.runtime import instruments
from sidelight.runtime.faults import guarded

HOLDS = 256
"""Past holds that are remembered, for those who ask what a slow request met."""
POLL = NANOSECONDS // 20
IDLE = NANOSECONDS // 4
"""Nanoseconds between two looks: at a loop that is held, and at none that runs."""


class Sight(NamedTuple):
    """What a stack works for: a route, empty outside of any request; and where in the code."""

    route: str
    where: tuple[str, ...] = ()


class Witness(Protocol):
    """Knows what a stack belongs to, and keeps what was found."""

    def see(self, frame: FrameType | None) -> Sight:
        """What a stack works for; no frame where it could not be read."""

    def held(self, sight: Sight, ns: int, *, first: bool) -> None:
        """Count ``ns`` of a held loop. ``first`` is the first look at one hold."""


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
    _seen: Sight | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def beat(self, now: int) -> int:
        """The loop runs: count what is left of a hold. Returns how late it is, in ns."""
        with self._lock:
            late = now - self.due if self.due else 0
            if late > self.threshold:
                self._count(now, self._seen or self._see(None))
                self.holds.append((self.due - self.period // 2, now))
            self._counted, self._seen = 0, None
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

    def next_look(self, now: int) -> int:
        """When a look may see something: once the next beat is overdue by half the threshold."""
        if not self.due or self.loop is None or not self.loop.is_running():
            return now + IDLE
        return max(self.due + self.threshold // 2, now + POLL)

    def look(self, planned: int, now: int) -> None:
        """From another thread: see whether the loop is held, and by what.

        ``planned`` is when this look should have been: since then nothing could be seen, and
        only what ran before that too is known to have run. What is seen before the threshold
        is only remembered: it may end in time.
        """
        with self._lock:
            if self.loop is None or not self.loop.is_running():
                self.due = self._counted = 0
            late = now - self.due if self.due else 0
            if late <= self.threshold // 2:
                return
            blind = now - planned > self.threshold
            frames = sys._current_frames()  # noqa: SLF001 it is documented
            sight = self._see(frames.get(self.thread))
            if blind and (self._seen is None or self._seen.route != sight.route):
                sight = self._see(None)
            self._seen = sight
            if late > self.threshold:
                self._count(now, self._seen)

    def _count(self, now: int, sight: Sight) -> None:
        first = not self._counted
        if first:  # it began between the last beat and the one that is due: on average half-way
            self._counted = self.due - self.period // 2
        ns = max(0, now - self._counted)  # a look may have come between a beat and its clock
        for witness in self.witnesses[:1]:  # they share one file
            witness.held(sight, ns, first=first)
        self._counted += ns

    def _see(self, frame: FrameType | None) -> Sight:
        """What a stack works for, by the first that knows it."""
        sights = [witness.see(frame) for witness in self.witnesses]
        return next((sight for sight in sights if sight.route), sights[0])


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
    while (planned := _plan()) is not None:
        time.sleep(max(0, planned - time.monotonic_ns()) / NANOSECONDS)  # and holds no pulse
        _look(planned)


def _plan() -> int | None:
    """When to look next; None where no loop is left, and the thread is to end."""
    global _thread  # noqa: PLW0603 one a process
    now = time.monotonic_ns()
    with _starting:
        for pulse in [p for p in _pulses if p.loop is None or p.loop.is_closed()]:
            _pulses.discard(pulse)
        looks = [pulse.next_look(now) for pulse in _pulses]
        if not looks:
            _thread = None
            return None
    return min(now + IDLE, *looks)


def _look(planned: int) -> None:
    with _starting:
        pulses = list(_pulses)
    for pulse in pulses:
        with guarded("watchdog"):  # without this thread no blocked loop would be seen
            pulse.look(planned, time.monotonic_ns())
    if any(pulse.overdue(time.monotonic_ns()) for pulse in pulses):
        instruments.publish_all()  # in place of the loop that can't


def _after_fork() -> None:
    global _thread, _starting
    _thread, _starting = None, threading.Lock()
    _pulses.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
