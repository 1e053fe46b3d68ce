"""The page of one instance, recorded once, and how it grows from scrape to scrape."""

from __future__ import annotations

import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from benchmarks.metrics_text import samples
from benchmarks.scale import sidecar
from benchmarks.servers import Server, get
from benchmarks.services import paths

COUNTERS = ("_total", "_bucket", "_count", "_sum")
OF_LINES = "asyncio_event_loop_line_seconds_total"
"""How many lines of code keep a loop busy differs from run to run, and is bounded."""
AT_ONCE = 4
"""Requests at once for each worker."""
PATIENCE = 60.0
SETTLE = 2.0
"""Seconds without a new series: a worker's first snapshot of its process comes after a while."""


@dataclass(frozen=True, slots=True)
class Instance:
    """Routes that have had requests, routes that have had none, and workers."""

    used: int
    other: int
    workers: int


def page(of: Instance) -> str:
    """What the sidecar of a real service of this size serves, after responses of two statuses."""
    with tempfile.TemporaryDirectory() as folder:
        env = {
            "SIDELIGHT_DIR": folder,
            "SIDELIGHT_EXCLUDE": "/pid",  # which asks whether the server answers
            "SIDELIGHT_LOOP_BLOCK_THRESHOLD": "60",  # a late loop has series of its own
            "SIDELIGHT_PHASE_SAMPLE_INTERVAL": "1",  # as after some hundred requests to each route
            "BENCH_ROUTES": str(of.used + of.other),
        }
        with Server("instance", workers=of.workers, env=env) as server:
            _use(server, paths(1, of.used), AT_ONCE * of.workers)
            text = _served(folder, of.workers)
    lines = text.splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith(OF_LINES))


def _use(server: Server, routes: list[str], clients: int) -> None:
    """Send good and bad requests to each route, at once, so that some wait for others."""
    with ThreadPoolExecutor(clients) as pool:
        for route in routes:
            items = ["7"] * clients * 2 + ["none"]
            list(pool.map(server.get, (route.replace("{item_id}", item) for item in items)))


def _served(folder: str, workers: int) -> str:
    """The page, once all workers are on it with all their series."""
    ready = f'sidelight_workers{{state="serving"}} {workers}\n', "\nsidelight_unread_bytes{"
    until = time.monotonic() + PATIENCE
    with sidecar(folder) as (_, connection):
        before = 0
        while True:
            text = get(connection, "/metrics").decode()
            if all(each in text for each in ready) and count(text) == before:
                return text
            if time.monotonic() > until:
                raise RuntimeError(f"the page never had {ready}")
            before = count(text)
            time.sleep(SETTLE)


def grown(text: str, times: int) -> bytes:
    """The page with so many times what its counters had; gauges stay."""
    return "".join(f"{_grown(line, times)}\n" for line in text.splitlines()).encode()


def _grown(line: str, times: int) -> str:
    if line.startswith("#"):
        return line
    series, _, value = line.rpartition(" ")
    if not series.partition("{")[0].endswith(COUNTERS):
        return line
    return f"{series} {float(value) * times:.15g}"


def count(text: str) -> int:
    """The series of a page."""
    return sum(1 for _ in samples(text))
