"""A service whose clients do what could be taken for a wait for its event loop."""

import asyncio
import time

from fastapi import FastAPI, Request
from starlette.types import Receive, Scope, Send

from sidelight import SidelightMiddleware

service = FastAPI()
service.add_middleware(SidelightMiddleware, slow_request_threshold=60)


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """The service behind a middleware that lets requests of one path wait."""
    if scope.get("path") == "/outer":
        await asyncio.sleep(float(scope["query_string"]))
    await service(scope, receive, send)


@service.get("/pid")
@service.get("/outer")
@service.get("/header")
@service.get("/first")
@service.get("/idle")
@service.get("/behind")
async def answer() -> None:
    """Answer at once."""


@service.post("/upload")
async def upload(request: Request) -> int:
    """Read a body."""
    return len(await request.body())


@service.get("/await")
async def wait(seconds: float) -> None:
    """Await something, and let other requests run."""
    await asyncio.sleep(seconds)


@service.get("/hold")
async def hold(seconds: float) -> None:
    """Hold the event loop without using a processor."""
    time.sleep(seconds)  # noqa: ASYNC251 on purpose


@service.get("/burn")
async def burn(seconds: float) -> None:
    """Hold the event loop by computing."""
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass
