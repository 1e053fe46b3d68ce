"""What the sidecar answers."""

from collections.abc import Iterable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import StatelessLifespan

from sidelight.errors import StoreError
from sidelight.export.response import metrics_response
from sidelight.sidecar.paced import Paced
from sidelight.sidecar.watch import Watch


def pages(
    watch: Watch, lifespan: StatelessLifespan[Starlette], more: Iterable[BaseRoute] = ()
) -> Starlette:
    """The application: ``/metrics``, ``/slow``, ``/healthz`` and ``/readyz``, and ``more``."""

    async def metrics(request: Request) -> Response:
        try:
            made = await metrics_response(request.headers, watch.shot)
        except StoreError as error:
            return PlainTextResponse(f"{error}\n", 503)
        return Paced(made.body, made.status_code, dict(made.headers))

    async def slow(_: Request) -> Response:
        try:
            return JSONResponse({"slow": [record.to_dict() for record in await watch.slow()]})
        except StoreError as error:
            return PlainTextResponse(f"{error}\n", 503)

    async def healthy(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def ready(_: Request) -> Response:
        try:
            watch.opened()
        except StoreError as error:
            return PlainTextResponse(f"{error}\n", 503)
        return PlainTextResponse("ok\n")

    routes = [
        Route("/metrics", metrics),
        Route("/slow", slow),
        Route("/healthz", healthy),
        Route("/readyz", ready),
        *more,
    ]
    return Starlette(routes=routes, lifespan=lifespan)
