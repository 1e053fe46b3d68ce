"""The ``root_path`` of a label comes from the server or the application, never from a client."""

from typing import Any

import pytest
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from sidelight import SidelightMiddleware
from tests.asgi.driver import ask, run, scrape


class Prefixed:
    """Takes the ``root_path`` from a header, as a service behind a proxy may do."""

    def __init__(self, app: ASGIApp, below: str = "") -> None:
        self.app = app
        self._below = below

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        for name, value in scope.get("headers", ()):
            if name == b"x-forwarded-prefix":
                first = value.decode().split(",")[0].strip().strip("/")
                scope["root_path"] = f"{self._below}/{first}"
        await self.app(scope, receive, send)


class Passing:
    """Does nothing."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


def service(*middleware: Any, **options: Any) -> FastAPI:
    """Each middleware is outside of the one before."""
    app = FastAPI(openapi_url=None, **options)
    app.get("/x/{y}")(lambda y: y)
    for one in middleware:
        app.add_middleware(one)
    return app


def routes(app: ASGIApp, *requests: tuple[str, str | None]) -> dict[str, float]:
    """The routes after requests with the server's ``root_path`` and the client's header."""

    async def storm() -> None:
        for root, header in requests:
            headers = {} if header is None else {"x-forwarded-prefix": header}
            scope = {"root_path": root}
            answer = await ask(app, "GET", "/x/1", headers=headers, scope=scope)
            assert answer.status == 200

    run(storm())
    return scrape(app).routes


CLIENTS = [("", f"/p{number}") for number in range(15)]


@pytest.mark.parametrize("outside", [False, True])
@pytest.mark.parametrize("header", ["/p{}", "p{}", "/p{}/, /b", "p{}/q"])
def test_a_header_of_a_client_is_no_label(outside: bool, header: str) -> None:  # noqa: FBT001 a case of two
    """Fifteen values of a header that a middleware reads are one route, the template alone."""
    order = [SidelightMiddleware, Prefixed] if outside else [Prefixed, SidelightMiddleware]
    requests = [("", header.format(number)) for number in range(15)]
    assert routes(service(*order), *requests) == {"/x/{y}": 15}


def test_a_segment_from_a_client_is_no_label() -> None:
    """Neither is a ``root_path`` of which only a segment is the client's."""
    app = service(SidelightMiddleware)
    app.add_middleware(Prefixed, below="/tenants")
    assert routes(app, *CLIENTS) == {"/x/{y}": 15}


@pytest.mark.parametrize("outside", [False, True])
def test_the_root_path_of_the_server_stays(outside: bool) -> None:  # noqa: FBT001 a case of two
    """The server's ``root_path`` is part of the label, whether Sidelight is outermost or not."""
    order = [SidelightMiddleware, Passing] if outside else [Passing, SidelightMiddleware]
    app = service(*order)
    assert routes(app, ("/api", None), ("/api", "/api")) == {"/api/x/{y}": 2}


def test_the_outermost_middleware_believes_the_server() -> None:
    """A header that says the same as the server changes nothing for the outermost middleware."""
    app = service(Passing, SidelightMiddleware)
    assert routes(app, *[("/api", "/api")] * 3) == {"/api/x/{y}": 3}
    assert routes(SidelightMiddleware(service()), ("/api", "/api")) == {"/api/x/{y}": 1}


@pytest.mark.filterwarnings("ignore:The `root_path` parameter is deprecated")
def test_the_root_path_of_the_application_stays() -> None:
    """The application's own ``root_path`` is part of the label, also if a header has it."""
    app = service(SidelightMiddleware, Passing, root_path="/api")
    assert routes(app, ("", "/api"), ("", None)) == {"/api/x/{y}": 2}


def test_a_connection_has_no_client_s_root_path() -> None:
    """Connections too have the template alone."""
    from starlette.websockets import WebSocket

    from tests.asgi.driver import connect

    app = service(Prefixed, SidelightMiddleware)

    @app.websocket("/talk/{room}")
    async def talk(websocket: WebSocket, room: str) -> None:
        await websocket.accept()
        await websocket.close()

    headers = [(b"host", b"test"), (b"x-forwarded-prefix", b"/mine")]
    _, error = run(connect(app, "/talk/1", [], {"headers": headers}))
    assert error is None
    counted = scrape(app).by("fastapi_websocket_duration_seconds_count", "http_route")
    assert counted == {"/talk/{room}": 1}
