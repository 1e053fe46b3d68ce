"""An application in the shape of others: shared methods, mounts, sessions, and its own exporter."""

import asyncio
import warnings
from collections.abc import AsyncIterator
from typing import Any

from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from sidelight import SidelightMiddleware

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from starlette.middleware.wsgi import WSGIMiddleware


class Views:
    """Views as methods of one object."""

    async def show(self, name: str) -> str:
        return name


class Shortening:
    """Cuts what a mount has added from the path in place."""

    def __init__(self, app: ASGIApp) -> None:
        self._hidden = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["path"] = scope["path"].removeprefix(scope["root_path"])
        await self._hidden(scope, receive, send)


def wsgi(environ: Any, start_response: Any) -> list[bytes]:
    """An application with an exporter."""
    is_metrics = environ["PATH_INFO"] == "/metrics"
    kind = "text/plain; version=0.0.4" if is_metrics else "text/html"
    start_response("200 OK", [("Content-Type", kind)])
    return [b"their_own 1\n"]


async def details(request: Request) -> PlainTextResponse:
    """A page of an administration that is an application of Starlette's own."""
    return PlainTextResponse(request.path_params["pk"])


tools: asyncio.Queue[str] = asyncio.Queue()


async def events() -> AsyncIterator[str]:
    """The tools of a session, which other requests ask for, and then the end of the stream."""
    yield "data: ready\n\n"
    for _ in range(2):
        yield f"data: {await tools.get()}\n\n"


async def session() -> StreamingResponse:
    return StreamingResponse(events(), media_type="text/event-stream")


async def message(tool: str) -> None:
    tools.put_nowait(tool)


views, inner, app = Views(), FastAPI(), FastAPI()
inner.get("/things/{name}")(views.show)
for path in ("/first/{name}", "/second/{name}"):
    app.get(path)(views.show)
app.mount("/short/{side}", Shortening(inner))
app.mount("/api", nested := FastAPI())
nested.get("/things/{name}")(views.show)
pages = Route("/{identity}/details/{pk:path}", details)
app.mount("/admin", Starlette(routes=[Mount("/tables", routes=[pages])]))
app.get("/sse")(session)
app.post("/messages/{tool}", status_code=202)(message)
app.mount("/", WSGIMiddleware(wsgi))
app.add_middleware(SidelightMiddleware, path_templates=["/runs/{action}"])
