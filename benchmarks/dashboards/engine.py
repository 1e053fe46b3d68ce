"""A real Prometheus for generated samples, and timed queries."""

from __future__ import annotations

import json
import os
import subprocess
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.servers import free_port

PATIENCE = 600
"""The timeout of one query in seconds, so that slow queries are measured."""
READY_SECONDS = 60
COLLECTOR = {"GOGC": "75"}
"""The setting of Go's garbage collector that Prometheus has had since 2.53; older ones have 100."""


class Engine(NamedTuple):
    """A Prometheus: its port on this machine, and its pid."""

    port: int
    pid: int


class Answer(NamedTuple):
    """The data or the error, and the seconds to the last byte."""

    error: str
    data: Any
    seconds: float


@contextmanager
def prometheus(where: Path, text: str = "global: {scrape_interval: 30s}\n") -> Iterator[Engine]:
    """A Prometheus on a free port; its blocks have six hours, so that it accepts old samples."""
    port, config = free_port(), where / "prometheus.yml"
    config.write_text(text, encoding="utf-8")
    with (where / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={config}",
                f"--storage.tsdb.path={where / 'tsdb'}",
                "--storage.tsdb.min-block-duration=6h",
                "--storage.tsdb.max-block-duration=6h",
                f"--query.timeout={PATIENCE}s",
                "--web.enable-remote-write-receiver",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            cwd=where,
            env={**os.environ, **COLLECTOR},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        _ready(port, process)
        yield Engine(port, process.pid)
    finally:
        process.terminate()
        process.wait(PATIENCE)


def get(port: int, path: str, **parameters: str) -> Answer:
    """A timed response of its API."""
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    start = time.perf_counter()
    try:
        # As a form, because a query that names a thousand routes is too long for a URL.
        body = urllib.parse.urlencode(parameters)
        how = {"Content-Type": "application/x-www-form-urlencoded"}
        if path.startswith("label/"):
            connection.request("GET", f"/api/v1/{path}?{body}")
        else:
            connection.request("POST", f"/api/v1/{path}", body, how)
        text = connection.getresponse().read()
    finally:
        connection.close()
    seconds = time.perf_counter() - start
    found = json.loads(text)
    return Answer(found.get("error", ""), found.get("data"), seconds)


def _ready(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while True:
        try:
            connection = HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/-/ready")
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        finally:
            connection.close()
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError("Prometheus did not start; its log is prometheus.log")
        time.sleep(0.1)
