"""The queue of queries: a few run at a time, each for a few seconds, in worker threads."""

import time
from collections.abc import Callable
from typing import TypeVar

import anyio
import anyio.to_thread

from sidelight.embedded.promql.limits import QueryError, QueryLimits

T = TypeVar("T")

CONCURRENCY = 2
MAX_QUEUE = 200
TIMEOUT_SECONDS = 5.0
MAX_SAMPLES = 5_000_000
"""Samples that a query may select: 40 MB."""


class QueryQueue:
    """Runs functions that read the history, ``CONCURRENCY`` at a time; others wait."""

    def __init__(self) -> None:
        self._running = anyio.Semaphore(CONCURRENCY)
        self._threads = anyio.CapacityLimiter(CONCURRENCY)
        self._waiting = 0

    async def run(self, work: Callable[[QueryLimits], T], seconds: float = TIMEOUT_SECONDS) -> T:
        """Return what ``work`` returns. Raises `QueryError` if it does not start or end in time."""
        deadline = time.monotonic() + min(seconds, TIMEOUT_SECONDS)
        if self._waiting >= MAX_QUEUE:
            raise QueryError("timeout", "query timed out in query queue: too many wait already")
        self._waiting += 1
        try:
            with anyio.fail_after(deadline - time.monotonic()):
                await self._running.acquire()
        except TimeoutError:
            raise QueryError("timeout", "query timed out in query queue") from None
        finally:
            self._waiting -= 1
        try:
            limits = QueryLimits(seconds=deadline - time.monotonic(), samples=MAX_SAMPLES)
            return await anyio.to_thread.run_sync(work, limits, limiter=self._threads)
        finally:
            self._running.release()
