"""A service whose routes wait, each at the line that says what it awaits there.

A mark is ``# waits: ROUTE CALL``, without a call where it is not written in Python. ``POST
/release`` ends all waits.
"""

import asyncio
import os
import threading
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Annotated

import asyncpg  # type: ignore[import-untyped]  # it has no types
import httpx
import redis.asyncio
from fastapi import Depends, FastAPI
from sqlalchemy import AsyncAdaptedQueuePool, text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from starlette.middleware.base import RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import Response

from sidelight import SidelightMiddleware

POSTGRES, REDIS = os.environ.get("POSTGRES", ""), os.environ.get("REDIS", "")
LONGEST = 3600
"""Seconds: no wait ends by itself, however slow the machine is."""
released = asyncio.Event()
released_threads = threading.Event()
all_taken = asyncio.Event()
kept = asyncio.Lock()
lock = asyncio.Lock()
few = asyncio.Semaphore(1)
full: asyncio.Queue[int] = asyncio.Queue(1)
one_thread = ThreadPoolExecutor(1)
client = httpx.AsyncClient(timeout=LONGEST)
engine = create_async_engine(
    "sqlite+aiosqlite://",
    poolclass=AsyncAdaptedQueuePool,
    pool_size=1,
    max_overflow=0,
    pool_timeout=LONGEST,
)
blocking = redis.asyncio.BlockingConnectionPool.from_url(
    f"unix://{REDIS}", max_connections=1, timeout=LONGEST
)
cache = redis.asyncio.Redis(connection_pool=blocking)


async def answer_late(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A upstream that doesn't answer."""
    await released.wait()
    writer.close()


async def keep(app: FastAPI) -> None:
    """A task that no request started has all there is of each."""
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(kept)
        await stack.enter_async_context(engine.connect())
        if POSTGRES:
            await stack.enter_async_context(app.state.postgres.acquire())
        connection = await blocking.get_connection() if REDIS else None  # type: ignore[no-untyped-call]  # it has no types
        full.put_nowait(1)
        all_taken.set()
        await released.wait()
        full.get_nowait()
        if connection is not None:
            await blocking.release(connection)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    if POSTGRES:
        app.state.postgres = await asyncpg.create_pool(
            host=POSTGRES, user="test", database="postgres", min_size=1, max_size=1
        )
    upstream = await asyncio.start_server(answer_late, "127.0.0.1", 0)
    app.state.upstream = upstream.sockets[0].getsockname()[1]
    keeper = asyncio.create_task(keep(app))
    await all_taken.wait()
    yield
    release_all()
    await keeper
    upstream.close()


def release_all() -> None:
    released.set()
    released_threads.set()


app = FastAPI(lifespan=lifespan)


@app.get("/pid")
async def pid() -> int:
    return os.getpid()


@app.post("/release")
async def release() -> None:
    release_all()


@app.get("/lock")
async def of_lock() -> None:
    async with lock:  # waits: /lock asyncio.Lock.acquire
        await released.wait()


@app.get("/semaphore")
async def of_semaphore() -> None:
    async with few:  # waits: /semaphore asyncio.Semaphore.acquire
        await released.wait()


@app.get("/kept")
async def of_a_task() -> None:
    async with kept:  # waits: /kept asyncio.Lock.acquire
        pass


@app.get("/sqlalchemy")
async def of_sqlalchemy() -> None:
    async with AsyncSession(engine) as session:
        await session.execute(  # waits: /sqlalchemy sqlalchemy.ext.asyncio.AsyncSession.execute
            text("SELECT 1")
        )


@app.get("/asyncpg")
async def of_asyncpg(request: Request) -> None:
    acquire = request.app.state.postgres.acquire
    async with acquire():  # waits: /asyncpg asyncpg.pool.PoolAcquireContext
        pass


@app.get("/redis")
async def of_redis() -> None:
    await cache.get("x")  # waits: /redis redis.asyncio.Redis.execute_command


@app.get("/httpx")
async def of_httpx(request: Request) -> None:
    with suppress(httpx.HTTPError):
        await client.get(  # waits: /httpx httpx.AsyncClient.get
            f"http://127.0.0.1:{request.app.state.upstream}/"
        )


@app.get("/queue")
async def of_queue() -> None:
    await full.put(1)  # waits: /queue asyncio.Queue.put
    full.get_nowait()


@app.get("/executor")
async def of_executor() -> None:
    loop = asyncio.get_running_loop()
    await loop.run_in_executor(  # waits: /executor asyncio.Future
        one_thread, released_threads.wait
    )


@app.get("/thread")
def of_thread() -> None:
    while not released_threads.is_set():
        time.sleep(0.05)  # waits: /thread


async def session() -> AsyncIterator[int]:
    await released.wait()  # waits: /dependency asyncio.Event.wait
    yield 1


@app.get("/dependency")
async def of_dependency(_: Annotated[int, Depends(session)]) -> None: ...


async def first() -> None:
    await released.wait()  # waits: /gather asyncio.Event.wait


async def second() -> None:
    await released.wait()


@app.get("/gather")
async def of_gather() -> None:
    await asyncio.gather(first(), second())


if os.environ.get("THROUGH"):

    @app.middleware("http")
    async def through(request: Request, call_next: RequestResponseEndpoint) -> Response:
        """Runs what is inside in a task of its own."""
        return await call_next(request)


app.add_middleware(SidelightMiddleware)
