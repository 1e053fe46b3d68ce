"""A service that Sidelight can't measure whole: too many routes, and a registry that fails."""

import os
from collections.abc import Iterator

from fastapi import FastAPI
from prometheus_client import REGISTRY, Counter
from prometheus_client.metrics_core import Metric

from sidelight import SidelightMiddleware

app = FastAPI()
app.add_middleware(SidelightMiddleware, max_series=100)
Counter("fastapi_slow_requests", "A name that Sidelight has.")


class Failing:
    """A collector that works for a few looks, and never again."""

    looks = 0

    def collect(self) -> Iterator[Metric]:
        self.looks += 1
        if self.looks > 5:
            raise RuntimeError("no such luck")
        yield from ()


REGISTRY.register(Failing())


async def thing() -> int:
    return os.getpid()


for number in range(120):
    app.get(f"/things/{number}")(thing)
app.get("/pid")(thing)
