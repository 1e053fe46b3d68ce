"""What clients choose freely makes no series; what an application has too many of is capped."""

import gc
import random
import string
from typing import Any

import pytest
from fastapi import FastAPI

from sidelight import SidelightMiddleware
from tests.asgi.driver import DURATION, Page, ask, call, connect, run, scrape

pytestmark = pytest.mark.newest

SERIES = "sidelight_series"
OVERFLOW = "sidelight_series_overflow_total"


def word(random_: random.Random) -> str:
    return "".join(random_.choices(string.ascii_letters, k=12))


def service(routes: int = 1, **options: Any) -> FastAPI:
    app = FastAPI(openapi_url=None)
    for number in range(routes):

        async def endpoint() -> str:
            return "x"

        app.get(f"/r{number}")(endpoint)
        app.post(f"/r{number}")(endpoint)
    app.add_middleware(SidelightMiddleware, **options)
    return app


BY_CHANCE = (
    "fastapi_background_task_duration_seconds",
    "fastapi_time_to_first_byte_seconds",
    "asyncio_event_loop_block",
    "asyncio_event_loop_line",
)
"""What a machine short of time adds at any moment."""


def shape(page: Page) -> set[Any]:
    """All series of requests, but those by chance."""
    return {
        key
        for key in page.samples
        if key[0].startswith(("http_", "fastapi_")) and not key[0].startswith(BY_CHANCE)
    }


def counted(page: Page) -> float:
    """Label sets as the page counts them, but those by chance."""
    chances = [name for name, _ in page.samples if name.startswith(BY_CHANCE)]
    return page.value(SERIES) - len([one for one in chances if one.endswith(("_count", "_total"))])


@pytest.mark.parametrize("number", [600, pytest.param(10_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("what", ["paths", "methods", "hosts", "queries", "agents", "schemes"])
def test_what_clients_choose_makes_no_series(what: str, number: int) -> None:
    """After the first ten, any number of different values that a client chooses adds no series."""
    app = service(phase_sample_interval=1, slow_request_threshold=3600)
    random_ = random.Random(5)  # noqa: S311 the same words in every run

    async def storm(times: int) -> None:
        for _ in range(times):
            some = word(random_)
            method, path, headers, scope = "GET", "/r0", {}, {}
            if what == "paths":
                path = f"/{some}/{some}"
            elif what == "methods":
                method = some
            elif what == "hosts":
                headers = {"host": f"{some}.example.org"}
            elif what == "queries":
                path = f"/r0?{some}={some}"
            elif what == "agents":
                headers = {"user-agent": some, "x-forwarded-for": some, "origin": some}
            else:
                scope = {"scheme": some}
            await ask(app, method, path, headers=headers, scope=scope)

    run(storm(10))
    before = scrape(app)
    run(storm(number))
    after = scrape(app)
    assert shape(after) == shape(before)
    assert counted(after) == counted(before)
    assert sum(after.requests.values()) == 10 + number
    assert after.value(OVERFLOW) == 0


def test_close_codes_and_paths_of_connections() -> None:
    """Close codes and paths that clients choose make no series."""
    app = service()

    async def storm(first: int, last: int) -> None:
        for code in range(first, last):
            await connect(app, f"/{code}", [{"type": "websocket.disconnect", "code": code}])

    run(storm(3000, 3010))
    before = shape(scrape(app))
    run(storm(3010, 3200))
    assert shape(scrape(app)) == before


def test_more_routes_than_the_cap() -> None:
    """Past the cap the route is _OTHER, method, status and error type stay, and none is lost."""
    app = FastAPI(openapi_url=None)
    for number in range(300):

        async def fine() -> str:
            return "x"

        async def broken() -> None:
            raise ZeroDivisionError

        app.get(f"/r{number}")(broken if number % 3 == 0 else fine)
    app.add_middleware(SidelightMiddleware, max_series=100)

    async def storm() -> None:
        for _ in range(2):
            for number in range(300):
                await ask(app, "GET", f"/r{number}")

    run(storm())
    page = scrape(app)
    assert sum(page.requests.values()) == 600
    by_status = page.by(f"{DURATION}_count", "http_response_status_code", "error_type")
    assert by_status == {("200", ""): 400, ("500", "500"): 200}
    other = page.by(f"{DURATION}_count", "http_route", "http_response_status_code")
    assert other["_OTHER", "500"] > 100
    assert other["_OTHER", "200"] > 200
    assert page.value(OVERFLOW) >= other["_OTHER", "500"] + other["_OTHER", "200"]
    assert page.value("fastapi_exceptions_total") == 200
    assert page.value("sidelight_internal_errors_total") == 0


@pytest.mark.parametrize("buckets", [[1.0], [n / 10 for n in range(1, 61)]], ids=["one", "sixty"])
def test_far_past_the_cap(buckets: list[float]) -> None:
    """With every status and method far past the cap, each request still counts and none breaks."""
    app = FastAPI(openapi_url=None)
    for number in range(12):

        async def endpoint(status: int) -> Any:
            from starlette.responses import Response

            return Response(status_code=status)

        for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            app.api_route(f"/r{number}/{{status}}", methods=[method])(endpoint)
    app.add_middleware(SidelightMiddleware, max_series=100, buckets=buckets)

    async def storm() -> None:
        for number in range(12):
            for status in (200, 201, 400, 403, 404, 409, 500, 503):
                for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
                    for scheme in ("http", "https"):
                        answer = await ask(
                            app, method, f"/r{number}/{status}", scope={"scheme": scheme}
                        )
                        assert answer.status == status

    run(storm())
    page = scrape(app)
    assert sum(page.requests.values()) == 12 * 8 * 5 * 2
    assert page.value(f"{DURATION}_count", http_response_status_code="503") == 120
    assert page.value("fastapi_active_requests") == 0


def test_a_scheme_that_comes_when_all_is_full() -> None:
    """The first https request of a service whose store is full is answered like any other."""
    app = service(70, max_series=100, buckets=[n / 10 for n in range(1, 61)])

    async def storm() -> None:
        for number in range(70):
            await ask(app, "GET", f"/r{number}")
        for number in range(2):
            scope = {"scheme": "https", "root_path": f"/root{number}"}
            answer = await ask(app, "GET", "/r0", scope=scope)
            assert (answer.error, answer.status) == (None, 200)

    run(storm())
    page = scrape(app)
    assert sum(page.requests.values()) == 72


@pytest.mark.parametrize("roots", [1, 40])
def test_prefixes_do_not_multiply(roots: int) -> None:
    """Excluded prefixes are as many as root_paths, however many of those a proxy makes up."""
    app = service(exclude=["/internal/*", "/private/*"], phase_sample_interval=1)

    async def storm() -> None:
        for scheme in ("http", "https"):
            for number in range(40):
                scope = {"scheme": scheme, "root_path": f"/root{number % roots}"}
                await ask(app, "GET", "/r0", scope=scope)

    run(storm())
    found: Any = app.middleware_stack
    while not isinstance(found, SidelightMiddleware):
        found = found.app
    exclusions = found.lifecycle.exclusions
    assert exclusions is not None
    assert len(exclusions.prefixes) <= 2 * (min(roots, 16) + 1)
    assert len(exclusions.exact) <= min(roots, 16) + 1


def test_a_used_route_costs_at_most_eighty() -> None:
    """With all the defaults, a route that is used costs at most 80 Prometheus series."""
    app = service(3)
    call(app, "GET", "/r0")
    before = len(scrape(app).samples)
    for status in range(3):
        call(app, "GET", "/r1", body=b"x" if status else None)
    grown = scrape(app)
    assert len(grown.samples) - before <= 80
    of_route = [labels for _, labels in grown.samples if ("http_route", "/r1") in labels]
    get = [labels for labels in of_route if ("http_request_method", "POST") not in labels]
    assert 0 < len(get) <= 80


def test_what_never_happens_exports_nothing() -> None:
    """Streams, background tasks, connections, exceptions that never were are not on the page."""
    app = service()
    call(app, "GET", "/r0")
    names = scrape(app).names
    assert "http_server_request_duration_seconds_count" in names
    for never in (
        "fastapi_time_to_first_byte_seconds",
        "fastapi_background_task_duration_seconds",
        "fastapi_websocket_duration_seconds",
        "http_server_request_body_size_bytes",
    ):
        assert not [name for name in names if name.startswith(never)]
    for never in ("fastapi_exceptions_total", "fastapi_client_disconnects_total", OVERFLOW):
        assert never not in names


def test_nothing_grows_with_requests() -> None:
    """A thousand requests leave the process no larger."""
    app = service(5)

    async def storm(number: int) -> None:
        for each in range(number):
            await ask(app, "GET", f"/r{each % 5}")
            await ask(app, "GET", f"/no/{each}")

    run(storm(1200))
    gc.collect()
    before = len(gc.get_objects())
    run(storm(1200))
    gc.collect()
    assert len(gc.get_objects()) - before < 200


def test_a_route_table_too_large_to_publish(caplog: pytest.LogCaptureFixture) -> None:
    """Routes that don't fit beside the few series asked for are measured all the same."""
    app = FastAPI(openapi_url=None)

    async def answer(x: str) -> str:
        return x

    long = "/a/rather/long/path" * 24
    for number in range(400):
        app.get(f"{long}/{number}/{{x}}")(answer)
    app.add_middleware(SidelightMiddleware, max_series=100)
    with caplog.at_level("WARNING", "sidelight"):
        assert call(app, "GET", f"{long}/7/1").status == 200
    assert scrape(app).routes == {f"{long}/7/{{x}}": 1}
    assert "no room to publish 400 routes" in caplog.text
