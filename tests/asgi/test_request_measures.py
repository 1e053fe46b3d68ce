"""How long, how large, how many at once."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

import pytest
import starlette.background
from fastapi import BackgroundTasks, Body, FastAPI
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, StreamingResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sidelight import SidelightMiddleware
from tests.asgi.clock import Clock
from tests.asgi.driver import DURATION, Page, Server, ask, call, http_scope, run, scrape

BACKGROUND = "fastapi_background_task_duration_seconds"
FIRST = "fastapi_time_to_first_byte_seconds"
REQUEST_SIZE = "http_server_request_body_size_bytes"
RESPONSE_SIZE = "http_server_response_body_size_bytes"
START = {"type": "http.response.start", "status": 200, "headers": []}
MORE = {"type": "http.response.body", "body": b"x", "more_body": True}
LAST = {"type": "http.response.body", "body": b"x"}


def steps(clock: Clock, *parts: Message | float) -> SidelightMiddleware:
    """An application that sends messages and lets time pass between them."""

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        for part in parts:
            if isinstance(part, float):
                clock.pass_by(part)
            else:
                await send(part)

    return SidelightMiddleware(inner)


def sums(page: Page, name: str) -> tuple[float, float]:
    return page.value(f"{name}_count"), page.value(f"{name}_sum")


@pytest.mark.parametrize(
    ("parts", "duration"),
    [
        ([0.25, START, 0.5, LAST], 0.75),
        ([START, LAST, 0.5], 0.0),
        ([START, LAST], 0.0),
        ([0.25, START, MORE, 0.5, MORE, LAST, 2.0], 0.75),
        ([START, 0.5, {"type": "http.response.pathsend", "path": "/x"}, 1.0], 0.5),
        ([{**START, "trailers": True}, LAST, 0.5, {"type": "http.response.trailers"}], 0.5),
        ([0.5], 0.5),
        ([START, MORE, 0.5], 0.5),
    ],
)
def test_duration_ends_with_the_last_message(
    clock: Clock, parts: list[Any], duration: float
) -> None:
    """What comes after the last message is no latency, and without a task no background time.

    A busy machine delays the return of any application.
    """
    app = steps(clock, *parts)
    call(app)
    page = scrape(app)
    assert sums(page, DURATION) == (1, duration)
    assert sums(page, BACKGROUND) == (0, 0)


def test_background_tasks_are_no_latency(clock: Clock) -> None:
    """FastAPI's background tasks, async and sync, are recorded by route beside the latency."""
    app = FastAPI()

    async def in_loop() -> None:
        clock.pass_by(1.5)

    def in_thread() -> None:
        clock.pass_by(2.5)

    @app.post("/orders")
    async def order(tasks: BackgroundTasks) -> str:
        clock.pass_by(0.125)
        tasks.add_task(in_loop)
        tasks.add_task(in_thread)
        return "ordered"

    app.add_middleware(SidelightMiddleware)
    call(app, "POST", "/orders")
    page = scrape(app)
    assert sums(page, DURATION) == (1, 0.125)
    assert page.by(f"{BACKGROUND}_sum", "http_route") == {"/orders": 4.0}
    assert page.value(f"{BACKGROUND}_count") == 1


async def between(request: Request, call_next: Any) -> Any:
    return await call_next(request)


class Late:
    """A middleware that returns late."""

    def __init__(self, app: ASGIApp, clock: Clock) -> None:
        self.app, self.clock = app, clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)
        self.clock.pass_by(8.0)


@pytest.mark.parametrize("tasks", [(), (0.009,), (0.006, 0.006), (1.5,)])
@pytest.mark.parametrize("within", [True, False])
def test_only_the_time_of_tasks_is_background(
    clock: Clock, tasks: tuple[float, ...], *, within: bool
) -> None:
    """A response's own task is timed, within a middleware that runs it in another task too.

    What else delays the return is not counted, and nothing below 10 ms.
    """
    app = FastAPI()

    @app.get("/x")
    async def endpoint() -> PlainTextResponse:
        background = starlette.background.BackgroundTasks()
        for seconds in tasks:
            background.add_task(clock.pass_by, seconds)
        return PlainTextResponse("x", background=background)

    if within:
        app.add_middleware(BaseHTTPMiddleware, dispatch=between)
    app.add_middleware(Late, clock=clock)
    app.add_middleware(SidelightMiddleware)
    for _ in range(2):
        call(app, "GET", "/x")
    page = scrape(app)
    assert sums(page, DURATION) == (2, 0)
    spent = sum(tasks)
    assert sums(page, BACKGROUND) == ((2, 2 * spent) if spent >= 0.01 else (0, 0))


def test_a_task_that_fails_is_timed(clock: Clock) -> None:
    """The time up to the exception counts, which passes untouched."""
    app = FastAPI()

    async def fails() -> None:
        clock.pass_by(0.5)
        raise ZeroDivisionError

    @app.get("/x")
    async def endpoint(tasks: BackgroundTasks) -> None:
        tasks.add_task(fails)

    app.add_middleware(SidelightMiddleware)
    assert type(call(app, "GET", "/x").error) is ZeroDivisionError
    assert sums(scrape(app), BACKGROUND) == (1, 0.5)


@pytest.mark.parametrize(
    ("seconds", "le"),
    [
        (0.0, "0.005"),
        (0.005, "0.005"),
        (0.0051, "0.01"),
        (1.0, "1.0"),
        (10.0, "10.0"),
        (11.0, "+Inf"),
    ],
)
def test_a_boundary_is_in_its_bucket(clock: Clock, seconds: float, le: str) -> None:
    """A duration of exactly a boundary is in the bucket of that boundary."""
    app = steps(clock, seconds, START, LAST)
    call(app)
    page = scrape(app)
    bounds = sorted({float(found["le"]) for found in page.series(f"{DURATION}_bucket")})
    first = next(
        bound
        for bound in bounds
        if page.value(f"{DURATION}_bucket", le="+Inf" if bound == float("inf") else repr(bound))
    )
    assert first == float(le)


@pytest.mark.parametrize(
    ("parts", "first"),
    [
        ([0.25, START, LAST], None),
        ([0.25, START, MORE, 0.5, LAST], 0.25),
        ([0.25, START, 0.125, MORE, MORE, LAST], 0.375),
        ([START, {**MORE, "body": b""}, 0.25, MORE, MORE, LAST], 0.25),
        # What a middleware makes of a plain response is no stream.
        ([0.25, START, MORE, {"type": "http.response.body", "body": b""}], None),
        ([0.25, START, {**MORE, "body": b""}, LAST], None),
    ],
)
def test_first_byte_only_of_streams(clock: Clock, parts: list[Any], first: float | None) -> None:
    """Time to the first byte is recorded where the body came in pieces over time."""
    app = steps(clock, *parts)
    call(app)
    assert sums(scrape(app), FIRST) == ((0, 0) if first is None else (1, first))


def test_first_byte_of_server_sent_events(clock: Clock) -> None:
    """Events over a minute: a duration of a minute, and the first byte at once."""
    app = FastAPI()

    @app.get("/events/{name}")
    async def events(name: str) -> StreamingResponse:
        async def pieces() -> AsyncIterator[str]:
            for number in range(4):
                clock.pass_by(15.0 if number else 0.25)
                yield f"data: {number}\n\n"

        return StreamingResponse(pieces(), media_type="text/event-stream")

    app.add_middleware(SidelightMiddleware)
    call(app, "GET", "/events/x")
    page = scrape(app)
    assert sums(page, DURATION) == (1, 45.25)
    assert page.by(f"{FIRST}_sum", "http_request_method", "http_route") == {
        ("GET", "/events/{name}"): 0.25
    }


@pytest.mark.parametrize("size", [0, 1, 1000, 1001, 10_000_000])
def test_sizes_of_bodies(size: int) -> None:
    """Bodies in and out are counted in bytes; an empty request body is no body."""
    app = FastAPI()

    @app.post("/echo")
    async def echo(request: Request) -> PlainTextResponse:
        return PlainTextResponse(await request.body())

    app.add_middleware(SidelightMiddleware)
    assert len(call(app, "POST", "/echo", body=b"x" * size).body) == size
    page = scrape(app)
    assert sums(page, REQUEST_SIZE) == (1 if size else 0, size)
    assert sums(page, RESPONSE_SIZE) == (1, size)
    buckets = page.by(f"{RESPONSE_SIZE}_bucket", "le")
    le = next(le for le in ("1000.0", "10000.0", "100000.0", "1000000.0", "+Inf") if le in buckets)
    assert le == {0: "1000.0", 1: "1000.0", 1000: "1000.0", 1001: "10000.0"}.get(size, "+Inf")


def test_a_request_body_in_pieces_is_one() -> None:
    """Chunks of an upload add up to one observation, with the route's labels."""
    app = FastAPI()

    @app.put("/up/{name}")
    async def upload(request: Request, name: str) -> int:
        return len(await request.body())

    app.add_middleware(SidelightMiddleware)
    more = [{"type": "http.request", "body": b"x" * 700, "more_body": True} for _ in range(3)]
    assert call(app, "PUT", "/up/1", incoming=[*more, {"type": "http.request"}]).body == b"2100"
    page = scrape(app)
    labels = ("http_request_method", "http_route")
    assert page.by(f"{REQUEST_SIZE}_sum", *labels) == {("PUT", "/up/{name}"): 2100}
    assert page.by(f"{REQUEST_SIZE}_count", *labels) == {("PUT", "/up/{name}"): 1}


def test_a_body_nobody_read_is_none() -> None:
    """A request body that the application never asked for has no size."""
    app = FastAPI()

    @app.post("/ignore")
    async def ignore() -> str:
        return ""

    @app.post("/json")
    async def parsed(value: Annotated[int, Body()]) -> int:
        return value

    app.add_middleware(SidelightMiddleware)
    call(app, "POST", "/ignore", body=b"x" * 100)
    assert scrape(app).series(f"{REQUEST_SIZE}_count") == []
    call(app, "POST", "/json", body=b"12345")
    assert scrape(app).by(f"{REQUEST_SIZE}_sum", "http_route") == {"/json": 5}


def test_a_response_size_is_as_sent() -> None:
    """With gzip inside ours, the size is what went out and not what the route wrote."""
    app = FastAPI()

    @app.get("/big")
    async def big() -> PlainTextResponse:
        return PlainTextResponse("x" * 100_000)

    app.add_middleware(GZipMiddleware)
    app.add_middleware(SidelightMiddleware)
    answer = call(app, "GET", "/big", headers={"accept-encoding": "gzip"})
    assert len(answer.body) < 1000
    assert sums(scrape(app), RESPONSE_SIZE) == (1, len(answer.body))


def test_size_of_a_file() -> None:
    """A file's pieces add up to its size."""
    app = FastAPI()

    @app.get("/file")
    async def file() -> FileResponse:
        return FileResponse(Path(__file__))

    app.add_middleware(SidelightMiddleware)
    call(app, "GET", "/file")
    assert sums(scrape(app), RESPONSE_SIZE) == (1, Path(__file__).stat().st_size)


PATHSEND = {"type": "http.response.pathsend", "path": "/x"}
ZEROCOPY = {"type": "http.response.zerocopysend", "file": 1}


@pytest.mark.parametrize("messages", [[PATHSEND], [{**ZEROCOPY, "more_body": True}, ZEROCOPY]])
@pytest.mark.parametrize(
    ("length", "expected"), [(b"1500000", (1, 1_500_000)), (None, (0, 0)), (b"many", (0, 0))]
)
def test_size_of_a_file_that_the_server_sends(
    messages: list[Any], length: bytes | None, expected: tuple[float, float]
) -> None:
    """It is the content-length; without one the size is unknown, and not observed."""
    headers = [(b"Content-Length", length)] if length is not None else []

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        await send({**START, "headers": headers})
        for message in messages:
            await send(message)

    app = SidelightMiddleware(inner)
    call(app)
    page = scrape(app)
    assert sums(page, RESPONSE_SIZE) == expected
    assert page.requests == {("GET", "", "200", ""): 1}


def test_no_memory_of_bodies() -> None:
    """Pieces of a stream reach the server one by one, as they come."""
    seen: list[int] = []

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        for number in range(5):
            await send({**MORE, "body": b"%d" % number})
            seen.append(number)
        await send(LAST)

    order: list[Any] = []
    app = SidelightMiddleware(inner)
    call(app, watch=lambda message: order.append((message.get("body"), len(seen))))
    assert order[1:6] == [(b"%d" % number, number) for number in range(5)]


# --- in flight ---


ACTIVE = "http_server_active_requests"
BY_ROUTE = "fastapi_active_requests"
OLDEST = "fastapi_oldest_active_request_seconds"


def test_a_request_sees_itself_in_flight() -> None:
    """While a request runs it is in the gauges, by method and by template; afterwards it isn't."""
    app = FastAPI()
    pages: list[Page] = []

    @app.get("/items/{number}")
    async def item(number: int) -> None:
        pages.append((await ask(app, "GET", "/metrics")).page)

    app.add_middleware(SidelightMiddleware)
    call(app, "GET", "/items/5")
    (during,) = pages
    assert during.by(ACTIVE, "http_request_method", "url_scheme") == {("GET", "http"): 1}
    assert during.by(BY_ROUTE, "http_route") == {"/items/{number}": 1}
    assert during.series(OLDEST) == [{"http_route": "/items/{number}"}]
    after = scrape(app)
    assert [after.value(name) for name in (ACTIVE, BY_ROUTE, OLDEST)] == [0, 0, 0]


def test_many_in_flight_at_once() -> None:
    """Concurrent requests are counted exactly, by route, and all are gone at the end."""
    app = FastAPI()
    go = asyncio.Event()

    @app.get("/a/{number}")
    async def a(number: int) -> None:
        await go.wait()

    @app.post("/b")
    async def b() -> None:
        await go.wait()

    app.add_middleware(SidelightMiddleware)

    async def storm() -> Page:
        first = [asyncio.ensure_future(ask(app, "GET", f"/a/{n}")) for n in range(30)]
        rest = [asyncio.ensure_future(ask(app, "POST", "/b")) for _ in range(12)]
        rest.append(asyncio.ensure_future(ask(app, "BREW", "/a/1")))
        for _ in range(20):
            await asyncio.sleep(0)
        page = (await ask(app, "GET", "/metrics")).page
        go.set()
        await asyncio.gather(*first, *rest)
        return page

    page: Page = run(storm())
    assert page.by(ACTIVE, "http_request_method") == {"GET": 30, "POST": 12}
    assert page.by(BY_ROUTE, "http_route") == {"/a/{number}": 30, "/b": 12}
    after = scrape(app)
    assert after.value(ACTIVE) == 0
    assert sum(after.requests.values()) == 43


def test_more_in_flight_than_there_is_room_to_name() -> None:
    """With thousands in flight the number is exact, though not each is named."""
    go = asyncio.Event()

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        await go.wait()
        await send(START)
        await send(LAST)

    app = SidelightMiddleware(inner)

    async def storm() -> tuple[Page, Page]:
        tasks = [asyncio.ensure_future(ask(app, "GET", f"/{n}")) for n in range(1500)]
        await asyncio.sleep(0)
        during = (await ask(app, "GET", "/metrics")).page
        go.set()
        await asyncio.gather(*tasks)
        return during, (await ask(app, "GET", "/metrics")).page

    during, after = run(storm())
    assert during.value(BY_ROUTE) == 1500
    assert during.value(ACTIVE) == 1500
    assert after.value(BY_ROUTE) == after.value(ACTIVE) == 0
    assert sum(after.requests.values()) == 1500


def test_the_oldest_is_the_oldest() -> None:
    """The age is that of the request that began first."""
    app = FastAPI()
    go = asyncio.Event()
    arrived = asyncio.Event()
    began: list[float] = []

    @app.get("/wait")
    async def wait() -> None:
        began.append(time.monotonic())
        arrived.set()
        await go.wait()

    app.add_middleware(SidelightMiddleware)

    async def two() -> tuple[float, float, float]:
        before = time.monotonic()
        first = asyncio.ensure_future(ask(app, "GET", "/wait"))
        await arrived.wait()
        second = asyncio.ensure_future(ask(app, "GET", "/wait"))
        await asyncio.sleep(0)
        least = time.monotonic() - began[0]
        age = (await ask(app, "GET", "/metrics")).page.value(OLDEST, http_route="/wait")
        go.set()
        await asyncio.gather(first, second)
        return least, age, time.monotonic() - before

    least, age, most = run(two())
    assert 0 < least <= age <= most


@pytest.mark.parametrize(
    ("scope", "method", "scheme"),
    [
        ({"scheme": "https"}, "GET", "https"),
        ({"scheme": "gopher"}, "GET", "_OTHER"),
        ({"scheme": "a b"}, "GET", "_OTHER"),
        ({"method": "BREW"}, "_OTHER", "http"),
        ({"method": "B REW"}, "_OTHER", "http"),
        ({"raw_path": b"/" + b"x" * 5000}, "GET", "http"),
        ({"raw_path": b"/\0\n\t x"}, "GET", "http"),
    ],
)
def test_labels_in_flight_are_bounded(scope: dict[str, Any], method: str, scheme: str) -> None:
    """In flight too, no label holds what a client may choose freely."""
    pages: list[Page] = []

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        pages.append((await ask(app, "GET", "/metrics")).page)
        await send(START)
        await send(LAST)

    app = SidelightMiddleware(inner)
    answer = call(app, scope=scope)
    assert answer.error is None
    labels = ("http_request_method", "url_scheme")
    assert pages[0].by(ACTIVE, *labels) == {(method, scheme): 1}
    assert set(pages[0].by(BY_ROUTE, "http_route")) <= {"", "_UNKNOWN"}


def test_a_nested_call_is_an_exchange_of_its_own() -> None:
    """An application that calls itself is counted for each call."""
    app = FastAPI()

    @app.get("/outer")
    async def outer() -> int:
        return (await ask(app, "GET", "/inner")).status

    @app.get("/inner")
    async def inner() -> None:
        return None

    app.add_middleware(SidelightMiddleware)
    assert call(app, "GET", "/outer").body == b"200"
    assert scrape(app).routes == {"/outer": 1, "/inner": 1}


def test_the_scope_is_left_as_it_was() -> None:
    """Nothing of ours stays in a scope after its exchange."""

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        await send(LAST)

    app = SidelightMiddleware(inner)
    scope = http_scope("GET", "/")
    before = dict(scope)
    server = Server([])
    run(app(scope, server.receive, server.send))
    assert scope == before
