"""Where queries are answered: a few at a time, each for a few seconds, beside the event loop."""

import time
from collections.abc import Callable
from typing import TypeVar

import anyio
import anyio.to_thread

from sidelight.embedded.promql.errors import QueryError
from sidelight.embedded.promql.limits import Limits

T = TypeVar("T")

AT_ONCE = 2
MOST_WAITING = 200
SECONDS = 5.0
SAMPLES = 5_000_000
"""That a query may select: 40 MB."""


class Desk:
    """Runs what reads the history, ``AT_ONCE`` at a time; others wait in line."""

    def __init__(self) -> None:
        self._turns = anyio.Semaphore(AT_ONCE)
        self._threads = anyio.CapacityLimiter(AT_ONCE)
        self._waiting = 0

    async def run(self, work: Callable[[Limits], T], seconds: float = SECONDS) -> T:
        """What ``work`` gives. Raises `QueryError` when it is too long in line, or too long."""
        until = time.monotonic() + min(seconds, SECONDS)
        if self._waiting >= MOST_WAITING:
            raise QueryError("timeout", "query timed out in query queue: too many wait already")
        self._waiting += 1
        try:
            with anyio.fail_after(until - time.monotonic()):
                await self._turns.acquire()
        except TimeoutError:
            raise QueryError("timeout", "query timed out in query queue") from None
        finally:
            self._waiting -= 1
        try:
            limits = Limits(seconds=until - time.monotonic(), samples=SAMPLES)
            return await anyio.to_thread.run_sync(work, limits, limiter=self._threads)
        finally:
            self._turns.release()
