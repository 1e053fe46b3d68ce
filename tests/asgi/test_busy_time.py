"""The steps of requests are clocked by route where they pass the router, natively."""

import asyncio
import copy
import time
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI, HTTPException
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from sidelight import SidelightMiddleware
from sidelight.asgi.busy_time import ClockedRouter, clock
from sidelight.extension import extension
from tests.asgi.driver import ask, call, scrape

pytestmark = pytest.mark.skipif(extension is None, reason="only the extension clocks steps")
BUSY = "asyncio_event_loop_busy_seconds_total"
CLOCKED = 0.05


def work() -> None:
    """Keep the loop busy."""
    end = time.monotonic() + CLOCKED
    while time.monotonic() < end:
        pass


def service() -> FastAPI:
    """Routes that work in one step, in several, never, and until they fail."""
    app = FastAPI()
    app.add_middleware(SidelightMiddleware)

    @app.get("/once")
    async def once() -> None:
        work()

    @app.get("/twice")
    async def twice() -> None:
        work()
        await asyncio.sleep(0.01)
        work()

    @app.get("/stuck")
    async def stuck() -> None:
        work()
        app.state.begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            work()

    @app.get("/waits")
    async def waits() -> None:
        await asyncio.sleep(CLOCKED)

    @app.get("/fails")
    async def fails() -> None:
        work()
        raise HTTPException(503)

    @app.get("/raises")
    async def raises() -> None:
        work()
        raise KeyError

    return app


def busy(app: Any) -> dict[str, float]:
    """Busy seconds by route, without what has no route."""
    page = scrape(app)
    return {
        dict(labels)["http_route"]: value
        for (name, labels), value in page.samples.items()
        if name == BUSY and dict(labels)["http_route"]
    }


def test_each_step_counts_for_its_route() -> None:
    """The time of all steps is the route's that was chosen, and a wait is no route's."""
    app = service()
    for path in ("/once", "/twice", "/waits", "/fails", "/raises", "/nowhere", "/once"):
        call(app, "GET", path)
    found = busy(app)
    assert found.keys() == {"/once", "/twice", "/waits", "/fails", "/raises", "_UNMATCHED"}
    for path, least in {"/once": 2, "/twice": 2, "/fails": 1, "/raises": 1}.items():
        assert found[path] >= least * CLOCKED, path


async def elsewhere(request: Request, call_next: RequestResponseEndpoint) -> Response:
    """A middleware that runs the rest in a task of its own."""
    return await call_next(request)


def test_another_task_is_clocked() -> None:
    """Below a middleware with a task of its own, the route's time is the same."""
    app = service()
    app.add_middleware(BaseHTTPMiddleware, dispatch=elsewhere)
    call(app, "GET", "/twice")
    assert busy(app)["/twice"] >= 2 * CLOCKED


def test_a_cancelled_request_is_clocked() -> None:
    """What a request worked for before it was cancelled counts."""
    app = service()

    async def cancelled() -> None:
        task = asyncio.ensure_future(ask(app, "GET", "/stuck"))
        await begun.wait()
        task.cancel()
        assert isinstance((await task).error, asyncio.CancelledError)

    begun = app.state.begun = asyncio.Event()
    asyncio.run(cancelled())
    assert busy(app)["/stuck"] >= 2 * CLOCKED


class Unusual:
    """An application that returns an awaitable which is no coroutine."""

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Any:
        """Answer."""
        return asyncio.ensure_future(PlainTextResponse("unusual")(scope, receive, send))


def test_what_is_called_may_be_unusual() -> None:
    """A router whose application returns another awaitable works as before."""
    app = service()
    app.router.middleware_stack = Unusual()
    assert call(app, "GET", "/once").text == "unusual"
    assert isinstance(app.router.middleware_stack, ClockedRouter)


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy])
def test_it_may_be_copied(again: Callable[[Any], Any]) -> None:
    """A copy calls the copy of what it called."""
    clocked = ClockedRouter(Unusual())
    other = again(clocked)
    assert isinstance(other, ClockedRouter)
    assert other is not clocked
    assert (other.app is clocked.app) == (again is copy.copy)


def test_it_is_clocked_once() -> None:
    """Set up again, it is as it was."""
    app = service()
    clock(app)
    first = app.router.middleware_stack
    clock(app)
    assert app.router.middleware_stack is first
    clock(object())


def test_arguments_that_are_no_request() -> None:
    """What is not called as ASGI has it is given on as it is."""

    async def odd(*given: object, **named: object) -> tuple[object, ...]:
        return (*given, named)

    clocked: Any = ClockedRouter(odd)  # type: ignore[arg-type] # any object may be a router
    assert asyncio.run(clocked(1, two=2)) == (1, {"two": 2})
    assert asyncio.run(clocked(1, 2, 3)) == (1, 2, 3, {})
    with pytest.raises(TypeError, match="three arguments"):
        clocked.prepare(1)
