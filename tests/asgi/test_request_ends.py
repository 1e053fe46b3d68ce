"""Exchanges that end in an exception, with a client that leaves, or by cancellation."""

import asyncio
import inspect
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from sidelight import SidelightMiddleware
from tests.asgi.driver import DURATION, Page, Server, ask, call, http_scope, lifespan, run, scrape

START = {"type": "http.response.start", "status": 200, "headers": []}
MORE = {"type": "http.response.body", "body": b"x", "more_body": True}
LAST = {"type": "http.response.body", "body": b"x"}
GONE = {"type": "http.disconnect"}
REQUEST = {"type": "http.request", "body": b"", "more_body": False}


def failing(error: BaseException, *messages: Message) -> Any:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)
        raise error

    return app


def facts(page: Page) -> tuple[dict[Any, float], dict[Any, float], dict[Any, float]]:
    """Requests, exceptions by class, disconnects by method."""
    return (
        page.requests,
        page.by("fastapi_exceptions_total", "error_type"),
        page.by("fastapi_client_disconnects_total", "http_request_method"),
    )


class Odd(BaseException):
    """No Exception, as KeyboardInterrupt and SystemExit are none."""


@pytest.mark.parametrize("error", [ValueError("x"), OSError(5), ExceptionGroup("g", [KeyError()])])
@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ([], ("GET", "", "500", "500")),
        ([START], ("GET", "", "200", "incomplete_response")),
        ([START, MORE], ("GET", "", "200", "incomplete_response")),
        ([START, LAST], ("GET", "", "200", "")),
    ],
)
def test_an_exception_passes_untouched(
    error: BaseException, before: list[Message], expected: tuple[str, ...]
) -> None:
    """The very exception leaves, is counted by its class, and the exchange counts once."""
    app = SidelightMiddleware(failing(error, *before))
    answer = call(app)
    assert answer.error is error
    assert answer.sent == before
    assert facts(scrape(app)) == ({expected: 1}, {type(error).__name__: 1}, {})


def test_what_is_no_exception_passes_too() -> None:
    """A BaseException leaves untouched and the exchange still counts once."""
    error = Odd()
    app = SidelightMiddleware(failing(error))
    assert call(app).error is error
    assert scrape(app).requests == {("GET", "", "500", "500"): 1}


def test_outside_the_application_too() -> None:
    """Wrapped around Starlette's own error page, an exception still counts once."""
    inner = FastAPI()

    @inner.get("/broken")
    async def broken() -> None:
        raise ZeroDivisionError

    app = SidelightMiddleware(inner)
    answer = call(app, "GET", "/broken")
    assert (answer.status, type(answer.error)) == (500, ZeroDivisionError)
    expected = {("GET", "/broken", "500", "500"): 1}
    assert facts(scrape(app)) == (expected, {"ZeroDivisionError": 1}, {})


def test_classes_of_exceptions_are_bounded() -> None:
    """However many classes an application raises, there are few label values, and none is lost."""

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        raise type(f"Error{scope['path'][1:]}", (Exception,), {})

    app = SidelightMiddleware(inner)

    async def many() -> None:
        for number in range(500):
            await ask(app, "GET", f"/{number}")

    run(many())
    page = scrape(app)
    assert len(page.series("fastapi_exceptions_total")) == 65
    assert page.value("fastapi_exceptions_total") == 500
    assert page.value("fastapi_exceptions_total", error_type="_OTHER") == 436


@pytest.mark.parametrize(("before", "status"), [([], ""), ([START], "200"), ([START, MORE], "200")])
@pytest.mark.parametrize("how", ["returns", "raises"])
def test_a_client_that_leaves_is_no_error(before: list[Message], status: str, how: str) -> None:
    """After http.disconnect the exchange is the client's, with a status only if one was sent."""

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        for message in before:
            await send(message)
        await receive()
        assert await receive() == GONE
        if how == "raises":
            raise RuntimeError

    app = SidelightMiddleware(inner)
    answer = call(app, incoming=[REQUEST, GONE])
    assert isinstance(answer.error, RuntimeError) == (how == "raises")
    expected = {("GET", "", status, "client_disconnected"): 1}
    assert facts(scrape(app)) == (expected, {}, {"GET": 1})


def test_a_response_to_nobody_is_a_disconnect() -> None:
    """An application that was told the client left, and answers all the same, answered nobody."""
    app = FastAPI()

    @app.get("/slow/{name}")
    async def slow(request: Request, name: str) -> str:
        await request.body()
        assert await request.is_disconnected()
        return name

    app.add_middleware(SidelightMiddleware)
    answer = call(app, "GET", "/slow/x", incoming=[REQUEST, GONE])
    assert answer.status == 200
    expected = {("GET", "/slow/{name}", "200", "client_disconnected"): 1}
    assert facts(scrape(app)) == (expected, {}, {"GET": 1})


def test_a_disconnect_after_the_last_byte_is_none() -> None:
    """Every client leaves in the end: after the last byte it is no disconnect."""

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send(START)
        await send(LAST)
        assert await receive() == GONE

    app = SidelightMiddleware(inner)
    call(app)
    assert facts(scrape(app)) == ({("GET", "", "200", ""): 1}, {}, {})


@pytest.mark.parametrize("version", ["2.3", "2.4"])
def test_a_stream_whose_client_leaves(version: str) -> None:
    """A stream that ends early, told by a message or by send(), is a disconnect, no exception."""
    if version == "2.4" and "spec_version" not in inspect.getsource(StreamingResponse.__call__):
        pytest.skip("this Starlette knows no send() that raises")
    app = FastAPI()

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        async def pieces() -> AsyncIterator[bytes]:
            while True:
                yield b"piece"
                await asyncio.sleep(0)

        return StreamingResponse(pieces())

    app.add_middleware(SidelightMiddleware)

    def closed(message: Message) -> None:
        if version == "2.4" and message["type"] == "http.response.body":
            raise OSError("connection lost")

    incoming = [REQUEST] if version == "2.4" else [REQUEST, GONE]
    asgi = {"version": "3.0", "spec_version": version}
    call(app, "GET", "/stream", incoming=incoming, watch=closed, scope={"asgi": asgi})
    expected = {("GET", "/stream", "200", "client_disconnected"): 1}
    assert facts(scrape(app)) == (expected, {}, {"GET": 1})


WHOLE = {**START, "headers": [(b"content-length", b"1")]}
NO_CONTENT = {**START, "status": 204}


@pytest.mark.parametrize(
    ("method", "before", "status", "kind"),
    [
        ("GET", [WHOLE, MORE], "200", ""),
        ("GET", [WHOLE], "200", "client_disconnected"),
        ("GET", [START, MORE], "200", "client_disconnected"),
        ("HEAD", [WHOLE], "200", ""),
        ("GET", [NO_CONTENT], "204", ""),
    ],
)
@pytest.mark.parametrize("told", [True, False])
def test_a_client_that_has_all_of_a_response_may_leave(
    method: str, before: list[Message], status: str, kind: str, *, told: bool
) -> None:
    """What the headers announce is there before the last message: whoever leaves then has it all.

    The application is told, or the server knows.
    """

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        for message in before:
            await send(message)
        connection.closed = True
        if told:
            assert await receive() == GONE
        else:
            await send({"type": "http.response.body"})

    connection = Connection()
    app = SidelightMiddleware(inner)
    run(app(http_scope(method, "/"), connection.receive, connection.send))
    page = scrape(app)
    left = {method: 1} if kind else {}
    assert facts(page) == ({(method, "", status, kind): 1}, {}, left)
    assert page.value("fastapi_active_requests") == 0


class Connection:
    """What uvicorn's ``receive`` belongs to: it knows whether the transport is closed."""

    def __init__(self) -> None:
        self.transport = self
        self.closed = False

    def is_closing(self) -> bool:
        return self.closed

    async def receive(self) -> Message:
        return dict(GONE)

    async def send(self, message: Message) -> None: ...


@pytest.mark.parametrize(
    ("status", "kind"), [(200, "client_disconnected"), (404, "client_disconnected"), (503, "503")]
)
def test_a_client_that_did_not_wait(status: int, kind: str) -> None:
    """An answer to nobody is a disconnect; a failure is one whoever waits; what follows is neither.

    The server knows that the client left, and the application never asked.
    """

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        await send({**START, "status": status})
        connection.closed = True
        await send(LAST)
        raise ZeroDivisionError

    connection = Connection()
    app = SidelightMiddleware(inner)
    with pytest.raises(ZeroDivisionError):
        run(app(http_scope("GET", "/"), connection.receive, connection.send))
    left = {"GET": 1} if kind == "client_disconnected" else {}
    expected = {("GET", "", str(status), kind): 1}
    assert facts(scrape(app)) == (expected, {"ZeroDivisionError": 1}, left)


def test_a_body_that_breaks_off() -> None:
    """A client that leaves in the middle of its own body is a disconnect without a status."""
    app = FastAPI()

    @app.post("/upload")
    async def upload(request: Request) -> int:
        return len(await request.body())

    app.add_middleware(SidelightMiddleware)
    half = {"type": "http.request", "body": b"half", "more_body": True}
    answer = call(app, "POST", "/upload", incoming=[half, GONE])
    assert answer.error is not None
    expected = {("POST", "/upload", "", "client_disconnected"): 1}
    assert facts(scrape(app)) == (expected, {}, {"POST": 1})


@pytest.mark.parametrize(
    ("before", "expected", "left"),
    [
        ([], ("GET", "", "", "client_disconnected"), {"GET": 1}),
        ([START], ("GET", "", "200", "client_disconnected"), {"GET": 1}),
        ([START, MORE], ("GET", "", "200", "client_disconnected"), {"GET": 1}),
        ([START, LAST], ("GET", "", "200", ""), {}),
    ],
)
def test_cancellation_propagates(
    before: list[Message], expected: tuple[str, ...], left: dict[str, float]
) -> None:
    """A cancelled exchange raises CancelledError, and counts once as the client's."""
    reached = asyncio.Event()

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        for message in before:
            await send(message)
        reached.set()
        await asyncio.Event().wait()

    app = SidelightMiddleware(inner)

    async def cancelled() -> None:
        server = Server([REQUEST])
        task = asyncio.ensure_future(app(http_scope("GET", "/"), server.receive, server.send))
        await reached.wait()
        task.cancel("enough")
        with pytest.raises(asyncio.CancelledError):
            await task
        assert task.cancelled()
        assert server.answer.sent == before

    run(cancelled())
    page = scrape(app)
    assert facts(page) == ({expected: 1}, {}, left)
    assert page.value("fastapi_active_requests") == 0


class UvicornServer:
    """What can be seen of a server of uvicorn: its handler of signals, and what that has set."""

    should_exit = False

    def handle_exit(self, number: int, frame: Any) -> None:
        self.should_exit = True


@pytest.mark.parametrize("how", ["cancelled", "returns"])
@pytest.mark.parametrize("stopping", ["signal", "lifespan"])
@pytest.mark.parametrize("before", [[], [START], [START, MORE]])
def test_what_a_stop_cuts(before: list[Message], stopping: str, how: str) -> None:
    """A request cut while the server stops is the stop's, with a status only if one was sent."""

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        for message in before:
            await send(message)
        if stopping == "signal":
            signal.raise_signal(signal.SIGTERM)
        else:
            app.lifecycle.stopping(app)
        if how == "cancelled":
            raise asyncio.CancelledError

    app = SidelightMiddleware(inner)
    former = signal.signal(signal.SIGTERM, UvicornServer().handle_exit)
    try:
        call(app)
    finally:
        signal.signal(signal.SIGTERM, former)
    status = "200" if before else ""
    expected = ("GET", "", status, "server_shutdown")
    if how == "returns" and not before:
        expected = ("GET", "", "500", "500")
    assert facts(scrape(app)) == ({expected: 1}, {}, {})


def test_a_stop_does_not_excuse_an_exception() -> None:
    """An exception of the application's own is a failure while the server stops, too."""
    app = SidelightMiddleware(failing(KeyError(), START, MORE))
    call(app)
    app.lifecycle.stopping(app)
    call(app)
    expected = {("GET", "", "200", "incomplete_response"): 2}
    assert facts(scrape(app)) == (expected, {"KeyError": 2}, {})


@pytest.mark.parametrize("turns", [10, 1000])
def test_what_is_in_flight_when_the_store_closes(turns: int, tmp_path: Path) -> None:
    """Requests that end within some turns of the loop are the stop's; later ones are lost."""

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            for kind in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{kind}.complete"})
            return
        try:
            await asyncio.Event().wait()
        finally:
            for _ in range(turns):
                await asyncio.sleep(0)

    async def item() -> None: ...

    inner.routes = [Route("/items/{item}", item)]  # type: ignore[attr-defined] # an attribute of the test's own
    app = SidelightMiddleware(inner, directory=str(tmp_path / "store"))
    tasks: list[asyncio.Task[Any]] = []

    async def during() -> None:
        tasks.extend(asyncio.ensure_future(ask(app, "GET", "/items/1")) for _ in range(2))
        await asyncio.sleep(0.01)
        for task in tasks:
            task.cancel()

    async def whole() -> None:
        await lifespan(app, during)
        await asyncio.gather(*tasks)

    run(whole())
    later = SidelightMiddleware(failing(Odd()), directory=str(tmp_path / "store"))
    page = scrape(later)
    cut = sum(page.requests.values())
    lost = page.by("fastapi_requests_lost_total", "http_route")
    assert (cut, lost) == ((2, {}) if turns == 10 else (0, {"/items/{item}": 2}))
    assert page.by("sidelight_worker_exits_total", "how") == {"clean": 1}
    assert page.value("sidelight_internal_errors_total") == 0


def test_cancelled_before_it_began() -> None:
    """A task cancelled before its first step was never an exchange."""
    app = SidelightMiddleware(failing(ValueError()))

    async def cancelled() -> None:
        server = Server([REQUEST])
        await ask(app)
        task = asyncio.ensure_future(app(http_scope("GET", "/"), server.receive, server.send))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(cancelled())
    assert scrape(app).requests == {("GET", "", "500", "500"): 1}


def test_a_timeout_inside_is_the_services_own() -> None:
    """A timeout that the application sets itself is its exception, not its client's leaving."""
    app = FastAPI()

    @app.get("/slow")
    async def slow() -> None:
        await asyncio.wait_for(asyncio.Event().wait(), 0.001)

    app.add_middleware(SidelightMiddleware)
    assert type(call(app, "GET", "/slow").error) is TimeoutError
    expected = {("GET", "/slow", "500", "500"): 1}
    assert facts(scrape(app)) == (expected, {"TimeoutError": 1}, {})


def test_an_exception_in_a_background_task_comes_after() -> None:
    """A background task that fails is an exception of a route whose response was complete."""
    from starlette.background import BackgroundTask
    from starlette.responses import PlainTextResponse

    def fails() -> None:
        raise ZeroDivisionError

    app = FastAPI()

    @app.get("/task")
    async def task() -> PlainTextResponse:
        return PlainTextResponse("done", background=BackgroundTask(fails))

    app.add_middleware(SidelightMiddleware)
    answer = call(app, "GET", "/task")
    assert type(answer.error) is ZeroDivisionError
    expected = {("GET", "/task", "200", ""): 1}
    assert facts(scrape(app)) == (expected, {"ZeroDivisionError": 1}, {})


def test_a_generator_that_fails_midway() -> None:
    """A stream that raises after its first byte is incomplete, with the status that was sent."""
    app = FastAPI()

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        def pieces() -> Iterator[bytes]:
            yield b"piece"
            raise ZeroDivisionError

        return StreamingResponse(pieces(), 206)

    app.add_middleware(SidelightMiddleware)
    answer = call(app, "GET", "/stream")
    assert answer.body == b"piece"
    assert answer.error is not None
    page = scrape(app)
    assert page.requests == {("GET", "/stream", "206", "incomplete_response"): 1}
    assert page.value("fastapi_exceptions_total") == 1


def test_gone_exchanges_leave_a_duration() -> None:
    """Every exchange, however it ended, is in the buckets of the page."""
    app = SidelightMiddleware(failing(asyncio.CancelledError()))
    assert isinstance(call(app).error, asyncio.CancelledError)
    assert scrape(app).value(f"{DURATION}_bucket", le="+Inf") == 1
