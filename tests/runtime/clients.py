"""Twenty clients of a pool of five connections, which measure their own waits and uses."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
)
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.runtime.reading import Worker, soon

SIZE = 5
CLIENTS = 20
ROUNDS = 3
HOLD = 0.1
Borrow = Callable[[], AbstractContextManager[Any]]
BorrowAsync = Callable[[], AbstractAsyncContextManager[Any]]


@dataclass
class Seen:
    """The waits and uses that clients measured, in seconds."""

    waits: list[float] = field(default_factory=list)
    uses: list[float] = field(default_factory=list)
    timeouts: int = 0
    others: list[BaseException] = field(default_factory=list)
    pending: list[tuple[int, int]] = field(default_factory=list)
    waiting: int = 0

    def look(self, pending: Callable[[], int | None]) -> None:
        """Note how many wait, as clients and as the gauge have it at one moment."""
        before, measured = self.waiting, pending()
        if measured is not None and self.waiting == before:
            self.pending.append((before, measured))

    def failed(self, error: BaseException) -> None:
        text = f"{type(error).__name__} {error}"
        if "Timeout" in text or "No connection available" in text:
            self.timeouts += 1
        else:
            self.others.append(error)


def threads(borrow: Borrow, look: Callable[[], int | None]) -> Seen:
    """Clients in threads; ``look`` says how many wait, while the number is known."""
    seen = Seen()

    def client() -> None:
        for _ in range(ROUNDS):
            seen.waiting += 1
            began = time.perf_counter()
            got = None
            try:
                with borrow():
                    got = time.perf_counter()
                    seen.waiting -= 1
                    time.sleep(HOLD)
            except BaseException as error:  # noqa: BLE001 the case under test
                seen.failed(error)
            if got is None:
                seen.waiting -= 1
            else:
                seen.waits.append(got - began)
                seen.uses.append(time.perf_counter() - got)

    started = [threading.Thread(target=client) for _ in range(CLIENTS)]
    for thread in started:
        thread.start()
    while any(thread.is_alive() for thread in started):
        seen.look(look)
        time.sleep(0.005)
    for thread in started:
        thread.join()
    return seen


async def tasks(borrow: BorrowAsync, look: Callable[[], int | None]) -> Seen:
    """Clients in tasks."""
    seen = Seen()

    async def client() -> None:
        for _ in range(ROUNDS):
            seen.waiting += 1
            began = time.perf_counter()
            got = None
            try:
                async with borrow():
                    got = time.perf_counter()
                    seen.waiting -= 1
                    await asyncio.sleep(HOLD)
            except BaseException as error:  # noqa: BLE001 the case under test
                seen.failed(error)
            if got is None:
                seen.waiting -= 1
            else:
                seen.waits.append(got - began)
                seen.uses.append(time.perf_counter() - got)

    started = [asyncio.create_task(client()) for _ in range(CLIENTS)]

    def looked() -> bool:
        seen.look(look)
        return all(task.done() for task in started)

    await soon(looked)
    return seen


def pending(worker: Worker, name: str) -> Callable[[], int | None]:
    return lambda: worker.gauge("db_client_connection_pending_requests", name)


@contextmanager
def sqlalchemy(where: Path, patience: float) -> Iterator[tuple[Any, Borrow]]:
    from sqlalchemy import create_engine

    engine = create_engine(
        f"postgresql+psycopg://test@/postgres?host={where}",
        pool_size=SIZE,
        max_overflow=0,
        pool_timeout=patience,
    )
    yield engine, engine.connect
    engine.dispose()


@contextmanager
def psycopg(where: Path, patience: float) -> Iterator[tuple[Any, Borrow]]:
    from psycopg_pool import ConnectionPool

    address = f"host={where} user=test dbname=postgres"
    with ConnectionPool(address, min_size=SIZE, max_size=SIZE, timeout=patience, open=True) as pool:
        pool.wait()
        yield pool, pool.connection


@contextmanager
def redis(socket: Path, patience: float) -> Iterator[tuple[Any, Borrow]]:
    from redis import BlockingConnectionPool, Redis

    pool: Any = BlockingConnectionPool.from_url(
        f"unix://{socket}", max_connections=SIZE, timeout=patience
    )
    client = Redis(connection_pool=pool)

    @contextmanager
    def borrow() -> Iterator[Any]:
        arguments = () if _new_redis() else ("_",)
        connection = pool.get_connection(*arguments)
        try:
            yield connection
        finally:
            pool.release(connection)

    yield client, borrow
    pool.disconnect()


@asynccontextmanager
async def async_sqlalchemy(where: Path, patience: float) -> AsyncIterator[tuple[Any, BorrowAsync]]:
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine(
        f"postgresql+asyncpg://test@/postgres?host={where}",
        pool_size=SIZE,
        max_overflow=0,
        pool_timeout=patience,
    )
    yield engine, engine.connect
    await engine.dispose()


@asynccontextmanager
async def asyncpg(where: Path, patience: float) -> AsyncIterator[tuple[Any, BorrowAsync]]:
    from asyncpg import create_pool  # type: ignore[import-untyped] # it has no types

    found = create_pool(
        host=str(where), user="test", database="postgres", min_size=SIZE, max_size=SIZE
    )
    async with found as pool:
        yield pool, lambda: pool.acquire(timeout=patience)


@asynccontextmanager
async def async_psycopg(where: Path, patience: float) -> AsyncIterator[tuple[Any, BorrowAsync]]:
    from psycopg_pool import AsyncConnectionPool

    pool = AsyncConnectionPool(
        f"host={where} user=test dbname=postgres",
        min_size=SIZE,
        max_size=SIZE,
        timeout=patience,
        open=False,
    )
    async with pool:
        await pool.wait()
        yield pool, pool.connection


@asynccontextmanager
async def async_redis(socket: Path, patience: float) -> AsyncIterator[tuple[Any, BorrowAsync]]:
    from redis.asyncio import BlockingConnectionPool, Redis

    pool: Any = BlockingConnectionPool.from_url(
        f"unix://{socket}", max_connections=SIZE, timeout=patience
    )

    @asynccontextmanager
    async def borrow() -> AsyncIterator[Any]:
        arguments = () if _new_redis() else ("_",)
        connection = await pool.get_connection(*arguments)
        try:
            yield connection
        finally:
            await pool.release(connection)

    yield Redis(connection_pool=pool), borrow
    await pool.disconnect()


@lru_cache
def _new_redis() -> bool:
    """Since 5.3 a connection is asked for without naming a command."""
    return tuple(map(int, version("redis").split(".")[:2])) >= (5, 3)


SYNC = {"sqlalchemy": sqlalchemy, "psycopg": psycopg, "redis": redis}
ASYNC = {
    "sqlalchemy": async_sqlalchemy,
    "asyncpg": asyncpg,
    "psycopg": async_psycopg,
    "redis": async_redis,
}
