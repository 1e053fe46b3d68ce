"""Pools of five connections, of each library, and twenty clients of one."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
)
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

SIZE = 5
CLIENTS = 20
Borrow = Callable[[], AbstractContextManager[Any]]
BorrowAsync = Callable[[], AbstractAsyncContextManager[Any]]


class Clients:
    """Clients that hold a connection until they are told to give it back."""

    def __init__(self, borrow: BorrowAsync) -> None:
        self._borrow = borrow
        self._holding: list[asyncio.Event] = []
        self._tasks: list[asyncio.Task[None]] = []
        self.got = 0
        self.timeouts = 0

    def start(self, number: int) -> None:
        """Have so many more clients ask for a connection."""
        self._tasks += [asyncio.create_task(self._client()) for _ in range(number)]

    @property
    def started(self) -> int:
        """How many clients there are, and have been."""
        return len(self._tasks)

    async def _client(self) -> None:
        done = asyncio.Event()
        try:
            async with self._borrow():
                self.got += 1
                self._holding.append(done)
                await done.wait()
        except Exception as error:
            if not is_timeout(error):
                raise
            self.timeouts += 1

    def give_back(self) -> None:
        """Have the client that holds its connection for longest give it back."""
        self._holding.pop(0).set()

    async def end(self) -> None:
        """Wait until all have given back. Raises what a client has met but a timeout."""
        while self._holding:
            self.give_back()
        await asyncio.gather(*self._tasks)


def is_timeout(error: Exception) -> bool:
    """Whether a pool had no connection in time."""
    text = f"{type(error).__name__} {error}"
    return "Timeout" in text or "No connection available" in text


@contextmanager
def in_threads(borrow: Borrow) -> Iterator[BorrowAsync]:
    """What borrows in a thread that waits, for a client that is a task."""

    def borrow_and_enter() -> AbstractContextManager[Any]:
        connection = borrow()
        connection.__enter__()
        return connection

    with ThreadPoolExecutor(CLIENTS) as threads:

        @asynccontextmanager
        async def borrowed() -> AsyncIterator[None]:
            run = asyncio.get_running_loop().run_in_executor
            connection = await run(threads, borrow_and_enter)
            try:
                yield
            finally:
                await run(threads, connection.__exit__, None, None, None)

        yield borrowed


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


def _of_threads(pool_of: Any) -> Any:
    @asynccontextmanager
    async def pool(where: Path, patience: float) -> AsyncIterator[tuple[Any, BorrowAsync]]:
        with pool_of(where, patience) as (found, borrow), in_threads(borrow) as borrowed:
            yield found, borrowed

    return pool


THREADS = {
    name: _of_threads(pool)
    for name, pool in (("sqlalchemy", sqlalchemy), ("psycopg", psycopg), ("redis", redis))
}
TASKS = {
    "sqlalchemy": async_sqlalchemy,
    "asyncpg": asyncpg,
    "psycopg": async_psycopg,
    "redis": async_redis,
}
