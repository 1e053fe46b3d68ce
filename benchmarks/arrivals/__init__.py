"""Clients' stopwatches beside the page, while their requests wait for a busy event loop."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from math import ceil
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from benchmarks.arrivals.clients import Client, stopwatches
from benchmarks.arrivals.page import VICTIM, Growth, charged, growth
from benchmarks.arrivals.service import STEP
from benchmarks.servers import Server

REQUESTS = 40
STEPS = 60
NEXT_SECONDS = 0.2
"""After which another worker should be held."""
MOST_APART, MOST_APART_SECONDS = 0.02, 0.004


class Load(NamedTuple):
    """What keeps every worker's event loop busy: a hold of so many seconds, or many steps."""

    name: str
    route: str
    seconds: float


HOLDS = [Load(f"{seconds:g} s", "/hold", seconds) for seconds in (0.05, 0.3, 1.0, 3.0)]
OVERLOAD = Load(f"{STEPS} x {STEP * 1000:g} ms", "/step", STEPS * STEP)


class Run(NamedTuple):
    """What clients felt, in seconds, and what the page says of it."""

    load: Load
    felt: list[float]
    page: Growth

    @property
    def mean(self) -> float:
        """Of the clients."""
        return fmean(self.felt)

    @property
    def p95(self) -> float:
        """Of the clients."""
        return sorted(self.felt)[ceil(0.95 * len(self.felt)) - 1]

    @property
    def agrees(self) -> bool:
        """Whether both say the same: the mean, and the bucket of the 95th percentile."""
        lower, upper = self.page.bucket
        return (
            self.page.requests == len(self.felt)
            and abs(self.page.mean - self.mean) <= _apart(self.mean)
            and lower - _apart(lower) <= self.p95 <= upper + _apart(upper)
        )

    @property
    def guilty(self) -> float:
        """The share of all waits that is charged to the route that kept the loops busy."""
        return self.page.caused.get(self.load.route, 0.0) / max(self.page.waited, 1e-9)


def _apart(seconds: float) -> float:
    return max(MOST_APART * seconds, MOST_APART_SECONDS)


def measured(server: Server, workers: int, load: Load, held: Path, *, kept: bool) -> Run:
    """Send 40 requests while all workers are busy, on new connections or on ``kept`` ones."""
    with ExitStack() as stack:
        clients = [_client(stack, server.port) for _ in range(REQUESTS * kept)]
        for client in clients:
            client.ask(VICTIM)
        before = charged(server)
        with _busy(server.port, workers, load, held) as seconds:
            began, each = time.monotonic(), seconds / REQUESTS
            times = [began + each * number for number in range(REQUESTS)]
            felt = stopwatches(server.port, VICTIM, times, clients)
        return Run(load, felt, growth(before, charged(server)))


def _client(stack: ExitStack, port: int) -> Client:
    return stack.enter_context(closing(Client(port)))


@contextmanager
def _busy(port: int, workers: int, load: Load, held: Path) -> Iterator[float]:
    """Keep all workers busy, for the seconds given from now on."""
    with ExitStack() as stack:
        if load is OVERLOAD:
            busy = [_client(stack, port) for _ in range(STEPS * workers)]
            for client in busy:
                client.send(load.route)
            yield load.seconds
        else:
            until = time.monotonic() + load.seconds
            busy = list(_held(stack, port, workers, until, held))
            yield until - time.monotonic()
        for client in busy:
            while not client.received():
                pass


def _held(stack: ExitStack, port: int, workers: int, until: float, held: Path) -> Iterator[Client]:
    """Have each worker hold its loop. One that does accepts no connection: another one does."""
    for file in held.iterdir():
        file.unlink()
    while (before := len(list(held.iterdir()))) < workers:
        client = _client(stack, port)
        client.send(f"/hold?until={until}")
        yield client
        deadline = time.monotonic() + NEXT_SECONDS
        while len(list(held.iterdir())) == before and time.monotonic() < deadline:
            time.sleep(0.0005)
