"""What can be watched: one adapter for each kind of object, found by the names of its classes.

No adapter imports the library it is for: an object of it is proof that it is there.
"""

from importlib import import_module
from typing import Any, Final

from sidelight.errors import WatchError
from sidelight.runtime.adapters.adapter import Adapter

KNOWN: Final = {
    "concurrent.futures.interpreter.InterpreterPoolExecutor": "process_executor",
    "concurrent.futures.thread.ThreadPoolExecutor": "thread_executor",
    "concurrent.futures.process.ProcessPoolExecutor": "process_executor",
    "sqlalchemy.engine.base.Engine": "sqlalchemy_engine",
    "sqlalchemy.ext.asyncio.engine.AsyncEngine": "sqlalchemy_engine",
    "asyncpg.pool.Pool": "asyncpg_pool",
    "psycopg_pool.pool.ConnectionPool": "psycopg_pools",
    "psycopg_pool.pool_async.AsyncConnectionPool": "psycopg_pools",
    "redis.client.Redis": "redis_pools",
    "redis.connection.ConnectionPool": "redis_pools",
    "redis.asyncio.client.Redis": "redis_pools",
    "redis.asyncio.connection.ConnectionPool": "redis_pools",
    "httpx.Client": "httpx_clients",
    "httpx.AsyncClient": "httpx_clients",
    "httpx2.Client": "httpx_clients",
    "httpx2.AsyncClient": "httpx_clients",
}
"""Modules of this package by the class they are for; its subclasses are known with it."""


def find(obj: object) -> type[Adapter]:
    """The adapter for an object. Raises `WatchError`, which lists what is known."""
    for cls in type(obj).__mro__:
        module = KNOWN.get(f"{cls.__module__}.{cls.__qualname__}")
        if module is not None:
            found: Any = import_module(f"{__name__}.{module}")
            return found.ADAPTER  # type: ignore[no-any-return]
    raise WatchError(_unknown(obj))


def _unknown(obj: object) -> str:
    cls = obj if isinstance(obj, type) else type(obj)
    what = "the class itself of" if isinstance(obj, type) else "an object of"
    known = ", ".join(KNOWN)
    return (
        f"can't watch {what} {cls.__module__}.{cls.__qualname__}; what can be watched is an "
        f"object of one of these classes or of a subclass: {known}"
    )
