"""A service that Sidelight cannot measure completely: too many routes, and faults."""

import os
from collections.abc import Iterator

from fastapi import FastAPI
from prometheus_client import REGISTRY, Counter
from prometheus_client.metrics_core import Metric

from sidelight import SidelightMiddleware
from sidelight.runtime.faults import guarded

app = FastAPI()
app.add_middleware(SidelightMiddleware, max_series=100)
Counter("fastapi_slow_requests", "A name that Sidelight uses.")


class Failing:
    """A collector that fails from its sixth collection on."""

    collections = 0

    def collect(self) -> Iterator[Metric]:
        self.collections += 1
        if self.collections > 5:
            with guarded("example"):
                raise RuntimeError("an internal error")
            raise RuntimeError("broken collector")
        yield from ()


REGISTRY.register(Failing())


async def thing() -> int:
    return os.getpid()


for number in range(120):
    app.get(f"/things/{number}")(thing)
app.get("/pid")(thing)
