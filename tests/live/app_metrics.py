"""A service with prometheus_client metrics of its own, of every kind."""

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from prometheus_client import REGISTRY, Counter, Enum, Gauge, Histogram, Info, Summary
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from sidelight import SidelightMiddleware

ORDERS = Counter("shop_orders", "Orders.", ["kind"])
PRICE = Histogram("shop_price_euros", "Prices.", buckets=(1, 10, 100))
WEIGHT = Summary("shop_weight_grams", "Weights.")
GAUGES = {
    mode: Gauge(f"shop_{mode}", "A gauge.", multiprocess_mode=mode)
    for mode in ("all", "liveall", "sum", "livesum", "max", "livemax", "min", "livemin")
}
Info("shop_build", "The build.").info({"revision": "abc"})
STATE = Enum("shop_state", "The state.", states=["open", "shut"])
STATE.state("open")
for gauge in GAUGES.values():
    gauge.set(os.getpid())

stopped = False
counted = 0


class Custom:
    """A collector of the service's own; as a pool's would, it fails once all is shut down."""

    def collect(self) -> Iterator[Metric]:
        if stopped:
            raise RuntimeError("the pool is closed")
        yield CounterMetricFamily("custom_calls", "Calls.", value=counted)
        yield GaugeMetricFamily("custom_depth", "Depth.", value=7)


REGISTRY.register(Custom())


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    yield
    global stopped  # noqa: PLW0603 as a service's own module would
    stopped = bool(os.environ.get("FAILS_AT_THE_END"))


app = FastAPI(lifespan=lifespan)
app.add_middleware(SidelightMiddleware)


@app.get("/pid")
async def pid() -> int:
    return os.getpid()


@app.post("/orders/{kind}")
async def order(kind: str, price: float) -> int:
    global counted  # noqa: PLW0603 as a service's own module would
    counted += 1
    ORDERS.labels(kind).inc(exemplar={"trace_id": f"order-{counted}"})
    PRICE.observe(price, exemplar={"trace_id": f"price-{counted}"})
    WEIGHT.observe(price)
    return os.getpid()
