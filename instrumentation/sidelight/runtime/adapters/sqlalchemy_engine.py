"""SQLAlchemy's engines: the pool of a sync or async one, also after it was disposed of."""

import weakref
from collections.abc import Iterator
from typing import Any

from sidelight.runtime.adapters.adapter import Method
from sidelight.runtime.adapters.connections import Counts, Pool


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
        """What a queue pool says; of other pools only what was seen to be taken.

        A StaticPool gives its one connection to all callers: it is in use or not.
        """
        pool = source.pool
        if not hasattr(pool, "checkedout"):
            return Counts(None, self.in_use, None)
        size, more = pool.size(), getattr(pool, "_max_overflow", -1)
        bounded = size > 0 and more >= 0
        return Counts(pool.checkedin(), pool.checkedout(), size + more if bounded else None)


ADAPTER = SqlalchemyPool
