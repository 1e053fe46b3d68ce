"""The CPU time that Sidelight adds to a request that waited for the event loop."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context

import uvloop
from starlette.types import ASGIApp

from benchmarks import cpu, driver
from benchmarks.metrics_text import samples
from benchmarks.report import Section
from benchmarks.services import ONE
from sidelight.extension import PURE, WAY

WAITED_NS = 100_000_000
NAMES = ("bare", "control", "sidelight")
QUEUE_COUNT = "fastapi_request_queue_seconds_count"


class Flow:
    """What uvicorn has of a connection, as Sidelight leaves it after the first request on it."""

    def __init__(self, connection: socket.socket) -> None:
        self.sidelight_descriptor = connection.fileno()
        self.sidelight_ended = time.monotonic_ns() - WAITED_NS


class Transport:
    """That of a TCP connection."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection

    def get_extra_info(self, _: str) -> socket.socket:
        return self.connection


class Waited(driver.Response):
    """The response to a request that was sent behind another, whose response ended 0.1 s ago."""

    def __init__(self, connection: socket.socket) -> None:
        super().__init__()
        self.transport = Transport(connection)
        self.flow = Flow(connection)


@contextmanager
def waiting() -> Iterator[Callable[[], driver.Response]]:
    """What makes responses on a real connection, whose last data arrived earlier."""
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
        server.accept()[0] as accepted,
    ):
        client.sendall(b"x")
        time.sleep(2 * WAITED_NS / 1e9)
        yield lambda: Waited(accepted)


def run(*, rounds: int) -> Section:
    """Measure both ways, one after the other, each in a process of its own."""
    ways = {WAY: _alone({}, rounds), "Python": _alone({PURE: "1"}, rounds)}
    text = "".join(f"\n### In the {way} way\n\n{table}" for way, table in ways.items())
    return Section(_TITLE, _HOW.format(rounds=rounds, batch=cpu.BATCH) + text)


def _alone(env: dict[str, str], rounds: int) -> str:
    os.environ.update(env)
    try:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
            return process.submit(_measured, rounds).result()
    finally:
        for name in env:
            del os.environ[name]


def _measured(rounds: int) -> str:
    with waiting() as answered, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        entries = runner.run(cpu.measure(ONE, NAMES, rounds, answered))
        app = next(entry.app for entry in entries if entry.name == "sidelight")
        waited = runner.run(_waited(app))
    if waited < rounds * cpu.BATCH:
        raise RuntimeError(f"only {waited} of {rounds * cpu.BATCH} requests waited")
    return cpu.comparison(entries)


async def _waited(app: ASGIApp) -> int:
    """The number of requests that waited, by the application's ``/metrics``."""
    text = (await driver.get(app, "/metrics")).body.decode()
    return round(sum(value for name, _, value in samples(text) if name == QUEUE_COUNT))


_TITLE = "CPU added to a request that waited"
_HOW = """\
As above, with 1 route in 1 included router, while the event loop is late: each request of the
{rounds} rounds of {batch} has waited for 0.1 s, by what a real socket and the server's objects say.
"""
