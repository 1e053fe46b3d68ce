"""Requests that call an ASGI application directly, with the scope that uvicorn makes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from time import thread_time_ns
from typing import Any

from starlette.types import ASGIApp, Message, Scope


class Response:
    """The response to one request, and the server's side of the connection."""

    __slots__ = ("body", "done", "received", "status")

    def __init__(self) -> None:
        self.status = 0
        self.body = b""
        self.received = self.done = False

    async def receive(self) -> Message:
        """Return an empty body, and then nothing until the response is complete."""
        if not self.received:
            self.received = True
            return {"type": "http.request", "body": b"", "more_body": False}
        if not self.done:
            await asyncio.Event().wait()  # the client does not disconnect
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Store the status and the body."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
        else:
            self.body += message.get("body", b"")
            self.done = not message.get("more_body", False)


def scope(raw_path: bytes, query: bytes = b"") -> Scope:
    """A new scope, with its keys in the order in which uvicorn with httptools sets them."""
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


async def get(app: ASGIApp, path: str) -> Response:
    """The complete response to a GET request."""
    response = Response()
    await app(scope(path.encode()), response.receive, response.send)
    return response


async def batch(
    app: ASGIApp, path: str, size: int, answered: Callable[[], Response] = Response
) -> float:
    """The CPU microseconds of this thread per request, over ``size`` successive requests."""
    raw_path = path.encode()
    calls = [(scope(raw_path), answered()) for _ in range(size)]
    started = thread_time_ns()
    for fresh, response in calls:
        await app(fresh, response.receive, response.send)
    spent = thread_time_ns() - started
    if any(response.status != 200 or not response.done for _, response in calls):
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
    message = await asyncio.wait_for(outbox.get(), 30)
    if message["type"] != f"lifespan.{name}.complete":
        raise RuntimeError(f"{name}: {message}")
