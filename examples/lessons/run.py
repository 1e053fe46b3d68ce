"""Drives each lesson, done wrong and done right, and prints what its metric says of both.

python examples/lessons/run.py [--seconds 3] [--json]
"""

import argparse
import asyncio
import contextlib
import itertools
import json
import logging
import os
import platform
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from subprocess import DEVNULL
from typing import NamedTuple

import httpx
from prometheus_client.parser import text_string_to_metric_families
from starlette.types import ASGIApp, Message

import timing

HOST = "127.0.0.1"
START = 60.0  # seconds within which the service has to answer
GRACE = 10.0  # seconds from SIGTERM to SIGKILL
CLIENTS = 4  # as many as there are threads, and fewer than connections
ROUNDS = 40
REQUESTS = 50  # in a round

DURATION = "http_server_request_duration_seconds"
SIZE = "http_server_response_body_size_bytes"
WAIT = "db_client_connection_wait_time_seconds"
USE = "db_client_connection_use_time_seconds"
LAG = "asyncio_event_loop_lag_seconds"
BLOCKED = "asyncio_event_loop_blocked_seconds_total"
INVALID = "fastapi_validation_errors_total"

Ask = Callable[[httpx.AsyncClient, int], Awaitable[object]]
Labels = frozenset[tuple[str, str]]


class Row(NamedTuple):
    """One figure of a lesson, of both ways."""

    lesson: str
    figure: str
    unit: str
    wrong: float
    right: float


class Scrape:
    """The service's page at a moment."""

    def __init__(self, text: str) -> None:
        self.samples: dict[tuple[str, Labels], float] = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def value(self, name: str, **labels: str) -> float:
        wanted = frozenset(labels.items())
        found = self.samples.items()
        return sum(value for (own, has), value in found if own == name and wanted <= has)


class Between(NamedTuple):
    """What happened between two scrapes."""

    before: Scrape
    after: Scrape

    def grew(self, name: str, **labels: str) -> float:
        return self.after.value(name, **labels) - self.before.value(name, **labels)

    def mean(self, name: str, **labels: str) -> float:
        count = self.grew(f"{name}_count", **labels)
        return self.grew(f"{name}_sum", **labels) / count if count else 0.0


class Service:
    """The lessons in a process of their own, and clients for them."""

    def __init__(self, client: httpx.AsyncClient, seconds: float) -> None:
        self._client = client
        self._seconds = seconds

    async def scrape(self) -> Scrape:
        return Scrape((await self._client.get("/metrics")).text)

    async def drive(self, *asks: Ask) -> Between:
        """Ask again and again for a while, each with clients of its own."""
        before = await self.scrape()
        until = time.monotonic() + self._seconds
        await asyncio.gather(*(self._again(ask, until) for ask in asks for _ in range(CLIENTS)))
        return Between(before, await self.scrape())

    async def _again(self, ask: Ask, until: float) -> None:
        for number in itertools.count():
            await ask(self._client, number)
            if time.monotonic() >= until:
                return


def get(path: str) -> Ask:
    return lambda client, number: client.get(f"{path}/{number % 100}")


def sign_up(path: str) -> Ask:
    """Every other one is too young, and of no company."""
    good, bad = {"email": "a@corp.example", "age": 30}, {"email": "a@home.example", "age": 3}
    return lambda client, number: client.post(path, json=bad if number % 2 else good)


async def pools(service: Service) -> list[Row]:
    wrong = await service.drive(get("/pools/wrong"))
    right = await service.drive(get("/pools/right"))
    pool = "db_client_connection_pool_name"
    waits = [
        wrong.mean(WAIT, **{pool: "each its own"}) * 1000,
        right.mean(WAIT, **{pool: "pool"}) * 1000,
    ]
    means = [
        wrong.mean(DURATION, http_route="/pools/wrong/{customer}") * 1000,
        right.mean(DURATION, http_route="/pools/right/{customer}") * 1000,
    ]
    return [
        Row("1 pools", f"`{WAIT}`, mean", "ms", *waits),
        Row("1 pools", f"`{DURATION}`, mean", "ms", *means),
    ]


async def cpu(service: Service) -> list[Row]:
    """A neighbour waits before it arrives, so its own duration says nothing: its client knows."""
    waits: list[list[float]] = [[], []]
    sides = []
    for side, path in zip(waits, ("/cpu/wrong", "/cpu/right"), strict=True):

        async def neighbour(client: httpx.AsyncClient, _: int, side: list[float] = side) -> None:
            began = time.monotonic()
            await client.get("/cpu/neighbour")
            side.append(time.monotonic() - began)
            await asyncio.sleep(0.02)

        sides.append(await service.drive(get(path), neighbour))
    wrong, right = sides
    held = [
        wrong.grew(BLOCKED, http_route="/cpu/wrong/{password}"),
        right.grew(BLOCKED, http_route="/cpu/right/{password}"),
    ]
    lags = [side.mean(LAG) * 1000 for side in sides]
    means = [sum(side) / len(side) * 1000 for side in waits]
    return [
        Row("2 executor", f"`{BLOCKED}` of the route", "s", *held),
        Row("2 executor", f"`{LAG}`, mean", "ms", *lags),
        Row("2 executor", "a neighbour as its client sees it, mean", "ms", *means),
    ]


async def signup(service: Service) -> list[Row]:
    wrong = await service.drive(sign_up("/signup/wrong"))
    right = await service.drive(sign_up("/signup/right"))
    both = (wrong, "/signup/wrong"), (right, "/signup/right")
    pool = {"db_client_connection_pool_name": "pool"}
    status = "http_response_status_code"
    total = [side.grew(f"{DURATION}_count", http_route=route) for side, route in both]
    failed = [
        side.grew(f"{DURATION}_count", http_route=route, **{status: "500"}) for side, route in both
    ]
    invalid = [side.grew(INVALID, http_route=route) for side, route in both]
    used = [side.grew(f"{USE}_count", **pool) for side, _ in both]
    shares = [
        [100 * part / whole for part, whole in zip(parts, total, strict=True)]
        for parts in (failed, invalid, used)
    ]
    return [
        Row("3 validation", f"`{DURATION}_count` with status 500", "in 100", *shares[0]),
        Row("3 validation", f"`{INVALID}`", "in 100", *shares[1]),
        Row("3 validation", f"`{USE}_count`", "in 100", *shares[2]),
    ]


async def rows(service: Service) -> list[Row]:
    wrong = await service.drive(get("/rows/wrong"))
    right = await service.drive(get("/rows/right"))
    sizes = [
        wrong.mean(SIZE, http_route="/rows/wrong/{customer}"),
        right.mean(SIZE, http_route="/rows/right/{customer}"),
    ]
    return [Row("4 response model", f"`{SIZE}`, mean", "bytes", *sizes)]


async def timings() -> list[Row]:
    """What timing costs and what it sees, in this process and without a network."""
    apps: list[ASGIApp] = [timing.untimed, timing.wrong, timing.right]
    spent = [0.0, 0.0, 0.0]
    for number in range(ROUNDS + 1):
        for at, app in enumerate(apps):
            began = time.process_time()
            for _ in range(REQUESTS):
                await call(app, "/items/1")
            spent[at] += (time.process_time() - began) if number else 0.0  # the first one warms up
    untimed, wrong, right = (seconds / ROUNDS / REQUESTS * 1e6 for seconds in spent)
    timing.timed.clear()
    await call(timing.wrong, "/stream")
    await call(timing.right, "/stream")
    page = Scrape((await call(timing.right, "/metrics")).decode())
    seen = page.value(f"{DURATION}_sum", http_route="/stream")
    added = wrong - untimed, right - untimed
    return [
        Row("5 timing", f"CPU added to {untimed:.0f} µs a request", "µs", *added),
        Row("5 timing", f"seen of a stream of {timing.STREAMED} s", "s", timing.timed[0], seen),
    ]


async def call(app: ASGIApp, path: str) -> bytes:
    """One request, with as little around it as there can be."""
    scope = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode()}
    scope |= {"query_string": b"", "headers": [], "scheme": "http", "root_path": ""}
    waiting: list[Message] = [{"type": "http.request", "body": b"", "more_body": False}]
    body: list[bytes] = []

    async def receive() -> Message:
        if not waiting:
            await asyncio.Event().wait()  # the client stays
        return waiting.pop()

    async def send(message: Message) -> None:
        body.append(message.get("body", b""))

    await app(scope, receive, send)
    return b"".join(body)


@contextlib.contextmanager
def served() -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """The service under uvicorn, with one worker, gone when the block ends."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = probe.getsockname()[1]
    folder = str(Path(__file__).parent)
    command = ("-m", "uvicorn", "lessons:app", "--app-dir", folder, "--port", str(port))
    with subprocess.Popen(
        [sys.executable, *command, "--host", HOST], stdout=DEVNULL, stderr=DEVNULL
    ) as process:
        try:
            yield f"http://{HOST}:{port}", process
        finally:
            end(process)


async def ready(client: httpx.AsyncClient, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + START
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(httpx.HTTPError):
            if (await client.get("/metrics")).is_success:
                return
        await asyncio.sleep(0.1)
    raise SystemExit("no answer; uvicorn --app-dir examples/lessons lessons:app says why")


def end(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        process.kill()


async def measure(address: str, process: "subprocess.Popen[bytes]", seconds: float) -> list[Row]:
    found: list[Row] = []
    async with httpx.AsyncClient(
        base_url=address,
        limits=httpx.Limits(max_keepalive_connections=0),  # uvicorn closes after a 500
        timeout=START,
        trust_env=False,
    ) as client:
        await ready(client, process)
        service = Service(client, seconds)
        for lesson in (pools, cpu, signup, rows):
            found += await lesson(service)
    return found


def table(found: Sequence[Row]) -> Iterator[str]:
    yield "| lesson | metric | wrong | right |"
    yield "| --- | --- | ---: | ---: |"
    for row in found:
        wrong, right = (f"{value:,.3g}" if value < 100 else f"{value:,.0f}" for value in row[3:])
        yield f"| {row.lesson} | {row.figure} | {wrong} {row.unit} | {right} {row.unit} |"


def machine() -> str:
    """What the figures were taken on."""
    model = ""
    with contextlib.suppress(OSError):
        text = Path("/proc/cpuinfo").read_text()
        model = "".join(re.findall(r"^model name\s*: (.*)$", text, re.MULTILINE)[:1])
    database = "PostgreSQL" if "LESSONS_DSN" in os.environ else "SQLite"
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return (
        f"{cores} cores of {model or platform.machine()}, Python {platform.python_version()}, "
        f"one worker of uvicorn, {database}"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0, help="for each way of each lesson")
    parser.add_argument("--json", action="store_true", help="rows for a program to read")
    given = parser.parse_args()
    logging.getLogger("sidelight").setLevel(logging.ERROR)  # figures only
    with served() as (address, process):
        found = asyncio.run(measure(address, process, given.seconds))
    found += asyncio.run(timings())
    if given.json:
        print(json.dumps([row._asdict() for row in found]))
    else:
        print(f"{machine()}; each way for {given.seconds:g} s:\n")
        print("\n".join(table(found)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
