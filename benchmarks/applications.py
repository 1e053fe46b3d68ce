"""The applications that the uvicorn processes of the benchmarks serve."""

from __future__ import annotations

import os
import time

from fastapi import FastAPI

from benchmarks.contenders import CONTENDERS
from benchmarks.loop_block import LongestTurn
from benchmarks.services import SERVICES, fill_with_statuses, paths
from sidelight import SidelightMiddleware


def _add_pid(app: FastAPI) -> None:
    @app.get("/pid")
    async def pid() -> int:
        return os.getpid()


def contender() -> FastAPI:
    """The service and the contender that the environment names."""
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
    """200 routes whose status is a parameter, and routes about the event loop."""
    app = FastAPI()
    fill_with_statuses(app, (20, 10))
    _add_pid(app)
    turns = LongestTurn()

    @app.get("/block")
    async def block(seconds: float) -> None:
        time.sleep(seconds)  # noqa: ASYNC251 so that the other workers take the next connection

    @app.get("/longest-turn")
    async def longest(*, watch: bool) -> tuple[float, float]:
        return turns.take(watch=watch)

    app.add_middleware(SidelightMiddleware)
    return app


def instance() -> FastAPI:
    """An instance of a fleet: so many routes as the environment says, and no others."""
    app = FastAPI(openapi_url=None)

    async def item(item_id: int) -> int:
        time.sleep(0.02)  # noqa: ASYNC251 so that other requests wait, which has series too
        return item_id

    for path in paths(1, int(os.environ["BENCH_ROUTES"])):
        app.get(path)(item)
    app.add_middleware(SidelightMiddleware)
    return app
