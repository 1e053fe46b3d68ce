"""Where requests wait, line by line, on real servers."""

import re
import threading
import time
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.asgi.driver import Page
from tests.live.conftest import Serve
from tests.live.servers import HERE, Server, eventually
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


def all_seen(server: Server) -> bool:
    found = waits(server)
    return all(sum(found.get(route, {}).values()) >= LOOKS for route in PLANTED)


@pytest.mark.parametrize("through", ["", "1"], ids=["direct", "through"])
@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_each_planted_wait_is_named(
    uvicorn: Serve, stores: dict[str, str], loop: str, through: str
) -> None:
    """Of twelve routes that wait, the line with the most seconds is the planted one of each.

    All seconds together are at most those that the requests were there.
    """
    pytest.importorskip(loop)
    env = {**stores, "THROUGH": through}
    server = uvicorn(1, "planted:app", "--loop", loop, **env).ready()
    began = time.monotonic()
    clients = [
        threading.Thread(target=server.get, args=(route,))
        for route in PLANTED
        for _ in range(MORE_CLIENTS.get(route, CLIENTS))
    ]
    for client in clients:
        client.start()
    eventually(lambda: all_seen(server))
    found, took = waits(server), time.monotonic() - began
    server.get("/release", "POST")
    for client in clients:
        client.join()
    first = {route: max(found[route], key=found[route].__getitem__) for route in PLANTED}
    assert first == PLANTED
    assert len(first) == 12
    assert sum(sum(lines.values()) for lines in found.values()) <= len(clients) * took
