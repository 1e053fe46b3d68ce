"""Requests on Trio, and the same ones on asyncio."""

import gc
import time
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from fastapi import FastAPI
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import StreamingResponse

from sidelight import SidelightMiddleware
from sidelight.asgi import open_store, thread_call
from sidelight.settings import Settings
from sidelight.store import process_store
from sidelight.store.process_store import Store
from tests.asgi.driver import Page, ask

BACKENDS = pytest.mark.parametrize("backend", ["asyncio", "trio"])


def service() -> FastAPI:
    app = FastAPI(openapi_url=None)

    @app.get("/async")
    async def in_loop() -> str:
        return "a"

    @app.get("/sync")
    def in_thread() -> str:
        return "s"

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        async def pieces() -> Any:
            yield b"one"
            await anyio.lowlevel.checkpoint()
            yield b"two"

        return StreamingResponse(pieces())

    @app.get("/broken")
    async def broken() -> None:
        raise ZeroDivisionError

    @app.get("/wait")
    async def wait() -> None:
        await anyio.sleep_forever()

    app.add_middleware(SidelightMiddleware)
    return app


@BACKENDS
def test_each_kind_of_request_counts_once(backend: str) -> None:
    """Requests in the loop, in threads, in pieces and with an exception count on either loop."""
    app = service()
    pages: list[Page] = []

    async def body() -> None:
        for path in ("/async", "/sync", "/stream", "/broken"):
            for _ in range(2):
                await ask(app, "GET", path)
        pages.append((await ask(app, "GET", "/metrics")).page)

    anyio.run(body, backend=backend)
    assert pages[0].requests == {
        ("GET", "/async", "200", ""): 2,
        ("GET", "/sync", "200", ""): 2,
        ("GET", "/stream", "200", ""): 2,
        ("GET", "/broken", "500", "500"): 2,
    }
    assert pages[0].value("http_server_active_requests") == 0


# Starlette 0.38 leaves streams of a cancelled request open.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@BACKENDS
@pytest.mark.parametrize("below", [False, True])
def test_a_cancelled_request_is_cancelled(backend: str, *, below: bool) -> None:
    """A cancelled request is no 500 and no exception, also below a task group of a middleware."""
    app = service()
    if below:

        async def pass_on(request: Any, call_next: Any) -> Any:
            return await call_next(request)

        app.add_middleware(BaseHTTPMiddleware, dispatch=pass_on)
    pages: list[Page] = []

    async def body() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask, app, "GET", "/wait")
            await anyio.sleep(0.05)
            tasks.cancel_scope.cancel()
        pages.append((await ask(app, "GET", "/metrics")).page)

    anyio.run(body, backend=backend)
    gc.collect()
    assert pages[0].requests == {("GET", "/wait", "", "client_disconnected"): 1}
    assert pages[0].value("fastapi_exceptions_total") == 0
    assert pages[0].value("http_server_active_requests") == 0


@BACKENDS
def test_set_up_does_not_seem_idle(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once all tasks are blocked, a first request has reached the endpoint, set-up and all."""

    def slowly(settings: Settings) -> Store:
        time.sleep(0.1)
        return process_store.open_store(settings)

    monkeypatch.setattr(open_store, "open_store", slowly)
    monkeypatch.setattr(thread_call, "BUSY_SECONDS", 60)
    app = service()
    entered: list[str] = []

    @app.get("/enter")
    async def enter() -> None:
        entered.append(backend)
        await anyio.sleep_forever()

    async def body() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask, app, "GET", "/enter")
            await anyio.wait_all_tasks_blocked()
            assert entered == [backend]
            tasks.cancel_scope.cancel()

    anyio.run(body, backend=backend)


@BACKENDS
@pytest.mark.parametrize("traffic", [False, True])
def test_the_heartbeat_is_renewed(
    backend: str, *, traffic: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The heartbeat goes on with traffic and without, and is measured by its lateness."""
    monkeypatch.setattr("sidelight.runtime.heartbeat.PERIOD", 0.01)
    app = service()
    pages: list[Page] = []

    async def body() -> None:
        await ask(app, "GET", "/async")
        for _ in range(20):
            await anyio.sleep(0.01)
            if traffic:
                await ask(app, "GET", "/async")
        pages.append((await ask(app, "GET", "/metrics")).page)

    anyio.run(body, backend=backend)
    assert pages[0].value("asyncio_event_loop_lag_seconds_count") >= 3
    assert pages[0].value("sidelight_internal_errors_total", where="heartbeat") == 0


@BACKENDS
def test_another_run_has_a_heartbeat_too(backend: str) -> None:
    """An application that is used in one run after another has a heartbeat in each."""
    app = service()
    ages: list[float] = []

    async def body() -> None:
        await ask(app, "GET", "/async")
        await anyio.sleep(0.25)
        page = (await ask(app, "GET", "/metrics")).page
        ages.append(page.value("sidelight_worker_heartbeat_age_seconds"))

    for _ in range(2):
        anyio.run(body, backend=backend)
    assert len(ages) == 2
    assert max(ages) < 5
