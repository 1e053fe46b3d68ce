"""An application in the shape of others: shared methods, opaque mounts, and its own exporter."""

import warnings
from typing import Any

from fastapi import FastAPI
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


views, inner, app = Views(), FastAPI(), FastAPI()
inner.get("/things/{name}")(views.show)
for path in ("/first/{name}", "/second/{name}"):
    app.get(path)(views.show)
app.mount("/short/{side}", Shortening(inner))
app.mount("/", WSGIMiddleware(wsgi))
app.add_middleware(SidelightMiddleware, path_templates=["/runs/{action}"])
