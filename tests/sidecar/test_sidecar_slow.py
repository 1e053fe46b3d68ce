"""The sidecar's list of slow requests, and of event loops that are blocked."""

import re
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from click.testing import CliRunner
from starlette.applications import Starlette
from starlette.testclient import TestClient

from sidelight.cli import main
from sidelight.settings import load
from sidelight.sidecar.metrics_source import MetricsSource
from sidelight.sidecar.routes import application
from tests.serving import serving
from tests.store.driving import killed, shared, worker
from tests.store.test_store_slow import LINE, record

WAITS_AT = "shop/stock.py:31 in shop.stock.reserve, awaiting asyncio.Lock.acquire"


@asynccontextmanager
async def nothing(_: Starlette) -> AsyncIterator[None]:
    yield


@pytest.fixture
def sidecar(tmp_path: Path) -> Iterator[TestClient]:
    """A sidecar of a worker with slow requests, and of one whose event loop is blocked."""
    path = str(tmp_path / "store")
    where = shared(tmp_path / "store")
    file, blocked = worker(where), worker(where)
    for number in range(3):
        when = time.time() - 60 * number
        file.add_slow_request(record(when, route=f"/{number}", blocked_by=LINE))
    blocked.show_blocked_loop(time.monotonic_ns() - 3_000_000_000, LINE)
    file.show_waiting_requests([(time.monotonic_ns() - 9_000_000_000, "/stuck", WAITS_AT)])
    yield TestClient(
        application(MetricsSource(load({"directory": path}, {}, tmp_path), path), nothing)
    )
    killed(file)
    killed(blocked)
    where.close()


@pytest.mark.parametrize(
    ("query", "routes"),
    [
        ("", ["/0", "/1", "/2"]),
        ("?route=/1", ["/1"]),
        ("?route=GET%20/1", ["/1"]),
        ("?since=90s", ["/0", "/1"]),
        ("?limit=1", ["/0"]),
        ("?route=/2&since=90s", []),
    ],
)
def test_slow_requests_are_filtered(sidecar: TestClient, query: str, routes: list[str]) -> None:
    """By route, by time and by number; each has the line that blocked its loop."""
    found = sidecar.get(f"/slow{query}").json()["slow"]
    assert [(one["route"], one["blocked_by"]) for one in found] == [(r, LINE) for r in routes]


def test_a_loop_that_is_blocked_is_there_while_it_lasts(sidecar: TestClient) -> None:
    """With its worker, the seconds so far, and the line."""
    (found,) = sidecar.get("/slow").json()["blocked"]
    assert (found["worker"], found["blocked_by"]) == (1, LINE)
    assert found["seconds"] >= 3


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("since=soon", "since='soon': 'soon' is not a duration; for example 15s, 1h30m or 2w"),
        ("limit=-1", "limit='-1': must be a whole number above 0; for example limit=20"),
        ("rout=/a", "rout='/a': unknown parameter, did you mean route?"),
    ],
)
def test_a_wrong_parameter_is_refused(sidecar: TestClient, query: str, told: str) -> None:
    """The answer names it, what was given, and one that works."""
    answer = sidecar.get(f"/slow?{query}")
    assert answer.status_code == 400
    assert answer.text.startswith(told)


def shown(*arguments: str) -> str:
    """What `sidelight slow` writes, without the seconds of what still lasts."""
    result = CliRunner().invoke(main, ["slow", *arguments])
    assert result.exit_code == 0, result.output
    return re.sub(r"[0-9.]+ s so far", "so far", result.stdout)


@pytest.mark.parametrize("options", [(), ("--json",), ("--route", "/1"), ("--since", "90s")])
def test_the_command_shows_of_a_sidecar_what_its_directory_has(
    sidecar: TestClient, tmp_path: Path, options: tuple[str, ...]
) -> None:
    """`sidelight slow URL` and `sidelight slow DIR` write the same."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = sidecar.get(self.path, headers=dict(self.headers))
            self.send_response(answer.status_code)
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, *_: object) -> None:
            """Nothing is logged."""

    of_directory = shown(str(tmp_path / "store"), *options)
    with serving(Handler) as port:
        assert shown(f"http://127.0.0.1:{port}", *options) == of_directory
    assert "/1" in of_directory


def test_a_source_that_is_neither_is_refused() -> None:
    """The error names it, and one that works."""
    result = CliRunner().invoke(main, ["slow", "/no/such/directory"])
    assert result.exit_code == 1
    assert result.stderr == (
        "Error: SOURCE='/no/such/directory': must be an http address or a directory; "
        "for example sidelight slow http://127.0.0.1:9464\n"
    )


def test_an_answer_of_another_server_is_told() -> None:
    """One without slow requests is no sidecar's."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"slow": {}}')

        def log_message(self, *_: object) -> None:
            """Nothing is logged."""

    with serving(Handler) as port:
        url = f"http://127.0.0.1:{port}"
        result = CliRunner().invoke(main, ["slow", url])
    assert result.exit_code == 1
    assert result.stderr == f"Error: {url}/slow is not a sidecar's answer\n"
