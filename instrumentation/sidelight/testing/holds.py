"""How long the event loop is held by one step of an application, measured from the inside.

The heartbeat of a worker finds what a service suffers from; a test is over too soon for that,
and has a new loop every time. So each step of a request, and each callback of asyncio's loop,
is timed as it runs, and a thread looks at the stacks of those that take long.
"""

import asyncio
import sys
import threading
from collections import Counter
from collections.abc import Coroutine, Generator, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from heapq import heappushpop
from threading import get_ident
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from starlette.types import Scope

from sidelight.asgi.blame import own_frames
from sidelight.asgi.labels import Labels

if TYPE_CHECKING:
    from sidelight.asgi.middleware import SidelightMiddleware

SHORTEST = 0.01
"""Seconds; a step that takes less is not remembered."""
LOOK = 0.005
"""Seconds between two looks at what runs."""
MOST = 100
"""The longest are remembered."""


class Owner(NamedTuple):
    """Whose a step is: what an application was called with."""

    middleware: "SidelightMiddleware"
    scope: Scope

    @property
    def serves(self) -> bool:
        """Whether it is a request or a connection, and no lifespan."""
        return bool(self.scope["type"] != "lifespan")


@dataclass(slots=True, eq=False)
class Step:
    """What runs on a thread's event loop at this moment; ``inner`` is not its own."""

    owner: Owner | None
    outer: "Step | None"
    began: float
    inner: float = 0.0
    places: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True, order=True)
class Hold:
    """One step that took long. ``owner`` is None outside of any call of an application."""

    seconds: float
    owner: Owner | None = field(compare=False)
    labels: Labels | None = field(compare=False)
    place: str = field(compare=False)

    @property
    def route(self) -> str:
        """The method and route of its request; the path where it has no route."""
        if self.owner is None or not self.owner.serves:
            return ""
        scope = self.owner.scope
        template = self.labels.seen(scope) if self.labels is not None else ""
        return f"{scope.get('method', 'WEBSOCKET')} {template or scope['path']}"

    def __str__(self) -> str:
        """In words, as a test's failure says it."""
        whose = self.route or "no request"
        where = self.place or "in code that let no other thread look (a C extension?)"
        return f"{self.seconds:.3f} s by {whose}: {where}"


_owner: ContextVar[Owner | None] = ContextVar("sidelight_owner", default=None)


class Holds:
    """Everything that holds a loop, from `watching` on."""

    def __init__(self) -> None:
        self.blind: set[str] = set()
        self._held: list[Hold] = []
        self._running: dict[int, Step] = {}
        self._served: set[int] = set()
        self._own_thread = get_ident()
        self._elsewhere: list[tuple[int, Hold]] = []

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Time the callbacks of asyncio's loops in a block, and look at the long ones."""
        original: Any = vars(asyncio.Handle)["_run"]  # the one place that every callback passes

        def run(callback: Any) -> None:
            step = self._begin(callback._context.get(_owner))  # noqa: SLF001 tells whose it is
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

    def found(self, middleware: "SidelightMiddleware | None") -> list[Hold]:
        """What held a loop, the longest first; of one application if it is given.

        Callbacks of no request count where they are not the test's own: on the loop of
        another thread, as a `TestClient` has it.
        """
        others = [hold for thread, hold in self._elsewhere if thread in self._served]
        every = sorted([*self._held, *others], reverse=True)
        if middleware is None:
            return every
        return [hold for hold in every if not hold.owner or hold.owner.middleware is middleware]

    async def call(self, owner: Owner, steps: Coroutine[Any, Any, None]) -> None:
        """Run a call of an application."""
        self._served.add(get_ident())
        self._see()
        token = _owner.set(owner)
        try:
            await _Timed(self, owner, steps)
        finally:
            _owner.reset(token)

    def _see(self) -> None:
        """Remember which loops' callbacks can't be timed."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.blind.add("a loop that is not asyncio's")
            return
        if not isinstance(loop, asyncio.BaseEventLoop):
            self.blind.add(f"{type(loop).__module__}.{type(loop).__qualname__}")

    def _begin(self, owner: Owner | None) -> Step:
        thread = get_ident()
        step = Step(owner, self._running.get(thread), perf_counter())
        self._running[thread] = step
        return step

    def _end(self, step: Step, *, called: bool) -> None:
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

    def _keep(self, step: Step, seconds: float, *, called: bool) -> None:
        place = step.places.most_common(1)[0][0] if step.places else ""
        owner = step.owner
        if owner is None:
            if get_ident() != self._own_thread:
                self._elsewhere.append((get_ident(), Hold(seconds, None, None, place)))
        elif owner.serves or not called:
            recorder = owner.middleware._recorder  # noqa: SLF001 our own
            hold = Hold(seconds, owner, recorder.labels if recorder else None, place)
            if len(self._held) < MOST:
                self._held.append(hold)
            else:
                self._held.sort()
                heappushpop(self._held, hold)

    def _look(self, over: threading.Event) -> None:
        while not over.wait(LOOK):
            now = perf_counter()
            for thread, step in list(self._running.items()):
                if now - step.began >= SHORTEST / 2:
                    frame = sys._current_frames().get(thread)  # noqa: SLF001 documented
                    where = ", called from ".join(own_frames(frame))
                    if where and self._running.get(thread) is step:
                        step.places[where] += 1


class _Timed:
    """A call of an application whose every step is timed."""

    def __init__(self, holds: Holds, owner: Owner, steps: Coroutine[Any, Any, None]) -> None:
        self._holds, self._owner, self._steps = holds, owner, steps

    def __await__(self) -> Generator[Any, Any, None]:
        value: Any = None
        error: BaseException | None = None
        while True:
            step = self._holds._begin(self._owner)  # noqa: SLF001 a part of it
            try:
                waits = self._steps.throw(error) if error else self._steps.send(value)
            except StopIteration:
                return
            finally:
                self._holds._end(step, called=True)  # noqa: SLF001 as above
            value = error = None
            try:
                value = yield waits
            except BaseException as thrown:  # noqa: BLE001 passed on to whom it is for
                error = thrown
