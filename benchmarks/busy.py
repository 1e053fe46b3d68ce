"""The share of time for which a route keeps the event loop busy, by itself and by the page."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import product
from typing import NamedTuple

from fastapi import FastAPI, Request, Response
from starlette.middleware.base import RequestResponseEndpoint

from benchmarks.arrivals.clients import Client
from benchmarks.metrics_text import samples
from benchmarks.report import Section, Target, table
from benchmarks.servers import Server
from sidelight import SidelightMiddleware
from sidelight.extension import PURE

BUSY = "asyncio_event_loop_busy_seconds_total"
BURN, WAITS = "/burn", "/waits"
WAITING = 5
SHORT_MS = 20
MOST_APART, MOST_WAITING = 5.0, 3.0


class Setup(NamedTuple):
    """Holds of so many milliseconds, on an event loop, measured in one of both ways."""

    loop: str
    way: str
    middleware: bool
    ms: int


SETUPS = [
    Setup(*each)
    for each in product(("asyncio", "uvloop"), ("native", "Python"), (False, True), (40, 25, 4))
]


class Shares(NamedTuple):
    """Percent of the time: of the holds by their own clock, and as the page has it."""

    setup: Setup
    truth: float
    burn: float
    waits: float
    total: float


def service() -> FastAPI:
    """A route that computes and says for how long, and one that only awaits."""
    app = FastAPI()
    if os.environ["BENCH_MIDDLEWARE"]:
        app.middleware("http")(_passes)
    app.add_middleware(SidelightMiddleware)
    burnt = [0.0]

    @app.get(BURN)
    async def burn(ms: float) -> None:
        start = time.perf_counter()
        while time.perf_counter() < start + ms / 1000:
            pass
        burnt[0] += time.perf_counter() - start

    @app.get(WAITS)
    async def waits() -> None:
        await asyncio.sleep(0.02)

    @app.get("/pid")
    async def pid() -> int:
        return os.getpid()

    @app.get("/burnt")
    async def total() -> float:
        return burnt[0]

    return app


async def _passes(request: Request, call_next: RequestResponseEndpoint) -> Response:
    return await call_next(request)


def run(*, quick: bool) -> Section:
    """Start one server after the other."""
    shares = [measured(setup, 1 if quick else 5) for setup in SETUPS[:: 5 if quick else 1]]
    head = [
        "event loop", "measured", "`@app.middleware`", "holds, ms",
        "of the route, by itself, %", "by the page, %", "of a route that awaits, %", "in total, %",
    ]  # fmt: skip
    rows = [
        [
            each.setup.loop,
            each.setup.way,
            "yes" if each.setup.middleware else "no",
            str(each.setup.ms),
            *(f"{share:.1f}" for share in each[1:]),
        ]
        for each in shares
    ]
    section = Section(_TITLE, f"{_HOW}\n{table(head, rows)}")
    section.targets = list(_targets(shares))
    return section


def _targets(shares: Iterable[Shares]) -> Iterator[Target]:
    told = [each for each in shares if each.setup.way == "native" or each.setup.ms > SHORT_MS]
    apart = max(abs(each.burn - each.truth) for each in told)
    yield Target("most points between a route's share and the page's", apart, MOST_APART)
    waiting = max(each.waits for each in told)
    yield Target("share of a route that only awaits, %", waiting, MOST_WAITING)


def measured(setup: Setup, seconds: float) -> Shares:
    """Start a server, and measure it for so long."""
    env = {"BENCH_MIDDLEWARE": "1" * setup.middleware}
    env |= {PURE: "1"} if setup.way == "Python" else {}
    with Server("benchmarks.busy:service", env=env, loop=setup.loop) as server:
        _load(server.port, setup.ms, 0.5)
        before, burnt, began = _busy(server), float(server.get("/burnt")), time.monotonic()
        _load(server.port, setup.ms, seconds)
        time.sleep(0.2)  # a heartbeat counts it
        percent = 100 / (time.monotonic() - began)
        after, burnt_then = _busy(server), float(server.get("/burnt"))
    grown = {route: percent * (value - before[route]) for route, value in after.items()}
    truth = percent * (burnt_then - burnt)
    return Shares(setup, truth, grown.get(BURN, 0.0), grown.get(WAITS, 0.0), sum(grown.values()))


def _busy(server: Server) -> defaultdict[str, float]:
    """Busy seconds by route."""
    found: defaultdict[str, float] = defaultdict(float)
    for name, labels, value in samples(server.get("/metrics")):
        if name == BUSY:
            found[labels["http_route"]] += value
    return found


def _load(port: int, ms: int, seconds: float) -> None:
    """One client computes for half of the time; the others' requests only wait."""
    end = time.monotonic() + seconds

    def ask(path: str, pause: float) -> None:
        with closing(Client(port)) as client:
            while time.monotonic() < end:
                client.ask(path)
                time.sleep(pause)

    threads = [threading.Thread(target=ask, args=(f"{BURN}?ms={ms}", ms / 1000))]
    threads += [threading.Thread(target=ask, args=(WAITS, 0.02)) for _ in range(WAITING)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


_TITLE = "Busy seconds of a route"
_HOW = """\
One client has a real uvicorn, of one worker, compute for some milliseconds and then pauses for as
long; five others ask for a route that awaits 20 ms, after a pause of as long. The route that
computes clocks itself; the page's shares are those of `asyncio_event_loop_busy_seconds_total`.
Holds shorter than the interpreter's switch interval of 5 ms are clocked natively, and are not seen
in Python.
"""
