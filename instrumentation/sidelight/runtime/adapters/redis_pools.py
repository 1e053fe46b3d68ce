"""redis-py's connection pools, sync and async, or the pool of a client."""

import inspect
from collections.abc import Iterator
from typing import Any

from sidelight.runtime.adapters.adapter import Method
from sidelight.runtime.adapters.connections import Counts, Pool

NONE_LEFT = ("No connection available", "Too many connections")
"""How the error of a pool without a free connection begins; it has no class of its own."""


def _pool(given: Any) -> Any:
    return getattr(given, "connection_pool", given)


class RedisPool(Pool):
    """One pool, whatever the number of clients that share it."""

    def __init__(self, given: Any, name: str) -> None:
        super().__init__(_pool(given), name)

    @staticmethod
    def subject(given: Any) -> Any:
        """The pool."""
        return _pool(given)

    def methods(self, base: Any) -> Iterator[Method]:
        """What clients, pipelines and subscriptions use."""
        is_async = inspect.iscoroutinefunction(inspect.unwrap(base.get_connection))
        return self._async(base) if is_async else self._sync(base)

    def _sync(self, base: Any) -> Iterator[Method]:
        def get_connection(pool: Any, *args: Any, **kwargs: Any) -> Any:
            with self.wait():
                connection = base.get_connection(pool, *args, **kwargs)
            self.taken(id(connection))
            return connection

        def release(pool: Any, connection: Any) -> None:
            self.given_back(id(connection))
            base.release(pool, connection)

        yield from (get_connection, release)

    def _async(self, base: Any) -> Iterator[Method]:
        async def get_connection(pool: Any, *args: Any, **kwargs: Any) -> Any:
            with self.wait():
                connection = await base.get_connection(pool, *args, **kwargs)
            self.taken(id(connection))
            return connection

        async def release(pool: Any, connection: Any) -> None:
            self.given_back(id(connection))
            await base.release(pool, connection)

        yield from (get_connection, release)

    def gave_up(self, error: BaseException) -> bool:
        """Whether an error says that there was no connection in time."""
        return str(error).startswith(NONE_LEFT)

    def counts(self, source: Any) -> Counts:
        """From the lists of each kind of pool."""
        if hasattr(source, "_in_use_connections") and hasattr(source, "_available_connections"):
            idle, used = len(source._available_connections), len(source._in_use_connections)  # noqa: SLF001 no public way in all versions
        else:
            idle = sum(connection is not None for connection in tuple(source.pool.queue))
            used = max(0, len(source._connections) - idle)  # noqa: SLF001 as above
        return Counts(idle, used, source.max_connections)


ADAPTER = RedisPool
