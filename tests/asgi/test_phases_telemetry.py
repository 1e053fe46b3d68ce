"""Where FastAPI's own telemetry is on: its users see the same with and without Sidelight."""

import logging
from typing import Annotated, Any, cast

import pytest

pytest.importorskip("fastapi.telemetry", reason="FastAPI before 0.142 has no telemetry")
pytest.importorskip("opentelemetry.sdk")

from fastapi import BackgroundTasks, Depends, FastAPI, HTTPException
from fastapi.telemetry import TelemetryConfig, get_telemetry_data
from opentelemetry import baggage, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, Sampler, TraceIdRatioBased
from starlette.middleware.base import BaseHTTPMiddleware

from sidelight import SidelightMiddleware
from tests.asgi.driver import call, scrape

PHASES = "fastapi_request_phase_duration_seconds_count"
PATHS = ["/orders/1", "/orders/x", "/sync", "/broken", "/forbidden", "/missing"]
TRACED = {"traceparent": f"00-{'1' * 32}-{'2' * 16}-01", "baggage": "tenant=acme"}


def service(seen: list[Any], **telemetry: Any) -> FastAPI:
    """A service that makes spans of its own, and looks at all that OpenTelemetry has."""
    app = FastAPI(telemetry=cast("TelemetryConfig", telemetry))
    tracer = telemetry["tracer_provider"].get_tracer("service")

    async def user() -> str:
        with tracer.start_as_current_span("user"):
            return "alice"

    def look() -> None:
        data = get_telemetry_data()
        seen.append((data is not None, data is not None and data.values is not None))
        seen.append(dict(baggage.get_all()))
        seen.append(trace.get_current_span().get_span_context().is_valid)
        seen.append(trace.get_current_span().is_recording())

    @app.get("/orders/{number}")
    async def order(
        number: int, tasks: BackgroundTasks, user: Annotated[str, Depends(user)]
    ) -> str:
        look()
        tasks.add_task(lambda: None)
        with tracer.start_as_current_span("order"):
            return user

    @app.get("/sync")
    def sync() -> None:
        look()

    @app.get("/broken")
    def broken() -> None:
        raise RuntimeError("broken")

    @app.get("/forbidden")
    def forbidden() -> None:
        raise HTTPException(403)

    return app


def pairs(attributes: Any) -> dict[str, Any]:
    return dict(attributes or {})


def story(exporter: InMemorySpanExporter) -> list[Any]:
    """Every span that was exported, but for ids and times."""
    spans = exporter.get_finished_spans()
    names = {span.context.span_id: span.name for span in spans}
    return [
        (
            span.name,
            names.get(span.parent.span_id, "remote") if span.parent else None,
            pairs(span.attributes),
            span.status.status_code,
            span.status.description,
            [(event.name, pairs(event.attributes).get("exception.type")) for event in span.events],
            span.kind,
            span.instrumentation_scope.name if span.instrumentation_scope else None,
            span.context.trace_flags,
        )
        for span in spans
    ]


def told(sampler: Sampler, every: int | None, *, behind: bool, **more: Any) -> tuple[Any, ...]:
    """All that a service's own telemetry has seen of some requests, and our page."""
    exporter, reader = InMemorySpanExporter(), InMemoryMetricReader()
    provider = TracerProvider(sampler=sampler)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    seen: list[Any] = []
    meter = MeterProvider([reader])
    app = service(seen, tracer_provider=provider, meter_provider=meter, **more)
    if behind:

        async def passes(request: Any, call_next: Any) -> Any:
            return await call_next(request)

        app.add_middleware(BaseHTTPMiddleware, dispatch=passes)
    if every is not None:
        app.add_middleware(SidelightMiddleware, phase_sample_interval=every, metrics_path="/m")
    got = [call(app, path=path, headers=TRACED) for path in PATHS]
    data = reader.get_metrics_data()
    points = sorted(
        (metric.name, sorted(pairs(point.attributes).items()), getattr(point, "count", None))
        for resource in (data.resource_metrics if data else [])
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in metric.data.data_points
    )
    sent = [(answer.sent, str(answer.error)) for answer in got]
    existing = (seen, story(exporter), points, sent)
    return existing, None if every is None else scrape_at(app)


def scrape_at(app: FastAPI) -> Any:
    return call(app, path="/m").page


@pytest.mark.parametrize("behind", [False, True])
@pytest.mark.parametrize(
    "sampler",
    [ALWAYS_ON, ALWAYS_OFF, TraceIdRatioBased(1.0)],
    ids=["always", "never", "by ratio"],
)
@pytest.mark.parametrize(
    "more",
    [{}, {"operation_spans": False}, {"tracing": False}, {"exclude": lambda _: True}],
    ids=["all", "no operations", "no spans", "excluded"],
)
def test_spans_and_metrics_of_the_user(
    sampler: Sampler, more: dict[str, Any], *, behind: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Spans, their parents, attributes and states, metrics, baggage and answers are the same."""
    with caplog.at_level(logging.WARNING, "opentelemetry"):
        without, _ = told(sampler, None, behind=behind, **more)
        own, page = told(sampler, 1, behind=behind, **more)
    for one, other in zip(without, own, strict=True):
        assert one == other
    assert not [record for record in caplog.records if "detach" in record.getMessage()]
    found = page.by(PHASES, "http_route", "phase")
    assert found["/orders/{number}", "endpoint"] == 1
    assert found["/sync", "thread_wait"] == 1
    assert found["/broken", "endpoint"] == 1
    assert found["/orders/{number}", "dependencies"] == 2


def test_what_a_tracer_of_the_users_can_do() -> None:
    """A tracer that is listened to still has all that it had."""
    from sidelight.asgi import builtin_telemetry

    class Listener:
        def begin(self, operation: str) -> bool:
            return True

        def end(self) -> None: ...

    tracer: Any = TracerProvider().get_tracer("service")
    along = builtin_telemetry._ListeningTracer(Listener(), tracer)
    assert along.start_span == tracer.start_span
    assert along.resource is tracer.resource


def test_without_an_sdk_there_is_no_telemetry() -> None:
    """Where nothing is set up, FastAPI's telemetry stays off beside own."""
    app = FastAPI()
    app.add_middleware(SidelightMiddleware, phase_sample_interval=1)
    seen: list[Any] = []

    @app.get("/")
    async def home() -> None:
        seen.append(get_telemetry_data())

    assert call(app).status == 200
    assert seen == [None]
    assert scrape(app).by(PHASES, "phase")["endpoint"] == 1
