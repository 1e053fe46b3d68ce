"""A warm application whose requests a test drives by hand, one step after the other."""

import asyncio
from typing import Any

from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from sidelight import SidelightMiddleware
from tests.asgi.driver import call, http_scope, scrape

OK = ("GET", "/", "200", "")


class Steps:
    """An application that gives control away twice, and a middleware around it that is warm."""

    def __init__(self) -> None:
        self.app = SidelightMiddleware(self, phase_sample_interval=0)
        self.thrown: list[BaseException] = []
        self.sent: list[Message] = []
        self.route = Route("/", self.serve)
        self.routes = [self.route]
        for _ in range(2):
            call(self.app)
        self.sent.clear()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> Any:
        scope["route"], scope["endpoint"] = self.route, self.route.endpoint
        try:
            await asyncio.sleep(0)
        except ValueError as error:
            self.thrown.append(error)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x"})
        return "returned"

    async def serve(self) -> None:
        """Never called: what the route names."""

    async def receive(self) -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    def begin(self) -> Any:
        return self.app(http_scope("GET", "/"), self.receive, self.send)

    @property
    def counted(self) -> dict[Any, float]:
        return scrape(self.app).requests
