"""One event loop as another thread sees it: whether it is blocked, for how long, and by what."""

import asyncio
import sys
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from types import FrameType
from typing import Any, NamedTuple

from sidelight.contract import NANOSECONDS, UNKNOWN
from sidelight.runtime.block_attribution import BlockAttribution, BlockRecorders
from sidelight.runtime.cpu_throttling import RecentThrottling
from sidelight.runtime.gil_holders import GilHolders
from sidelight.runtime.loop_block import (
    NO_PROCESSOR,
    THROTTLED,
    BlockSource,
    OngoingBlock,
    PastBlock,
    common_callers,
)
from sidelight.runtime.loop_sampler import INTERVAL, LoopSampler
from sidelight.runtime.processor_waits import ProcessorWaits
from sidelight.runtime.thread_frame import frame_of
from sidelight.runtime.trio_loop import TrioLoop

MOST_BLOCKS = 256
"""Past blocks that are remembered, to be recorded with slow requests."""
POLL = NANOSECONDS // 20
IDLE = NANOSECONDS // 4
"""Nanoseconds between two looks: at a loop that is blocked, and where none runs."""
LONG = 5 * NANOSECONDS
"""A block of this length is logged before it ends, since the worker may be killed first."""


class LoopConditions(NamedTuple):
    """How long a loop was blocked in a span, in ns, and by what most of it; None if it was not."""

    blocked: int
    by: BlockSource | None


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
    waits: ProcessorWaits = field(default_factory=ProcessorWaits)
    holders: GilHolders = field(default_factory=GilHolders)
    throttled: RecentThrottling = field(default_factory=RecentThrottling)
    blocks: deque[PastBlock] = field(default_factory=lambda: deque(maxlen=MOST_BLOCKS))
    sampler: LoopSampler | None = None
    _look_at: int = 0
    _looked: int = 0
    _sample_at: int = 0
    _block: OngoingBlock | None = None
    _last_source: BlockSource | None = None
    _run: Callable[..., Any] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _recorders: BlockRecorders = field(init=False)

    def __post_init__(self) -> None:
        self._recorders = BlockRecorders(self.attributions)

    def beat(self, now: int) -> int:
        """The loop runs: count the rest of a block. Returns how late it is, in ns."""
        with self._lock:
            self._notice_restart()
            late = now - self.due if self.due else 0
            if late > self.threshold:
                source = (
                    self._last_source
                    or self._held(now, on_loop=True)
                    or self._recorders.attribute(None, self.loop)
                )
                block = self._count(now, source, ended=True)
                self.blocks.append(PastBlock(block.began, now, block.main_source()))
            ended, self._block, self._last_source = self._block, None, None
            self.due = now + self.period
            self.waits.restart(now)
            self.holders.restart(self.waits.at_start)
            self._recorders.hide()
        if ended is not None:
            self._recorders.log(ended, ended=True)
        return max(late, 0)

    def _notice_restart(self) -> None:
        """A loop that was stopped in between, as between two invocations, was not blocked.

        Each run of a loop sets hooks of its own, asyncio's loop and uvloop's alike.
        """
        run = sys.get_asyncgen_hooks().firstiter
        if run is not self._run:
            self._run, self.due = run, 0
            self._block = self._last_source = None

    def conditions(self, start: int, end: int) -> LoopConditions:
        """How the loop was blocked in a span, as far as that is remembered."""
        with self._lock:
            blocks = list(self.blocks)
            if self.overdue(end) and self._run is sys.get_asyncgen_hooks().firstiter:
                blocks.append(self._present_block(end))
        found = [(block.within(start, end), block.source) for block in blocks]
        longest, source = max(found, key=lambda each: each[0], default=(0, None))
        return LoopConditions(sum(ns for ns, _ in found), source if longest else None)

    def _present_block(self, now: int) -> PastBlock:
        """The block that the loop is in, as far as it was seen."""
        began = self.due - self.period // 2
        if self._block is not None and self._block.has_cause:
            return PastBlock(began, now, self._block.main_source())
        waited = self.waits.waited()
        code = now - began - waited
        seen = self._last_source or BlockSource(UNKNOWN)
        return PastBlock(began, now, seen if code >= self._least else self._wait(waited))

    @property
    def _least(self) -> int:
        """How long code takes at least in a block that it is the cause of."""
        return self.threshold + self.period // 2

    def overdue(self, now: int) -> bool:
        """Whether the loop is blocked now, as far as that can be seen from outside."""
        return self.running() and self.due > 0 and now - self.due > self.threshold

    def running(self) -> bool:
        """Whether the loop runs at all."""
        return self.loop is not None and self.loop.is_running()

    def next_look(self, now: int) -> int:
        """When a look may see something: once the next beat is overdue by so much."""
        if not self.due or not self.running():
            return now + IDLE
        return max(self.due + self._looks_after, now + POLL)

    @property
    def _looks_after(self) -> int:
        """Half the threshold; not later than a sample, so that a thread wakes up once for both."""
        return min(self.threshold // 2, INTERVAL)

    def plan(self, now: int) -> int:
        """When to visit this loop: for the next look, or for a sample before that."""
        self._look_at = self._look_at or self.next_look(now)
        if self.sampler is None or not self.due or not self.running():
            self._sample_at = 0
            return self._look_at
        self._sample_at = self.sampler.next_sample(now, self.due)
        return min(self._look_at, self._sample_at)

    def sample(self, now: int) -> None:
        """From another thread: take the sample that is due, if one is."""
        planned, self._sample_at = self._sample_at, 0
        if self.sampler is None or not self.due or not 0 < planned <= now:
            return
        if self.sampler.is_wanted(now, self.due):
            work_of = partial(self._recorders.work_of, loop=self.loop)
            self.sampler.sample(self.thread, planned, now, work_of)

    def is_look_due(self, now: int) -> bool:
        """Whether `visit` has something to do."""
        return now >= self._look_at

    def visit(self, now: int, waited: int) -> None:
        """From another thread: look, if that is due. ``waited`` is as for `look`."""
        if self.is_look_due(now):
            planned, self._look_at = self._look_at, 0
            self.look(planned, now, waited)

    def look(self, planned: int, now: int, waited: int = 0) -> None:
        """From another thread: find whether the loop is blocked, and by what.

        ``planned`` is when this look should have been: since then nothing could be seen, and
        only what also ran before that is known to have run. ``waited`` is how long this thread
        had no processor meanwhile. What is seen before the threshold is only remembered, since it
        may end in time.
        """
        seen = self._seen(now, now - planned, waited) if self._is_late(now) else None
        with self._lock:
            if not self.running():
                self.due, self._block = 0, None
                self._recorders.hide()
            late = now - self.due if self.due else 0
            if late < self._looks_after or seen is None:
                return
            self._last_source = seen
            block = None
            unclear = self.waits.may_wait(now)  # a later look or the beat counts it then
            if late > self.threshold and not unclear:
                block = self._count(now, self._last_source, ended=False)
                self.holders.advance()
                self._recorders.show(block)
        if block is not None and not block.logged and block.ns >= LONG:
            block.logged = True
            self._recorders.log(block, ended=False)

    def _is_late(self, now: int) -> bool:
        """Whether the loop may be blocked. Notes what precedes a block otherwise.

        Files are read without the lock, since the loop waits for that.
        """
        if self.due and self.running() and now - self.due >= self._looks_after:
            return True
        self.holders.note(now)
        self.throttled.note(now)
        return False

    def _seen(self, now: int, late: int, waited: int) -> BlockSource:
        """What this look sees; after a look that came too late, what the one before saw too."""
        frame = frame_of(self.thread)
        source, last = self._recorders.attribute(frame, self.loop), self._last_source
        self._note_phase(frame, now, late)
        self.throttled.look()
        held = self._held(now)
        if held is not None:
            return held
        if late <= self.threshold:
            return source
        if last is None or last.route != source.route or last.cause != "code":
            unseen = self._recorders.attribute(None, self.loop)
            kept = late - waited > self.threshold and self.holders.is_alone
            return unseen._replace(cause="native") if kept else unseen
        return BlockSource(source.route, common_callers(last.where, source.where))

    def _note_phase(self, frame: FrameType | None, now: int, late: int) -> None:
        """Note the phase of the request that blocks the loop, since the look before.

        After a look that came too late it is only known that it is the same as before, if it is.
        """
        passed = 0 if late > self.threshold else now - max(self.due, self._looked)
        self._looked = now
        if frame is not None:
            self._recorders.note_phase(frame, now, passed)

    def _held(self, now: int, *, on_loop: bool = False) -> BlockSource | None:
        """What the thread works for that kept the GIL since the last look; None without one.

        A thread that works for a request now comes before one that may have ended its work.
        """
        block = self._block
        began = self.due - self.period // 2 if block is None else block.seen
        frames = map(frame_of, self.holders.holders(now - began, on_loop=on_loop))
        return self._recorders.attribute_threads(filter(None, frames))

    def _count(self, now: int, source: BlockSource, *, ended: bool) -> OngoingBlock:
        """Add the time since the last look to a source, and count what has a cause."""
        if self._block is None:  # it began between the last beat and the due one: half-way
            began = self.due - self.period // 2
            self._block = OngoingBlock(began, self._least)
        block = self._block
        ns = block.advance(now)
        waited = self.waits.take(ns)
        block.add(source, ns, waited, self._wait(waited))
        self._recorders.count(block, ended=ended)
        return block

    def _wait(self, waited: int) -> BlockSource:
        """What the loop's thread, which had no processor for a time, waited for."""
        return THROTTLED if self.throttled.seen > waited // 2 else NO_PROCESSOR
