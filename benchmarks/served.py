"""The applications that the benchmarks' uvicorn processes serve."""

from __future__ import annotations

import os
import time

from fastapi import FastAPI

from benchmarks.contenders import CONTENDERS
from benchmarks.held import Held
from benchmarks.services import SERVICES, fill_with_statuses
from sidelight import SidelightMiddleware


def _add_pid(app: FastAPI) -> None:
    @app.get("/pid")
    async def pid() -> int:
        return os.getpid()


def contender() -> FastAPI:
    """Build the contender and service that the environment names."""
    service = SERVICES[os.environ["BENCH_SERVICE"]]
    chosen = CONTENDERS[os.environ["BENCH_CONTENDER"]]()
    app = FastAPI(**chosen.options())
    service.fill(app)
    _add_pid(app)

    @app.get("/recorded")
    async def recorded() -> int | None:
        return await chosen.recorded(app, service.route)

    chosen.install(app)
    return app


def statuses() -> FastAPI:
    """200 routes whose status follows a parameter, and a look at the event loop."""
    app = FastAPI()
    fill_with_statuses(app, (20, 10))
    _add_pid(app)
    held = Held()

    @app.get("/hold")
    async def hold(seconds: float) -> None:
        time.sleep(seconds)  # noqa: ASYNC251 so that the other workers take the next connection

    @app.get("/held")
    async def longest(*, watch: bool) -> tuple[float, float]:
        return held.since(watch=watch)

    app.add_middleware(SidelightMiddleware)
    return app
