"""The CPU time of a look at where requests wait, by how many are in flight."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from time import thread_time_ns
from unittest.mock import patch

from fastapi import FastAPI
from starlette.middleware.base import RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import Response

from benchmarks import driver
from benchmarks.report import Section, Target, table
from sidelight import SidelightMiddleware
from sidelight.asgi.request_waits import RequestWaits

IN_FLIGHT = (10, 100, 1000)
MOST_MS = 1.5
"""A look may take a millisecond, and what it has begun by then, on a slow machine."""
MOST_SHARE = 1.0
"""Percent of a core."""


def run(*, quick: bool) -> Section:
    """Hold requests in flight, and measure each look."""
    seconds = 1.0 if quick else 5.0
    section = Section("Where requests wait", _HOW.format(seconds=seconds))
    rows = []
    for through in (False, True):
        for many in IN_FLIGHT:
            looks = asyncio.run(_looks(many, seconds, through=through))
            share = sum(looks) / seconds / 10
            of = "in a task of a middleware" if through else "directly"
            times = f"{median(looks):.2f}", f"{max(looks):.2f}"
            rows.append([f"{many:,}", of, str(len(looks)), *times, f"{share:.2f}"])
            if many == max(IN_FLIGHT):
                name = f"of a look with {many:,} requests in flight, {of}"
                section.targets.append(Target(f"CPU {name}, ms", median(looks), MOST_MS))
                section.targets.append(Target(f"core {name}, %", share, MOST_SHARE, digits=1))
    head = ["in flight", "they run", "looks", "ms a look (median)", "(longest)", "% of a core"]
    section.text += table(head, rows)
    return section


def _service(released: asyncio.Event, *, through: bool) -> FastAPI:
    app = FastAPI()

    @app.get("/wait")
    async def wait() -> None:
        await released.wait()

    if through:

        @app.middleware("http")
        async def passes(request: Request, call_next: RequestResponseEndpoint) -> Response:
            return await call_next(request)

    app.add_middleware(SidelightMiddleware)
    return app


async def _looks(many: int, seconds: float, *, through: bool) -> list[float]:
    """The milliseconds of each look, once the requests are old enough."""
    released = asyncio.Event()
    app = _service(released, through=through)
    requests = [asyncio.ensure_future(driver.get(app, "/wait")) for _ in range(many)]
    await asyncio.sleep(1)
    with _timed() as looks:
        await asyncio.sleep(seconds)
    released.set()
    await asyncio.gather(*requests)
    return looks


@contextmanager
def _timed() -> Iterator[list[float]]:
    """The milliseconds of each look from now on; a beat at which none is due has no look."""
    looks: list[float] = []
    look = RequestWaits.look

    def timed(self: RequestWaits, loop: asyncio.AbstractEventLoop, now: int) -> None:
        before, began = self.looked, thread_time_ns()
        look(self, loop, now)
        if self.looked != before:
            looks.append((thread_time_ns() - began) / 1e6)

    with patch.object(RequestWaits, "look", timed):
        yield looks


_HOW = """\
Requests of one FastAPI route await an event that is not set, and the heartbeat of their event loop
examines them for {seconds} seconds: `RequestWaits.look`, CPU of the loop's thread. After 0.8 ms it
begins no other request, and what it has seen is a sample.

"""
