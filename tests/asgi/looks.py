"""Looks at where requests wait, at times of the test's own: a busy machine changes nothing."""

import asyncio
import time

from sidelight.asgi.recorder import Recorder
from sidelight.asgi.request_waits import PERIOD, RequestWaits
from sidelight.contract import NANOSECONDS
from sidelight.runtime.request_conditions import LongestWait
from sidelight.store.inflight import RequestId

TURNS = 50
"""Turns of the loop until what a test has started waits."""
SECONDS = PERIOD / NANOSECONDS
"""That a look counts for each request."""


class Looks:
    """What the heartbeat of one application has in place of its looks."""

    def __init__(self) -> None:
        self._waits: RequestWaits | None = None
        self._now = 0

    def of(self, recorder: Recorder) -> "Looks":
        """Look at the requests of an application that has started."""
        self._waits = RequestWaits(recorder)
        return self

    def look(self, loop: asyncio.AbstractEventLoop, now: int) -> None:
        """A beat of the loop, which comes when it comes."""

    def longest(self, request: RequestId) -> LongestWait | None:
        """Where a request was seen for longest."""
        assert self._waits is not None
        return self._waits.longest(request)

    async def take(self, many: int = 1) -> None:
        """Let all that has begun go on until it waits, and look so many times."""
        for _ in range(TURNS):
            await asyncio.sleep(0)
        assert self._waits is not None
        self._now = max(self._now, time.monotonic_ns())
        for _ in range(many):
            self._now += PERIOD
            self._waits.look(asyncio.get_running_loop(), self._now)
