"""A small service that was used, and snapshots of it as its own page takes them."""

import time
from typing import Any

from fastapi import BackgroundTasks, FastAPI, WebSocket
from starlette.responses import StreamingResponse

from sidelight import SidelightMiddleware
from sidelight.asgi.metrics_endpoint import MetricsEndpoint
from sidelight.contract import METRICS, STATUS, boundaries
from sidelight.export.otlp import metrics_data, resource
from sidelight.export.prometheus import render
from sidelight.export.snapshot import SeriesKey, Snapshot
from sidelight.store.schema import StoredFamily
from sidelight.store.service_info import ServiceInfo
from sidelight.text_format import ExpositionFormat
from tests.asgi.driver import Page, call, connect, run


def service(**options: Any) -> SidelightMiddleware:
    """Routes for every kind of metric."""
    app = FastAPI(openapi_url=None)

    @app.get("/items/{x}")
    async def item(x: str) -> str:
        return x

    @app.post("/orders")
    async def order(tasks: BackgroundTasks) -> str:
        tasks.add_task(time.sleep, 0.02)
        return "ordered"

    @app.get("/broken")
    async def broken() -> None:
        raise ZeroDivisionError

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        return StreamingResponse(iter([b"a", b"b"]))

    @app.websocket("/chat")
    async def chat(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.close()

    return SidelightMiddleware(app, slow_request_threshold=1e-9, **options)


def use(app: Any) -> None:
    """Some requests, good and bad."""
    for path in ("/items/1", "/items/2", "/broken", "/nowhere", "/stream"):
        call(app, "GET", path)
    call(app, "POST", "/orders", body=b"{}")
    run(connect(app, "/chat", []))


def snapshot_of(app: SidelightMiddleware) -> Snapshot:
    """A snapshot as it is taken for the page."""
    if app.lifecycle.recorder is None:
        call(app, "GET", "/metrics")
    assert app.lifecycle.recorder is not None
    found: Snapshot = run(MetricsEndpoint(app.lifecycle.recorder).snapshot())
    return found


def filled(snapshot: Snapshot) -> Snapshot:
    """With a series of every metric of the contract that has none yet."""
    there = {key.family.name for key in snapshot.sums}
    for number, metric in enumerate(METRICS.values(), 2):
        if metric.name not in there:
            family = StoredFamily(metric.name, metric.kind, boundaries(metric.scale, (0.1, 0.2)))
            labels = tuple("404" if name == STATUS else f"a {name}" for name in metric.labels)
            values = tuple(number * (at + 1) for at in range(family.values))
            snapshot.sums[SeriesKey(family, labels or ("",))] = values
    return snapshot


def page_of(snapshot: Snapshot) -> Page:
    """The Prometheus page of a snapshot."""
    return Page(b"".join(render(snapshot, ExpositionFormat.TEXT)).decode())


def data_of(
    snapshot: Snapshot,
    now_ns: int | None = None,
    about: ServiceInfo | None = None,
    *,
    exponential: bool = False,
) -> Any:
    """The OpenTelemetry data of a snapshot."""
    found = resource(about or ServiceInfo(service_name="shop"))
    now = time.time_ns() if now_ns is None else now_ns
    return metrics_data(snapshot, found, now, exponential=exponential)
