"""One count per exchange, under the status that was sent."""

import inspect
import math
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI, HTTPException, Request
from starlette.applications import Starlette
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import (
    FileResponse,
    JSONResponse,
    PlainTextResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from sidelight import SidelightMiddleware
from tests.asgi.driver import DURATION, call, http_scope, run, scrape


def service(**options: Any) -> FastAPI:
    """One route of each kind."""
    app = FastAPI(openapi_url=None)
    _add_answers(app)
    _add_streams(app)
    _add_failures(app)
    app.add_middleware(SidelightMiddleware, **options)
    return app


def _add_answers(app: FastAPI) -> None:
    @app.get("/async")
    async def in_loop() -> str:
        return "a"

    @app.get("/sync")
    def in_thread() -> str:
        return "s"

    @app.get("/plain")
    async def plain() -> PlainTextResponse:
        return PlainTextResponse("plain", 203)

    @app.post("/items/{number}", status_code=201)
    async def create(number: int) -> dict[str, int]:
        return {"number": number}

    @app.delete("/items/{number}", status_code=204)
    async def delete(number: int) -> None:
        return None


def _add_streams(app: FastAPI) -> None:
    @app.get("/stream")
    async def stream() -> StreamingResponse:
        async def pieces() -> AsyncIterator[bytes]:
            for piece in (b"one", b"", b"two"):
                yield piece

        return StreamingResponse(pieces())

    @app.get("/events")
    async def events() -> StreamingResponse:
        async def pieces() -> AsyncIterator[str]:
            for number in range(3):
                yield f"data: {number}\n\n"

        return StreamingResponse(pieces(), media_type="text/event-stream")

    @app.get("/file")
    async def file() -> FileResponse:
        return FileResponse(Path(__file__))


def _add_failures(app: FastAPI) -> None:
    @app.get("/teapot")
    async def teapot() -> None:
        raise HTTPException(418, "short and stout")

    @app.get("/broken")
    async def broken() -> None:
        raise ZeroDivisionError

    @app.get("/unavailable")
    async def unavailable() -> Response:
        return Response(status_code=503)


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/async", ("GET", "/async", "200", "")),
        ("GET", "/sync", ("GET", "/sync", "200", "")),
        ("GET", "/plain", ("GET", "/plain", "203", "")),
        ("POST", "/items/1", ("POST", "/items/{number}", "201", "")),
        ("DELETE", "/items/1", ("DELETE", "/items/{number}", "204", "")),
        ("GET", "/stream", ("GET", "/stream", "200", "")),
        ("GET", "/events", ("GET", "/events", "200", "")),
        ("GET", "/file", ("GET", "/file", "200", "")),
        ("GET", "/teapot", ("GET", "/teapot", "418", "")),
        ("GET", "/broken", ("GET", "/broken", "500", "500")),
        ("GET", "/unavailable", ("GET", "/unavailable", "503", "503")),
        ("POST", "/items/x", ("POST", "/items/{number}", "422", "")),
        ("PUT", "/items/1", ("PUT", "/items/{number}", "405", "")),
        ("HEAD", "/async", ("HEAD", "/async", "405", "")),
        ("OPTIONS", "/async", ("OPTIONS", "/async", "405", "")),
        ("BREW", "/async", ("_OTHER", "/async", "405", "")),
        ("get", "/async", ("_OTHER", "/async", "405", "")),
        ("GET", "/nowhere", ("GET", "", "404", "")),
        ("BREW", "/nowhere", ("_OTHER", "", "404", "")),
    ],
)
def test_each_exchange_counts_once(
    method: str, path: str, expected: tuple[str, str, str, str]
) -> None:
    """An exchange makes one count, with its method, template, status and error type."""
    app = service()
    for _ in range(3):
        call(app, method, path)
    assert scrape(app).requests == {expected: 3}


def test_head_of_a_starlette_route_is_head() -> None:
    """HEAD answered by a GET route is counted as HEAD."""

    async def home(request: Any) -> PlainTextResponse:
        return PlainTextResponse("home")

    app = Starlette(routes=[Route("/", home)])
    app.add_middleware(SidelightMiddleware)
    call(app, "HEAD", "/")
    assert scrape(app).requests == {("HEAD", "/", "200", ""): 1}


def test_scheme_is_a_label() -> None:
    """Https and http are counted apart, and whatever else a server says as _OTHER."""
    app = service()
    for scheme in ("http", "https", "https", "gopher"):
        call(app, "GET", "/async", scope={"scheme": scheme})
    assert scrape(app).by(f"{DURATION}_count", "url_scheme") == {"http": 1, "https": 2, "_OTHER": 1}


def test_bucket_count_and_sum_agree() -> None:
    """The +Inf bucket is the count, no bucket is less than the one before, the sum is sane."""
    app = service()
    for _ in range(20):
        call(app, "GET", "/async")
    page = scrape(app)
    buckets = sorted(
        (float(found["le"]), page.value(f"{DURATION}_bucket", **found))
        for found in page.series(f"{DURATION}_bucket", http_response_status_code="200")
    )
    counts = [value for _, value in buckets]
    assert counts == sorted(counts)
    assert [le for le, _ in buckets][-1] == math.inf
    assert counts[-1] == 20
    assert 0 < page.value(f"{DURATION}_sum", http_response_status_code="200") < 20


@pytest.mark.parametrize("inside", [True, False])
def test_preflight_is_counted_where_it_is_answered(*, inside: bool) -> None:
    """A preflight answered inside ours counts for the route it asks about; outside it is unseen."""
    app = FastAPI(openapi_url=None)

    @app.get("/async")
    async def in_loop() -> str:
        return "a"

    cors: tuple[Any, dict[str, Any]] = (CORSMiddleware, {"allow_origins": ["*"]})
    ours: tuple[Any, dict[str, Any]] = (SidelightMiddleware, {})
    for kind, options in (cors, ours) if inside else (ours, cors):
        app.add_middleware(kind, **options)
    headers = {"origin": "https://a.example", "access-control-request-method": "GET"}
    answer = call(app, "OPTIONS", "/async", headers=headers)
    assert answer.status == 200
    call(app, "GET", "/async", headers=headers)
    plain = {("GET", "/async", "200", ""): 1}
    preflight = {("OPTIONS", "/async", "200", ""): 1} if inside else {}
    assert scrape(app).requests == {**plain, **preflight}


def raw(*messages: dict[str, Any]) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)

    return app


START = {"type": "http.response.start", "status": 200, "headers": []}
LAST = {"type": "http.response.body", "body": b"x"}
MORE = {**LAST, "more_body": True}
TRAILED = {**START, "trailers": True}
TRAILERS = {"type": "http.response.trailers", "headers": []}


@pytest.mark.parametrize(
    ("messages", "status", "error"),
    [
        ([START, LAST], "200", ""),
        ([START, {"type": "http.response.body"}], "200", ""),
        ([START, MORE, MORE, LAST], "200", ""),
        ([START, LAST, LAST], "200", ""),
        ([START, LAST, MORE, LAST], "200", ""),
        ([START, {"type": "http.response.pathsend", "path": "/x"}], "200", ""),
        ([TRAILED, LAST, TRAILERS], "200", ""),
        ([TRAILED, LAST, {**TRAILERS, "more_trailers": True}, TRAILERS], "200", ""),
        ([{"type": "http.response.early_hint", "links": []}, START, LAST], "200", ""),
        ([{"type": "http.response.debug", "info": {}}, START, LAST], "200", ""),
        ([START, {"type": "http.response.push", "path": "/", "headers": []}, LAST], "200", ""),
        ([], "500", "500"),
        ([START], "200", "incomplete_response"),
        ([START, MORE], "200", "incomplete_response"),
        ([TRAILED, LAST], "200", "incomplete_response"),
        ([TRAILED, LAST, {**TRAILERS, "more_trailers": True}], "200", "incomplete_response"),
        ([{**START, "status": 502}, MORE], "502", "incomplete_response"),
        ([{**START, "status": 204}, {"type": "http.response.body"}], "204", ""),
        ([{**START, "status": 599}, LAST], "599", "599"),
    ],
)
def test_messages_decide_what_is_counted(
    messages: list[dict[str, Any]], status: str, error: str
) -> None:
    """Whatever an application sends, complete or not, twice or never, it is counted once."""
    app = SidelightMiddleware(raw(*messages))
    answer = call(app, "GET", "/x")
    assert answer.error is None
    assert answer.sent == messages
    page = scrape(app)
    assert page.requests == {("GET", "", status, error): 1}
    assert page.value("http_server_active_requests") == 0


@pytest.mark.parametrize(
    "scope",
    [
        {"raw_path": ...},
        {"raw_path": None},
        {"scheme": ...},
        {"root_path": ...},
        {"raw_path": ..., "scheme": ..., "root_path": ..., "http_version": ...},
        {"path": "/\udcff", "raw_path": ...},
        {"path": "/\0\n", "raw_path": b"/%00%0A"},
        {"raw_path": b"/" + b"x" * 5000},
        {"method": ""},
        {"method": "G\nET"},
    ],
)
def test_a_scope_may_lack_what_is_optional(scope: dict[str, Any]) -> None:
    """Keys that servers may leave out, and values no one foresaw, harm no request."""
    app = SidelightMiddleware(raw(START, LAST))
    answer = call(app, "GET", "/x", scope=scope)
    assert answer.error is None
    assert answer.sent == [START, LAST]
    assert sum(scrape(app).requests.values()) == 1


@pytest.mark.parametrize(
    "bad",
    [
        {"type": "http.response.start"},
        {"type": "http.response.start", "status": "teapot"},
        {"type": "http.response.body", "body": 5},
        {"type": "what"},
        {},
        {"type": None},
    ],
)
def test_a_malformed_message_reaches_the_server(bad: dict[str, Any]) -> None:
    """A message that is none is passed on for the server to judge, and raises nothing of ours."""
    seen: list[Any] = []
    app = SidelightMiddleware(raw(bad, START, LAST))

    async def drive() -> None:
        async def receive() -> Any:
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            seen.append(message)

        await app(http_scope("GET", "/x"), receive, send)

    run(drive())
    assert seen == [bad, START, LAST]


def test_json_errors_are_no_errors_of_ours() -> None:
    """An exception handler of the application's decides the status that is counted."""
    app = service()

    @app.exception_handler(ZeroDivisionError)
    async def handler(request: Any, error: Exception) -> JSONResponse:
        return JSONResponse({}, 409)

    call(app, "GET", "/broken")
    page = scrape(app)
    assert page.requests == {("GET", "/broken", "409", ""): 1}
    assert page.by("fastapi_exceptions_total", "error_type") == {}


def test_the_answer_is_the_same_with_and_without() -> None:
    """Status, headers and bytes of every kind of response are those of a bare service."""
    bare, measured = service(), service()
    bare.user_middleware.clear()
    for path in ("/async", "/sync", "/stream", "/events", "/file", "/teapot", "/nowhere"):
        without, with_ours = call(bare, "GET", path), call(measured, "GET", path)
        assert with_ours.sent == without.sent


@pytest.mark.skipif(
    "max_body_size" not in inspect.signature(FastAPI).parameters,
    reason="this FastAPI has no limit of a body's size",
)
def test_a_body_that_a_middleware_finds_too_large() -> None:
    """A body over the application's limit is 413 and no exception, if a middleware reads it too."""
    app = FastAPI(max_body_size=5, openapi_url=None)

    @app.post("/")
    async def post() -> None: ...

    @app.middleware("http")
    async def read_body(request: Request, call_next: Any) -> Any:
        await request.body()
        return await call_next(request)

    app.add_middleware(SidelightMiddleware)
    assert call(app, "POST", "/", body=b"123456", scope={"headers": []}).status == 413
    page = scrape(app)
    assert page.requests == {("POST", "/", "413", ""): 1}
    assert page.value("fastapi_exceptions_total") == 0
