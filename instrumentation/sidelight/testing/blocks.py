"""How long one step of an application blocks the event loop, measured from the inside.

The heartbeat of a worker is too slow for a test, which may end within a second and have a loop
of its own. So each step of a request, and each callback of asyncio's loop,
is timed as it runs, and a thread looks at the stacks of those that take long.
"""

import asyncio
import threading
from collections import Counter
from collections.abc import Coroutine, Generator, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from heapq import heappushpop
from threading import get_ident
from time import perf_counter
from typing import Any, NamedTuple

import pytest
from starlette.types import Scope

from sidelight.asgi.code_lines import lines_of
from sidelight.asgi.labels import Labels
from sidelight.asgi.lifecycle import StoreLifecycle
from sidelight.runtime.thread_frame import frame_of

SHORTEST = 0.01
"""Seconds; a step that takes less is not remembered."""
LOOK = 0.005
"""Seconds between two looks at what runs."""
MOST = 100
"""The longest are remembered."""


class ApplicationCall(NamedTuple):
    """Whose a step is: what an application was called with."""

    lifecycle: StoreLifecycle
    scope: Scope

    @property
    def serves(self) -> bool:
        """Whether it is a request or a connection, and no lifespan."""
        return bool(self.scope["type"] != "lifespan")


@dataclass(slots=True, eq=False)
class TimedStep:
    """What runs on a thread's event loop at this moment; ``inner`` is not its own."""

    call: ApplicationCall | None
    outer: "TimedStep | None"
    began: float
    inner: float = 0.0
    places: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True, order=True)
class LoopBlock:
    """One step that took long. ``call`` is None outside of any call of an application."""

    seconds: float
    call: ApplicationCall | None = field(compare=False)
    labels: Labels | None = field(compare=False)
    place: str = field(compare=False)

    @property
    def route(self) -> str:
        """The method and route of its request; the path where it has no route."""
        if self.call is None or not self.call.serves:
            return ""
        scope = self.call.scope
        template = self.labels.seen(scope) if self.labels is not None else ""
        return f"{scope.get('method', 'WEBSOCKET')} {template or scope['path']}"

    def __str__(self) -> str:
        """In words, as a test's failure says it."""
        whose = self.route or "no request"
        where = self.place or "in code during which no other thread ran (a C extension?)"
        return f"{self.seconds:.3f} s by {whose}: {where}"


_call: ContextVar[ApplicationCall | None] = ContextVar("sidelight_call", default=None)


class LoopBlocks:
    """Everything that blocks a loop, from `timing` on."""

    def __init__(self) -> None:
        self.unseen: set[str] = set()
        self._longest: list[LoopBlock] = []
        self._running: dict[int, TimedStep] = {}
        self._served: set[int] = set()
        self._own_thread = get_ident()
        self._elsewhere: list[tuple[int, LoopBlock]] = []

    @contextmanager
    def timing(self) -> Iterator[None]:
        """Time the callbacks of asyncio's loops in a block, and look at the long ones."""
        original: Any = vars(asyncio.Handle)["_run"]  # the one place that every callback passes

        def run(callback: Any) -> None:
            step = self._begin(callback._context.get(_call))  # noqa: SLF001 tells whose it is
            try:
                original(callback)
            finally:
                self._end(step, called=False)

        over = threading.Event()
        looking = threading.Thread(target=self._look, args=(over,), name="sidelight-testing")
        looking.daemon = True
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(asyncio.Handle, "_run", run)
            looking.start()
            try:
                yield
            finally:
                over.set()
                looking.join()

    def found(self, lifecycle: StoreLifecycle | None) -> list[LoopBlock]:
        """What blocked a loop, the longest first; of one application if it is given.

        Callbacks of no request count where they are not the test's own: on the loop of
        another thread, as a `TestClient` has it.
        """
        others = [block for thread, block in self._elsewhere if thread in self._served]
        every = sorted([*self._longest, *others], reverse=True)
        if lifecycle is None:
            return every
        return [block for block in every if not block.call or block.call.lifecycle is lifecycle]

    async def call(self, call: ApplicationCall, steps: Coroutine[Any, Any, None]) -> None:
        """Run a call of an application."""
        self._served.add(get_ident())
        self._see()
        token = _call.set(call)
        try:
            await _TimedCall(self, call, steps)
        finally:
            _call.reset(token)

    def _see(self) -> None:
        """Remember which loops' callbacks can't be timed."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.unseen.add("a loop that is not asyncio's")
            return
        if not isinstance(loop, asyncio.BaseEventLoop):
            self.unseen.add(f"{type(loop).__module__}.{type(loop).__qualname__}")

    def _begin(self, call: ApplicationCall | None) -> TimedStep:
        thread = get_ident()
        step = TimedStep(call, self._running.get(thread), perf_counter())
        self._running[thread] = step
        return step

    def _end(self, step: TimedStep, *, called: bool) -> None:
        """A step is over: a part of a call, or else a callback.

        A callback that has a call in it is the client's or the server's, but for that.
        """
        took = perf_counter() - step.began
        if step.outer is None:
            self._running.pop(get_ident(), None)
        else:
            self._running[get_ident()] = step.outer
            step.outer.inner += took
        if took - step.inner >= SHORTEST and (called or not step.inner):
            self._keep(step, took - step.inner, called=called)

    def _keep(self, step: TimedStep, seconds: float, *, called: bool) -> None:
        place = step.places.most_common(1)[0][0] if step.places else ""
        call = step.call
        if call is None:
            if get_ident() != self._own_thread:
                self._elsewhere.append((get_ident(), LoopBlock(seconds, None, None, place)))
        elif call.serves or not called:
            recorder = call.lifecycle.recorder
            block = LoopBlock(seconds, call, recorder.labels if recorder else None, place)
            if len(self._longest) < MOST:
                self._longest.append(block)
            else:
                self._longest.sort()
                heappushpop(self._longest, block)

    def _look(self, over: threading.Event) -> None:
        while not over.wait(LOOK):
            now = perf_counter()
            for thread, step in list(self._running.items()):
                if now - step.began >= SHORTEST / 2:
                    frame = frame_of(thread)
                    if frame is None or self._running.get(thread) is not step:
                        continue
                    endpoint = step.call.scope.get("endpoint") if step.call else None
                    step.places[", called from ".join(lines_of(frame, endpoint))] += 1


class _TimedCall:
    """A call of an application whose every step is timed."""

    def __init__(
        self, blocks: LoopBlocks, call: ApplicationCall, steps: Coroutine[Any, Any, None]
    ) -> None:
        self._blocks, self._call, self._steps = blocks, call, steps

    def __await__(self) -> Generator[Any, Any, None]:
        value: Any = None
        error: BaseException | None = None
        while True:
            step = self._blocks._begin(self._call)  # noqa: SLF001 a part of it
            try:
                waits = self._steps.throw(error) if error else self._steps.send(value)
            except StopIteration:
                return
            finally:
                self._blocks._end(step, called=True)  # noqa: SLF001 as above
            value = error = None
            try:
                value = yield waits
            except BaseException as thrown:  # noqa: BLE001 passed on to whom it is for
                error = thrown
