"""Where requests wait, line by line, on real servers."""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

import pytest

from tests.asgi.driver import Page
from tests.live.conftest import Serve
from tests.live.servers import HERE, PATIENCE, Server, eventually
from tests.runtime import programs

pytestmark = pytest.mark.live

WAITS = "fastapi_request_wait_seconds_total"
CLIENTS = 2
"""Requests for each route at the same time."""
MORE_CLIENTS = {"/lock": 6, "/semaphore": 6}
"""Of those where one request makes the others wait, at a line of its own."""
LOOKS = 4.0
"""Seconds of waits that each route must have: many looks, since each sees a sample only."""


class Waited(NamedTuple):
    """A line of code and what it awaits, as labels."""

    path: str
    line: str
    function: str
    awaited: str


def planted() -> dict[str, Waited]:
    """The marks of the service, by route."""
    found, function = {}, ""
    for number, text in enumerate((HERE / "planted.py").read_text().splitlines(), 1):
        if begun := re.match(r"(?:async )?def (\w+)", text):
            function = begun[1]
        if mark := re.search(r"# waits: (\S+) ?(\S*)$", text):
            found[mark[1]] = Waited("planted.py", str(number), f"planted.{function}", mark[2])
    return found


PLANTED = planted()


def waits(server: Server) -> dict[str, dict[Waited, float]]:
    """Seconds by route and line."""
    found: dict[str, dict[Waited, float]] = {}
    for (name, labels), seconds in Page(server.get("/metrics")[1]).samples.items():
        if name == WAITS:
            by = dict(labels)
            names = ("code_file_path", "code_line_number", "code_function_name", "awaited")
            line = Waited._make(by[name] for name in names)
            found.setdefault(by["http_route"], {})[line] = seconds
    return found


@pytest.fixture(scope="module")
def stores() -> Iterator[dict[str, str]]:
    """The sockets of PostgreSQL and Redis."""
    with programs.postgres() as postgres, programs.redis() as cache:
        yield {"POSTGRES": str(postgres), "REDIS": str(cache)}


def first(found: dict[str, dict[Waited, float]]) -> dict[str, Waited]:
    """The line with the most seconds of each route that has enough of them."""
    many = {route: lines for route, lines in found.items() if sum(lines.values()) >= LOOKS}
    return {route: max(lines, key=lines.__getitem__) for route, lines in many.items()}


@pytest.mark.parametrize(
    "through", [pytest.param("", id="direct"), pytest.param("1", id="through")]
)
@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_each_planted_wait_is_named(
    uvicorn: Serve, stores: dict[str, str], loop: str, through: str
) -> None:
    """Of twelve routes that wait, the line with the most seconds is the planted one of each.

    So it becomes, since a request may be slow on its way there, and so it would stay for ever. All
    seconds together are at most those that the requests were there.
    """
    pytest.importorskip(loop)
    env = {**stores, "THROUGH": through}
    server = uvicorn(1, "planted:app", "--loop", loop, **env).ready()
    began = time.monotonic()
    clients = [
        threading.Thread(target=server.get, args=(route,), kwargs={"timeout": 10 * PATIENCE})
        for route in PLANTED
        for _ in range(MORE_CLIENTS.get(route, CLIENTS))
    ]
    for client in clients:
        client.start()
    with suppress(AssertionError):
        eventually(lambda: first(waits(server)) == PLANTED)
    found, took = waits(server), time.monotonic() - began
    server.get("/release", "POST")
    for client in clients:
        client.join()
    assert first(found) == PLANTED
    assert len(PLANTED) == 12
    assert sum(sum(lines.values()) for lines in found.values()) <= len(clients) * took
