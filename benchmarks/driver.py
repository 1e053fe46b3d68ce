"""Requests driven straight at an ASGI application, shaped as uvicorn shapes them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import thread_time_ns
from typing import Any

from starlette.types import ASGIApp, Message, Scope


class Exchange:
    """The server's side of one request."""

    __slots__ = ("asked", "body", "done", "status")

    def __init__(self) -> None:
        self.status = 0
        self.body = b""
        self.asked = self.done = False

    async def receive(self) -> Message:
        """Give an empty body, and then nothing until the answer is out."""
        if not self.asked:
            self.asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        if not self.done:
            await asyncio.Event().wait()  # the client stays
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Keep what a client would see."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
        else:
            self.body += message.get("body", b"")
            self.done = not message.get("more_body", False)


def scope(raw_path: bytes, query: bytes = b"") -> Scope:
    """Make a fresh scope, its keys in the order in which uvicorn with httptools sets them."""
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "server": ("127.0.0.1", 8000),
        "client": ("127.0.0.1", 50000),
        "scheme": "http",
        "root_path": "",
        "headers": [
            (b"host", b"127.0.0.1:8000"),
            (b"user-agent", b"bench/1"),
            (b"accept", b"*/*"),
        ],
        "state": {},
        "method": "GET",
        "path": raw_path.decode("ascii"),
        "raw_path": raw_path,
        "query_string": query,
    }


async def get(app: ASGIApp, path: str) -> Exchange:
    """One GET, answered whole."""
    exchange = Exchange()
    await app(scope(path.encode()), exchange.receive, exchange.send)
    return exchange


async def batch(app: ASGIApp, path: str, size: int) -> float:
    """CPU microseconds a request of this thread, over ``size`` requests in a row."""
    raw_path = path.encode()
    calls = [(scope(raw_path), Exchange()) for _ in range(size)]
    started = thread_time_ns()
    for fresh, exchange in calls:
        await app(fresh, exchange.receive, exchange.send)
    spent = thread_time_ns() - started
    if any(exchange.status != 200 or not exchange.done for _, exchange in calls):
        raise RuntimeError(f"{path} was not answered with 200 every time")
    return spent / size / 1000


@asynccontextmanager
async def lifespan(app: ASGIApp) -> AsyncIterator[None]:
    """Start an application and end it, as a server does."""
    inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    outbox: asyncio.Queue[Message] = asyncio.Queue()
    task = asyncio.create_task(_run_lifespan(app, inbox, outbox))
    await _step("startup", inbox, outbox)
    try:
        yield
    finally:
        await _step("shutdown", inbox, outbox)
        await task


async def _run_lifespan(
    app: ASGIApp, inbox: asyncio.Queue[dict[str, Any]], outbox: asyncio.Queue[Message]
) -> None:
    about = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}}
    await app(about, inbox.get, outbox.put)


async def _step(
    name: str, inbox: asyncio.Queue[dict[str, Any]], outbox: asyncio.Queue[Message]
) -> None:
    inbox.put_nowait({"type": f"lifespan.{name}"})
    answer = await asyncio.wait_for(outbox.get(), 30)
    if answer["type"] != f"lifespan.{name}.complete":
        raise RuntimeError(f"{name}: {answer}")
