"""SlowRequest requests: counted by route, logged one line each, and not too many lines."""

import logging
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from sidelight import SidelightMiddleware
from tests.asgi.clock import Clock
from tests.asgi.driver import ask, call, lifespan, run, scrape

SLOW = "fastapi_slow_requests_total"
THRESHOLD = "fastapi_slow_request_threshold_seconds"
LABELS = ("http_request_method", "http_route")
START = {"type": "http.response.start", "status": 200, "headers": []}
LAST = {"type": "http.response.body", "body": b"x"}


def service(clock: Clock, **options: Any) -> FastAPI:
    app = FastAPI(openapi_url=None)

    @app.get("/take/{milliseconds}")
    async def take(milliseconds: int) -> str:
        clock.now += milliseconds * 1_000_000
        return "x"

    @app.post("/checkout")
    async def checkout(milliseconds: int) -> str:
        clock.now += milliseconds * 1_000_000
        return "x"

    @app.get("/broken")
    async def broken() -> None:
        clock.now += 5_000_000_000
        raise ZeroDivisionError

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        async def pieces() -> Any:
            for _ in range(3):
                clock.now += 1_000_000_000
                yield b"piece"

        return StreamingResponse(pieces())

    app.add_middleware(SidelightMiddleware, **options)
    return app


def lines(logged: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in logged.records if record.name == "sidelight.slow"]


def facts(record: logging.LogRecord) -> dict[str, Any]:
    found: dict[str, Any] = record.sidelight  # type: ignore[attr-defined] # what the log filter has added
    return found


@pytest.mark.parametrize(
    ("slow", "path", "counted"),
    [
        (None, "/take/999", False),
        (None, "/take/1000", True),
        (0.5, "/take/499", False),
        (0.5, "/take/500", True),
        ({"GET /take/{milliseconds}": 0.2}, "/take/200", True),
        ({"GET /take/{milliseconds}": 0.2}, "/take/199", False),
        ({"GET /take/{milliseconds}": 5, "*": 0.1}, "/take/4999", False),
        ({"POST /checkout": 0.1}, "/take/999", False),
        ({"*": 0.3}, "/take/300", True),
    ],
)
def test_a_threshold_is_reached(
    clock: Clock, logged: pytest.LogCaptureFixture, *, slow: Any, path: str, counted: bool
) -> None:
    """A request as long as its route's threshold, or longer, is slow; any shorter is not."""
    app = service(clock, **({} if slow is None else {"slow_request_threshold": slow}))
    call(app, "GET", path)
    expected = {("GET", "/take/{milliseconds}"): 1} if counted else {}
    assert scrape(app).by(SLOW, *LABELS) == expected
    assert len(lines(logged)) == int(counted)


def test_a_threshold_below_a_root_path(clock: Clock) -> None:
    """Names in the settings are without root_path; labels are with it."""
    app = service(clock, slow_request_threshold={"GET /take/{milliseconds}": 0.2})
    call(app, "GET", "/api/take/200", scope={"root_path": "/api"})
    page = scrape(app, scope={"root_path": "/api"})
    assert page.by(SLOW, *LABELS) == {("GET", "/api/take/{milliseconds}"): 1}
    assert page.by(THRESHOLD, *LABELS)["GET", "/api/take/{milliseconds}"] == 0.2


def test_a_threshold_of_a_mounted_route(clock: Clock) -> None:
    """A route below a mount is named by its whole template."""
    app = FastAPI(openapi_url=None)
    inner = service(clock)
    inner.user_middleware.clear()
    app.mount("/sub/{x}", inner)
    app.add_middleware(
        SidelightMiddleware, slow_request_threshold={"GET /sub/{x}/take/{milliseconds}": 0.2}
    )
    call(app, "GET", "/sub/a/take/200")
    assert scrape(app).by(SLOW, *LABELS) == {("GET", "/sub/{x}/take/{milliseconds}"): 1}


def test_a_threshold_is_a_boundary(clock: Clock) -> None:
    """Every threshold is a bucket's boundary, so that none falls between two."""
    app = service(clock, slow_request_threshold={"GET /take/{milliseconds}": 0.333, "*": 0.7})
    call(app, "GET", "/take/1")
    page = scrape(app)
    name = "http_server_request_duration_seconds_bucket"
    assert {"0.333", "0.7", "1.0"} <= {found["le"] for found in page.series(name)}


def test_the_gauge_of_thresholds(clock: Clock) -> None:
    """Each known route shows the threshold that it is judged by."""
    app = service(clock, slow_request_threshold={"POST /checkout": 0.3, "GET /stream": 20, "*": 2})
    call(app, "GET", "/take/1")
    assert scrape(app).by(THRESHOLD, *LABELS) == {
        ("GET", "/take/{milliseconds}"): 2,
        ("POST", "/checkout"): 0.3,
        ("GET", "/broken"): 2,
        ("GET", "/stream"): 20,
    }


def test_the_gauge_goes_by_method(clock: Clock) -> None:
    """Two methods of one route each show the threshold of their own."""

    async def both(request: Any) -> PlainTextResponse:
        return PlainTextResponse("x")

    app = Starlette(routes=[Route("/both", both, methods=["GET", "POST"]), Route("/plain", both)])
    slow = {"POST /both": 0.3, "GET /plain": 0.2}
    app.add_middleware(SidelightMiddleware, slow_request_threshold=slow)
    call(app, "GET", "/both")
    found = scrape(app).by(THRESHOLD, *LABELS)
    assert found["POST", "/both"] == 0.3
    assert found["GET", "/both"] == 1.0
    assert found["GET", "/plain"] == 0.2


def test_the_facts(clock: Clock, logged: pytest.LogCaptureFixture) -> None:
    """A line says route, method, status, seconds and first byte, and nothing a client typed."""
    app = service(clock)
    call(app, "POST", "/checkout?milliseconds=1500&card=4111")
    (record,) = lines(logged)
    assert record.levelno == logging.WARNING
    assert facts(record) == {
        "route": "/checkout",
        "method": "POST",
        "status": 200,
        "seconds": 1.5,
        "first_byte": 1.5,
        "loop_blocked": 0.0,
    }
    assert "4111" not in record.getMessage()
    for part in ("route=/checkout", "method=POST", "status=200", "seconds=1.500"):
        assert part in record.getMessage()


def test_the_first_byte_of_a_stream(clock: Clock, logged: pytest.LogCaptureFixture) -> None:
    """A slow stream's line tells when its first byte went out."""
    app = service(clock)
    call(app, "GET", "/stream")
    found = facts(lines(logged)[0])
    assert (found["seconds"], found["first_byte"]) == (3.0, 1.0)


@pytest.mark.parametrize("wanted", [False, True])
def test_the_path_only_where_it_is_wanted(
    clock: Clock, logged: pytest.LogCaptureFixture, *, wanted: bool
) -> None:
    """The path is in the line with log_request_path=True only, and the query never."""
    app = service(clock, log_request_path=wanted)
    call(app, "GET", "/take/2000?card=4111")
    (record,) = lines(logged)
    assert facts(record).get("path") == ("/take/2000" if wanted else None)
    assert ("/take/2000" in record.getMessage()) == wanted
    assert "4111" not in record.getMessage()


def test_a_path_writes_no_line_of_its_own(clock: Clock, logged: pytest.LogCaptureFixture) -> None:
    """A path with line breaks and spaces in it stays one line, and one value."""

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        clock.now += 2_000_000_000
        await send(START)
        await send(LAST)

    app = SidelightMiddleware(inner, log_request_path=True)
    call(app, scope={"path": "/x\nWARNING forged status=200\x1b[31m"})
    (record,) = lines(logged)
    assert "\n" not in record.getMessage()
    assert "\x1b" not in record.getMessage()
    assert facts(record)["path"] == "/x\nWARNING forged status=200\x1b[31m"


def test_a_slow_exception_is_a_500(clock: Clock, logged: pytest.LogCaptureFixture) -> None:
    """A slow request that ended in an exception is logged with the status that it counts as."""
    app = service(clock)
    call(app, "GET", "/broken")
    found = facts(lines(logged)[0])
    assert (found["route"], found["status"]) == ("/broken", 500)
    assert scrape(app).by(SLOW, *LABELS) == {("GET", "/broken"): 1}


def test_background_tasks_are_not_slow(clock: Clock, logged: pytest.LogCaptureFixture) -> None:
    """What comes after the last byte makes no request slow."""

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        await send(LAST)
        clock.now += 60_000_000_000

    app = SidelightMiddleware(inner)
    call(app)
    assert scrape(app).value(SLOW) == 0
    assert lines(logged) == []


class Time:
    """A module `time` of which only one clock is known."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


def test_lines_are_limited_and_the_rest_is_told(
    clock: Clock, logged: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten lines in ten seconds; the next one says how many there would have been; all count."""
    time = Time()
    monkeypatch.setattr("sidelight.asgi.slow_log.time", time)
    app = service(clock)

    async def storm(number: int) -> None:
        for _ in range(number):
            await ask(app, "GET", "/take/2000")

    run(storm(25))
    assert len(lines(logged)) == 10
    assert all("suppressed" not in facts(record) for record in lines(logged))
    time.now += 11
    run(storm(2))
    found = [facts(record).get("suppressed") for record in lines(logged)[10:]]
    assert found == [15, None]
    said = [record.getMessage() for record in lines(logged)[10:]]
    assert said[0].endswith(" (15 slow requests before it were not logged)")
    assert "not logged" not in said[1]
    assert scrape(app).value(SLOW) == 27


def test_the_trace_of_a_slow_request(
    clock: Clock, logged: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a recording span the line has the trace's id."""
    trace = pytest.importorskip("opentelemetry.trace")
    sdk = pytest.importorskip("opentelemetry.sdk.trace")
    provider = sdk.TracerProvider()
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        clock.now += 2_000_000_000
        await send(START)
        await send(LAST)

    app = SidelightMiddleware(inner)

    async def traced() -> str:
        with provider.get_tracer("test").start_as_current_span("x") as span:
            await ask(app)
            return f"{span.get_span_context().trace_id:032x}"

    trace_id = run(traced())
    assert facts(lines(logged)[0])["trace_id"] == trace_id
    provider.shutdown()


@pytest.mark.parametrize("started", [True, False])
def test_a_route_that_is_none(
    clock: Clock, logged: pytest.LogCaptureFixture, *, started: bool
) -> None:
    """A route in the settings that the application doesn't have is a warning at the start."""
    app = service(
        clock,
        slow_request_threshold={
            "GET /take/{milliseconds}": 1,
            "GET /tkae": 0.5,
            "PUT /checkout": 2,
        },
    )
    if started:
        run(lifespan(app))
    else:
        call(app, "GET", "/take/1")
    told = [r.getMessage() for r in logged.records if r.levelno == logging.WARNING]
    assert len(told) == 2
    assert any("GET /tkae" in line for line in told)
    assert any("PUT /checkout" in line for line in told)


EVENTS = {**START, "headers": [(b"content-type", b"text/event-stream; charset=utf-8")]}
MORE = {**LAST, "more_body": True}


@pytest.mark.parametrize(
    ("start", "options", "times", "messages", "seconds"),
    [
        (EVENTS, {}, (0.25, 175), [MORE, LAST], None),
        (EVENTS, {}, (0.25, 175), [MORE], None),
        (EVENTS, {}, (0, 175), [], None),
        (EVENTS, {}, (2, 175), [MORE, LAST], 2.0),
        (EVENTS, {}, (2, 175), [MORE], 2.0),
        (EVENTS, {}, (2, 0), [LAST], 2.0),
        (START, {}, (0.25, 175), [MORE, LAST], 175.25),
        (START, {"first_byte": ["GET /x"]}, (0.25, 175), [MORE, LAST], None),
        (START, {"first_byte": ["GET /x"]}, (2, 175), [MORE, LAST], 2.0),
        (START, {"first_byte": ["GET /y"]}, (0.25, 175), [MORE, LAST], 175.25),
        (START, {"first_byte": {"GET /x": 0.3}}, (0.25, 175), [MORE, LAST], None),
        (START, {"first_byte": {"GET /x": 0.3}}, (0.5, 175), [MORE, LAST], 0.5),
    ],
)
def test_streams_are_slow_by_their_first_byte(  # noqa: PLR0913 the parts of one exchange
    start: Any,
    options: dict[str, Any],
    times: tuple[float, float],
    messages: list[Any],
    seconds: float | None,
    *,
    clock: Clock,
    logged: pytest.LogCaptureFixture,
) -> None:
    """An event stream, and a route of ``first_byte``, is slow where its first byte is late.

    The threshold is that of the route's requests, or one of the first byte.
    """

    async def endpoint(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start)
        clock.now += round(times[0] * 1e9)
        for message in messages[:1]:
            await send(message)
        clock.now += round(times[1] * 1e9)
        for message in messages[1:]:
            await send(message)

    app = FastAPI(openapi_url=None)
    for path in ("/x", "/y"):
        app.router.routes.append(Route(path, _Raw(endpoint)))
    app.add_middleware(SidelightMiddleware, **options)
    call(app, "GET", "/x")
    assert [facts(record)["seconds"] for record in lines(logged)] == (
        [] if seconds is None else [seconds]
    )
    page = scrape(app)
    assert page.value(SLOW) == (0 if seconds is None else 1)
    lasting = start is EVENTS and messages != [LAST]
    expected = {("GET", "/x"): 1} if lasting else {}
    assert page.by("fastapi_event_streams_total", *LABELS) == expected


class _Raw:
    """An endpoint that is an application."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)
