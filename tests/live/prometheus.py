"""A real Prometheus: started, asked, and ended."""

import http.client
import json
import shutil
import subprocess
import urllib.parse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.live.counting import RouteStatus
from tests.live.servers import PATIENCE, free_port


def tool(name: str) -> str:
    """A program of Prometheus, or a skipped test."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed (Debian: apt install prometheus)")
    return found


ITSELF = "its-own-port"
"""In a configuration this stands for the port that is chosen."""


@contextmanager
def prometheus(config: str, where: Path, *options: str, program: str = "") -> Iterator[int]:
    """Prometheus on a free port, with this configuration; its data and log are in a folder.

    ``program`` is another one than that of the machine.
    """
    file, port = where / "prometheus.yml", free_port()
    file.write_text(config.replace(ITSELF, str(port)))
    command = (
        program or tool("prometheus"),
        f"--config.file={file}",
        f"--storage.tsdb.path={where / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
        *options,
    )
    with started(command, where):
        yield port


@contextmanager
def started(command: tuple[str, ...], where: Path) -> Iterator[None]:
    """A program that runs until the context is left; what it says is in a file of its name."""
    with (where / f"{Path(command[0]).name}.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=where, stdout=log, stderr=subprocess.STDOUT)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(PATIENCE)


def query(port: int, expression: str) -> list[dict[str, Any]]:
    """The vector Prometheus answers; empty while it starts."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", f"/api/v1/query?query={urllib.parse.quote(expression)}")
        answer = json.loads(connection.getresponse().read())
        found: list[dict[str, Any]] = answer["data"]["result"]
    except (OSError, ValueError, KeyError):
        return []
    finally:
        connection.close()
    return found


def request_of(has: Mapping[str, str]) -> RouteStatus:
    """What the labels of a count of requests say; Prometheus leaves empty ones out."""
    return RouteStatus(
        has["http_request_method"],
        has.get("http_route", ""),
        has.get("http_response_status_code", ""),
    )
