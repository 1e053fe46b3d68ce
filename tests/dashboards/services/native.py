"""A service with FastAPI's own telemetry and no Sidelight, exported by OpenTelemetry's SDK."""

import os

from fastapi import FastAPI, HTTPException
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.resources import Resource
from prometheus_client import make_asgi_app

resource = Resource.create({"service.name": "native", "service.version": "1"})
provider = MeterProvider([PrometheusMetricReader()], resource)
app = FastAPI(telemetry={"meter_provider": provider})


@app.get("/items/{item_id}")
async def item(item_id: int) -> int:
    if item_id % 10 == 0:
        raise HTTPException(500)
    return item_id


@app.get("/users")
async def users() -> list[str]:
    return []


@app.get("/broken")
async def broken() -> None:
    raise RuntimeError("broken")


@app.get("/pid")
async def pid() -> int:
    return os.getpid()


app.mount("/metrics", make_asgi_app())
