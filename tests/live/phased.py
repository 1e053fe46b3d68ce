"""A service with a slow request in each phase, which lasts until looks have seen it there.

So a busy machine makes a request longer, and its result stays the same.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Any

import anyio.to_thread
from anyio import CapacityLimiter
from fastapi import Depends, FastAPI, Request
from pydantic import AfterValidator
from starlette.concurrency import run_in_threadpool
from starlette.middleware.base import RequestResponseEndpoint
from starlette.responses import Response
from starlette.types import Scope

from sidelight import SidelightMiddleware
from tests.asgi.driver import ask

PLANTED: Mapping[str, str] = {
    "/body": "body",
    "/body-in-endpoint": "body",
    "/dependency": "dependencies",
    "/yield-dependency": "dependencies",
    "/def-dependency": "dependencies",
    "/blocked-dependency": "dependencies",
    "/full-pool": "thread_wait",
    "/endpoint": "endpoint",
    "/full-pool-in-endpoint": "endpoint",
    "/def-endpoint": "endpoint",
    "/blocked-endpoint": "endpoint",
    "/inner": "endpoint",
    "/blocked-serialization": "serialization",
    "/def-serialization": "serialization",
}
"""The phase that is slow, by path. Those of a body take a POST, and a slow client."""
BODIES = [path for path, phase in PLANTED.items() if phase == "body"]
LEAST = 0.4
"""Seconds for which a request must have been seen in its phase."""
MOST = 60.0
"""Seconds after which it goes on in any case."""
STEP = 0.02


def seen(scope: Scope) -> bool:
    """Whether looks have seen a request in its phase for long enough."""
    key, slot, start = scope["sidelight"]
    spent = key.recorder.heartbeat.phases.spent((start, slot), start)
    late = time.monotonic_ns() - start > MOST * 1e9
    return late or bool(spent.get(PLANTED[scope["path"]], 0) >= LEAST * 1e9)


async def wait(scope: Scope) -> None:
    """Await something, and let other requests run."""
    while not seen(scope):  # noqa: ASYNC110 looks set no event
        await asyncio.sleep(STEP)


def hold(scope: Scope) -> None:
    """Keep a thread: that of the event loop, or one of AnyIO's."""
    while not seen(scope):
        time.sleep(STEP)


def service(*, through: bool = False) -> FastAPI:
    """The service, perhaps with a middleware that runs the rest in a task of its own."""
    app = FastAPI()
    add_bodies(app)
    add_dependencies(app)
    add_endpoints(app)
    add_serializations(app)
    if through:
        app.middleware("http")(passes)
    app.add_middleware(
        SidelightMiddleware,
        phase_sample_interval=0,
        slow_request_threshold=0.2,
        wait_sample_after=0.05,
    )
    return app


async def passes(request: Request, call_next: RequestResponseEndpoint) -> Response:
    return await call_next(request)


def add_bodies(app: FastAPI) -> None:
    """Routes that wait for their client."""

    @app.get("/pid")
    @app.post("/pid")
    async def quick() -> int:
        return 1

    @app.post("/body")
    async def body(numbers: list[int]) -> int:
        return len(numbers)

    @app.post("/body-in-endpoint")
    async def body_in_endpoint(request: Request) -> int:
        return len(await request.body())


async def awaits(request: Request) -> None:
    await wait(request.scope)


async def yields(request: Request) -> AsyncIterator[None]:
    await wait(request.scope)
    yield


def keeps_a_thread(request: Request) -> None:
    hold(request.scope)


async def blocks(request: Request) -> None:
    hold(request.scope)


def add_dependencies(app: FastAPI) -> None:
    """Routes with a slow dependency."""
    found: dict[str, Any] = {
        "/dependency": awaits,
        "/yield-dependency": yields,
        "/def-dependency": keeps_a_thread,
        "/blocked-dependency": blocks,
    }
    for path, dependency in found.items():

        @app.get(path, dependencies=[Depends(dependency)])
        async def depends() -> None: ...


async def takes_all_threads(request: Request) -> None:
    """Until looks have seen that the request waits for one."""
    limiter = anyio.to_thread.current_default_thread_limiter()
    borrowers = [object() for _ in range(int(limiter.available_tokens))]
    for borrower in borrowers:
        limiter.acquire_on_behalf_of_nowait(borrower)
    request.app.state.task = asyncio.ensure_future(give_back(request, limiter, borrowers))


async def give_back(request: Request, limiter: CapacityLimiter, borrowers: list[object]) -> None:
    await wait(request.scope)
    for borrower in borrowers:
        limiter.release_on_behalf_of(borrower)


def add_endpoints(app: FastAPI) -> None:
    """Routes with a slow endpoint, and one that waits for a thread."""

    @app.get("/full-pool", dependencies=[Depends(takes_all_threads)])
    def full_pool() -> None: ...

    @app.get("/full-pool-in-endpoint", dependencies=[Depends(takes_all_threads)])
    async def full_pool_in_endpoint() -> None:
        await run_in_threadpool(int)

    @app.get("/endpoint")
    async def endpoint(request: Request) -> None:
        await wait(request.scope)

    @app.get("/def-endpoint")
    def def_endpoint(request: Request) -> None:
        hold(request.scope)

    @app.get("/blocked-endpoint")
    async def blocked_endpoint(request: Request) -> None:
        hold(request.scope)

    @app.get("/inner")
    async def calls_another(request: Request) -> int:
        outer, inner = request.scope, FastAPI()

        async def slow() -> None:
            await wait(outer)

        @inner.get("/", dependencies=[Depends(slow)])
        async def nothing() -> None: ...

        return (await ask(inner)).status


answered: list[Scope] = []
"""The request whose response is validated."""


def validated(number: int) -> int:
    hold(answered.pop())
    return number


Slow = Annotated[int, AfterValidator(validated)]


def add_serializations(app: FastAPI) -> None:
    """Routes whose response model is slow: on the event loop, and in a thread."""

    @app.get("/blocked-serialization", response_model=Slow)
    async def blocked_serialization(request: Request) -> int:
        answered.append(request.scope)
        return 1

    @app.get("/def-serialization", response_model=Slow)
    def def_serialization(request: Request) -> int:
        answered.append(request.scope)
        return 1


app = service()
