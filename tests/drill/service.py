"""The service of the drill: each route can go wrong, where a request asks it to.

A fault of one worker goes wrong in the process named only, so that a test knows which it is.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path

import anyio.to_thread
import httpx
from fastapi import FastAPI
from prometheus_client import REGISTRY, Metric
from prometheus_client.registry import Collector
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from sidelight import SidelightMiddleware, watch
from sidelight.runtime import control_groups

THREADS = 4
CONNECTIONS = 2
HOLD = 0.25
"""Seconds that the event loop is held; far below the latency of the service's objective."""
LATE = 1.5
"""Seconds of a late checkout; above its objective."""
KEEP = 3.0
"""Seconds that a thread or a connection is kept."""
THUMBNAIL = 1 << 20
"""Bytes of memory that a thumbnail keeps."""

engine = create_async_engine(
    f"sqlite+aiosqlite:///{Path.cwd() / f'stock-{os.getpid()}.db'}",
    poolclass=AsyncAdaptedQueuePool,
    pool_size=CONNECTIONS,
    max_overflow=0,
)
watch(engine, name="stock")
upstream = httpx.AsyncClient(trust_env=False)
watch(upstream, name="prices")
BROKEN = Path.cwd() / "broken"
"""While this file exists, the application's own collector raises."""


class OwnCollector(Collector):
    """The application's own metrics."""

    def collect(self) -> Iterator[Metric]:
        if BROKEN.exists():
            raise RuntimeError("the application's own collector is broken")
        yield Metric("shop_shelves", "Shelves.", "gauge")


REGISTRY.register(OwnCollector())
thumbnails: list[bytes] = []
"""A cache without a bound."""
control_groups.PROC = Path.cwd() / "system" / "proc"
"""The drill's own limit of memory in place of the machine's."""


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
    yield
    await engine.dispose()


app = FastAPI(lifespan=lifespan)
app.add_middleware(SidelightMiddleware)


class SearchError(Exception):
    """Nobody catches it: the client sees a 500."""


@app.get("/pid")
async def pid() -> int:
    return os.getpid()


@app.get("/items/{item_id}")
async def item(item_id: int) -> int:
    return item_id


@app.get("/search")
async def search(*, wrong: bool = False) -> list[str]:
    if wrong:
        raise SearchError
    return []


@app.post("/checkout", status_code=201)
async def checkout(*, wrong: bool = False) -> str:
    await asyncio.sleep(LATE if wrong else 0.01)
    return "bought"


@app.get("/images/{name}")
async def image(name: str, *, wrong: bool = False) -> str:
    if wrong:
        time.sleep(HOLD)  # noqa: ASYNC251 that is what goes wrong here
    return name


@app.get("/thumbnails/{name}")
async def thumbnail(name: str) -> int:
    thumbnails.append(name.encode().ljust(THUMBNAIL, b"."))
    return len(thumbnails)


@app.get("/deliveries")
async def deliveries(day: date) -> date:
    return day


@app.get("/report")
def report(wrong: int = 0) -> str:
    time.sleep(KEEP if wrong == os.getpid() else 0.005)
    return "sold"


@app.get("/stock/{item_id}")
async def stock(item_id: int, wrong: int = 0) -> int:
    async with engine.connect() as connection:
        found = await connection.scalar(text("select 17"))
        if wrong == os.getpid():
            await asyncio.sleep(KEEP)
    return int(found or 0)


@app.get("/prices")
async def prices(port: int) -> int:
    """The status of the upstream at a port; the client gets its answer all the same."""
    answer = await upstream.get(f"http://127.0.0.1:{port}/")
    return answer.status_code
