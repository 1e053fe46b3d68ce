"""The adapters of connection pools: SQLAlchemy's, asyncpg's, psycopg's and redis-py's."""

import inspect
import weakref
from collections.abc import Callable, Iterator
from typing import Any

from sidelight.runtime.adapters.adapter import Method
from sidelight.runtime.adapters.connections import Counts, Pool
from sidelight.runtime.faults import guarded

NONE_LEFT = ("No connection available", "Too many connections")
"""How the error of a pool without a free connection begins; it has no class of its own."""


def _engine(given: Any) -> Any:
    """The engine that owns the pool: behind an async one, or one with execution options."""
    engine = getattr(given, "sync_engine", given)
    return getattr(engine, "_proxied", engine)


class SqlalchemyPool(Pool):
    """One engine. ``dispose()`` makes a new pool of the old one's class and events: ours too."""

    def __init__(self, given: Any, name: str) -> None:
        from sqlalchemy import event  # noqa: PLC0415 there, if there is an engine

        engine = _engine(given)
        super().__init__(engine, name)
        self._weak = weakref.ref(engine)
        event.listen(engine.pool, "checkout", self._checkout)
        event.listen(engine.pool, "checkin", self._checkin)
        event.listen(engine.pool, "detach", self._checkin)

    @staticmethod
    def subject(given: Any) -> Any:
        """The pool."""
        return _engine(given).pool

    def methods(self, base: Any) -> Iterator[Method]:
        """`Pool.connect` is what every way to a connection goes through."""

        def connect(pool: Any) -> Any:
            with self.wait():
                return base.connect(pool)

        yield connect

    def _checkout(self, _connection: Any, record: Any, _proxy: Any) -> None:
        self.taken(id(record))

    def _checkin(self, _connection: Any, record: Any) -> None:
        self.given_back(id(record))

    def counts(self, source: Any) -> Counts:
        """The numbers of a queue pool; of other pools, those of connections that were seen taken.

        A StaticPool gives its one connection to all callers: it is in use or not.
        """
        pool = source.pool
        if not hasattr(pool, "checkedout"):
            return Counts(None, self.in_use, None)
        size, more = pool.size(), getattr(pool, "_max_overflow", -1)
        bounded = size > 0 and more >= 0
        return Counts(pool.checkedin(), pool.checkedout(), size + more if bounded else None)


class AsyncpgPool(Pool):
    """One pool, which can't be referenced weakly: its queue of free connections can.

    The queue is made when the pool is initialized, which may come later.
    """

    def __init__(self, given: Any, name: str) -> None:
        super().__init__(type(self), name)
        self._queue: Callable[[], Any] | None = None
        self._most = 0
        self._closed = False
        self._meet(given)

    @guarded("watch")
    def _meet(self, pool: Any) -> None:
        queue = pool._queue  # noqa: SLF001 only the pool holds it
        if self._queue is None and queue is not None:
            self._queue = weakref.ref(queue)
            self._most = pool.get_max_size()

    @guarded("watch")
    def _taken(self, proxy: Any) -> None:
        self.taken(id(proxy._holder))  # noqa: SLF001 a proxy is made anew for each caller

    @property
    def source(self) -> Any:
        """The queue, once there is one."""
        return None if self._queue is None else self._queue()

    def methods(self, base: Any) -> Iterator[Method]:
        """`acquire`, `fetch` and the like all go through `_acquire`."""

        async def _acquire(pool: Any, timeout: Any) -> Any:  # noqa: ASYNC109 asyncpg's own
            with self.wait():
                proxy = await base._acquire(pool, timeout)  # noqa: SLF001 as above
            self._meet(pool)
            self._taken(proxy)
            return proxy

        async def release(pool: Any, connection: Any, *, timeout: Any = None) -> Any:  # noqa: ASYNC109 as above
            use = self.let_go(id(getattr(connection, "_holder", None)))
            try:
                return await base.release(pool, connection, timeout=timeout)
            finally:
                self.used(use)

        async def close(pool: Any) -> None:
            try:
                await base.close(pool)
            finally:
                self._closed = True

        def terminate(pool: Any) -> None:
            self._closed = True
            base.terminate(pool)

        yield from (_acquire, release, close, terminate)

    def over(self) -> bool:
        """Whether it is closed or freed."""
        gone = self._queue is not None and self.source is None
        return self._closed or gone or self.overlaid() is None

    def counts(self, source: Any) -> Counts | None:
        """The queue contains the holders that are not in use, with or without a connection."""
        if self._closed:
            return None
        free = tuple(source._queue)  # noqa: SLF001 asyncio's queue has no public way to look
        idle = sum(holder.is_connected() for holder in free)
        return Counts(idle, self._most - len(free), self._most)


class _CheckoutPool(Pool):
    """A pool, sync or async, with a method that takes a connection and one that gives it back."""

    def checkouts(self, take: Method, give_back: Method) -> Iterator[Method]:
        """What to put above these two methods of the pool's class."""
        is_async = inspect.iscoroutinefunction(inspect.unwrap(take))
        pair = self._async(take, give_back) if is_async else self._sync(take, give_back)
        for method, above in zip((take, give_back), pair, strict=True):
            above.__name__ = method.__name__
            yield above

    def _sync(self, take: Method, give_back: Method) -> tuple[Method, Method]:
        def taking(pool: Any, *args: Any, **kwargs: Any) -> Any:
            with self.wait():
                connection = take(pool, *args, **kwargs)
            self.taken(id(connection))
            return connection

        def giving_back(pool: Any, *args: Any, **kwargs: Any) -> None:
            self.given_back(_first(args, kwargs))
            give_back(pool, *args, **kwargs)

        return taking, giving_back

    def _async(self, take: Method, give_back: Method) -> tuple[Method, Method]:
        async def taking(pool: Any, *args: Any, **kwargs: Any) -> Any:
            with self.wait():
                connection = await take(pool, *args, **kwargs)
            self.taken(id(connection))
            return connection

        async def giving_back(pool: Any, *args: Any, **kwargs: Any) -> None:
            self.given_back(_first(args, kwargs))
            await give_back(pool, *args, **kwargs)

        return taking, giving_back


def _first(args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
    """The key of the connection that is given back, by position or by name."""
    return id((*args, *kwargs.values(), None)[0])


class PsycopgPool(_CheckoutPool):
    """One pool, sync or async. It counts from when it is opened until it is closed."""

    def methods(self, base: Any) -> Iterator[Method]:
        """`connection()` goes through these two as well."""
        return self.checkouts(base.getconn, base.putconn)

    def gave_up(self, error: BaseException) -> bool:
        """Whether an error is the timeout of a wait for a connection."""
        return type(error).__name__ == "PoolTimeout"

    def over(self) -> bool:
        """Whether it was closed after it was opened, or is freed."""
        pool = self.source
        return pool is None or (pool.closed and getattr(pool, "_opened", False))

    def counts(self, source: Any) -> Counts | None:
        """The connections, from the statistics of the pool."""
        if source.closed:
            return None
        stats = source.get_stats()
        size, idle = stats["pool_size"], stats["pool_available"]
        return Counts(idle, size - idle, stats["pool_max"] or None)


def _pool(given: Any) -> Any:
    return getattr(given, "connection_pool", given)


class RedisPool(_CheckoutPool):
    """One pool, sync or async, whatever the number of clients that share it."""

    def __init__(self, given: Any, name: str) -> None:
        super().__init__(_pool(given), name)

    @staticmethod
    def subject(given: Any) -> Any:
        """The pool."""
        return _pool(given)

    def methods(self, base: Any) -> Iterator[Method]:
        """What clients, pipelines and subscriptions use."""
        return self.checkouts(base.get_connection, base.release)

    def gave_up(self, error: BaseException) -> bool:
        """Whether an error is the timeout of a wait for a connection."""
        return str(error).startswith(NONE_LEFT)

    def counts(self, source: Any) -> Counts:
        """The connections, from the lists of each kind of pool."""
        if hasattr(source, "_in_use_connections") and hasattr(source, "_available_connections"):
            idle, used = len(source._available_connections), len(source._in_use_connections)  # noqa: SLF001 no public way in all versions
        else:
            idle = sum(connection is not None for connection in tuple(source.pool.queue))
            used = max(0, len(source._connections) - idle)  # noqa: SLF001 as above
        return Counts(idle, used, source.max_connections)
