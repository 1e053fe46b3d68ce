"""Phases of a request: where its time went, for one in so many."""

import asyncio
import copy
import threading
import time
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

import pytest
from fastapi import BackgroundTasks, Depends, FastAPI, HTTPException, Request
from fastapi.responses import StreamingResponse
from starlette.middleware.base import BaseHTTPMiddleware

from sidelight import SidelightMiddleware
from sidelight.asgi import builtin_telemetry
from tests.asgi.driver import Page, Server, ask, call, connect, http_scope, run, scrape

PHASES = "fastapi_request_phase_duration_seconds"
TOLD = builtin_telemetry.reports_operations()
told = pytest.mark.skipif(not TOLD, reason="FastAPI before 0.142 tells of no phases")


def measured(every: int = 1, **options: Any) -> FastAPI:
    app = FastAPI(**options)
    app.add_middleware(SidelightMiddleware, phase_sample_interval=every)
    return app


def counts(page: Page, route: str) -> dict[str, float]:
    """How often each phase of a route was seen."""
    found = page.by(f"{PHASES}_count", "http_route", "phase")
    return {phase: count for (of, phase), count in found.items() if of == route}


def spent(page: Page, route: str, phase: str) -> float:
    return page.value(f"{PHASES}_sum", http_route=route, phase=phase)


def test_this_fastapi_is_known() -> None:
    """The newest FastAPI of the tests tells of its operations, and the oldest has none."""
    assert TOLD is builtin_telemetry.KNOWN


@told
def test_phases_hold_the_time_that_was_spent_in_them() -> None:
    """Each wait is in the phase that it belongs to, and in no other."""
    app = measured()

    async def slept() -> AsyncIterator[None]:
        await asyncio.sleep(0.2)
        yield

    @app.post("/work", dependencies=[Depends(slept)])
    async def work(body: dict[str, int]) -> dict[str, int]:
        await asyncio.sleep(0.1)
        return body

    async def late() -> Page:
        server = Server([{"type": "http.request", "body": b'{"a":1}', "more_body": False}])

        async def receive() -> Any:
            await asyncio.sleep(0.3)
            return await server.receive()

        scope = http_scope("POST", "/work", {"content-type": "application/json"})
        await app(scope, receive, server.send)
        assert server.answer.text == '{"a":1}'
        return (await ask(app, path="/metrics")).page

    page = run(late())
    times = {"body": 1, "dependencies": 1, "endpoint": 1, "serialization": 1}
    assert counts(page, "/work") == times
    assert spent(page, "/work", "body") >= 0.3
    assert spent(page, "/work", "dependencies") >= 0.2
    assert spent(page, "/work", "endpoint") >= 0.1
    whole = page.value("http_server_request_duration_seconds_sum", http_route="/work")
    assert sum(spent(page, "/work", phase) for phase in times) <= whole


@told
def test_a_body_read_by_the_endpoint_is_no_time_of_the_endpoints() -> None:
    """Waiting for the client is the phase body, whoever waits."""
    app = measured()

    @app.post("/raw")
    async def raw(request: Request) -> int:
        return len(await request.body())

    async def late() -> Page:
        server = Server([{"type": "http.request", "body": b"abc", "more_body": False}])

        async def receive() -> Any:
            await asyncio.sleep(0.5)
            return await server.receive()

        await app(http_scope("POST", "/raw"), receive, server.send)
        return (await ask(app, path="/metrics")).page

    page = run(late())
    assert spent(page, "/raw", "body") >= 0.5
    assert spent(page, "/raw", "endpoint") < 0.4


@told
def test_waiting_for_a_thread_is_no_time_of_the_endpoints() -> None:
    """Of 60 calls on 40 threads the last 20 wait for one; each endpoint still has its own time."""
    app = measured()
    seconds, calls = 0.5, 60

    @app.get("/sync")
    def sync() -> None:
        time.sleep(seconds)

    async def crowd() -> Page:
        await asyncio.gather(*(ask(app, path="/sync") for _ in range(calls)))
        return (await ask(app, path="/metrics")).page

    page = run(crowd())
    assert counts(page, "/sync") == dict.fromkeys(
        ["dependencies", "thread_wait", "endpoint", "serialization"], calls
    )
    assert spent(page, "/sync", "thread_wait") >= (calls - 40) * seconds * 0.9
    assert calls * seconds <= spent(page, "/sync", "endpoint") < calls * seconds * 1.6


@told
def test_an_asynchronous_endpoint_waits_for_no_thread() -> None:
    """The phase is only there where a thread was needed."""
    app = measured()

    @app.get("/")
    async def home() -> None: ...

    assert call(app).status == 200
    assert counts(scrape(app), "/") == {"dependencies": 1, "endpoint": 1, "serialization": 1}


@told
@pytest.mark.parametrize(("every", "least", "most"), [(1, 600, 600), (10, 20, 200), (0, 0, 0)])
def test_one_request_in_so_many(
    every: int, least: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The setting says of how many requests one is looked at, on average; 0 is none."""
    monkeypatch.setattr("sidelight.asgi.phases.LEAST_APART", 0)
    app = measured(every)

    @app.get("/")
    async def home() -> None: ...

    async def many() -> Page:
        for _ in range(600):
            await ask(app)
        return (await ask(app, path="/metrics")).page

    page = run(many())
    assert least <= counts(page, "/").get("endpoint", 0) <= most
    assert page.routes["/"] == 600


@told
def test_a_rhythm_of_the_traffic_hides_no_route(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two routes in turn are both looked at."""
    monkeypatch.setattr("sidelight.asgi.phases.LEAST_APART", 0)
    app = measured(10)

    @app.get("/one")
    @app.get("/other")
    async def home() -> None: ...

    async def many() -> Page:
        for _ in range(500):
            await ask(app, path="/one")
            await ask(app, path="/other")
        return (await ask(app, path="/metrics")).page

    page = run(many())
    assert counts(page, "/one")
    assert counts(page, "/other")


@told
def test_phases_of_a_request_that_is_still_running() -> None:
    """The state of a sampled request has the phases so far, with the current one."""
    seen: list[dict[str, float] | None] = []
    for every in (1, 0):
        app = measured(every)

        @app.get("/")
        async def home(request: Request) -> None:
            await asyncio.sleep(0.01)
            extra = request.receive.__self__.extra  # type: ignore[attr-defined] # the receive of a measured request
            seen.append(extra and extra.phases.seconds())

        assert call(app).status == 200
    running, unseen = seen
    assert unseen is None
    assert running is not None
    assert set(running) == {"dependencies", "endpoint"}
    assert running["endpoint"] >= 0.01


@pytest.mark.parametrize("every", [1, 0], ids=["sampled", "not sampled"])
def test_a_scope_can_still_be_copied(every: int) -> None:
    """What is in the scope for us hinders nobody who makes a deep copy of it."""
    app = measured(every)
    seen: list[Any] = []

    @app.get("/")
    async def home(request: Request) -> None:
        mark = {name: value for name, value in request.scope.items() if name == "sidelight"}
        seen.append(copy.deepcopy(mark))

    for _ in range(3):
        assert call(app).status == 200
    assert [list(mark) for mark in seen] == [["sidelight"]] * 3


@told
def test_the_line_of_a_slow_request_has_its_phases(logged: pytest.LogCaptureFixture) -> None:
    """A slow request that is looked at says where its time went."""
    app = FastAPI()
    app.add_middleware(SidelightMiddleware, phase_sample_interval=1, slow_request_threshold=0.05)

    @app.get("/")
    async def home() -> None:
        await asyncio.sleep(0.1)

    assert call(app).status == 200
    (record,) = (one for one in logged.records if one.name == "sidelight.slow")
    phases = vars(record)["sidelight"]["phases"]
    assert set(phases) == {"dependencies", "endpoint", "serialization"}
    assert phases["endpoint"] >= 0.1


@told
def test_an_application_called_by_the_endpoint_is_part_of_it() -> None:
    """Its operations are in the same context, and still no phases of the outer request."""
    inner = FastAPI()

    @inner.get("/")
    async def home() -> None:
        await asyncio.sleep(0.2)

    app = measured()

    @app.get("/outer")
    async def outer() -> None:
        await asyncio.gather(ask(inner), ask(inner))

    assert call(app, path="/outer").status == 200
    page = scrape(app)
    assert counts(page, "/outer") == {"dependencies": 1, "endpoint": 1, "serialization": 1}
    assert spent(page, "/outer", "endpoint") >= 0.2


def refused() -> None:
    raise HTTPException(403)


def answers(app: FastAPI) -> FastAPI:
    """Routes that end in every way there is."""

    @app.get("/plain")
    async def plain(tasks: BackgroundTasks) -> dict[str, int]:
        tasks.add_task(lambda: None)
        return {"a": 1}

    @app.get("/sync")
    def sync(number: int = 1) -> int:
        return number

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        return StreamingResponse(iter(["a", "b"]))

    @app.get("/forbidden", dependencies=[Depends(refused)])
    async def forbidden() -> None: ...

    @app.get("/broken")
    def broken() -> None:
        raise RuntimeError("broken")

    @app.get("/model", response_model=int)
    def model() -> Any:
        return "x"

    return app


WAYS = ["/plain", "/sync", "/sync?number=x", "/stream", "/forbidden", "/broken", "/model", "/no"]


@pytest.mark.parametrize("path", WAYS)
@pytest.mark.parametrize("behind", [False, True])
def test_answers_and_exceptions_stay_as_they_are(path: str, *, behind: bool) -> None:
    """A request that is looked at is answered, or fails, as without Sidelight."""
    plain, measured = answers(FastAPI()), answers(FastAPI())
    for app in (plain, measured):
        if behind:
            app.add_middleware(BaseHTTPMiddleware, dispatch=_passes)
    measured.add_middleware(SidelightMiddleware, phase_sample_interval=1)
    one, other = call(plain, path=path), call(measured, path=path)
    assert type(one.error) is type(other.error)
    assert repr(one.error) == repr(other.error)
    assert one.sent == other.sent
    assert plain.openapi() == measured.openapi()
    assert "sidelight_internal_errors_total" not in scrape(measured).names


async def _passes(request: Request, call_next: Any) -> Any:
    return await call_next(request)


@told
@pytest.mark.parametrize("behind", [False, True])
def test_middleware_that_runs_the_rest_in_a_task(*, behind: bool) -> None:
    """The phases are found where the rest runs in another task, too."""
    app = FastAPI()
    answers(app)
    if behind:
        app.add_middleware(BaseHTTPMiddleware, dispatch=_passes)
    app.add_middleware(SidelightMiddleware, phase_sample_interval=1)
    assert call(app, path="/sync").status == 200
    assert set(counts(scrape(app), "/sync")) >= {"dependencies", "thread_wait", "endpoint"}


@pytest.fixture
def undone(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """Whatever OpenTelemetry has to say of a context that isn't left as it was entered."""
    yield caplog
    assert "detach" not in caplog.text


@told
@pytest.mark.parametrize("path", [*WAYS, "/forever"])
def test_the_context_is_left_as_it_was(path: str, undone: pytest.LogCaptureFixture) -> None:
    """However a request ends, OpenTelemetry's context is afterwards what it was before."""
    from opentelemetry import baggage, context

    app = measured()
    answers(app)

    @app.get("/forever")
    async def forever() -> None:
        await asyncio.sleep(100)

    async def body() -> None:
        token = context.attach(baggage.set_baggage("tenant", "acme"))
        before = context.get_current()
        try:
            async with asyncio.timeout(0.3):
                await ask(app, path=path)
        except TimeoutError:
            pass
        assert context.get_current() is before
        context.detach(token)

    run(body())
    assert call(app, path="/plain").status == 200


@told
def test_a_cancelled_request_keeps_its_phases() -> None:
    """What it had spent when it was cancelled is recorded."""
    app = measured()

    begun = asyncio.Event()

    @app.get("/forever")
    async def forever() -> None:
        begun.set()
        await asyncio.sleep(100)

    async def body() -> Page:
        task = asyncio.create_task(ask(app, path="/forever"))
        await begun.wait()
        task.cancel()
        await task
        return (await ask(app, path="/metrics")).page

    page = run(body())
    assert counts(page, "/forever") == {"dependencies": 1, "endpoint": 1}


@told
def test_nobody_else_gets_telemetry() -> None:
    """FastAPI's own hook for users says None as it did, in a request that is looked at."""
    from fastapi.telemetry import get_telemetry_data
    from opentelemetry import baggage, trace

    app = measured()
    seen: list[Any] = []

    @app.get("/")
    def home(request: Request) -> None:
        seen.append(get_telemetry_data())
        seen.append("fastapi.telemetry" in request.scope)
        seen.append(trace.get_current_span() is trace.INVALID_SPAN)
        seen.append(dict(baggage.get_all()))

    assert call(app).status == 200
    assert seen == [None, False, True, {}]


@told
@pytest.mark.parametrize("name", ["_RequestTelemetry", "_REQUEST_TELEMETRY_KEY"])
def test_another_fastapi_has_no_phases(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where its insides are not what is known, there are no phases, and no request notices."""
    monkeypatch.delattr(f"fastapi.telemetry._api.{name}")
    builtin_telemetry.reports_operations.cache_clear()
    try:
        assert builtin_telemetry.reports_operations() is False
        app = measured()
        answers(app)
    finally:
        builtin_telemetry.reports_operations.cache_clear()
        monkeypatch.undo()
    assert call(app, path="/plain").text == '{"a":1}'


@told
def test_operations_of_another_kind_are_no_phases(monkeypatch: pytest.MonkeyPatch) -> None:
    """A FastAPI that tells of something else, or in another order, is not listened to."""
    monkeypatch.setattr(builtin_telemetry, "OPERATIONS", ("solving", "endpoint", "serialization"))
    builtin_telemetry.reports_operations.cache_clear()
    assert builtin_telemetry.reports_operations() is False
    builtin_telemetry.reports_operations.cache_clear()


@told
def test_a_fault_of_ours_reaches_no_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is counted, and the request is measured but for its phases."""
    app = measured()
    answers(app)
    assert call(app, path="/plain").status == 200
    monkeypatch.setattr(builtin_telemetry, "listen", None)
    assert call(app, path="/plain").text == '{"a":1}'
    page = scrape(app)
    assert page.value("sidelight_internal_errors_total", where="phases") == 1
    assert page.routes["/plain"] == 2


@told
def test_many_requests_a_second_are_not_all_sampled() -> None:
    """Of many requests that are chosen, those within a tenth of a second are sampled once."""
    app = measured(every=2)

    @app.get("/")
    async def home() -> None: ...

    start = time.monotonic()
    for _ in range(300):
        assert call(app).status == 200
    most = 1 + (time.monotonic() - start) / 0.1
    assert 1 <= counts(scrape(app), "/")["endpoint"] <= most < 150


@told
def test_a_thread_that_outlives_its_request(undone: pytest.LogCaptureFixture) -> None:
    """An operation that ends after the request was recorded is in no phase, and no fault."""
    app = measured()
    go, done = threading.Event(), threading.Event()

    @app.get("/")
    async def home() -> None:
        def later() -> None:
            go.wait(10)
            call(app, path="/other")
            done.set()

        import contextvars

        threading.Thread(target=contextvars.copy_context().run, args=(later,)).start()

    @app.get("/other")
    async def other() -> None: ...

    assert call(app).status == 200
    before = counts(scrape(app), "/")
    go.set()
    assert done.wait(10)
    assert counts(scrape(app), "/") == before


def test_websockets_have_no_phases() -> None:
    """A connection is passed on as it is."""
    from fastapi import WebSocket

    app = measured()

    @app.websocket("/ws")
    async def ws(socket: WebSocket, number: Annotated[int, Depends(lambda: 1)]) -> None:
        await socket.accept()
        await socket.close()

    sent, error = run(connect(app, "/ws", []))
    assert error is None
    assert [message["type"] for message in sent] == ["websocket.accept", "websocket.close"]
    assert not counts(scrape(app), "/ws")
