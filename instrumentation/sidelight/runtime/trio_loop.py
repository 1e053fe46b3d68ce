"""A running Trio as the heartbeat needs it: as an event loop with a timer."""

import asyncio
import sys
from collections.abc import Callable
from typing import Any

from sidelight.runtime.faults import guarded


class TrioTimer:
    """A call that is due later."""

    def __init__(self) -> None:
        self.cancelled = False

    def cancel(self) -> None:
        """Leave the call out."""
        self.cancelled = True


class TrioLoop:
    """One run of Trio. Its methods are those of an asyncio event loop."""

    def __init__(self, trio: Any) -> None:
        self._trio = trio
        self._ended = False

    def call_later(self, delay: float, call: Callable[..., object], *args: object) -> TrioTimer:
        """Call after ``delay`` seconds, in a task of Trio's own, which ends with the run."""
        timer = TrioTimer()
        self._trio.lowlevel.spawn_system_task(self._call, timer, delay, call, args)
        return timer

    async def _call(
        self, timer: TrioTimer, delay: float, call: Callable[..., object], args: tuple[object, ...]
    ) -> None:
        try:
            await self._trio.sleep(delay)
        except BaseException:
            self._ended = True
            raise
        if not timer.cancelled:
            with guarded("heartbeat"):  # an exception would end the whole run
                call(*args)

    def is_running(self) -> bool:
        """Whether the run has not ended."""
        return not self._ended

    def is_closed(self) -> bool:
        """Whether the run has ended."""
        return self._ended


_loops: Any = None


def running_loop() -> asyncio.AbstractEventLoop | TrioLoop:
    """The event loop of asyncio, or the run of Trio, that this thread is in.

    Raises RuntimeError where there is none.
    """
    global _loops  # noqa: PLW0603 one a process, made once Trio is used
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        trio: Any = sys.modules.get("trio")
        if trio is None:
            raise
    trio.lowlevel.current_trio_token()
    if _loops is None:
        _loops = trio.lowlevel.RunVar("sidelight")
    found: TrioLoop | None = _loops.get(None)
    if found is None:
        found = TrioLoop(trio)
        _loops.set(found)
    return found
