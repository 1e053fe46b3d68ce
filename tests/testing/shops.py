"""Applications for tests of tests."""

import asyncio
import time
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio.to_thread
from fastapi import FastAPI
from pydantic import BaseModel
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import Response

from sidelight import SidelightMiddleware

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # an old Starlette on a new anyio
    from fastapi.testclient import TestClient

__all__ = ["HELD", "TestClient", "shop"]

HELD = 0.3
"""Seconds for which the application holds its loop, where it does."""


class Item(BaseModel):
    name: str
    price: float


async def between(request: Request, call_next: RequestResponseEndpoint) -> Response:
    """Runs what is inside in a task of its own."""
    return await call_next(request)


async def hog(go: asyncio.Event | None = None) -> None:
    await (go.wait() if go else asyncio.sleep(0))
    time.sleep(HELD)  # noqa: ASYNC251 that is what is wrong here


async def let_go(request: Request) -> None:
    """From now on the lifespan's hog does what it does."""
    request.app.state.go.set()


@asynccontextmanager
async def with_a_hog(app: FastAPI) -> AsyncIterator[None]:
    """A lifespan that leaves something running which holds the loop once it is let go."""
    time.sleep(HELD)  # noqa: ASYNC251 before the first request this is no harm
    app.state.go = asyncio.Event()
    task = asyncio.create_task(hog(app.state.go))
    yield
    task.cancel()


def shop(*, indirect: bool = False, hogging: bool = False, **options: Any) -> FastAPI:
    """A service with routes that hold the loop and routes that don't."""
    app = FastAPI(lifespan=with_a_hog if hogging else None)
    tasks: list[asyncio.Task[None]] = []

    app.add_api_route("/let-go", let_go)

    @app.get("/quick/{x}")
    async def quick(x: str) -> str:
        return x

    @app.get("/hold/{x}")
    async def hold(x: str) -> str:
        time.sleep(HELD)  # noqa: ASYNC251 that is what is wrong here
        return x

    @app.get("/thread/{x}")
    def thread(x: str) -> str:
        time.sleep(HELD)
        return x

    @app.get("/wait/{seconds}")
    async def wait(seconds: float) -> float:
        await asyncio.sleep(seconds)
        return seconds

    @app.get("/spawn")
    async def spawn() -> int:
        tasks.append(asyncio.create_task(hog()))
        return 1

    @app.get("/slept")
    async def slept() -> int:
        await anyio.to_thread.run_sync(time.sleep, HELD)
        return 1

    @app.post("/items")
    async def add(item: Item) -> Item:
        return item

    @app.get("/wrong", response_model=Item)
    async def wrong() -> dict[str, str]:
        return {"name": "nothing else"}

    if indirect:
        app.add_middleware(BaseHTTPMiddleware, dispatch=between)
    app.add_middleware(SidelightMiddleware, **options)
    return app
