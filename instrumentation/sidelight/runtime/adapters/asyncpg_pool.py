"""asyncpg's pool, which can't be referenced weakly: its queue of free connections can."""

import weakref
from collections.abc import Callable, Iterator
from typing import Any

from sidelight.runtime.adapters.adapter import Method
from sidelight.runtime.adapters.connections import Counts, Pool
from sidelight.runtime.faults import guarded


class AsyncpgPool(Pool):
    """One pool. Its queue is made when the pool is initialized, which may come later."""

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
            began = self.let_go(id(getattr(connection, "_holder", None)))
            try:
                return await base.release(pool, connection, timeout=timeout)
            finally:
                self.used(began)

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
        """Closed, or gone."""
        gone = self._queue is not None and self.source is None
        return self._closed or gone or self.overlaid() is None

    def counts(self, source: Any) -> Counts | None:
        """The queue contains the holders that are not in use, with or without a connection."""
        if self._closed:
            return None
        free = tuple(source._queue)  # noqa: SLF001 asyncio's queue has no public way to look
        idle = sum(holder.is_connected() for holder in free)
        return Counts(idle, self._most - len(free), self._most)


ADAPTER = AsyncpgPool
