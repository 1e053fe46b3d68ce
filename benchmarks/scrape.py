"""The CPU time of a scrape of many workers, and how long it blocks the event loop."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Callable, Iterable
from http.client import HTTPConnection
from time import thread_time_ns

from benchmarks import client_library, stats, workers
from benchmarks.report import Section, Target, table
from benchmarks.servers import Server, children, cpu_ns, get

WORKERS = 4
MOST_CPU_MS = 12.0
MOST_BLOCKED_MS = 5.0
TEXT = {"Accept": "text/plain;version=0.0.4", "Accept-Encoding": "identity"}
OPENMETRICS = {
    "Accept": "application/openmetrics-text;version=1.0.0",
    "Accept-Encoding": "identity",
}
PROTOBUF = {
    "Accept": "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;"
    "encoding=delimited",
    "Accept-Encoding": "identity",
}
WAYS = {
    "no scrape": None,
    "text": TEXT,
    "text, gzip": {**TEXT, "Accept-Encoding": "gzip"},
    "OpenMetrics": OPENMETRICS,
    "protobuf": PROTOBUF,
}
SETTLE_SECONDS = 0.02


def run(*, quick: bool) -> Section:
    """Scrape one of four workers that have 600 label sets each."""
    scrapes, repeat = (20, 3) if quick else (200, 20)
    with Server("statuses", workers=WORKERS, env={}) as server:
        connections = workers.connect_all(server, WORKERS)
        workers.drive(connections)
        connection = next(iter(connections.values()))
        body = get(connection, "/metrics", TEXT)
        series = workers.check(body.decode(), WORKERS)
        pids = [server.process.pid, *children(server.process.pid)]
        costs = {name: _costs(connection, pids, scrapes, how) for name, how in WAYS.items()}
        sizes = {name: len(get(connection, "/metrics", how)) for name, how in WAYS.items() if how}
        blocked = {
            "while scraping": _longest_turns(
                connection, scrapes, lambda: get(connection, "/metrics", TEXT)
            ),
            "idle, 10 ms": _longest_turns(connection, scrapes, lambda: time.sleep(0.01)),
        }
        workers.check(get(connection, "/metrics", TEXT).decode(), WORKERS)
    alone, files = client_library.in_children(WORKERS, repeat)
    section = Section(_TITLE, _HOW.format(workers=WORKERS, scrapes=scrapes))
    section.text += _cost_table(costs, sizes, {"one process": alone, f"{WORKERS} files": files})
    section.text += _size_text(body, series) + _blocked_table(blocked)
    idle = stats.summary(costs["no scrape"]).median
    net = stats.summary(costs["text"]).median - idle
    longest = max(wall for wall, _ in blocked["while scraping"])
    section.targets = [
        Target("CPU of a scrape, uncompressed, ms", net, MOST_CPU_MS),
        Target("event loop blocked while scraping, at most, ms", longest, MOST_BLOCKED_MS),
    ]
    return section


def _costs(
    connection: HTTPConnection, pids: Iterable[int], scrapes: int, headers: dict[str, str] | None
) -> list[float]:
    """The CPU milliseconds of the server's processes during each scrape; None is a pause."""
    spent = []
    for _ in range(scrapes):
        before = sum(map(cpu_ns, pids))
        if headers is not None:
            get(connection, "/metrics", headers)
        time.sleep(SETTLE_SECONDS)  # for work after the response
        spent.append((sum(map(cpu_ns, pids)) - before) / 1e6)
    return spent


def _longest_turns(
    connection: HTTPConnection, times: int, scrape: Callable[[], object]
) -> list[tuple[float, float]]:
    """The longest turn of the event loop of each scrape, in wall-clock and CPU milliseconds."""
    longest = []
    for _ in range(times):
        get(connection, "/longest-turn?watch=true")
        scrape()
        longest.append(json.loads(get(connection, "/longest-turn?watch=false")))
    return [(wall, cpu) for wall, cpu in longest]


def _cost_table(
    costs: dict[str, list[float]], sizes: dict[str, int], peers: dict[str, list[float]]
) -> str:
    idle = stats.summary(costs["no scrape"]).median
    rows = []
    for name, values in costs.items():
        size = f"{sizes[name]:,}" if name in sizes else ""
        net = [value - idle for value in values] if name in sizes else values
        rows.append([f"Sidelight, {name}", stats.summary(net).text(2), size])
    for name, values in peers.items():
        label = f"prometheus_client `generate_latest`, {name}"
        rows.append([label, stats.summary(values).text(1), ""])
    return "\n" + table(["", "CPU, ms", "bytes"], rows)


def _size_text(body: bytes, series: int) -> str:
    started = thread_time_ns()
    packed = gzip.compress(body, 1)
    spent = (thread_time_ns() - started) / 1e6
    return (
        f"\nThe response has {series:,} series in {len(body):,} bytes. gzip at level 1 compresses"
        f" it to {len(packed):,} bytes in {spent:.1f} ms of CPU.\n\n"
    )


def _blocked_table(blocked: dict[str, list[tuple[float, float]]]) -> str:
    rows = []
    for name, pairs in blocked.items():
        for kind, values in zip(("wall-clock", "CPU"), zip(*pairs, strict=True), strict=True):
            figures = (stats.summary(values).median, stats.percentile(values, 99), max(values))
            rows.append([f"{name}, {kind} ms", *(f"{figure:.2f}" for figure in figures)])
    return table(["longest turn of the loop", "median", "p99", "max"], rows)


_TITLE = "A scrape of several workers"
_HOW = """\
uvicorn with {workers} workers, 200 routes, each answered with 200, 422 and 500 by every
worker (verified in the metrics: 600 label sets, counted once per worker). {scrapes} scrapes of
each kind from one worker. CPU is that of all the server's processes by their exact CPU clocks,
from the request to 20 ms after the response, minus the median of such a pause without a
scrape. The longest turn of the event loop is measured by a callback that runs in every turn:
in wall-clock time, which includes the time of other processes, and in CPU time of the
thread, which does not. prometheus_client exposes one histogram with the same number of label
sets and buckets, and nothing else.
"""
