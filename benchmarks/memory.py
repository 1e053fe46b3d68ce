"""Shared memory per worker, series per route, and growth over a million requests."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.metrics_text import samples
from benchmarks.report import Section, Target, table
from benchmarks.servers import ROOT, Server, get
from benchmarks.services import MANY
from benchmarks.workers import connect_all

SHM = Path("/dev/shm")
WORKERS = 4
MOST_SERIES = 80
MOST_SHARED_MIB = 1.0
MEASURES = {"rss_kib": "resident, KiB", "blocks": "allocated blocks", "objects": "tracked objects"}


def run(*, quick: bool) -> Section:
    """Send requests in two processes, and meanwhile measure the files and series of a server."""
    requests = 50_000 if quick else 1_000_000
    with _growing(("bare", "sidelight"), requests) as growing:
        files = _files()
        series, unused = _series()
        grown = {name: _result(process) for name, process in growing.items()}
    section = Section("Memory", _HOW.format(workers=WORKERS, requests=f"{requests:,}"))
    section.text += (
        _file_table(files) + _series_text(series, unused) + _growth_table(grown, requests)
    )
    shared = max((size for _, size in files), default=0) / 2**20
    section.targets = [
        Target("shared memory per worker, MiB", shared, MOST_SHARED_MIB),
        Target("series of a used route", sum(series.values()), MOST_SERIES, digits=0),
    ]
    return section


def _files() -> list[tuple[str, int]]:
    """The files of four workers in a directory of their own, with their allocated bytes."""
    with tempfile.TemporaryDirectory(dir=SHM if SHM.is_dir() else None) as directory:
        env = {"SIDELIGHT_DIR": directory}
        with Server("statuses", workers=WORKERS, env=env) as server:
            for connection in connect_all(server, WORKERS).values():
                get(connection, MANY.path)
            found = [path for path in Path(directory).rglob("*") if path.is_file()]
            files = sorted(
                (path.suffix or path.name, path.stat().st_blocks * 512) for path in found
            )
    if len(files) < WORKERS:
        raise RuntimeError(f"{WORKERS} workers left only {files} in their directory")
    return files


def _series() -> tuple[Counter[str], int]:
    """Series by metric of a route with 200 and 422 responses, and of a route without requests."""
    env = {"BENCH_CONTENDER": "sidelight", "BENCH_SERVICE": MANY.name}
    with Server("contender", env=env) as server:
        for parameter in ("7", "invalid"):
            server.get(MANY.route.replace("{item_id}", parameter))
        text = server.get("/metrics")
    used: Counter[str] = Counter()
    unused = 0
    for name, labels, _ in samples(text):
        used[name] += labels.get("http_route") == MANY.route
        unused += labels.get("http_route") == "/r0/items0/{item_id}"
    return +used, unused


@contextmanager
def _growing(names: tuple[str, ...], requests: int) -> Iterator[dict[str, subprocess.Popen[str]]]:
    processes = {name: _grow(name, requests) for name in names}
    try:
        yield processes
    finally:
        for process in processes.values():
            process.kill()
            process.wait()


def _grow(name: str, requests: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "benchmarks.growth", name, str(requests)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def _result(process: subprocess.Popen[str]) -> dict[str, dict[str, int]]:
    output, _ = process.communicate(timeout=400)
    if process.returncode:
        raise RuntimeError(f"growth ended with {process.returncode}")
    result: dict[str, dict[str, int]] = json.loads(output)
    return result


def _file_table(files: list[tuple[str, int]]) -> str:
    rows = [
        [name, f"{size:,}", str(count)] for (name, size), count in sorted(Counter(files).items())
    ]
    return "\n" + table(["file in the directory", "bytes allocated", "files"], rows)


def _series_text(series: Counter[str], unused: int) -> str:
    rows = [[f"`{name}`", str(count)] for name, count in series.most_common()]
    rows += [
        ["**a route in use**", str(sum(series.values()))],
        ["a route without requests", str(unused)],
    ]
    return "\n" + table(["series of one route", ""], rows)


def _growth_table(grown: dict[str, dict[str, dict[str, int]]], requests: int) -> str:
    rows = []
    for name, sides in grown.items():
        for key, label in MEASURES.items():
            before, after = sides["before"][key], sides["after"][key]
            rows.append([f"{name}, {label}", f"{before:,}", f"{after:,}", f"{after - before:+,}"])
    head = [f"growth over {requests:,} requests", "before", "after", "difference"]
    return "\n" + table(head, rows)


_HOW = """\
Files are those of {workers} uvicorn workers with default settings, in a directory of their
own. Series are those of one route of a service with 200 routes, with 200 and 422 responses. Growth
is that of one process over {requests} direct requests to the ASGI application, after a
warm-up of 20,000: a tenth of them to unknown paths, a tenth with an invalid parameter.
"""
