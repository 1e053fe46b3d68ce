"""What blocks the event loop, and what waits for a thread, on a real server under real clients."""

import json
import re
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from sidelight.cli import main
from tests.asgi.driver import Page
from tests.live.conftest import Serve
from tests.live.counting import scrape, value
from tests.live.holding import Hold
from tests.live.servers import Server, eventually
from tests.live.sidecars import Sidecar

pytestmark = pytest.mark.live

BLOCKED = "asyncio_event_loop_blocked_seconds_total"
BLOCKS = "asyncio_event_loop_blocks_total"
NOBODY = {"", "_UNKNOWN", "_UNMATCHED"}
"""What stalls have that no request made, or a scrape: a busy machine makes some at any time."""
HOLD = 1.5
"""Seconds for which ``/hold`` and ``/later`` of the service sleep."""
BEAT = 0.1
"""Seconds between two beats of a loop."""
HOLDER = r"/hold-long: \S+/causes\.py:\d+ in hold_long"
"""The route and the line that sleeps."""
LEAST = HOLD - BEAT
"""Seconds counted of each at least: where between two beats it began is not known."""


def by_route(page: Page, name: str) -> dict[str, float]:
    """A metric's values by route."""
    return {
        dict(labels)["http_route"]: value
        for (sample, labels), value in page.samples.items()
        if sample == name
    }


def page_of(server: Server) -> Page:
    return Page(server.get("/metrics")[1])


def ask(server: Server, paths: Iterable[str], *, at_once: int = 50) -> None:
    """Ask for all of them, so many at once; each must be answered with 200."""
    with ThreadPoolExecutor(at_once) as clients:
        assert {status for status, _ in clients.map(server.get, paths)} == {200}


def blocked(server: Server, act: Callable[[], object]) -> tuple[dict[str, float], float]:
    """Seconds blocked while something is done, by route; and the most that they can be.

    That is what it takes, and a beat of the loop: where between two a hold began is not known.
    """
    before, began = by_route(page_of(server), BLOCKED), time.monotonic()
    act()
    after, took = by_route(page_of(server), BLOCKED), time.monotonic() - began
    grown = {route: seconds - before.get(route, 0) for route, seconds in after.items()}
    return {route: seconds for route, seconds in grown.items() if seconds}, took + BEAT


def test_the_route_that_holds_the_loop_is_told_from_those_that_wait(uvicorn: Serve) -> None:
    """Of 50 requests in flight on 10 routes, the one that sleeps has what it slept, but a beat.

    The rest is a stall without a name, if the machine made one: no other route ever has any.
    """
    server = uvicorn(1, "causes:app").ready()
    paths = [f"/wait/{number}/{x}" for x in range(5) for number in range(9)]
    paths[40:40] = [f"/hold/{x}" for x in range(5)]
    found, most = blocked(server, lambda: ask(server, paths))
    assert set(found) - NOBODY == {"/hold/{x}"}, found
    assert found["/hold/{x}"] >= 5 * LEAST, found
    assert sum(found.values()) <= most
    lines = [text for text in server.log.splitlines() if "event loop blocked" in text]
    (line,) = [text for text in lines if "by /hold/{x}" in text]
    assert "causes.py:" in line
    assert re.search(r"in work, called from .* in hold$", line), line


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_each_kind_of_hold_has_its_name(uvicorn: Serve, loop: str) -> None:
    """A request that a middleware runs in a task; a task that a request or no request started."""
    pytest.importorskip(loop)
    server = uvicorn(1, "causes:app", "--loop", loop).ready()
    found, most = blocked(server, lambda: server.get("/hold/1"))
    assert set(found) - NOBODY == {"/hold/{x}"}, found
    assert LEAST <= found["/hold/{x}"] <= most
    assert by_route(page_of(server), BLOCKS)["/hold/{x}"] == 1

    def later() -> None:
        seen = by_route(page_of(server), BLOCKED).get("", 0)
        server.get("/later")
        eventually(lambda: by_route(page_of(server), BLOCKED).get("", 0) - seen >= LEAST)

    found, most = blocked(server, later)
    assert set(found) <= NOBODY | {"/later"}
    assert found.get("/later", 0) < LEAST / 2  # of its own, on a busy machine: the hold is longer
    assert found[""] <= most
    server.get("/session")
    found, most = blocked(server, lambda: server.get("/call"))
    assert set(found) - NOBODY == {"/session"}, found
    assert LEAST <= found["/session"] <= most


INSTALLED = """
import time
from fastapi import FastAPI
from sidelight import SidelightMiddleware

def total():
    time.sleep(1)

class Middleware:
    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["path"] == "/nothing":
            time.sleep(1)
        await self.app(scope, receive, send)

app = FastAPI()

@app.get("/report")
async def report():
    total()

@app.get("/pid")
async def pid():
    return 1

app.add_middleware(Middleware)
app.add_middleware(SidelightMiddleware)
"""


def test_a_service_that_is_installed(uvicorn: Serve, tmp_path: Path) -> None:
    """Lines of a service in site-packages are logged; a path without a route is unmatched."""
    package = tmp_path / "site-packages" / "installed_shop" / "__init__.py"
    package.parent.mkdir(parents=True)
    package.write_text(INSTALLED)
    folder = str(package.parent.parent)
    server = uvicorn(1, "installed_shop:app", "--app-dir", folder).ready()
    server.get("/report")
    server.get("/nothing")
    seconds = by_route(page_of(server), BLOCKED)
    assert min(seconds["/report"], seconds["_UNMATCHED"]) >= 1 - BEAT
    lines = eventually(
        lambda: found if len(found := re.findall(r"by (\S+: .*)", server.log)) > 1 else []
    )
    assert f"/report: {package}:7 in total, called from {package}:22 in report" in lines
    assert f"_UNMATCHED: {package}:15 in Middleware.__call__ of the package installed_shop" in lines


def test_a_loop_whose_process_holds_the_gil(uvicorn: Serve) -> None:
    """With one request running it is that one's; with several it is unknown, and why is logged."""
    server = uvicorn(1, "causes:app").ready()
    found, most = blocked(server, lambda: server.get("/gil/0.7"))
    assert set(found) - NOBODY <= {"/gil/{seconds}"}, found
    assert 0.4 <= sum(found.values()) <= most

    def several() -> None:
        with ThreadPoolExecutor(2) as clients:
            waiting = [clients.submit(server.get, "/thread") for _ in range(2)]
            eventually(
                lambda: value(scrape(server), "fastapi_active_requests", http_route="/thread") == 2
            )
            server.get("/gil/0.6")
            server.get("/release", "POST")
            assert {one.result()[0] for one in waiting} == {200}

    found, most = blocked(server, several)
    assert set(found) - NOBODY <= {"/gil/{seconds}"}, found
    assert 0.2 <= found["_UNKNOWN"] <= most
    (line,) = [text for text in server.log.splitlines() if "by _UNKNOWN" in text]
    assert "the garbage collector or a C extension kept the GIL" in line


def test_the_sidecar_sees_it_while_it_lasts(uvicorn: Serve, store: Path, tmp_path: Path) -> None:
    """While the worker can't answer, its seconds grow by route, and the line is there.

    A hold of five seconds is logged before its end, too. Afterwards the line is in the list of
    slow requests, in the command and in both logs, with the length of the whole hold.
    """
    hold = Hold(tmp_path)
    server = uvicorn(1, "causes:app", SIDELIGHT_DIR=str(store), **hold.env).ready()
    with Sidecar(store, tmp_path) as sidecar, ThreadPoolExecutor(1) as client:
        asked = client.submit(server.get, "/hold-long")
        seen = eventually(
            lambda: by_route(Page(sidecar.get("/metrics")[1]), BLOCKED).get("/hold-long", 0.0)
        )
        began = time.monotonic()
        eventually(
            lambda: by_route(Page(sidecar.get("/metrics")[1]), BLOCKED)["/hold-long"] > seen + 1
        )
        (now,) = eventually(lambda: slow_page(sidecar)["blocked"])
        assert re.fullmatch(HOLDER, now["blocked_by"])
        assert now["seconds"] > 1
        eventually(lambda: len(ends(server)) == 1)
        least = time.monotonic() - began
        hold.end()
        assert asked.result()[0] == 200
        assert scrape(sidecar)
        answer = eventually(lambda: page if not (page := slow_page(sidecar))["blocked"] else {})
    (request,) = (one for one in answer["slow"] if one["route"] == "/hold-long")
    assert re.fullmatch(HOLDER, request["blocked_by"])
    assert request["loop_blocked"] >= least - BEAT
    shown = CliRunner().invoke(main, ["slow", str(store), "--route", "/hold-long"])
    assert re.search(HOLDER + "$", shown.stdout.rstrip())
    assert re.search(rf"slow request route=/hold-long .*blocked_by='{HOLDER}'", server.log)
    eventually(lambda: len(ends(server)) == 2)
    so_far, whole = ends(server)
    assert so_far < whole
    assert least <= whole + BEAT


def ends(server: Server) -> list[float]:
    """How long the hold lasted, as the log says: so far, and at its end."""
    lines = re.findall(rf"blocked for (\S+) s (so far )?by {HOLDER}", server.log)
    assert [bool(so_far) for _, so_far in lines] in ([], [True], [True, False])
    return [float(seconds) for seconds, _ in lines]


def slow_page(sidecar: Sidecar) -> dict[str, Any]:
    status, text = sidecar.get("/slow")
    assert status == 200
    found: dict[str, Any] = json.loads(text)
    return found


def test_calls_that_wait_for_a_thread(uvicorn: Serve, store: Path, tmp_path: Path) -> None:
    """Of 60 at once, 40 have a thread and 20 wait, as the sidecar sees."""
    server = uvicorn(1, "causes:app", SIDELIGHT_DIR=str(store)).ready()

    def threads(of: Sidecar) -> tuple[float, float, float]:
        page = Page(of.get("/metrics")[1])
        names = ("capacity", "in_use", "waiting")
        worker = frozenset({("worker", "0")})
        found = [page.samples.get((f"anyio_threadpool_{name}", worker), -1.0) for name in names]
        return found[0], found[1], found[2]

    with Sidecar(store, tmp_path) as sidecar:
        assert threads(sidecar) == (40, 0, 0)
        with ThreadPoolExecutor(60) as clients:
            asked = [clients.submit(server.get, "/thread") for _ in range(60)]
            eventually(lambda: threads(sidecar) == (40, 40, 20))
            server.get("/release", "POST")
            assert {one.result()[0] for one in asked} == {200}
        eventually(lambda: threads(sidecar) == (40, 0, 0))
