"""The route that a blocked event loop is counted for, in an application under real requests."""

import time

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient
from starlette.types import ASGIApp, Receive, Scope, Send

from sidelight import SidelightMiddleware
from tests.asgi.driver import Page

BLOCKED = "asyncio_event_loop_blocked_seconds_total"
BLOCK = 0.3


class SlowMiddleware:
    """A middleware that blocks the loop before the router sees a request."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] != "/metrics":
            time.sleep(BLOCK)  # noqa: ASYNC251 the mistake under test
        await self.app(scope, receive, send)


@pytest.mark.parametrize(
    ("path", "route"), [("/nothing/here", "_UNMATCHED"), ("/items/1", "/items/{item}")]
)
def test_a_middleware_blocks_a_request(path: str, route: str) -> None:
    """A block in a middleware has the route that the path leads to, or ``_UNMATCHED``."""
    app = FastAPI()
    app.add_middleware(SlowMiddleware)
    app.add_middleware(SidelightMiddleware)

    @app.get("/items/{item}")
    async def read(item: int) -> int:
        return item

    with TestClient(app) as client:
        client.get(path)
        page = Page(client.get("/metrics").text)
    blocked = {
        dict(labels)["http_route"]: value
        for (name, labels), value in page.samples.items()
        if name == BLOCKED and value
    }
    assert blocked.pop(route) >= BLOCK / 2
    assert set(blocked) <= {"", "_UNKNOWN"}, "a busy machine may stall the loop at any time"
