"""What can be watched: one adapter for each kind of object, found by the names of its classes.

No adapter imports the library it is for: an object of it is proof that it is there.
"""

from importlib import import_module
from typing import Final

from sidelight.errors import WatchError
from sidelight.runtime.adapters.adapter import Adapter

KNOWN: Final = {
    "concurrent.futures.interpreter.InterpreterPoolExecutor": "executors.ProcessExecutor",
    "concurrent.futures.thread.ThreadPoolExecutor": "executors.ThreadExecutor",
    "concurrent.futures.process.ProcessPoolExecutor": "executors.ProcessExecutor",
    "sqlalchemy.engine.base.Engine": "pools.SqlalchemyPool",
    "sqlalchemy.ext.asyncio.engine.AsyncEngine": "pools.SqlalchemyPool",
    "asyncpg.pool.Pool": "pools.AsyncpgPool",
    "psycopg_pool.pool.ConnectionPool": "pools.PsycopgPool",
    "psycopg_pool.pool_async.AsyncConnectionPool": "pools.PsycopgPool",
    "redis.client.Redis": "pools.RedisPool",
    "redis.connection.ConnectionPool": "pools.RedisPool",
    "redis.asyncio.client.Redis": "pools.RedisPool",
    "redis.asyncio.connection.ConnectionPool": "pools.RedisPool",
    "httpx.Client": "httpx_clients.HttpxClient",
    "httpx.AsyncClient": "httpx_clients.HttpxClient",
    "httpx2.Client": "httpx_clients.HttpxClient",
    "httpx2.AsyncClient": "httpx_clients.HttpxClient",
}
"""Adapters, by the class that they are for; its subclasses are known with it."""


def find(obj: object) -> type[Adapter]:
    """The adapter for an object. Raises `WatchError`, which lists what is known."""
    for cls in type(obj).__mro__:
        known = KNOWN.get(f"{cls.__module__}.{cls.__qualname__}")
        if known is not None:
            module, name = known.split(".")
            adapter: type[Adapter] = getattr(import_module(f"{__name__}.{module}"), name)
            return adapter
    raise WatchError(_unknown(obj))


def _unknown(obj: object) -> str:
    cls = obj if isinstance(obj, type) else type(obj)
    what = "the class itself of" if isinstance(obj, type) else "an object of"
    known = ", ".join(KNOWN)
    return (
        f"can't watch {what} {cls.__module__}.{cls.__qualname__}; what can be watched is an "
        f"object of one of these classes or of a subclass: {known}"
    )
