"""A service whose own metrics have exemplars, and whose routes have names to choose from."""

import os

from fastapi import FastAPI, Response
from prometheus_client import Counter, Gauge

from sidelight import SidelightMiddleware

ORDERS = Counter("shop_orders", 'Orders, "placed"\nor not.', ["kind"])
DEPTH = Gauge("shop_depth", "Depth.", ["job"], multiprocess_mode="sum")

app = FastAPI()
app.add_middleware(SidelightMiddleware)


@app.get("/pid")
async def pid() -> int:
    return os.getpid()


@app.get("/orders/{kind}")
async def orders(kind: str) -> str:
    ORDERS.labels(kind).inc(exemplar={"trace_id": f"trace-of-{kind}"})
    DEPTH.labels("inner").set(3)
    return kind


@app.get("/boom")
async def boom() -> Response:
    return Response("broken", 500)
