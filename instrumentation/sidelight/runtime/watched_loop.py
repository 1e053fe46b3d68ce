"""One event loop as another thread sees it: whether it is blocked, for how long, and by what."""

import asyncio
import sys
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, NamedTuple, Protocol

from sidelight.contract import NANOSECONDS
from sidelight.runtime.trio_loop import TrioLoop

MOST_BLOCKS = 256
"""Past blocks that are remembered, to be recorded with slow requests."""
MOST_SOURCES = 64
"""Lines of code whose times are kept during one block."""
POLL = NANOSECONDS // 20
IDLE = NANOSECONDS // 4
"""Nanoseconds between two looks: at a loop that is blocked, and where none runs."""
LONG = 5 * NANOSECONDS
"""A block of this length is logged before it ends, since the worker may be killed first."""


class BlockSource(NamedTuple):
    """What a stack works for: a route, empty outside of any request; and lines of code.

    ``where`` starts with the innermost line, and is empty where the stack could not be read.
    """

    route: str
    where: tuple[str, ...] = ()


class BlockAttribution(Protocol):
    """Finds the request that a stack belongs to, and counts the time it blocks the loop."""

    def attribute(self, frame: FrameType | None, loop: Any) -> BlockSource:
        """What a stack works for; no frame where it could not be read."""

    def count_block(self, route: str, ns: int, *, first: bool) -> None:
        """Count ``ns`` of a blocked loop. ``first`` is the first look at one block."""

    def log_block(self, source: BlockSource, ns: int, *, ended: bool) -> None:
        """Log what most of a block of ``ns`` was. A long one is logged before it has ended too."""


@dataclass(slots=True)
class OngoingBlock:
    """One block of a loop, while it lasts. Times are of CLOCK_MONOTONIC, in ns."""

    began: int
    counted: int
    """The time up to which it has been counted."""
    logged: bool = False
    _sources: dict[tuple[str, ...], list[Any]] = field(default_factory=dict)

    def add(self, now: int, source: BlockSource) -> int:
        """Add the time since the last look to a source. Returns that time."""
        ns = max(0, now - self.counted)  # a look may have come between a beat and its clock
        self.counted += ns
        line = (source.route, *source.where[:1])
        if line in self._sources or len(self._sources) < MOST_SOURCES:
            self._sources.setdefault(line, [0, source])[0] += ns
        return ns

    def main_source(self) -> BlockSource:
        """The route and the line that most of the time was added to."""
        _, source = max(self._sources.values(), key=lambda found: found[0])
        return BlockSource(*source)


@dataclass(slots=True, eq=False, weakref_slot=True)
class WatchedLoop:
    """One event loop. ``due`` is when its next beat should come (CLOCK_MONOTONIC, ns).

    ``chores`` is called often while the loop runs, in the thread that watches it.
    """

    attributions: list[BlockAttribution]
    threshold: int
    period: int
    loop: asyncio.AbstractEventLoop | TrioLoop | None = None
    thread: int = 0
    due: int = 0
    chores: Callable[[], None] = field(default=lambda: None, kw_only=True)
    blocks: deque[tuple[int, int]] = field(default_factory=lambda: deque(maxlen=MOST_BLOCKS))
    _block: OngoingBlock | None = None
    _last_source: BlockSource | None = None
    _run: Callable[..., Any] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def beat(self, now: int) -> int:
        """The loop runs: count the rest of a block. Returns how late it is, in ns."""
        with self._lock:
            self._notice_restart()
            late = now - self.due if self.due else 0
            if late > self.threshold:
                self._count(now, self._last_source or self._attribute(None))
                self.blocks.append((self.due - self.period // 2, now))
            ended, self._block, self._last_source = self._block, None, None
            self.due = now + self.period
        if ended is not None:
            self._log(ended, ended=True)
        return max(late, 0)

    def _notice_restart(self) -> None:
        """A loop that was stopped in between, as between two invocations, was not blocked.

        Each run of a loop sets hooks of its own, asyncio's loop and uvloop's alike.
        """
        run = sys.get_asyncgen_hooks().firstiter
        if run is not self._run:
            self._run, self.due = run, 0
            self._block = self._last_source = None

    def blocked_between(self, start: int, end: int) -> int:
        """Nanoseconds of a span in which the loop was blocked, as far as that is remembered."""
        blocks = list(self.blocks)
        if self.overdue(end) and self._run is sys.get_asyncgen_hooks().firstiter:
            blocks.append((self.due - self.period // 2, end))
        return sum(max(0, min(end, last) - max(start, first)) for first, last in blocks)

    def overdue(self, now: int) -> bool:
        """Whether the loop is blocked now, as far as that can be seen from outside."""
        return self.running() and self.due > 0 and now - self.due > self.threshold

    def running(self) -> bool:
        """Whether the loop runs at all."""
        return self.loop is not None and self.loop.is_running()

    def next_look(self, now: int) -> int:
        """When a look may see something: once the next beat is overdue by half the threshold."""
        if not self.due or not self.running():
            return now + IDLE
        return max(self.due + self.threshold // 2, now + POLL)

    def look(self, planned: int, now: int) -> None:
        """From another thread: find whether the loop is blocked, and by what.

        ``planned`` is when this look should have been: since then nothing could be seen, and
        only what also ran before that is known to have run. What is seen before the threshold
        is only remembered, since it may end in time.
        """
        with self._lock:
            if not self.running():
                self.due, self._block = 0, None
            late = now - self.due if self.due else 0
            if late <= self.threshold // 2:
                return
            self._last_source = self._seen(is_late=now - planned > self.threshold)
            if late > self.threshold:
                self._count(now, self._last_source)
            block = self._block
        if block is not None and not block.logged and block.counted - block.began >= LONG:
            block.logged = True
            self._log(block, ended=False)

    def _seen(self, *, is_late: bool) -> BlockSource:
        """What this look sees; after a look that came too late, what the one before saw too."""
        frames = sys._current_frames()  # noqa: SLF001 it is documented
        source, last = self._attribute(frames.get(self.thread)), self._last_source
        if not is_late:
            return source
        if last is None or last.route != source.route:
            return self._attribute(None)
        return BlockSource(source.route, common_callers(last.where, source.where))

    def _count(self, now: int, source: BlockSource) -> None:
        first = self._block is None
        if self._block is None:  # it began between the last beat and the due one: half-way
            began = self.due - self.period // 2
            self._block = OngoingBlock(began, began)
        ns = self._block.add(now, source)
        for attribution in self.attributions[:1]:  # they share one file
            attribution.count_block(source.route, ns, first=first)

    def _log(self, block: OngoingBlock, *, ended: bool) -> None:
        for attribution in self.attributions[:1]:  # as above
            attribution.log_block(block.main_source(), block.counted - block.began, ended=ended)

    def _attribute(self, frame: FrameType | None) -> BlockSource:
        """What a stack works for, by the first that knows it."""
        sources = [attribution.attribute(frame, self.loop) for attribution in self.attributions]
        return next((source for source in sources if source.route), sources[0])


def common_callers(before: tuple[str, ...], after: tuple[str, ...]) -> tuple[str, ...]:
    """The lines that two stacks have in common from the outermost one on."""
    same = 0
    while same < min(len(before), len(after)) and before[-1 - same] == after[-1 - same]:
        same += 1
    return after[len(after) - same :]
