"""Whole conversations between a server and an application, and what Sidelight made of them.

A conversation is a list of requests in JSON. Each is answered by an application that does what
the request's steps say, in order. ``python -m tests.asgi.conversations`` reads one conversation a
line and prints what came of it, so that two processes can be compared.
"""

import asyncio
import copy
import json
import sys
from contextlib import suppress
from typing import Any

from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sidelight import SidelightMiddleware
from sidelight.asgi.busy_time import ClockedRouter
from sidelight.extension import extension
from tests.asgi.driver import Server, http_scope, scrape

ROUTES = ["/", "/items/{id}"]
COUNTED = (
    "http_server_request_duration_seconds_count",
    "http_server_request_body_size_bytes_sum",
    "http_server_request_body_size_bytes_count",
    "http_server_response_body_size_bytes_sum",
    "http_server_response_body_size_bytes_count",
    "http_server_response_body_size_bytes_bucket",
    "http_server_active_requests",
    "fastapi_client_disconnects_total",
    "fastapi_exceptions_total",
    "fastapi_slow_requests_total",
    "sidelight_internal_errors_total",
)


CAUGHT = (AttributeError, ValueError, OSError, KeyError, TypeError, asyncio.CancelledError)


async def endpoint() -> None:
    """Never called."""


class Scripted:
    """An application that does what the request's steps say."""

    def __init__(self) -> None:
        self.routes = [Route(path, endpoint) for path in ROUTES]
        self.steps: list[list[Any]] = []
        self.inner: ASGIApp = self.serve
        self.received: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.inner(scope, receive, send)

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        for name, *values in self.steps:
            await getattr(self, name)(scope, receive, send, *values)

    async def route(self, scope: Scope, _: Receive, __: Send, number: int) -> None:
        """As a router does."""
        scope["route"], scope["endpoint"] = self.routes[number], endpoint

    async def mount(self, scope: Scope, _: Receive, __: Send, path: str) -> None:
        """As a mount does."""
        scope["app_root_path"] = scope.get("app_root_path", scope["root_path"])
        scope["root_path"] += path

    async def receive(self, _: Scope, receive: Receive, __: Send) -> None:
        self.received.append((await receive())["type"])

    async def receive_unawaited(self, _: Scope, receive: Receive, __: Send) -> None:
        waiting: Any = receive()
        waiting.close()

    async def start(self, _: Scope, __: Receive, send: Send, status: int) -> None:
        await send({"type": "http.response.start", "status": status, "headers": []})

    async def trailing_start(self, _: Scope, __: Receive, send: Send, status: int) -> None:
        start = {"type": "http.response.start", "status": status, "headers": [], "trailers": True}
        await send(start)

    async def body(self, _: Scope, __: Receive, send: Send, size: int) -> None:
        await send({"type": "http.response.body", "body": b"x" * size})

    async def bare_body(self, _: Scope, __: Receive, send: Send) -> None:
        await send({"type": "http.response.body"})

    async def more(self, _: Scope, __: Receive, send: Send, size: int) -> None:
        await send({"type": "http.response.body", "body": b"x" * size, "more_body": True})

    async def mutable(self, _: Scope, __: Receive, send: Send, size: int) -> None:
        await send({"type": "http.response.body", "body": bytearray(size)})

    async def trailers(self, _: Scope, __: Receive, send: Send) -> None:
        await send({"type": "http.response.trailers", "headers": []})

    async def odd(self, _: Scope, __: Receive, send: Send, message: Message) -> None:
        """A message that no server knows, or that lacks what it should have."""
        await send(message)

    async def raises(self, _: Scope, __: Receive, ___: Send, name: str) -> None:
        raise {"ValueError": ValueError, "cancelled": asyncio.CancelledError}[name]("scripted")

    async def turn(self, _: Scope, __: Receive, ___: Send) -> None:
        await asyncio.sleep(0)

    async def task(self, scope: Scope, receive: Receive, send: Send, status: int) -> None:
        """The rest of the response comes from another task, with a copy of the scope."""
        inner = {**copy.copy(scope)}
        await asyncio.create_task(self._answer(inner, receive, send, status))

    async def _answer(self, scope: Scope, _: Receive, send: Send, status: int) -> None:
        await self.start(scope, _, send, status)
        await self.body(scope, _, send, 3)

    async def within(self, scope: Scope, receive: Receive, send: Send, status: int) -> None:
        """A second middleware inside: transparent."""

        async def inner(scope: Scope, receive: Receive, send: Send) -> None:
            await self._answer(scope, receive, send, status)

        await SidelightMiddleware(inner)(scope, receive, send)


class Conversation:
    """One application, its requests, and what came of each."""

    def __init__(self) -> None:
        self.scripted = Scripted()
        # Natively, each step is clocked on the way, as where a router is.
        inner: Any = self.scripted if extension is None else ClockedRouter(self.scripted)
        self.app = SidelightMiddleware(inner, exclude=["/excluded/*"])
        self.came: list[Any] = []

    async def ask(self, request: dict[str, Any]) -> None:
        """One request; its scope is used again if it says so."""
        self.scripted.steps = request["steps"]
        self.scripted.received = []
        scope = http_scope(request["method"], request["path"], more=request.get("scope"))
        if not request.get("raw_path", True):
            del scope["raw_path"]
        for _ in range(1 + request.get("again", 0)):
            server = Server(
                [
                    {"type": "http.request", "body": b"b" * size, "more_body": False}
                    for size in request["bodies"]
                ],
                refusing if request.get("refuses") else None,
            )
            server.complete.set()  # the client does not wait for what never comes
            error = ""
            call: Any = self.app(scope, server.receive, server.send)
            if request.get("closes"):
                with suppress(StopIteration, *CAUGHT):
                    call.send(None)
                call.close()
            else:
                error = await caught(call)
            self.came.append(
                [
                    [seen(message) for message in server.answer.sent],
                    error,
                    self.scripted.received,
                    sorted(key for key in scope if key != "sidelight"),
                ]
            )

    def outcome(self) -> Any:
        """What the applications and the servers saw, and what was counted."""
        page = scrape(self.app)
        counted = sorted(
            [name, sorted(labels), value]
            for (name, labels), value in page.samples.items()
            if name in COUNTED and value
        )
        recorder = self.app.lifecycle.recorder
        assert recorder is not None
        return [self.came, counted, recorder.file.in_flight]


async def caught(call: Any) -> str:
    """The exception that left a call, by its name."""
    try:
        await call
    except CAUGHT as error:
        return type(error).__name__
    return ""


def seen(message: Message) -> list[Any]:
    """What a message says, as JSON can."""
    return [message["type"], message.get("status"), len(message.get("body") or b"")]


def refusing(message: Message) -> None:
    """As a server whose connection is gone."""
    raise OSError(message["type"])


def converse(requests: list[dict[str, Any]]) -> Any:
    """Hold a conversation in this process, as JSON would give it back."""
    conversation = Conversation()

    async def all_of() -> None:
        for request in requests:
            await conversation.ask(request)

    asyncio.run(all_of())
    return json.loads(json.dumps(conversation.outcome()))


if __name__ == "__main__":
    for line in sys.stdin:
        sys.stdout.write(json.dumps(converse(json.loads(line))) + "\n")
        sys.stdout.flush()
