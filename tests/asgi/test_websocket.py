"""WebSocket connections: how they close, how long they live, how many there are."""

from typing import Any

import pytest
from fastapi import APIRouter, FastAPI, WebSocket
from fastapi.exceptions import WebSocketException
from starlette.routing import Mount, Router, WebSocketRoute
from starlette.types import Message, Receive, Scope, Send

from sidelight import SidelightMiddleware
from tests.asgi.driver import Page, ask, call, connect, run, scrape

DURATION = "fastapi_websocket_duration_seconds"
ACTIVE = "fastapi_websocket_active"
TEXT = {"type": "websocket.receive", "text": "hello"}


def gone(code: int | None = 1001) -> Message:
    return {"type": "websocket.disconnect", "code": code, "reason": ""}


def service(**options: Any) -> FastAPI:
    app = FastAPI(openapi_url=None)
    _add_endpoints(app)
    _add_routers(app)
    app.add_middleware(SidelightMiddleware, **options)
    return app


def _add_endpoints(app: FastAPI) -> None:
    @app.websocket("/echo/{room}")
    async def echo(websocket: WebSocket, room: str) -> None:
        await websocket.accept()
        async for text in websocket.iter_text():
            await websocket.send_text(text)

    @app.websocket("/close/{code}")
    async def close(websocket: WebSocket, code: int) -> None:
        await websocket.accept()
        await websocket.close(code)

    @app.websocket("/reject")
    async def reject(websocket: WebSocket) -> None:
        await websocket.close()

    @app.websocket("/forbid")
    async def forbid(websocket: WebSocket) -> None:
        raise WebSocketException(1008)

    @app.websocket("/broken")
    async def broken(websocket: WebSocket) -> None:
        await websocket.accept()
        raise ZeroDivisionError

    @app.websocket("/numbers/{number}")
    async def number(websocket: WebSocket, number: int) -> None:
        await websocket.accept()
        await websocket.close()


def _add_routers(app: FastAPI) -> None:
    router = APIRouter()

    @router.websocket("/chat/{room}")
    async def chat(websocket: WebSocket, room: str) -> None:
        await websocket.accept()
        await websocket.close(4000)

    app.include_router(router, prefix="/v1")
    app.include_router(router, prefix="/v2/{x}")
    sub = FastAPI(openapi_url=None)
    sub.include_router(router)
    app.mount("/sub/{tenant}", sub)

    async def plain(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.close(1000)

    app.mount(
        "/plain",
        Router([WebSocketRoute("/{y}", plain), Mount("/m", Router([WebSocketRoute("/z", plain)]))]),
    )


def closed(page: Page) -> dict[Any, float]:
    return page.by(f"{DURATION}_count", "http_route", "close_code")


@pytest.mark.parametrize(
    ("path", "incoming", "route", "code"),
    [
        ("/echo/a", [TEXT, TEXT, gone(1001)], "/echo/{room}", "1001"),
        ("/echo/a", [gone(1000)], "/echo/{room}", "1000"),
        ("/echo/a", [gone(1005)], "/echo/{room}", "1005"),
        ("/echo/a", [gone(1006)], "/echo/{room}", "1006"),
        ("/echo/a", [gone(4321)], "/echo/{room}", "_OTHER"),
        ("/echo/a", [gone(None)], "/echo/{room}", "_OTHER"),
        ("/close/1000", [], "/close/{code}", "1000"),
        ("/close/1011", [], "/close/{code}", "1011"),
        ("/reject", [], "/reject", "refused_403"),
        ("/forbid", [], "/forbid", "refused_403"),
        ("/numbers/x", [], "/numbers/{number}", "refused_403"),
        ("/v1/chat/a", [], "/v1/chat/{room}", "4000"),
        ("/v2/b/chat/a", [], "/v2/{x}/chat/{room}", "4000"),
        ("/sub/t/chat/a", [], "/sub/{tenant}/chat/{room}", "4000"),
        ("/plain/a", [], "/plain/{y}", "1000"),
        ("/plain/m/z", [], "/plain/m/z", "1000"),
        ("/nowhere", [], "", "refused_403"),
    ],
)
def test_a_connection_counts_once(
    path: str, incoming: list[Message], route: str, code: str
) -> None:
    """A connection is counted at its end, by template and by whichever close code came first."""
    app = service()
    _, error = run(connect(app, path, incoming))
    assert error is None
    page = scrape(app)
    assert closed(page) == {(route, code): 1}
    assert page.requests == {}
    assert page.value(ACTIVE) == 0
    assert page.value("sidelight_internal_errors_total") == 0


def test_the_first_code_wins() -> None:
    """A close by the application is not renamed by the disconnect that follows it."""

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close", "code": 1012})
        await receive()

    app = SidelightMiddleware(inner)
    run(connect(app, "/", [gone(1006)]))
    assert closed(scrape(app)) == {("", "1012"): 1}


def test_codes_of_an_application_are_bounded() -> None:
    """An application that closes with whatever number a client asks for makes few series."""
    app = service()

    async def many() -> None:
        for code in range(3000, 5000):
            await connect(app, f"/close/{code}", [])

    run(many())
    page = scrape(app)
    assert page.value(f"{DURATION}_count") == 2000
    assert len(page.series(f"{DURATION}_count")) < 200


def test_an_exception_of_a_connection() -> None:
    """An exception leaves untouched, counts by class, and the close code is 1011."""
    app = service()
    _, error = run(connect(app, "/broken", []))
    assert type(error) is ZeroDivisionError
    page = scrape(app)
    assert closed(page) == {("/broken", "1011"): 1}
    assert page.by("fastapi_exceptions_total", "http_route", "error_type") == {
        ("/broken", "ZeroDivisionError"): 1
    }


def test_an_application_that_just_returns() -> None:
    """A connection that neither side closed ended abnormally: 1006."""

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})

    app = SidelightMiddleware(inner)
    run(connect(app, "/", []))
    assert closed(scrape(app)) == {("", "1006"): 1}


@pytest.mark.parametrize("error", [None, ZeroDivisionError()])
def test_a_handshake_without_an_answer(error: Exception | None) -> None:
    """An application that ends before it answers the handshake refuses it with a 500."""

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        if error is not None:
            raise error

    app = SidelightMiddleware(inner)
    assert run(connect(app, "/", [])) == ([], error)
    assert closed(scrape(app)) == {("", "refused_500"): 1}


@pytest.mark.parametrize("status", [401, 429])
def test_a_rejection_with_a_response(status: int) -> None:
    """A handshake refused with an HTTP response is counted once, with the response's status."""

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.http.response.start", "status": status, "headers": []})
        await send({"type": "websocket.http.response.body", "body": b"no"})

    app = SidelightMiddleware(inner)
    sent, _ = run(connect(app, "/", []))
    assert [message["type"] for message in sent] == [
        "websocket.http.response.start",
        "websocket.http.response.body",
    ]
    assert closed(scrape(app)) == {("", f"refused_{status}"): 1}


def test_open_connections_are_a_gauge() -> None:
    """While it is open a connection is in the gauge of its template, and in no request gauge."""
    pages: list[Page] = []
    app = FastAPI(openapi_url=None)

    @app.websocket("/echo/{room}")
    async def echo(websocket: WebSocket, room: str) -> None:
        await websocket.accept()
        pages.append((await ask(app, "GET", "/metrics")).page)
        await websocket.close()

    app.add_middleware(SidelightMiddleware)
    run(connect(app, "/echo/a", []))
    assert pages[0].by(ACTIVE, "http_route") == {"/echo/{room}": 1}
    assert pages[0].value("fastapi_active_requests") == 0
    assert pages[0].value("http_server_active_requests") == 0
    assert scrape(app).value(ACTIVE) == 0


def test_duration_reaches_for_hours(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection of two hours is in the bucket of four."""
    times = iter([1_000_000_000, 1_000_000_000 + 7_200_000_000_000])
    monkeypatch.setattr("sidelight.asgi.websocket.monotonic_ns", lambda: next(times))
    app = service()
    run(connect(app, "/echo/a", [gone()]))
    page = scrape(app)
    buckets = page.by(f"{DURATION}_bucket", "le")
    assert buckets == {"14400.0": 1, "43200.0": 1, "+Inf": 1}
    assert page.value(f"{DURATION}_sum") == 7200


@pytest.mark.parametrize("pattern", ["/echo/a", "/echo/*"])
def test_what_is_excluded_is_not_measured(pattern: str) -> None:
    """A path or a prefix that is left out is left out for connections too."""
    app = service(exclude=[pattern])
    _, error = run(connect(app, "/echo/a", [gone()]))
    assert error is None
    call(app, "GET", "/nowhere")
    assert closed(scrape(app)) == {}


def test_root_path_of_a_connection() -> None:
    """The template of a connection begins with root_path."""
    app = service()
    run(connect(app, "/api/v1/chat/a", [], scope={"root_path": "/api"}))
    assert closed(scrape(app)) == {("/api/v1/chat/{room}", "4000"): 1}


def test_messages_pass_untouched() -> None:
    """What goes in and out of a connection is the same with ours and without."""
    bare, measured = service(), service()
    bare.user_middleware.clear()
    incoming: list[Message] = [
        TEXT,
        {"type": "websocket.receive", "bytes": b"x", "text": "y"},
        gone(),
    ]
    assert run(connect(bare, "/echo/a", incoming)) == run(connect(measured, "/echo/a", incoming))


@pytest.mark.parametrize("bad", [{"type": "websocket.close", "code": None}, {"type": "x"}, {}])
def test_a_malformed_message_passes(bad: Message) -> None:
    """A message that is none is the server's business."""

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        await send(bad)

    app = SidelightMiddleware(inner)
    assert run(connect(app, "/", [])) == ([bad], None)


def test_a_scope_without_paths() -> None:
    """A connection whose scope has the bare minimum is measured like any other."""
    app = service()
    _, error = run(
        connect(app, "/close/1000", [], scope={"raw_path": ..., "root_path": ..., "scheme": ...})
    )
    assert error is None
    assert closed(scrape(app)) == {("/close/{code}", "1000"): 1}
