"""Nothing that goes wrong inside Sidelight reaches a request."""

import asyncio
import importlib
import inspect
import logging
import sys
from collections.abc import AsyncIterator, Callable
from functools import cache
from typing import Any

import pytest
from fastapi import FastAPI, Request, WebSocket
from fastapi.responses import PlainTextResponse, StreamingResponse

from sidelight import SidelightMiddleware
from sidelight.asgi.lifecycle import StoreLifecycle
from sidelight.asgi.metrics_endpoint import MetricsEndpoint
from sidelight.asgi.recorder import Recorder
from sidelight.runtime.heartbeat import Heartbeat
from sidelight.store import layout
from sidelight.store.mapped_file import StoreFull
from sidelight.store.writer import WorkerFile
from tests.asgi.driver import Answer, Page, ask, call, connect, lifespan, middleware_of, run, scrape

pytestmark = pytest.mark.newest

ERRORS = "sidelight_internal_errors_total"


class Injected(Exception):  # noqa: N818 a fault, whatever its kind
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


@cache
def bare() -> list[Any]:
    """What a service without us answers."""
    found: list[Any] = run(all_of(service(measured=False)))
    return found


MODULES = [
    "sidelight.asgi.exclusions",
    "sidelight.asgi.fast_path",
    "sidelight.asgi.labels",
    "sidelight.asgi.open_store",
    "sidelight.asgi.recorder",
    "sidelight.asgi.request",
    "sidelight.asgi.request_keys",
    "sidelight.asgi.route_matcher",
    "sidelight.asgi.route_objects",
    "sidelight.asgi.routes",
    "sidelight.asgi.series",
    "sidelight.asgi.slow_log",
    "sidelight.asgi.tracing",
    "sidelight.asgi.websocket",
    "sidelight.runtime.block_attribution",
    "sidelight.runtime.heartbeat",
    "sidelight.runtime.loop_chores",
    "sidelight.runtime.process",
    "sidelight.runtime.request_conditions",
    "sidelight.store.exemplar_slots",
    "sidelight.store.layout",
    "sidelight.store.mapped_file",
    "sidelight.store.route_table",
    "sidelight.store.schema",
    "sidelight.store.inflight",
    "sidelight.store.writer",
]
# Where messages pass, and where faults end up: to break these is to break the application.
THE_PATH = {
    "begin",
    "send",
    "receive",
    "end",
    "give_up",
    "handled",
    "prepare",
    "received",
    "release_slot",
    "_release",
    "_set_complete",
}

# Without these, `__del__` would complain.
NEEDED_BY_DEL = {("MappedFile", "__init__"), ("WorkerFile", "__init__")}


def parts() -> list[tuple[str, Any, str]]:
    """Every function and method that a request may touch, whatever it is called today."""
    found: list[tuple[str, Any, str]] = []
    for name in MODULES:
        module = importlib.import_module(name)
        for at, value in vars(module).items():
            if getattr(value, "__module__", "") != name:
                continue
            if inspect.isfunction(value) and at not in THE_PATH:
                found.append((f"{name.rpartition('.')[2]}.{at}", module, at))
            elif inspect.isclass(value):
                found += [
                    (f"{at}.{method}", value, method)
                    for method, function in vars(value).items()
                    if inspect.isfunction(function)
                    and method not in THE_PATH
                    and not (method.startswith("__") and method != "__init__")
                    and (at, method) not in NEEDED_BY_DEL
                ]
    return found


PARTS = parts()


def broken(patch: pytest.MonkeyPatch, owner: Any, name: str, error: type[Exception]) -> None:
    """Put a fault in a part's place, in every module that has it by name."""
    part = getattr(owner, name)
    patch.setattr(owner, name, failing(error))
    if inspect.ismodule(owner):
        modules = [module for at, module in sys.modules.items() if at.startswith("sidelight.")]
        for module in modules:
            if vars(module).get(name) is part:
                patch.setattr(module, name, failing(error))


def failing(error: type[BaseException]) -> Callable[..., Any]:
    def fail(*args: Any, **kwargs: Any) -> Any:
        raise error("injected")

    return fail


PARTS_BY_NAME = pytest.mark.parametrize(
    ("owner", "name"), [part[1:] for part in PARTS], ids=[part[0] for part in PARTS]
)
REQUESTS_COUNT = "http_server_request_duration_seconds_count"
CONNECTIONS_COUNT = "fastapi_websocket_duration_seconds_count"


@PARTS_BY_NAME
def test_a_fault_changes_no_answer_and_loses_no_request_silently(
    monkeypatch: pytest.MonkeyPatch, owner: Any, name: str
) -> None:
    """A fault changes no answer and leaves nothing in flight; a request or a fault is counted."""
    app = service(slow_request_threshold=1e-9, phase_sample_interval=0)
    expected = bare()
    assert run(all_of(app)) == expected
    before = scrape(app)
    with monkeypatch.context() as patch:
        broken(patch, owner, name, Injected)
        assert run(all_of(app)) == expected
    after = scrape(app)
    names = ("http_server_active_requests", "fastapi_active_requests", "fastapi_websocket_active")
    assert [after.value(gauge) for gauge in names] == [0, 0, 0]
    assert len(_file(app).free_slots) == len(_file(app).paths)
    driven = {REQUESTS_COUNT: 2 * len(REQUESTS), CONNECTIONS_COUNT: 2}
    lost = {metric: n - added(before, after, metric) for metric, n in driven.items()}
    assert min(lost.values()) >= 0, "a request was counted twice"
    if (owner, name) not in [(WorkerFile, "series"), (layout, "series_key")]:  # faults need them
        assert sum(lost.values()) <= added(before, after, ERRORS)


def added(before: Page, after: Page, metric: str) -> float:
    return after.value(metric) - before.value(metric)


@pytest.mark.slow
@pytest.mark.parametrize("error", [Injected, StoreFull, KeyError])
@pytest.mark.parametrize("when", ["first", "later"])
@PARTS_BY_NAME
def test_a_fault_of_any_kind_changes_no_answer(
    monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, when: str, error: type[Exception]
) -> None:
    """Whatever a part raises, at whichever moment, every answer is that of a bare service."""
    app = service(slow_request_threshold=1e-9)
    expected = bare()
    if when == "later":
        run(all_of(app))
    with monkeypatch.context() as patch:
        broken(patch, owner, name, error)
        assert run(all_of(app)) == expected
    assert run(all_of(app)) == expected


@PARTS_BY_NAME
def test_a_fault_while_opening_changes_no_answer(
    monkeypatch: pytest.MonkeyPatch, owner: Any, name: str
) -> None:
    """With a part broken from the first request on, each answer is that of a bare service."""
    app = service()
    with monkeypatch.context() as patch:
        broken(patch, owner, name, Injected)
        answer = facts(call(app, *REQUESTS[0][:2]))
    assert answer == bare()[0]


@pytest.mark.parametrize(
    "target",
    [
        "sidelight.asgi.series.RouteSeries.status_series",
        "sidelight.asgi.request.UncommonRequest.finish",
        "sidelight.asgi.request_keys.RequestKey.find_status",
        "sidelight.asgi.recorder.Recorder.slow",
        "sidelight.asgi.series.SeriesWriter.increment",
        "sidelight.asgi.slow_log.SlowLog.write",
    ],
)
def test_a_fault_is_counted_and_logged_once(
    monkeypatch: pytest.MonkeyPatch, logged: pytest.LogCaptureFixture, target: str
) -> None:
    """Faults are on the page, by where they were, and in the log once a minute at most."""
    app = service(
        slow_request_threshold=1e-9, phase_sample_interval=0
    )  # a sampled request goes another way
    scrape(app)
    with monkeypatch.context() as patch:
        patch.setattr(target, failing(Injected))
        for _ in range(5):
            call(app, "GET", "/plain/1")
    page = scrape(app)
    assert page.value(ERRORS) >= 5
    wheres = page.by(ERRORS, "where")
    lines = [r for r in logged.records if r.name == "sidelight" and r.levelno >= logging.ERROR]
    assert len(lines) == len(wheres)
    assert all(line.exc_info and line.exc_info[0] is Injected for line in lines)


def _lifecycle(app: Any) -> StoreLifecycle:
    return middleware_of(app).lifecycle


def _file(app: Any) -> WorkerFile:
    recorder = _lifecycle(app).recorder
    assert recorder is not None
    return recorder.file


def _endpoint(app: Any) -> MetricsEndpoint:
    opened = _lifecycle(app)._open_store
    assert opened is not None
    return opened.endpoint.endpoint


@pytest.mark.parametrize(
    "target",
    [
        "sidelight.asgi.open_store.open_store",
        "sidelight.asgi.open_store.Recorder",
        "sidelight.asgi.open_store.router_below",
        "sidelight.asgi.recorder.Labels",
        "sidelight.asgi.recorder.heartbeat",
        "sidelight.store.process_store.WorkerFile",
        "sidelight.asgi.open_store.check_routes",
    ],
)
def test_a_fault_at_the_beginning(
    monkeypatch: pytest.MonkeyPatch, logged: pytest.LogCaptureFixture, target: str
) -> None:
    """When nothing can be set up, every request passes, and that is logged once."""
    expected = bare()
    app = service()
    monkeypatch.setattr(target, failing(Injected))
    assert run(all_of(app)) == expected
    assert len([r for r in logged.records if r.levelno >= logging.ERROR]) == 1


@pytest.mark.parametrize(
    ("part", "name"),
    [
        (Heartbeat, "wake"),
        (Heartbeat, "_beat"),
        (Heartbeat, "stop"),
        (Recorder, "close"),
        (StoreLifecycle, "open"),
        (StoreLifecycle, "stopping"),
        (StoreLifecycle, "close"),
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
        "sidelight.export.response.rendered",
        "sidelight.asgi.metrics_endpoint.process.publish",
        "sidelight.export.response.wanted_format",
        "sidelight.export.collector.Collector.collect",
        "sidelight.export.collector.Collector._add_sums",
        "sidelight.export.collector.Collector.__init__",
        "sidelight.store.reader.read",
    ],
)
def test_a_fault_of_the_page(monkeypatch: pytest.MonkeyPatch, target: str) -> None:
    """A page that can't be made is a 500 of its own, raises nothing, and harms no request."""
    app = service()
    scrape(app)
    _endpoint(app)._collector = None
    with monkeypatch.context() as patch:
        patch.setattr(target, failing(Injected))
        answer = call(app, "GET", "/metrics")
        assert call(app, "GET", "/plain/1").status == 201
    assert answer.error is None
    assert answer.status == 500
    page = scrape(app)
    assert page.requests == {("GET", "/plain/{x}", "201", ""): 1}
    assert page.value(ERRORS, where="endpoint") == 1  # the heartbeat counts its own


def test_an_unusable_directory_leaves_requests_alone(tmp_path: Any) -> None:
    """Without a store, excluded paths, other methods and all else are the application's."""
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
