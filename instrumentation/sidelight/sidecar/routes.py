"""The HTTP routes of the sidecar."""

from collections.abc import Iterable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import StatelessLifespan

from sidelight.errors import SettingsError, StoreError
from sidelight.export.response import metrics_response
from sidelight.sidecar.metrics_source import MetricsSource
from sidelight.sidecar.send_timeout import SendTimeoutResponse
from sidelight.store import slow_filter, slow_groups


def application(
    source: MetricsSource, lifespan: StatelessLifespan[Starlette], more: Iterable[BaseRoute] = ()
) -> Starlette:
    """The application: ``/metrics``, ``/slow``, ``/healthz`` and ``/readyz``, and ``more``."""

    async def metrics(request: Request) -> Response:
        try:
            response = await metrics_response(request.headers, source.snapshot, source.settings)
        except StoreError as error:
            return PlainTextResponse(f"{error}\n", 503)
        return SendTimeoutResponse(response.body, response.status_code, dict(response.headers))

    async def slow(request: Request) -> Response:
        try:
            wanted = slow_filter.parsed(request.query_params)
            records = wanted.select(await source.slow_requests())
            loops = await source.blocked_loops()
            waiting = await source.waiting_requests()
        except SettingsError as error:
            return PlainTextResponse(f"{error}\n", 400)
        except StoreError as error:
            return PlainTextResponse(f"{error}\n", 503)
        return JSONResponse(
            {
                "slow": [record.to_dict() for record in records],
                "causes": [group.to_dict() for group in slow_groups.groups(records)],
                "in_flight": [request.to_dict() for request in waiting],
                "blocked": [loop.to_dict() for loop in loops],
            }
        )

    async def healthy(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def ready(_: Request) -> Response:
        try:
            source.ensure_open()
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


def without_history(reason: str) -> list[BaseRoute]:
    """Every address below ``/api/v1`` of a sidecar without a history: 501, and the reason."""

    async def unavailable(_: Request) -> Response:
        error = f"this sidecar keeps no history: {reason}"
        return JSONResponse({"status": "error", "errorType": "unavailable", "error": error}, 501)

    return [Route("/api/v1/{path:path}", unavailable, methods=["GET", "POST"])]
