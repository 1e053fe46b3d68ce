"""The CPU time and memory of a sidecar that is scraped, with many workers and series."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import NamedTuple

from benchmarks import stats
from benchmarks.metrics_text import DURATION_COUNT, samples
from benchmarks.report import Section, Target, table
from benchmarks.scrape import TEXT, WAYS
from benchmarks.servers import ROOT, START_SECONDS, cpu_ns, free_port, get
from benchmarks.services import paths
from sidelight.contract import DURATION, DURATION_BUCKETS, NANOSECONDS
from sidelight.store import directory, route_table
from sidelight.store.directory import Directory
from sidelight.store.layout import BlockKind
from sidelight.store.route_table import PublishedRoute
from sidelight.store.schema import schema
from sidelight.store.writer import WorkerFile

WORKERS = 16
STATUSES = ("200", "422")
MOST_CPU_MS = 100.0
MOST_MIB = 120.0
MOST_TIMES = 11.0
SETTLE_SECONDS = 0.02
SPARE_SERIES = 100


class RouteCount(NamedTuple):
    """The routes of a service; each worker has responses of every status for each."""

    routes: int

    @property
    def series(self) -> int:
        """Label sets of one worker."""
        return self.routes * len(STATUSES)


SMALL, LARGE, HUGE = RouteCount(100), RouteCount(1000), RouteCount(10_000)


class Worker:
    """The file of a running worker: mapped, locked, and changing."""

    def __init__(self, where: Directory, size: RouteCount) -> None:
        self.file = WorkerFile(where, schema(DURATION_BUCKETS), 2 * size.series + SPARE_SERIES)
        routes = [PublishedRoute(("GET",), path, 1.0) for path in paths(size.routes // 10, 10)]
        self.file.append_block(BlockKind.ROUTES, route_table.encode(routes))
        self.file.append_block(BlockKind.ROOTS, b"http ")
        self.series = [
            self.file.series(DURATION, ("GET", route.path, status, "", "http"))
            for route in routes
            for status in STATUSES
        ]

        bounds = self.file.bounds(DURATION)
        self.buckets = [bounds.index(round(each * NANOSECONDS)) for each in DURATION_BUCKETS]

    def observe(self) -> None:
        """One request for every label set, so that every series changes between scrapes."""
        words = self.file.words
        for number, series in enumerate(self.series):
            words[series] += 1_234_567 * number
            words[series + 1 + self.buckets[number % len(self.buckets)]] += 1


@dataclass(slots=True)
class Costs:
    """The CPU milliseconds of scrapes of one size, and resident memory in MiB."""

    cpu: dict[str, list[float]] = field(default_factory=dict)
    first: float = 0.0
    started: float = 0.0
    resident: float = 0.0
    peak: float = 0.0
    size: int = 0

    @property
    def net(self) -> list[float]:
        """The scrapes of the text format, minus the median of a pause without a scrape."""
        idle = stats.summary(self.cpu["no scrape"]).median
        return [value - idle for value in self.cpu["text"]]


def run(*, quick: bool) -> Section:
    """Scrape a sidecar of 16 workers, with three numbers of series."""
    scrapes = 8 if quick else 50
    sizes = [SMALL, LARGE] if quick else [SMALL, LARGE, HUGE]
    costs = {size: measured(size, scrapes) for size in sizes}
    section = Section(_TITLE, _HOW.format(workers=WORKERS, scrapes=scrapes, statuses=len(STATUSES)))
    section.text += _table(costs)
    large, small = (stats.summary(costs[size].net).median for size in (LARGE, SMALL))
    section.targets = [
        Target("CPU of a scrape of 16 x 1,000 x 2 by a sidecar, ms", large, MOST_CPU_MS),
        Target("resident memory of that sidecar, MiB", costs[LARGE].resident, MOST_MIB),
        Target("CPU of a scrape, with ten times the series, times", large / small, MOST_TIMES),
    ]
    return section


def measured(size: RouteCount, scrapes: int) -> Costs:
    """The costs of one sidecar of one directory, from its start."""
    costs = Costs()
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as base:
        where = directory.open_shared(os.path.join(base, "store"))
        workers = [Worker(where, size) for _ in range(WORKERS)]
        with sidecar(where.path) as (pid, connection):
            costs.started = memory(pid, "VmRSS")
            costs.first = scraped(pid, connection, TEXT)
            for name, how in WAYS.items():
                costs.cpu[name] = []
                for _ in range(scrapes):
                    for worker in workers:
                        worker.observe()
                    costs.cpu[name].append(scraped(pid, connection, how))
            costs.resident = memory(pid, "VmRSS")
            costs.peak = memory(pid, "VmHWM")
            body = get(connection, "/metrics", TEXT)
            costs.size = len(body)
            _check(body.decode(), size, 1 + scrapes * len(WAYS), workers)
        for worker in workers:
            worker.file.close()
        where.close()
    return costs


def scraped(pid: int, connection: HTTPConnection, headers: dict[str, str] | None) -> float:
    """The CPU milliseconds of a process during one scrape; None is a pause without a scrape."""
    before = cpu_ns(pid)
    if headers is not None:
        get(connection, "/metrics", headers)
        connection.close()  # before the sidecar does
    time.sleep(SETTLE_SECONDS)
    return (cpu_ns(pid) - before) / 1e6


@contextmanager
def sidecar(path: str) -> Iterator[tuple[int, HTTPConnection]]:
    """A sidecar in a process of its own: its pid, and a connection to it."""
    port = free_port()
    command = [sys.executable, "-c", "from sidelight.cli import main; main()", "sidecar"]
    command += ["--directory", path, "--listen", f"127.0.0.1:{port}", "--history", "0"]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        with closing(HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
            _answering(connection, process)
            yield process.pid, connection
    finally:
        process.terminate()
        process.wait(15)


def _answering(connection: HTTPConnection, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            get(connection, "/healthz")
        except OSError:
            connection.close()
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the sidecar did not start") from None
            time.sleep(0.1)
        else:
            return


def memory(pid: int, what: str) -> float:
    """The resident MiB of a process now (``VmRSS``), or at most (``VmHWM``)."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith(what + ":"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(what)


def _check(text: str, size: RouteCount, rounds: int, workers: list[Worker]) -> None:
    """Raises RuntimeError unless the metrics contain every request of every worker."""
    counts: Counter[str] = Counter()
    for name, labels, value in samples(text):
        if name == DURATION_COUNT:
            counts[labels["http_response_status_code"]] += int(value)
    expected = size.routes * len(workers) * (rounds - 1)
    wrong = {status: counts[status] for status in STATUSES if counts[status] != expected}
    if wrong:
        raise RuntimeError(f"{wrong} where each should be {expected}")


def _table(costs: dict[RouteCount, Costs]) -> str:
    rows = []
    for size, cost in costs.items():
        idle = stats.summary(cost.cpu["no scrape"]).median
        for name in ("text", "text, gzip", "OpenMetrics"):
            net = stats.summary([value - idle for value in cost.cpu[name]])
            rows.append([f"{WORKERS} x {size.series:,}, {name}", net.text(1)])
    memories = [
        [
            f"{WORKERS} x {size.series:,}",
            f"{cost.size:,}",
            f"{cost.first:.0f}",
            f"{cost.started:.0f}",
            f"{cost.resident:.0f}",
            f"{cost.peak:.0f}",
        ]
        for size, cost in costs.items()
    ]
    head = ["workers x label sets", "response, bytes", "CPU of the first scrape, ms"]
    head += ["resident at the start, MiB", "in the end", "at most"]
    return f"\n{table(['scrape of', 'CPU, ms'], rows)}\n{table(head, memories)}"


_TITLE = "A sidecar of many workers"
_HOW = """\
A `sidelight sidecar` without history (docs/history.md has its figures) with a directory of
{workers} workers' files, which the measuring process locks and changes: every route with
{statuses} statuses, each of which gets a request before each scrape, so that every series
changes. {scrapes} scrapes of each kind. CPU is that of the sidecar's process by its exact CPU
clock, from the request to 20 ms after the response, minus the median of such a pause without a
scrape. The metrics must contain every request in the end.
"""
