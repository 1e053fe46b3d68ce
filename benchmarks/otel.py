"""The contenders that record with OpenTelemetry: metrics only, in memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader
from opentelemetry.trace import NoOpTracerProvider

from benchmarks.contender import Bare


class _Otel(Bare):
    per_route = True

    def __init__(self) -> None:
        # A provider of its own and no global one, so that contenders do not record for each other.
        self.reader = InMemoryMetricReader()
        self.provider = MeterProvider(metric_readers=[self.reader], shutdown_on_exit=False)

    async def recorded(self, app: FastAPI, route: str) -> int | None:
        return sum(
            p.count for p in _points(self.reader) if (p.attributes or {}).get("http.route") == route
        )


def _points(reader: InMemoryMetricReader) -> Iterator[HistogramDataPoint]:
    data = reader.get_metrics_data()
    for resource in data.resource_metrics if data else ():
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                if metric.name == "http.server.request.duration":
                    yield from (
                        p for p in metric.data.data_points if isinstance(p, HistogramDataPoint)
                    )


class OtelContrib(_Otel):
    """The instrumentation from opentelemetry-python-contrib, stable conventions."""

    label = "opentelemetry-instrumentation-fastapi, metrics only"

    def install(self, app: FastAPI) -> None:
        FastAPIInstrumentor.instrument_app(
            app, meter_provider=self.provider, tracer_provider=NoOpTracerProvider()
        )


class FastApiTelemetry(_Otel):
    """What FastAPI records if it has a meter provider."""

    label = "FastAPI's own telemetry, metrics only"

    def options(self) -> dict[str, Any]:
        return {"telemetry": {"meter_provider": self.provider, "tracing": False, "logs": False}}
