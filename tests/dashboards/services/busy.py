"""The example shop with more faults: a pool that is too small, executors, an upstream."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated

import httpx
from fastapi import Depends
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from app import app  # the app of the shop, by PYTHONPATH
from sidelight import timed, watch

trace.set_tracer_provider(TracerProvider())  # so that FastAPI has spans, and durations exemplars
UPSTREAM = os.environ["UPSTREAM"]
pool = watch(
    create_async_engine(
        "sqlite+aiosqlite://",
        poolclass=AsyncAdaptedQueuePool,
        pool_size=2,
        max_overflow=0,
        pool_timeout=0.2,
    ),
    name="narrow",
)
executor = watch(ThreadPoolExecutor(2), name="executor")
client = watch(httpx.AsyncClient(timeout=2), name="upstream")


class Label(BaseModel):
    text: str


@timed
async def connection() -> AsyncIterator[AsyncConnection]:
    async with pool.connect() as found:
        yield found


@app.get("/busy-pool")
async def busy_pool(found: Annotated[AsyncConnection, Depends(connection)]) -> int:
    """Keep a connection while awaiting something else."""
    await asyncio.sleep(0.3)
    return int((await found.execute(text("SELECT 1"))).scalar_one())


@app.get("/busy-executor")
async def busy_executor() -> None:
    await asyncio.get_running_loop().run_in_executor(executor, time.sleep, 0.3)


@app.get("/upstream")
async def upstream() -> int:
    return (await client.get(f"{UPSTREAM}/things/1")).status_code


@app.get("/upstream-error")
async def upstream_error() -> int:
    """The upstream has no such route."""
    return (await client.get(f"{UPSTREAM}/nothing")).status_code


@app.get("/invalid-response", response_model=Label)
async def invalid_response() -> dict[str, int]:
    return {"text": 1}


@app.get("/report")
async def report() -> None:
    """Block the event loop for as long on every machine."""
    time.sleep(0.08)  # noqa: ASYNC251 the mistake that dashboards show
