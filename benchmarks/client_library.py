"""The exposition of prometheus_client with the same number of label sets, for comparison.

It chooses its storage when it is imported, so each mode runs in a process of its own:
``python -m benchmarks.client_library single|write|collect``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from time import thread_time_ns

from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from benchmarks.servers import ROOT
from benchmarks.services import paths

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
STATUSES = (200, 422, 500)
SHAPE = (20, 10)


def fill(registry: CollectorRegistry | None) -> None:
    """One observation for every label set."""
    labels = ("http_request_method", "http_route", "http_response_status_code")
    durations = Histogram(
        "http_server_request_duration_seconds", "…", labels, buckets=BUCKETS, registry=registry
    )
    for route in paths(*SHAPE):
        for status in STATUSES:
            durations.labels("GET", route, str(status)).observe(0.02)


def timed(registry: CollectorRegistry, repeat: int) -> list[float]:
    """The CPU milliseconds of each exposition."""
    generate_latest(registry)
    spent = []
    for _ in range(repeat):
        started = thread_time_ns()
        generate_latest(registry)
        spent.append((thread_time_ns() - started) / 1e6)
    return spent


def single(repeat: int) -> list[float]:
    """The exposition of values in the memory of this process."""
    registry = CollectorRegistry()
    fill(registry)
    return timed(registry, repeat)


def collect(repeat: int) -> list[float]:
    """The exposition of values in the files of other processes."""
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call] # the library has no types there
    return timed(registry, repeat)


def in_children(files: int, repeat: int) -> tuple[list[float], list[float]]:
    """The CPU milliseconds in one process, and in multiprocess mode with this many files."""
    alone = _child("single", repeat, {})
    with tempfile.TemporaryDirectory() as directory:
        env = {"PROMETHEUS_MULTIPROC_DIR": directory}
        for _ in range(files):
            _child("write", repeat, env)
        return alone, _child("collect", repeat, env)


def _child(mode: str, repeat: int, env: dict[str, str]) -> list[float]:
    command = [sys.executable, "-m", "benchmarks.client_library", mode, str(repeat)]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    values: list[float] = json.loads(done.stdout)
    return values


def main(arguments: Sequence[str]) -> None:
    """Run one mode and print its times."""
    mode, repeat = arguments[0], int(arguments[1])
    if mode == "write":
        fill(None)
        print([])
    else:
        print(json.dumps((single if mode == "single" else collect)(repeat)))


if __name__ == "__main__":
    main(sys.argv[1:])
