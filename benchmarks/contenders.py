"""The contenders, each set up as its documentation says.

A contender reports how many requests it has recorded, so that a run can verify that it did the work
that was timed.
"""

from __future__ import annotations

import logging
import time
from itertools import count

from fastapi import FastAPI, Request, Response
from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_fastapi_instrumentator import Instrumentator
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.types import ASGIApp
from starlette_exporter import PrometheusMiddleware

from benchmarks.contender import Bare, Control
from benchmarks.metrics_text import duration_count
from benchmarks.otel import FastApiTelemetry, OtelContrib
from sidelight import SidelightMiddleware

logger = logging.getLogger("benchmarks.timing")
_prefixes = count()


class _Timing(BaseHTTPMiddleware):
    def __init__(self, app: ASGIApp, counted: list[int]) -> None:
        super().__init__(app)
        self.count = counted

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        start = time.time()
        response = await call_next(request)
        seconds = time.time() - start
        self.count[0] += 1  # not in the original, which records nothing that could be verified
        if seconds > 1.0:
            logger.warning("slow request: %s took %.2fs", request.url.path, seconds)
        return response


class Timing(Bare):
    """The time around ``call_next``, and a warning above one second."""

    label = "`BaseHTTPMiddleware` timing"

    def install(self, app: FastAPI) -> None:
        self.count = [0]
        app.add_middleware(_Timing, counted=self.count)

    async def recorded(self, app: FastAPI, route: str) -> int | None:
        return self.count[0]


class FastApiInstrumentator(Bare):
    """With its defaults: five metrics, statuses grouped."""

    label = "prometheus-fastapi-instrumentator"
    per_route = True

    def install(self, app: FastAPI) -> None:
        self.registry = CollectorRegistry()
        Instrumentator(registry=self.registry).instrument(app)

    async def recorded(self, app: FastAPI, route: str) -> int | None:
        labels = {"handler": route, "method": "GET"}
        return int(
            self.registry.get_sample_value("http_request_duration_seconds_count", labels) or 0
        )


class StarletteExporter(Bare):
    """With its defaults: requests, durations, in progress."""

    label = "starlette_exporter"
    per_route = True

    def install(self, app: FastAPI) -> None:
        self.prefix = f"starlette{next(_prefixes)}"  # its metrics are attributes of the class
        app.add_middleware(PrometheusMiddleware, prefix=self.prefix)

    async def recorded(self, app: FastAPI, route: str) -> int | None:
        labels = {"method": "GET", "path": route, "status_code": "200", "app_name": "starlette"}
        name = f"{self.prefix}_request_duration_seconds_count"
        return int(REGISTRY.get_sample_value(name, labels) or 0)


class Sidelight(Bare):
    """With its defaults."""

    label = "**Sidelight**"
    per_route = True

    def install(self, app: FastAPI) -> None:
        app.add_middleware(SidelightMiddleware)

    async def recorded(self, app: FastAPI, route: str) -> int | None:
        return await duration_count(app, route)


CONTENDERS: dict[str, type[Bare]] = {
    "bare": Bare,
    "control": Control,
    "timing": Timing,
    "pfi": FastApiInstrumentator,
    "se": StarletteExporter,
    "otel": OtelContrib,
    "native": FastApiTelemetry,
    "sidelight": Sidelight,
}
