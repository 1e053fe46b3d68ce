"""Whose request keeps a loop: the applications on it are asked, and one of them records it."""

from collections.abc import Iterable
from types import FrameType
from typing import Any, Protocol

from sidelight.runtime.loop_block import BlockSource, OngoingBlock
from sidelight.runtime.loop_sampler import Work


class BlockAttribution(Protocol):
    """Finds the request that a stack belongs to, and counts the time it blocks the loop."""

    def attribute(self, frame: FrameType | None, loop: Any) -> BlockSource:
        """What a stack works for; no frame where it could not be read."""

    def attribute_thread(self, frame: FrameType) -> BlockSource:
        """What another thread than the loop's works for, which keeps the GIL."""

    def work_of(self, frame: FrameType, loop: Any) -> Work:
        """The route and the line that a stack works for; no route outside of any request."""

    def note_phase(self, frame: FrameType, now: int, passed: int) -> None:
        """Note the phase of the request that a stack works for.

        ``passed`` is for how many ns that may be so.
        """

    def count_block(self, route: str, ns: int, *, first: bool) -> None:
        """Count ``ns`` of a blocked loop. ``first`` is the first look at one block."""

    def log_block(self, block: OngoingBlock, *, ended: bool) -> None:
        """Log what most of a block was. A long one is logged before it has ended too."""

    def show_block(self, block: OngoingBlock) -> None:
        """Show other processes a block that lasts, and what most of it was."""

    def hide_block(self) -> None:
        """The block that was shown has ended."""


class BlockRecorders:
    """The applications on one loop. They share a file, so the first of them records."""

    def __init__(self, attributions: list[BlockAttribution]) -> None:
        """Applications come and go in the list that is given."""
        self._attributions = attributions
        self._shown: BlockSource | None = None

    def attribute(self, frame: FrameType | None, loop: Any) -> BlockSource:
        """What a stack works for, by the first that knows it."""
        return first_with_route([each.attribute(frame, loop) for each in self._attributions])

    def attribute_threads(self, frames: Iterable[FrameType]) -> BlockSource | None:
        """What one of some threads works for, by the first that knows it; None without any."""
        found = [each.attribute_thread(frame) for frame in frames for each in self._attributions]
        return first_with_route(found) if found else None

    def work_of(self, frame: FrameType, loop: Any) -> Work:
        """What a stack works for, by the first application that knows its route."""
        found = [each.work_of(frame, loop) for each in self._attributions]
        return next((work for work in found if work.route), found[0] if found else Work())

    def note_phase(self, frame: FrameType, now: int, passed: int) -> None:
        """Note the phase of the request that a stack works for."""
        for recorder in self._attributions[:1]:
            recorder.note_phase(frame, now, passed)

    def count(self, block: OngoingBlock, *, ended: bool) -> None:
        """Count what of a block is not counted yet, once its cause is known."""
        main = block.main_source().route
        for route, ns in block.take_uncounted(ended=ended).items():
            first = not block.counted and route == main
            block.counted = block.counted or first
            for recorder in self._attributions[:1]:
                recorder.count_block(route, ns, first=first)

    def show(self, block: OngoingBlock) -> None:
        """Show a block that has a cause to other processes, until it ends."""
        source = block.main_source()
        if block.has_cause and source != self._shown:
            self._shown = source
            for recorder in self._attributions[:1]:
                recorder.show_block(block)

    def hide(self) -> None:
        """Show no block any longer, if one is shown."""
        shown, self._shown = self._shown, None
        for recorder in self._attributions[:1] if shown else ():
            recorder.hide_block()

    def log(self, block: OngoingBlock, *, ended: bool) -> None:
        """Log what most of a block was."""
        for recorder in self._attributions[:1]:
            recorder.log_block(block, ended=ended)


def first_with_route(sources: list[BlockSource]) -> BlockSource:
    """The first that is of a route, or else the first."""
    return next((source for source in sources if source.route), sources[0])
