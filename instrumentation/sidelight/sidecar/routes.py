"""The HTTP routes of the sidecar."""

from collections.abc import Callable, Iterable

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
    endpoints = Endpoints(source)
    routes = [
        Route("/metrics", endpoints.metrics),
        Route("/slow", endpoints.slow),
        Route("/healthz", endpoints.healthy),
        Route("/readyz", endpoints.ready),
        *more,
    ]
    refusals = {SettingsError: refusal(400), StoreError: refusal(503)}
    return Starlette(routes=routes, lifespan=lifespan, exception_handlers=refusals)


class Endpoints:
    """What the sidecar answers from what workers wrote."""

    def __init__(self, source: MetricsSource) -> None:
        self._source = source

    async def metrics(self, request: Request) -> Response:
        """The metrics of all workers, in the format that the request asks for."""
        source = self._source
        response = await metrics_response(request.headers, source.snapshot, source.settings)
        return SendTimeoutResponse(response.body, response.status_code, dict(response.headers))

    async def slow(self, request: Request) -> Response:
        """Slow requests, their causes, the oldest requests in flight, and blocked loops."""
        wanted = slow_filter.parsed(request.query_params)
        records = wanted.select(await self._source.slow_requests())
        loops = await self._source.blocked_loops()
        waiting = await self._source.waiting_requests()
        return JSONResponse(
            {
                "slow": [record.to_dict() for record in records],
                "causes": [group.to_dict() for group in slow_groups.groups(records)],
                "in_flight": [request.to_dict() for request in waiting],
                "blocked": [loop.to_dict() for loop in loops],
            }
        )

    async def healthy(self, _: Request) -> Response:
        """The sidecar runs."""
        return PlainTextResponse("ok\n")

    async def ready(self, _: Request) -> Response:
        """The directory of the workers can be read."""
        self._source.ensure_open()
        return PlainTextResponse("ok\n")


def refusal(status: int) -> Callable[[Request, Exception], Response]:
    """The answer to a request that an error ends: its text."""

    def answer(_: Request, error: Exception) -> Response:
        return PlainTextResponse(f"{error}\n", status)

    return answer


def without_history(reason: str) -> list[BaseRoute]:
    """Every address below ``/api/v1`` of a sidecar without a history: 501, and the reason."""

    async def unavailable(_: Request) -> Response:
        error = f"this sidecar keeps no history: {reason}"
        return JSONResponse({"status": "error", "errorType": "unavailable", "error": error}, 501)

    return [Route("/api/v1/{path:path}", unavailable, methods=["GET", "POST"])]
