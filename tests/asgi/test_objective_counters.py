"""The counters of latency objectives, as requests make them."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.responses import Response, StreamingResponse

from sidelight import SidelightMiddleware
from sidelight.export.over_objective import NOT_GOOD
from sidelight.slo.latency_rates import GOOD
from tests.asgi.clock import Clock
from tests.asgi.driver import DURATION, Page, call, scrape

OVER = "fastapi_requests_over_objective_total"
LABELS = ("http_request_method", "http_route", "objective_seconds")
SLO = """
[slo]
latency = "99% < 300ms"
exclude = ["GET /internal/*"]
[[slo.route]]
match = "GET /take"
latency = "90% < 1s"
[[slo.route]]
match = "GET /feed"
latency = "95% < 2s"
first_byte = true
"""


def service(clock: Clock) -> FastAPI:
    """Routes that take as long as they are told to."""
    app = FastAPI(openapi_url=None)

    @app.get("/take")
    @app.get("/internal/take")
    async def take(seconds: float, status: int = 200) -> Response:
        clock.pass_by(seconds)
        return Response(status_code=status)

    @app.get("/break")
    async def broken() -> StreamingResponse:
        async def pieces() -> AsyncIterator[str]:
            clock.pass_by(5)
            yield "x"
            raise ZeroDivisionError

        return StreamingResponse(pieces())

    @app.get("/events")
    async def events(first: float) -> StreamingResponse:
        return streamed(first, "text/event-stream")

    @app.get("/stream")
    @app.get("/feed")
    async def stream(first: float) -> StreamingResponse:
        return streamed(first, "text/plain")

    def streamed(first: float, kind: str) -> StreamingResponse:
        async def pieces() -> AsyncIterator[str]:
            clock.pass_by(first)
            yield "x"
            clock.pass_by(60)
            yield "y"

        return StreamingResponse(pieces(), media_type=kind)

    app.add_middleware(SidelightMiddleware)
    return app


def counters(page: Page) -> dict[Any, float]:
    """Every counter, also of zero, by method, route and seconds."""
    return {
        tuple(dict(labels)[name] for name in LABELS): value
        for (name, labels), value in page.samples.items()
        if name == OVER
    }


def of_route(page: Page, route: str) -> dict[str, float]:
    return {
        seconds: value for (_, found, seconds), value in counters(page).items() if found == route
    }


@pytest.fixture
def app(clock: Clock, empty_folder: Path) -> FastAPI:
    """The service with these objectives."""
    (empty_folder / "sidelight.toml").write_text(SLO)
    return service(clock)


def test_from_zero(app: FastAPI) -> None:
    """After any request, each route has a zero for each objective that applies to it."""
    call(app, "GET", "/take?seconds=0")
    assert counters(scrape(app)) == {
        ("GET", "/take", "0.3"): 0,
        ("GET", "/take", "1.0"): 0,
        ("GET", "/break", "0.3"): 0,
        ("GET", "/events", "0.3"): 0,
        ("GET", "/stream", "0.3"): 0,
        ("GET", "/feed", "2.0"): 0,
    }


@pytest.mark.parametrize(
    ("query", "over"),
    [
        ("seconds=0.3", (0, 0)),
        ("seconds=0.300000001", (1, 0)),
        ("seconds=1", (1, 0)),
        ("seconds=1.000000001", (1, 1)),
        ("seconds=50", (1, 1)),
        ("seconds=5&status=404", (1, 1)),
        ("seconds=5&status=500", (0, 0)),
        ("seconds=5&status=503", (0, 0)),
    ],
)
def test_what_is_over(app: FastAPI, query: str, over: tuple[float, float]) -> None:
    """A response that took exactly as long is within; one with a 5xx status is not counted."""
    call(app, "GET", f"/take?{query}")
    assert of_route(scrape(app), "/take") == {"0.3": over[0], "1.0": over[1]}


def test_what_was_cut_is_not_counted(app: FastAPI) -> None:
    """Neither a response that never became complete, nor one whose client left."""
    assert call(app, "GET", "/break").error is not None
    call(app, "GET", "/stream?first=5", incoming=[{"type": "http.disconnect"}])
    page = scrape(app)
    assert {key[2:] for key in page.requests} == {
        ("200", "incomplete_response"),
        ("200", "client_disconnected"),
    }
    assert (of_route(page, "/break"), of_route(page, "/stream")) == ({"0.3": 0}, {"0.3": 0})


def test_an_unmatched_request_counts(app: FastAPI) -> None:
    """The service's objective is about requests without a route too."""
    call(app, "GET", "/nowhere")
    assert of_route(scrape(app), "") == {"0.3": 0}


def test_streams(app: FastAPI) -> None:
    """An event stream is judged by its first byte; another stream by its last, unless told so."""
    for first in (0.3, 0.5):
        call(app, "GET", f"/events?first={first}")
        call(app, "GET", f"/stream?first={first}")
    for first in (0.5, 2.5):
        call(app, "GET", f"/feed?first={first}")
    page = scrape(app)
    assert of_route(page, "/events") == {"0.3": 1}
    assert of_route(page, "/stream") == {"0.3": 2}
    assert of_route(page, "/feed") == {"2.0": 1}


def test_a_service_that_streams(clock: Clock, empty_folder: Path) -> None:
    """With first_byte, every stream is judged by its first byte, and other responses as ever."""
    text = 'slo = { latency = "99% < 300ms", first_byte = true }'
    (empty_folder / "sidelight.toml").write_text(text)
    app = service(clock)
    for first in (0.3, 0.5):
        call(app, "GET", f"/stream?first={first}")
        call(app, "GET", f"/take?seconds={first}")
    page = scrape(app)
    assert (of_route(page, "/stream"), of_route(page, "/take")) == ({"0.3": 1}, {"0.3": 1})


@pytest.mark.parametrize("text", ["", 'slo = { availability = "99%" }'])
def test_no_objective_no_counter(clock: Clock, empty_folder: Path, text: str) -> None:
    """A service without a latency objective has no such series."""
    (empty_folder / "sidelight.toml").write_text(text)
    app = service(clock)
    call(app, "GET", "/take?seconds=5")
    assert OVER not in scrape(app).text


def test_the_label_is_written_as_le(app: FastAPI) -> None:
    """The counter and the bucket of an objective are found by the same text."""
    call(app, "GET", "/take?seconds=0")
    page = scrape(app)
    seconds = {labels["objective_seconds"] for labels in page.series(OVER)}
    assert seconds == {"0.3", "1.0", "2.0"}
    assert seconds <= {labels["le"] for labels in page.series(f"{DURATION}_bucket")}


def test_the_counter_agrees_with_the_buckets(app: FastAPI) -> None:
    """Of a route without streams it is the good responses without those in the bucket."""
    assert GOOD.startswith('http_response_status_code!~"5..",error_type!~"')
    assert set(GOOD.split('"')[-2].split("|")) == NOT_GOOD
    for seconds in (0.1, 0.2, 0.3, 0.4, 0.9, 1.1, 7, 90):
        for status in (200, 404, 500):
            call(app, "GET", f"/take?seconds={seconds}&status={status}")
    page = scrape(app)
    for le, over in of_route(page, "/take").items():
        within, every = (
            sum(
                page.value(
                    f"{DURATION}_bucket", http_route="/take", http_response_status_code=s, le=bound
                )
                for s in ("200", "404")
            )
            for bound in (le, "+Inf")
        )
        assert every == 16
        assert over == every - within > 0
