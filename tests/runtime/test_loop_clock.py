"""A loop's clock tells waits for the loop from idle time, on asyncio and on uvloop."""

import asyncio
import selectors
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvloop

from sidelight.runtime.idle_time import idle_time
from sidelight.runtime.loop_clock import NOTICEABLE, LoopClock

MS = 1_000_000
Program = Callable[[LoopClock], Coroutine[Any, Any, None]]


def on(factory: Callable[[], asyncio.AbstractEventLoop], program: Program) -> None:
    """Run a program with a clock that follows its loop and has one beat."""

    async def main() -> None:
        clock = LoopClock()
        clock.follow(asyncio.get_running_loop())
        assert clock.is_known
        await asyncio.sleep(0.02)
        clock.beat(time.monotonic_ns())
        await program(clock)

    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(main())


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def loop(request: pytest.FixtureRequest) -> Callable[[], asyncio.AbstractEventLoop]:
    """What makes an event loop."""
    found: Callable[[], asyncio.AbstractEventLoop] = request.param
    return found


def test_a_busy_loop_is_waited_for(loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    """All of a time without a pause is a wait, over beats too, and a request in it is late."""

    async def program(clock: LoopClock) -> None:
        start = time.monotonic_ns()
        for _ in range(5):
            time.sleep(0.03)  # noqa: ASYNC251 it blocks the loop on purpose
            clock.beat(time.monotonic_ns())
            await asyncio.sleep(0)
        now = time.monotonic_ns()
        assert now - start - 2 * MS <= clock.waited(start, now) <= now - start
        assert clock.is_late(time.monotonic_ns())

    on(loop, program)


def test_an_idle_loop_is_not_waited_for(loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    """A time in which the loop slept is no wait, and a request after it is not late."""

    async def program(clock: LoopClock) -> None:
        start = time.monotonic_ns()
        clock.is_late(start)
        await asyncio.sleep(0.3)
        now = time.monotonic_ns()
        late = clock.is_late(now)
        busy = now - start - 300 * MS
        assert clock.waited(start, now) < busy + NOTICEABLE
        assert not late or busy >= NOTICEABLE // 4  # on a machine that had no processor for it

    on(loop, program)


def test_idle_time_is_before_what_waits(loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    """Of an interval with both, what arrived in its idle part waited for the busy part only."""

    async def program(clock: LoopClock) -> None:
        await asyncio.sleep(0.5)
        before = time.monotonic_ns()
        arrival = before - 300 * MS
        time.sleep(0.1)  # noqa: ASYNC251 it blocks the loop on purpose
        now = time.monotonic_ns()
        assert now - before <= clock.waited(arrival, now) < now - arrival - 100 * MS

    on(loop, program)


def test_another_loop_is_not_asked() -> None:
    """On a loop that it does not follow, or without any, nothing is late."""
    clock = LoopClock()
    assert not clock.is_late(time.monotonic_ns())

    async def program(followed: LoopClock) -> None:
        time.sleep(0.05)  # noqa: ASYNC251 it blocks the loop on purpose
        assert followed.is_late(time.monotonic_ns())
        clocks.append(followed)

    clocks: list[LoopClock] = []
    on(uvloop.new_event_loop, program)

    async def elsewhere() -> bool:
        return clocks[0].is_late(time.monotonic_ns())

    assert not clocks[0].is_late(time.monotonic_ns())
    assert not asyncio.run(elsewhere())


class Odd(asyncio.SelectorEventLoop):
    """A loop whose selector lets nothing be set on it."""

    def __init__(self) -> None:
        super().__init__()
        self._own: Any = self._selector
        self._selector: Any = Fixed(self._own)


class Fixed:
    """Passes everything on to another object, and refuses new attributes."""

    __slots__ = ("_of",)

    def __init__(self, of: Any) -> None:
        object.__setattr__(self, "_of", of)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._of, name)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(name)


def test_a_loop_that_does_not_tell() -> None:
    """Where a loop's idle time is not known, nothing is late and nothing has waited."""
    with asyncio.Runner(loop_factory=Odd) as runner:
        loop = runner.get_loop()
        clock = LoopClock()
        clock.follow(loop)
        assert idle_time(loop) is None
        assert not clock.is_known
        clock.beat(time.monotonic_ns())
        assert clock.waited(0, time.monotonic_ns()) == 0
        assert not clock.is_late(time.monotonic_ns())
    assert idle_time(object()) is None


class Late(selectors.SelectSelector):
    """A selector that returns 0.1 s after its timeout."""

    def select(self, timeout: float | None = None) -> Any:
        """Wait longer than it was asked to."""
        found = super().select(timeout)
        time.sleep(0.1)
        return found


def test_a_wait_ends_with_its_timeout() -> None:
    """A ``select`` that returns late was idle no longer than it was asked to be."""
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(Late())) as runner:
        idle = idle_time(runner.get_loop())
        assert idle is not None
        runner.run(asyncio.sleep(0.02))
        assert 10 * MS < idle.read() <= 20 * MS
