"""psycopg_pool's pools, sync and async."""

import inspect
from collections.abc import Iterator
from typing import Any

from sidelight.runtime.adapters.adapter import Method
from sidelight.runtime.adapters.connections import Counts, Pool


class PsycopgPool(Pool):
    """One pool. It counts from when it is opened until it is closed."""

    def methods(self, base: Any) -> Iterator[Method]:
        """`connection()` goes through these two as well."""
        return self._async(base) if inspect.iscoroutinefunction(base.getconn) else self._sync(base)

    def _sync(self, base: Any) -> Iterator[Method]:
        def getconn(pool: Any, *args: Any, **kwargs: Any) -> Any:
            with self.wait():
                connection = base.getconn(pool, *args, **kwargs)
            self.taken(id(connection))
            return connection

        def putconn(pool: Any, conn: Any) -> None:
            self.given_back(id(conn))
            base.putconn(pool, conn)

        yield from (getconn, putconn)

    def _async(self, base: Any) -> Iterator[Method]:
        async def getconn(pool: Any, *args: Any, **kwargs: Any) -> Any:
            with self.wait():
                connection = await base.getconn(pool, *args, **kwargs)
            self.taken(id(connection))
            return connection

        async def putconn(pool: Any, conn: Any) -> None:
            self.given_back(id(conn))
            await base.putconn(pool, conn)

        yield from (getconn, putconn)

    def gave_up(self, error: BaseException) -> bool:
        """Whether an error says that there was no connection in time."""
        return type(error).__name__ == "PoolTimeout"

    def over(self) -> bool:
        """Closed for good, or gone; one that was never opened is closed too."""
        pool = self.source
        return pool is None or (pool.closed and getattr(pool, "_opened", False))

    def counts(self, source: Any) -> Counts | None:
        """As its statistics have them."""
        if source.closed:
            return None
        stats = source.get_stats()
        size, idle = stats["pool_size"], stats["pool_available"]
        return Counts(idle, size - idle, stats["pool_max"] or None)


ADAPTER = PsycopgPool
