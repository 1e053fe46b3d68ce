"""The route that a blocked event loop is counted for, in an application under real requests."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient
from starlette.types import ASGIApp, Receive, Scope, Send

from sidelight import SidelightMiddleware
from sidelight.asgi.loop_blocks import LoopBlockAttribution
from sidelight.runtime.loop_block import BlockSource, OngoingBlock
from tests.asgi.driver import Page

BLOCKED = "asyncio_event_loop_blocked_seconds_total"
BLOCK = 0.3


class SlowMiddleware:
    """A middleware that blocks the loop before the router sees a request."""

    def __init__(self, app: ASGIApp, block: Callable[[], None]) -> None:
        self.app = app
        self.block = block

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] != "/metrics":
            self.block()
        await self.app(scope, receive, send)


def blocked_in(page: Page) -> dict[str, float]:
    """Seconds for which the loop was blocked, by route."""
    return {
        dict(labels)["http_route"]: value
        for (name, labels), value in page.samples.items()
        if name == BLOCKED and value
    }


@pytest.mark.parametrize(
    ("path", "route"), [("/nothing/here", "_UNMATCHED"), ("/items/1", "/items/{item}")]
)
def test_a_middleware_blocks_a_request(path: str, route: str) -> None:
    """A block in a middleware has the route that the path leads to, or ``_UNMATCHED``.

    On a busy machine a part of it may be taken for a wait for other threads, which have no route.
    """
    found: list[str] = []

    def block() -> None:
        time.sleep(BLOCK)
        look(measured, found)

    app = FastAPI()
    app.add_middleware(SlowMiddleware, block=block)

    @app.get("/items/{item}")
    async def read(item: int) -> int:
        return item

    measured = SidelightMiddleware(app)
    with TestClient(measured) as client:
        client.get(path)
        blocked = blocked_in(Page(client.get("/metrics").text))
    assert found == [route]
    assert sum(blocked.values()) >= BLOCK / 2
    assert set(blocked) <= {route, "", "_UNKNOWN"}, "a busy machine may stall the loop at any time"


def look(middleware: SidelightMiddleware, found: list[str]) -> None:
    """Note the route that the watchdog counts a block for that happens here."""
    recorder = middleware.lifecycle.recorder
    assert recorder is not None
    attribution = LoopBlockAttribution(recorder.labels, recorder.file)
    found.append(attribution.attribute(sys._getframe(1), asyncio.get_running_loop()).route)


def starting(run: Callable[[], object]) -> SidelightMiddleware:
    """An application that starts a task or a timer in a request, and ends it in another."""
    app, over = FastAPI(), asyncio.Event()
    tasks: set[asyncio.Task[None]] = set()

    async def work() -> None:
        await over.wait()
        run()

    @app.get("/session/{name}")
    async def session(name: str, how: str = "task") -> str:
        if how == "timer":
            asyncio.get_running_loop().call_later(0.05, run)
        else:
            tasks.add(asyncio.create_task(work()))
        return name

    @app.get("/end")
    async def end() -> None:
        over.set()
        await asyncio.sleep(0.1)

    return SidelightMiddleware(app)


@pytest.mark.parametrize("how", ["task", "timer"])
def test_a_task_has_the_route_of_the_request_that_started_it(how: str) -> None:
    """A task or a timer that blocks after its request has ended is counted for its route."""
    found: list[str] = []
    middleware = starting(lambda: look(middleware, found))
    with TestClient(middleware) as client:
        client.get(f"/session/a?how={how}")
        client.get("/end")
    assert found == ["/session/{name}"]


def test_what_no_request_started_has_no_route() -> None:
    """A task of the lifespan has no route, also while requests run."""
    found: list[str] = []
    running: list[asyncio.Event] = []

    def tick() -> None:
        if running:
            look(middleware, found)
            running[0].set()
        else:
            asyncio.get_running_loop().call_later(0.01, tick)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        tick()
        yield

    app = FastAPI(lifespan=lifespan)
    middleware = SidelightMiddleware(app)

    @app.get("/")
    async def wait() -> None:
        running.append(asyncio.Event())
        await running[0].wait()

    with TestClient(middleware) as client:
        client.get("/")
    assert found == [""]


def test_an_application_that_is_called_by_another_has_its_own_routes() -> None:
    """With several applications in a process, each route is that of the application it is in."""
    found: list[str] = []
    inner, outer = FastAPI(), FastAPI()
    outermost, innermost = SidelightMiddleware(outer), SidelightMiddleware(inner)

    @inner.get("/inner/{x}")
    async def blocks(x: int) -> int:
        look(outermost, found)
        return x

    @outer.get("/outer")
    async def calls() -> None:
        transport = httpx.ASGITransport(app=innermost)
        async with httpx.AsyncClient(transport=transport, base_url="http://inner") as client:
            await client.get("/inner/1")
        look(outermost, found)

    with TestClient(outermost) as client:
        client.get("/outer")
    assert found == ["/inner/{x}", "/outer"]


def test_the_first_request_without_a_lifespan_blocks_the_loop() -> None:
    """A block in the request that starts the heartbeat is counted."""
    app = FastAPI()
    app.add_middleware(SidelightMiddleware)

    @app.get("/first")
    async def first() -> None:
        time.sleep(BLOCK)  # noqa: ASYNC251 the mistake under test

    async def main() -> None:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            await client.get("/first")
            await asyncio.sleep(0.05)  # for the beat, which counts the rest
            pages.append(Page((await client.get("/metrics")).text))

    pages: list[Page] = []
    asyncio.run(main())
    (page,) = pages
    blocked = blocked_in(page)
    assert sum(blocked.values()) >= BLOCK / 2
    assert set(blocked) <= {"/first", "_UNKNOWN", ""}  # the last where no processor was free


def block_of(seconds: float) -> OngoingBlock:
    """A block that one line of a route is the cause of."""
    block = OngoingBlock(0, 1)
    ns = block.advance(round(seconds * 1e9))
    block.add(BlockSource("/report", ("report.py:7 in total",)), ns, 0)
    return block


def test_the_end_of_a_hold_that_was_logged_is_logged(logged: pytest.LogCaptureFixture) -> None:
    """A route is logged once a minute, and the whole length of what was logged so far always."""
    attribution = LoopBlockAttribution(None, None)  # type: ignore[arg-type]  # not used in a log
    for seconds in (0.5, 0.25):
        attribution.log_block(block_of(seconds), ended=True)
    attribution.log_block(block_of(5), ended=False)
    long = block_of(12)
    long.logged = True
    attribution.log_block(long, ended=True)
    source = "by /report: report.py:7 in total"
    assert [record.getMessage() for record in logged.records] == [
        f"event loop blocked for 0.500 s {source}",
        f"event loop blocked for 5.000 s so far {source}",
        f"event loop blocked for 12.000 s {source}",
    ]
