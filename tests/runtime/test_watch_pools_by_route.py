"""Which route's requests have the connections of a watched pool, with real servers."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI, Request, Response

from sidelight import SidelightMiddleware, watch
from sidelight.cardinality import CardinalityLimiter
from sidelight.runtime.adapters import connections
from tests.asgi.driver import ask
from tests.runtime import clients
from tests.runtime.clients import TASKS
from tests.runtime.reading import POOL, Worker, soon
from tests.runtime.test_watch_pools import where_of

pytestmark = pytest.mark.xdist_group("tests/runtime")  # as what has its servers by their names

PATIENT = 60.0
BY_ROUTE = POOL + "in_use_by_route"
ORDERS, STOCK = "/orders/{item}", "/stock/{item}"
Endpoint = Callable[[], Any]


def application(endpoint: Endpoint) -> FastAPI:
    """Two routes, behind a middleware that runs each request in a task of its own."""
    app = FastAPI()
    app.get(ORDERS)(endpoint)
    app.get(STOCK)(endpoint)

    @app.middleware("http")
    async def around(request: Request, call_next: Any) -> Response:
        answer: Response = await call_next(request)
        return answer

    app.add_middleware(SidelightMiddleware)
    return app


def held(worker: Worker, name: str) -> dict[str, int]:
    """The connections of a pool by route, as other processes read them."""
    return {route: n for (route, pool), (n,) in worker.all(BY_ROUTE).items() if pool == name}


@asynccontextmanager
async def holding(
    app: FastAPI, worker: Worker, name: str, end: Callable[[], None]
) -> AsyncIterator[Any]:
    """What sends requests that keep their connections until the block is left."""
    tasks: list[asyncio.Task[Any]] = []

    async def ask_for(*paths: str, wait: bool = True) -> None:
        for path in paths:
            tasks.append(asyncio.create_task(ask(app, "GET", path)))
            if wait:
                await soon(lambda: sum(held(worker, name).values()) == len(tasks))

    try:
        yield ask_for
    finally:
        end()
        answers = await asyncio.gather(*tasks)
    assert {answer.status for answer in answers} == {200}


async def check_full_and_empty(
    app: FastAPI, worker: Worker, name: str, end: Callable[[], None]
) -> None:
    """Nine requests at a pool of five: it shows who has them, and 0 when all have been answered."""

    def shows(expected: dict[str, int]) -> bool:
        waits = worker.connections(name)[3]
        return held(worker, name) == expected and waits == (4 if sum(expected.values()) else 0)

    async with holding(app, worker, name, end) as ask_for:
        await ask_for("/orders/1", "/orders/1", "/orders/1", "/stock/1", "/stock/1")
        await ask_for(*["/orders/2"] * 4, wait=False)
        await soon(partial(shows, {ORDERS: 3, STOCK: 2}))
    await soon(partial(shows, {ORDERS: 0, STOCK: 0}))


@pytest.mark.parametrize("library", TASKS)
def test_requests_in_tasks(
    library: str, request: pytest.FixtureRequest, worker: Worker, name: str
) -> None:
    """Of each library's pool of tasks, each connection counts for the route that has it."""

    async def main() -> None:
        gate = asyncio.Event()
        async with TASKS[library](where_of(library, request), PATIENT) as (pool, borrow):
            watch(pool, name=name)

            async def endpoint() -> None:
                async with borrow():
                    await gate.wait()

            await check_full_and_empty(application(endpoint), worker, name, gate.set)

    asyncio.run(main())


@asynccontextmanager
async def opened(library: str, where: Path) -> AsyncIterator[tuple[Any, Any]]:
    with getattr(clients, library)(where, PATIENT) as found:
        yield found


@pytest.mark.parametrize("library", ["sqlalchemy", "psycopg", "redis"])
def test_requests_in_threads(
    library: str, request: pytest.FixtureRequest, worker: Worker, name: str
) -> None:
    """The same of pools of threads, which synchronous endpoints use."""
    gate = threading.Event()

    async def main() -> None:
        async with opened(library, where_of(library, request)) as (pool, borrow):
            watch(pool, name=name)

            def endpoint() -> None:
                with borrow():
                    gate.wait(PATIENT)

            await check_full_and_empty(application(endpoint), worker, name, gate.set)

    asyncio.run(main())


def test_outside_of_any_request(postgres: Path, worker: Worker, name: str) -> None:
    """What no request has taken has no route."""

    async def main() -> None:
        async with TASKS["asyncpg"](postgres, PATIENT) as (pool, borrow):
            watch(pool, name=name)
            async with borrow(), borrow():
                assert held(worker, name) == {"": 2}
            assert held(worker, name) == {"": 0}

    asyncio.run(main())


def test_routes_are_bounded(
    postgres: Path, worker: Worker, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Past the limit, connections count for _OTHER, together."""
    monkeypatch.setattr(connections, "_limit", CardinalityLimiter(1))

    async def main() -> None:
        gate = asyncio.Event()
        async with TASKS["asyncpg"](postgres, PATIENT) as (pool, borrow):
            watch(pool, name=name)

            async def endpoint() -> None:
                async with borrow():
                    await gate.wait()

            async with holding(application(endpoint), worker, name, gate.set) as ask_for:
                await ask_for("/orders/1", "/stock/1", "/stock/2")
                assert held(worker, name) == {ORDERS: 1, "_OTHER": 2}

    asyncio.run(main())
