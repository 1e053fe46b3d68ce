"""Special features of the pools of each library, which watching does not change."""

import asyncio
import gc
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy.exc
from fastapi import FastAPI
from sqlalchemy import create_engine, event, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool, Pool, QueuePool, SingletonThreadPool, StaticPool

from sidelight import SidelightError, SidelightMiddleware, watch
from sidelight.runtime import instruments
from tests.asgi.driver import call
from tests.runtime.reading import POOL, Worker, eventually

USE, WAIT = POOL + "use_time_seconds", POOL + "wait_time_seconds"
ONE = text("select 1")


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    """Connections of SQLite are closed after their test; Python 3.13 warns of any that is not."""
    opened: list[object] = []

    def keep(connection: object, _: object) -> None:
        opened.append(connection)

    event.listen(Pool, "connect", keep)
    yield
    event.remove(Pool, "connect", keep)
    for connection in opened:
        if isinstance(connection, sqlite3.Connection):
            connection.close()


def timed_use(worker: Worker, name: str) -> tuple[int, int]:
    """The number of waits and of uses."""
    return worker.histogram(WAIT, name)[0], worker.histogram(USE, name)[0]


def test_an_engine_stays_watched_when_it_is_disposed_of(worker: Worker, name: str) -> None:
    """`dispose()` puts a new pool in place; gauges and times go on with that one."""
    engine = watch(create_engine("sqlite://", poolclass=QueuePool, pool_size=2), name=name)
    with engine.connect() as connection:
        connection.execute(ONE)
    assert worker.connections(name) == (1, 0, 12, 0)
    engine.dispose()
    assert type(engine.pool).__name__ == "QueuePool"
    assert worker.connections(name) == (0, 0, 12, 0)
    with engine.connect(), engine.connect():
        assert worker.connections(name) == (0, 2, 12, 0)
    assert timed_use(worker, name) == (3, 3)
    assert watch(engine, name=name) is engine
    del engine, connection
    gc.collect()
    assert worker.connections(name) == (None, None, None, None)


@pytest.mark.parametrize("kind", [NullPool, StaticPool, SingletonThreadPool])
def test_pools_without_a_queue(kind: Any, worker: Worker, name: str) -> None:
    """For pools without a queue, only connections in use and their times are exported."""
    engine = watch(create_engine("sqlite://", poolclass=kind), name=name)
    for _ in range(2):
        with engine.connect() as connection:
            assert connection.execute(ONE).scalar() == 1
            assert worker.connections(name) == (None, 1, None, 0)
    assert worker.connections(name) == (None, 0, None, 0)
    with engine.connect(), engine.connect():
        shown = worker.connections(name)[1]
    assert shown == (2 if kind is NullPool else 1)
    assert worker.connections(name) == (None, 0, None, 0)


def test_a_pool_without_a_limit_exports_none(worker: Worker, name: str) -> None:
    """A pool without a limit has no maximum number of connections."""
    engine = watch(create_engine("sqlite://", poolclass=QueuePool, max_overflow=-1), name=name)
    with engine.connect():
        assert worker.connections(name) == (0, 1, None, 0)


def test_detached_and_invalidated_connections_are_in_use_no_more(worker: Worker, name: str) -> None:
    """A connection that leaves its pool ends its use there; one that broke does too."""
    engine = watch(create_engine("sqlite://", poolclass=QueuePool), name=name)
    connection = engine.connect()
    connection.detach()
    assert timed_use(worker, name) == (1, 1)
    connection.close()
    broken = engine.connect()
    broken.invalidate()
    broken.close()
    assert timed_use(worker, name) == (2, 2)
    assert worker.connections(name)[1] == 0


def test_a_connection_that_is_not_closed_comes_back(worker: Worker, name: str) -> None:
    """The garbage collector gives back a connection that was not closed, and its use ends."""
    engine = watch(create_engine("sqlite://", poolclass=QueuePool), name=name)
    lent = engine.raw_connection()
    assert worker.connections(name)[1] == 1
    del lent
    gc.collect()
    assert timed_use(worker, name) == (1, 1)


def test_listeners_and_errors_of_an_engine_are_unchanged(worker: Worker, name: str) -> None:
    """The application's events run, and errors of its listeners and of connecting are raised."""
    engine = create_engine("sqlite:////nowhere/at/all", poolclass=QueuePool)
    watch(engine, name=name)
    with pytest.raises(sqlalchemy.exc.OperationalError):
        engine.connect()
    assert worker.counter(POOL + "timeouts_total", name) == 0
    assert timed_use(worker, name) == (0, 0)
    assert worker.connections(name)[3] == 0
    seen = []
    other = watch(create_engine("sqlite://", poolclass=QueuePool), name=name + "-other")
    event.listen(other, "checkout", lambda *_: seen.append("out"))
    event.listen(other, "checkin", lambda *_: seen.append("in"))
    with other.connect():
        pass
    assert seen == ["out", "in"]


def test_an_exhausted_engine_raises_its_own_error(worker: Worker, name: str) -> None:
    """The error of a pool that has none left is SQLAlchemy's, word for word, and is counted."""

    def fail(engine: Any) -> str:
        with engine.connect(), pytest.raises(sqlalchemy.exc.TimeoutError) as caught:
            engine.connect()
        return str(caught.value)

    engines = [
        create_engine("sqlite://", poolclass=QueuePool, pool_size=1, max_overflow=0, pool_timeout=0)
        for _ in range(2)
    ]
    watch(engines[0], name=name)
    first, second = map(fail, engines)
    assert first == second
    assert worker.counter(POOL + "timeouts_total", name) == 1


def test_an_async_engine_is_its_sync_one(worker: Worker, name: str) -> None:
    """Both sides of an async engine are one object to watch; several event loops may use it."""
    engine = watch(create_async_engine("sqlite+aiosqlite://", poolclass=NullPool), name=name)
    assert watch(engine.sync_engine, name=name) is engine.sync_engine
    with pytest.raises(SidelightError):
        watch(engine.sync_engine, name="another")

    async def main() -> Any:
        async with engine.connect() as connection:
            return (await connection.execute(ONE)).scalar()

    assert [asyncio.run(main()) for _ in range(3)] == [1, 1, 1]
    assert timed_use(worker, name) == (3, 3)


def test_asyncpg_before_and_after_it_is_open(postgres: Path, worker: Worker, name: str) -> None:
    """A pool may be watched before it connects; when it is closed its gauges end."""
    import asyncpg  # type: ignore[import-untyped] # it has no types

    async def main() -> None:
        pool = watch(
            asyncpg.create_pool(
                host=str(postgres), user="test", database="postgres", min_size=1, max_size=3
            ),
            name=name,
        )
        assert worker.connections(name) == (None, None, None, None)
        with pytest.raises(asyncpg.InterfaceError):
            await pool.fetchval("select 1")
        async with pool:
            assert await pool.fetchval("select 1") == 1
            assert worker.connections(name) == (1, 0, 3, 0)
            async with pool.acquire() as one, pool.acquire():
                assert worker.connections(name) == (0, 2, 3, 0)
                with pytest.raises(asyncpg.DivisionByZeroError):
                    await one.fetchval("select 1 / 0")
            connection = await pool.acquire()
            await pool.release(connection)
            await pool.release(connection)
            with pytest.raises(asyncpg.InterfaceError, match="invalid connection"):
                await pool.release(object())
        assert worker.connections(name) == (None, None, None, None)
        assert timed_use(worker, name) == (4, 4)

    asyncio.run(main())


def test_an_asyncpg_pool_that_is_freed(postgres: Path, worker: Worker, name: str) -> None:
    """A pool without weak references disappears from the gauges too, and its name is free."""
    import asyncpg

    async def main() -> None:
        for _ in range(2):
            pool = await asyncpg.create_pool(
                host=str(postgres), user="test", database="postgres", min_size=0, max_size=3
            )
            watch(pool, name=name)
            assert worker.connections(name) == (0, 0, 3, 0)
            with pytest.raises(SidelightError, match="watched already"):
                watch(pool, name="another")
            del pool
            gc.collect()
            assert worker.connections(name) == (None, None, None, None)

    asyncio.run(main())


def test_psycopg_pools_from_open_to_close(postgres: Path, worker: Worker, name: str) -> None:
    """Gauges are there while the pool is open, whatever its errors; a closed one frees its name."""
    from psycopg_pool import ConnectionPool, PoolClosed

    def make() -> Any:
        address = f"host={postgres} user=test dbname=postgres"
        return watch(ConnectionPool(address, min_size=1, max_size=2, open=False), name=name)

    pool = make()
    assert worker.connections(name) == (None, None, None, None)
    with pytest.raises(SidelightError, match="is taken"):
        make()
    with pytest.raises(PoolClosed):
        pool.getconn()
    pool.open(wait=True)
    with pool.connection() as connection:
        assert connection.execute("select 1").fetchone() == (1,)
        assert worker.connections(name) == (0, 1, 2, 0)
        with pytest.raises(ValueError, match="can't return"):
            ConnectionPool("", open=False, min_size=0, max_size=1).putconn(connection)
    pool.close()
    assert worker.connections(name) == (None, None, None, None)
    assert timed_use(worker, name) == (1, 1)
    make()


def test_redis_clients_share_a_pool(redis: Path, worker: Worker, name: str) -> None:
    """A client stands for its pool; commands, pipelines and subscriptions use it."""
    from redis import Redis

    client: Any = watch(Redis(unix_socket_path=str(redis), max_connections=2), name=name)
    assert watch(client.connection_pool, name=name) is client.connection_pool
    assert client.set("a", "1") is True
    with client.pipeline() as pipe:
        assert pipe.get("a").delete("a").execute() == [b"1", 1]
    subscription = client.pubsub()
    subscription.subscribe("news")
    assert worker.connections(name) == (0, 1, 2, 0)
    subscription.close()
    assert worker.connections(name) == (1, 0, 2, 0)
    assert timed_use(worker, name) == (3, 3)
    client.close()


def test_redis_refuses_connections_past_its_limit(redis: Path, worker: Worker, name: str) -> None:
    """A pool that doesn't wait raises its own error, which counts as a timeout."""
    from redis import ConnectionError as RedisConnectionError
    from redis import Redis

    client: Any = watch(Redis(unix_socket_path=str(redis), max_connections=1), name=name)
    subscription = client.pubsub()
    subscription.subscribe("news")
    with pytest.raises(RedisConnectionError, match="Too many connections"):
        client.get("a")
    assert worker.counter(POOL + "timeouts_total", name) == 1
    subscription.close()
    client.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # redis 5's socket
def test_redis_out_of_reach_is_no_timeout(tmp_path: Path, worker: Worker, name: str) -> None:
    """A server that isn't there is the library's error, and no timeout."""
    from redis import ConnectionError as RedisConnectionError
    from redis import Redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    nobody, once = str(tmp_path / "nobody"), Retry(NoBackoff(), 0)
    client = Redis(unix_socket_path=nobody, retry=once, max_connections=3)
    watch(client, name=name)
    with pytest.raises(RedisConnectionError):
        client.get("a")
    assert worker.counter(POOL + "timeouts_total", name) == 0
    assert worker.connections(name)[1:] == (0, 3, 0)
    del client
    gc.collect()


def test_async_redis_commands(redis: Path, worker: Worker, name: str) -> None:
    """An asyncio client's commands and pipelines take and give back connections of its pool."""
    from redis.asyncio import Redis

    async def main() -> None:
        found: Any = watch(Redis(unix_socket_path=str(redis), max_connections=2), name=name)
        async with found as client:
            assert await client.set("b", "2") is True
            async with client.pipeline() as pipe:
                assert await pipe.get("b").delete("b").execute() == [b"2", 1]
            assert worker.connections(name) == (1, 0, 2, 0)

    asyncio.run(main())
    assert timed_use(worker, name) == (2, 2)


def test_waits_are_exported_while_the_loop_is_blocked(name: str) -> None:
    """While a pool blocks the event loop, other processes can read who waits for it."""
    url, shared = "sqlite://", {"check_same_thread": False}
    engine = create_engine(
        url, poolclass=QueuePool, pool_size=1, max_overflow=0, connect_args=shared
    )
    watch(engine, name=name)
    app = FastAPI()
    app.add_middleware(SidelightMiddleware)
    before, taken = set(instruments._files), engine.connect()
    seen: list[tuple[int | None, ...]] = []

    @app.get("/held")
    async def held() -> Any:
        with engine.connect() as connection:
            return connection.execute(ONE).scalar()

    def look() -> None:
        try:
            eventually(lambda: bool(set(instruments._files) - before))
            reader = Worker((set(instruments._files) - before).pop())
            eventually(lambda: reader.connections(name)[3] == 1)
            seen.append(reader.connections(name))
        finally:
            taken.close()

    thread = threading.Thread(target=look)
    thread.start()
    assert call(app, "GET", "/held").text == "1"
    thread.join()
    assert seen == [(0, 1, 1, 1)]
