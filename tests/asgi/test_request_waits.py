"""Where requests in flight wait is seen beside them, and told without what they carry."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI
from starlette.middleware.base import RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import Response

from sidelight import SidelightMiddleware
from sidelight.asgi import request_waits
from sidelight.asgi.seen_waits import SeenWaits
from sidelight.asgi.wait_place import OTHER_WAIT, wait_place
from tests.asgi.clock import Clock
from tests.asgi.driver import Answer, Page, ask
from tests.asgi.looks import SECONDS, Looks

WAITS = "fastapi_request_wait_seconds_total"
LOOKS = 3
SECRET = "s3cret-value"


class Held:
    """A service whose routes wait until they are released."""

    def __init__(self) -> None:
        self.event = asyncio.Event()
        self.threads = threading.Event()
        self.app = FastAPI()
        self.routes()

    def routes(self) -> None:
        """Add routes that wait."""

        @self.app.get("/event/{name}")
        async def event(name: str, token: str = "") -> str:
            password = SECRET + name + token
            await self.event.wait()
            return password[:0]

        async def session() -> AsyncIterator[int]:
            await self.event.wait()
            yield 1

        @self.app.get("/dependency")
        async def dependency(_: Annotated[int, Depends(session)]) -> None: ...

        @self.app.get("/many")
        async def many() -> None:
            await asyncio.gather(*(asyncio.create_task(self.event.wait()) for _ in range(5)))

    async def seen(self, looks: Looks, *paths: str) -> tuple[Page, list[Answer]]:
        """The metrics while requests wait, and the answers to these afterwards."""
        await ask(self.app, "GET", "/metrics")  # what it starts is there for the others
        tasks = [asyncio.ensure_future(ask(self.app, "GET", path)) for path in paths]
        await looks.take(LOOKS)
        page = (await ask(self.app, "GET", "/metrics")).page
        self.event.set()
        self.threads.set()
        return page, await asyncio.gather(*tasks)


def lines(page: Page) -> set[tuple[str, str, str]]:
    """The functions of lines at which requests wait, with route and what is awaited."""
    return set(page.by(WAITS, "http_route", "code_function_name", "awaited"))


async def held(
    looks: Looks, *paths: str, prepare: Callable[[Held], object] = id, **options: Any
) -> Page:
    """The metrics while requests for some paths wait."""
    service = Held()
    prepare(service)
    service.app.add_middleware(SidelightMiddleware, wait_sample_after=0.05, **options)
    page, answers = await service.seen(looks, *paths)
    assert [answer.status for answer in answers] == [200] * len(paths)
    return page


PLACE = f"{__name__}.Held.routes.<locals>"


@pytest.mark.parametrize(
    ("path", "route", "function", "awaited"),
    [
        ("/event/1", "/event/{name}", "event", "asyncio.Event.wait"),
        ("/dependency", "/dependency", "session", "asyncio.Event.wait"),
        ("/many", "/many", "many", "asyncio.Event.wait"),
    ],
)
def test_a_line_of_the_application_is_named(
    looks: Looks, path: str, route: str, function: str, awaited: str
) -> None:
    """Also of a dependency, and where tasks are awaited that run no code of its own."""
    found = lines(asyncio.run(held(looks, path)))
    assert found == {(route, f"{PLACE}.{function}", awaited)}


async def waits_itself(request: Request, call_next: RequestResponseEndpoint) -> Response:
    """A middleware that waits before it calls the rest."""
    await request.app.state.event.wait()
    return await call_next(request)


def test_a_middleware_counts_where_nothing_deeper_waits(looks: Looks) -> None:
    """Its line is named while it waits by itself, and not while it awaits the rest."""

    def waiting(service: Held) -> None:
        service.app.state.event = service.event
        service.app.middleware("http")(waits_itself)

    async def passing(request: Request, call_next: RequestResponseEndpoint) -> Response:
        return await call_next(request)

    def through(service: Held) -> None:
        service.app.middleware("http")(passing)

    found = asyncio.run(held(looks, "/event/1", prepare=waiting))
    (line,) = {(function, awaited) for _, function, awaited in lines(found)}
    assert line == (f"{__name__}.waits_itself", "asyncio.Event.wait")
    found = asyncio.run(held(looks, "/event/1", prepare=through))
    assert lines(found) == {("/event/{name}", f"{PLACE}.event", "asyncio.Event.wait")}


def test_no_more_than_ten_lines_of_a_route(looks: Looks) -> None:
    """Further lines of a route are counted together."""
    app = FastAPI()
    app.add_middleware(SidelightMiddleware, wait_sample_after=0.05)
    for number in range(12):
        scope: dict[str, Any] = {"asyncio": asyncio}
        code = f"async def step{number}(): await asyncio.sleep(3600)"
        exec(compile(code, __file__, "exec"), scope)  # noqa: S102 the code above
        setattr(app.state, f"step{number}", scope[f"step{number}"])

    @app.get("/{number}")
    async def of(number: int) -> None:
        await getattr(app.state, f"step{number}")()

    async def seen() -> Page:
        await ask(app, "GET", "/metrics")
        tasks = [asyncio.ensure_future(ask(app, "GET", f"/{number}")) for number in range(12)]
        await looks.take()
        page = (await ask(app, "GET", "/metrics")).page
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        return page

    functions = asyncio.run(seen()).by(WAITS, "code_function_name")
    assert len(functions) == 11
    assert "_OTHER" in functions


def test_nothing_of_a_request_is_told(looks: Looks) -> None:
    """No local variable, no argument and no part of a URL is in the metrics."""
    page = asyncio.run(held(looks, f"/event/{SECRET}?token={SECRET}"))
    assert page.value(WAITS) > 0
    assert SECRET not in page.text


def test_a_slow_request_says_where_it_waited(
    looks: Looks, caplog: pytest.LogCaptureFixture
) -> None:
    """The log line of a slow request has the line, what it awaited, and for how long."""
    asyncio.run(held(looks, "/event/1", slow_request_threshold=0.001))
    (facts,) = [vars(record)["sidelight"] for record in caplog.records if "slow" in record.message]
    assert facts["waited"] == pytest.approx(LOOKS * SECONDS)
    assert facts["waited_at"].startswith("test_request_waits.py:") or "/" in facts["waited_at"]
    assert facts["waited_at"].endswith(f" in {PLACE}.event, awaiting asyncio.Event.wait")


def test_a_request_waited_for_no_longer_than_it_is_old() -> None:
    """The look before the first one at a request may be older than the request."""
    seen = SeenWaits()
    this = (1_000, 8)
    for age in (40, 140):
        seen.keep({this}, 100)
        seen.add(this, OTHER_WAIT, age)
    assert seen.longest(this) == (str(OTHER_WAIT), 140)


def test_a_look_that_takes_long_sees_a_sample_for_all(
    looks: Looks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With no time but for a few requests, all seconds are counted still."""
    monkeypatch.setattr(request_waits, "MOST_TIME", 0)
    page = asyncio.run(held(looks, *["/event/1"] * 40))
    assert page.value(WAITS) == pytest.approx(40 * LOOKS * SECONDS)


def test_requests_that_began_at_one_time_are_all_counted(
    looks: Looks, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So do many that waited for one block of the loop: a sample of them counts for all."""
    clock.now = time.monotonic_ns()
    monkeypatch.setattr(request_waits, "MOST_TIME", 0)
    page = asyncio.run(held(looks, *["/event/1"] * 20, "/dependency", "/many"))
    assert page.value(WAITS) == pytest.approx(22 * LOOKS * SECONDS)
    assert page.value("sidelight_internal_errors_total") == 0


def test_requests_that_began_at_one_time_have_each_their_own_wait(
    looks: Looks, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """A slow request says where it waited itself, and not another that arrived with it."""
    clock.now = time.monotonic_ns()

    async def both() -> None:
        service = Held()
        service.app.add_middleware(
            SidelightMiddleware, wait_sample_after=0.05, slow_request_threshold=0.001
        )
        await ask(service.app, "GET", "/metrics")
        paths = ("/event/1", "/dependency")
        tasks = [asyncio.ensure_future(ask(service.app, "GET", path)) for path in paths]
        await looks.take(LOOKS)
        clock.pass_by(1)
        service.event.set()
        await asyncio.gather(*tasks)

    asyncio.run(both())
    found = [vars(record)["sidelight"] for record in caplog.records if "slow" in record.message]
    where = {facts["route"]: facts["waited_at"].partition(", awaiting")[0] for facts in found}
    assert {route: at.rpartition(".")[2] for route, at in where.items()} == {
        "/event/{name}": "event",
        "/dependency": "session",
    }
    assert [facts["waited"] for facts in found] == [pytest.approx(LOOKS * SECONDS)] * 2


def test_a_fault_ends_no_look(looks: Looks, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request at which a look fails is counted as a fault, and the others are seen."""
    place = wait_place

    def failing(awaitable: Any, endpoint: Any) -> Any:
        if endpoint.__name__ == "many":
            raise RuntimeError
        return place(awaitable, endpoint)

    monkeypatch.setattr(request_waits, "wait_place", failing)
    page = asyncio.run(held(looks, "/many", "/event/1"))
    assert {route for route, _, _ in lines(page)} == {"/event/{name}"}
    assert page.value("sidelight_internal_errors_total", where="waits") >= 1
