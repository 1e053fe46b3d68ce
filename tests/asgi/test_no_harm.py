"""Nothing that goes wrong inside Sidelight reaches a request."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from fastapi import FastAPI, Request, WebSocket
from fastapi.responses import PlainTextResponse, StreamingResponse

from sidelight import SidelightMiddleware
from sidelight.asgi.exchange import Exchange
from sidelight.asgi.recorder import Recorder
from sidelight.asgi.routes import RouteTable
from sidelight.asgi.slow import SlowLog
from sidelight.asgi.websocket import Session
from sidelight.export.snapshot import Collector
from sidelight.runtime.heartbeat import Heartbeat
from sidelight.store.writer import Full, WorkerFile
from tests.asgi.driver import Answer, ask, call, connect, lifespan, run, scrape

ERRORS = "sidelight_internal_errors_total"


class Injected(Exception):
    """A fault of Sidelight's own, put there by a test."""


def service(*, measured: bool = True, **options: Any) -> FastAPI:
    app = FastAPI(openapi_url=None)

    @app.get("/plain/{x}")
    async def plain(x: str) -> PlainTextResponse:
        return PlainTextResponse(x, 201, {"x-own": "yes"})

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        async def pieces() -> AsyncIterator[bytes]:
            for piece in (b"a", b"b", b"c"):
                yield piece
                await asyncio.sleep(0)

        return StreamingResponse(pieces())

    @app.post("/body")
    async def body(request: Request) -> PlainTextResponse:
        return PlainTextResponse(await request.body())

    @app.get("/broken")
    async def broken() -> None:
        raise ZeroDivisionError

    @app.websocket("/ws")
    async def ws(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text("hello")
        await websocket.close(4000)

    if measured:
        app.add_middleware(SidelightMiddleware, **options)
    return app


def facts(answer: Answer) -> Any:
    return answer.sent, type(answer.error)


REQUESTS: list[tuple[str, str, bytes | None]] = [
    ("GET", "/plain/1", None),
    ("GET", "/stream", None),
    ("POST", "/body", b"x" * 2000),
    ("GET", "/broken", None),
    ("GET", "/nowhere", None),
    ("BREW", "/plain/1", None),
]


async def all_of(app: Any) -> list[Any]:
    found = []
    for _ in range(2):
        for method, path, body in REQUESTS:
            found.append(facts(await ask(app, method, path, body=body)))
        sent, error = await connect(app, "/ws", [])
        found.append((sent, type(error)))
    return found


PARTS: list[tuple[type, str]] = [
    (Exchange, "__init__"),
    (Exchange, "_chunk"),
    (Exchange, "_finish"),
    (Exchange, "_leave"),
    (Exchange, "_details"),
    (Exchange, "_facts"),
    (Exchange, "_left"),
    (Exchange, "_exception"),
    (Exchange, "_unfinished"),
    (Recorder, "page"),
    (Recorder, "note_root"),
    (Recorder, "route"),
    (Recorder, "labelled"),
    (Recorder, "book"),
    (Recorder, "threshold"),
    (Recorder, "duration"),
    (Recorder, "request_size"),
    (Recorder, "response_size"),
    (Recorder, "observe"),
    (Recorder, "place"),
    (Recorder, "add"),
    (Recorder, "increment"),
    (Recorder, "class_name"),
    (Recorder, "slow"),
    (RouteTable, "template"),
    (RouteTable, "sure"),
    (RouteTable, "knows"),
    (RouteTable, "redirected"),
    (Session, "__init__"),
    (Heartbeat, "wake"),
    (Heartbeat, "beat"),
    (SlowLog, "write"),
    (WorkerFile, "tally"),
    (WorkerFile, "enter"),
    (WorkerFile, "leave"),
    (WorkerFile, "note"),
    (WorkerFile, "count"),
    (WorkerFile, "set"),
    (WorkerFile, "exemplar"),
]


def failing(error: type[BaseException]) -> Callable[..., Any]:
    def fail(*args: Any, **kwargs: Any) -> Any:
        raise error("injected")

    return fail


@pytest.mark.parametrize("error", [Injected, Full, KeyError])
@pytest.mark.parametrize("when", ["from the start", "after a first request"])
@pytest.mark.parametrize(("part", "name"), PARTS, ids=lambda p: getattr(p, "__name__", p))
def test_a_fault_changes_no_answer(
    monkeypatch: pytest.MonkeyPatch, part: type, name: str, when: str, error: type[Exception]
) -> None:
    """Whatever part raises, at whichever moment, every answer is that of a bare service."""
    if name not in vars(part):
        pytest.skip("no such part any more")
    app = service(slow=1e-9)
    expected = run(all_of(service(measured=False)))
    if when != "from the start":
        run(all_of(app))
    with monkeypatch.context() as patch:
        patch.setattr(part, name, failing(error))
        assert run(all_of(app)) == expected
    assert run(all_of(app)) == expected


@pytest.mark.parametrize(
    ("part", "name"),
    [
        (Exchange, "__init__"),
        (Exchange, "_finish"),
        (Recorder, "book"),
        (Recorder, "duration"),
        (Recorder, "slow"),
        (SlowLog, "write"),
        (WorkerFile, "tally"),
        (WorkerFile, "enter"),
        (WorkerFile, "leave"),
    ],
    ids=lambda p: getattr(p, "__name__", p),
)
def test_a_fault_is_counted_and_logged_once(
    monkeypatch: pytest.MonkeyPatch,
    logged: pytest.LogCaptureFixture,
    part: type,
    name: str,
) -> None:
    """Faults are on the page, by where they were, and in the log once a minute at most."""
    app = service(slow=1e-9)
    scrape(app)
    file = _file(app)
    for where in ("begin", "send", "receive", "end"):
        file.count(_internal_errors(), (where,), 0)
    with monkeypatch.context() as patch:
        patch.setattr(part, name, failing(Injected))
        for _ in range(5):
            call(app, "GET", "/plain/1")
    page = scrape(app)
    assert page.value(ERRORS) >= 5
    wheres = page.by(ERRORS, "where")
    lines = [r for r in logged.records if r.name == "sidelight" and r.levelno >= logging.ERROR]
    assert len(lines) == len(wheres)
    assert all(line.exc_info and line.exc_info[0] is Injected for line in lines)


def _internal_errors() -> Any:
    from sidelight.contract import METRICS

    return METRICS[ERRORS]


def _file(app: Any) -> WorkerFile:
    found = app.middleware_stack
    while not isinstance(found, SidelightMiddleware):
        found = found.app
    assert found._recorder is not None
    return found._recorder.file


@pytest.mark.parametrize(
    ("part", "name"),
    [
        (Recorder, "book"),
        (Recorder, "duration"),
        (Recorder, "response_size"),
        (Recorder, "route"),
        (WorkerFile, "tally"),
        (SlowLog, "write"),
    ],
    ids=lambda p: getattr(p, "__name__", p),
)
def test_a_fault_leaves_nothing_in_flight(
    monkeypatch: pytest.MonkeyPatch, part: type, name: str
) -> None:
    """After a fault no request that is over stays in flight, and no row is lost."""
    app = service(slow=1e-9)
    scrape(app)
    rows = len(_file(app).free_rows)
    with monkeypatch.context() as patch:
        patch.setattr(part, name, failing(Injected))
        run(all_of(app))
    page = scrape(app)
    names = ("http_server_active_requests", "fastapi_active_requests", "fastapi_websocket_active")
    assert [page.value(gauge) for gauge in names] == [0, 0, 0]
    assert len(_file(app).free_rows) == rows


@pytest.mark.parametrize(
    "target",
    [
        "sidelight.asgi.middleware.open_store",
        "sidelight.asgi.middleware.Recorder",
        "sidelight.asgi.middleware.routes_below",
        "sidelight.asgi.recorder.RouteTable",
        "sidelight.asgi.recorder.Heartbeat",
        "sidelight.store.local.WorkerFile",
        "sidelight.asgi.middleware.SidelightMiddleware._check",
    ],
)
def test_a_fault_at_the_beginning(
    monkeypatch: pytest.MonkeyPatch, logged: pytest.LogCaptureFixture, target: str
) -> None:
    """When nothing can be set up, every request passes, and that is logged once."""
    expected = run(all_of(service(measured=False)))
    app = service()
    monkeypatch.setattr(target, failing(Injected))
    assert run(all_of(app)) == expected
    assert len([r for r in logged.records if r.levelno >= logging.ERROR]) == 1


@pytest.mark.parametrize(
    ("part", "name"),
    [
        (Heartbeat, "wake"),
        (Heartbeat, "beat"),
        (Heartbeat, "stop"),
        (Recorder, "close"),
        (SidelightMiddleware, "_open"),
        (SidelightMiddleware, "_drain"),
        (SidelightMiddleware, "_close"),
    ],
    ids=lambda p: getattr(p, "__name__", p),
)
def test_a_fault_in_the_lifespan(monkeypatch: pytest.MonkeyPatch, part: type, name: str) -> None:
    """Whatever fails while starting or stopping, the application starts and stops."""
    monkeypatch.setattr(part, name, failing(Injected))
    app = service()
    sent = run(lifespan(app))
    assert [message["type"] for message in sent] == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]


@pytest.mark.parametrize(
    "target",
    [
        "sidelight.asgi.page.render",
        "sidelight.asgi.page.process.publish",
        "sidelight.asgi.page.about.target_labels",
        "sidelight.asgi.page.wanted_format",
        "sidelight.export.snapshot.Collector.collect",
        "sidelight.export.snapshot.Collector._add_active",
        "sidelight.export.snapshot.Collector.__init__",
        "sidelight.store.reader.read",
    ],
)
def test_a_fault_of_the_page(monkeypatch: pytest.MonkeyPatch, target: str) -> None:
    """A page that can't be made is a 500 of its own, raises nothing, and harms no request."""
    app = service()
    scrape(app)
    _page_again(app)
    with monkeypatch.context() as patch:
        patch.setattr(target, failing(Injected))
        answer = call(app, "GET", "/metrics")
        assert call(app, "GET", "/plain/1").status == 201
    assert answer.error is None
    assert answer.status == 500
    page = scrape(app)
    assert page.requests == {("GET", "/plain/{x}", "201", ""): 1}
    assert page.value(ERRORS) == 1


def _page_again(app: Any) -> None:
    found = app.middleware_stack
    while not isinstance(found, SidelightMiddleware):
        found = found.app
    found._page = None


def test_an_unusable_directory_leaves_requests_alone(tmp_path: Any) -> None:
    """Without a store, excluded paths, our page's other methods and all else are the application's."""
    (tmp_path / "file").write_text("no directory")
    app = service(directory=str(tmp_path / "file" / "below"), exclude=["/plain/1", "/body"])
    for method, path, body in REQUESTS:
        expected = call(service(measured=False), method, path, body=body)
        assert facts(call(app, method, path, body=body)) == facts(expected)
    assert call(app, "POST", "/metrics").status == 404


def test_the_page_without_a_store_says_why(tmp_path: Any) -> None:
    """Without a store the page still answers, with what is wrong, and asks for the token first."""
    (tmp_path / "file").write_text("no directory")
    where = str(tmp_path / "file" / "below")
    app = service(directory=where)
    page = call(app, "GET", "/metrics").page
    assert len(page.series(ERRORS)) == 1
    guarded = service(directory=where, metrics_token="secret")
    assert call(guarded, "GET", "/metrics").status == 401


def test_collector_is_what_it_was() -> None:
    """The parts named in this file exist, so that a renamed one is noticed here."""
    missing = [f"{part.__name__}.{name}" for part, name in PARTS if name not in vars(part)]
    assert missing == []
    assert callable(Collector.collect)
