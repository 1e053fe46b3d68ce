"""A late event loop on a real server: its own code, threads, C code, or the machine."""

import re

import pytest

from sidelight.runtime.gil_waits import has_gil
from tests.cpu_group import cpu_group
from tests.live.conftest import Serve
from tests.live.servers import Server, eventually
from tests.live.test_live_causes import BLOCKED, NOBODY, ask, blocked, by_route, page_of

pytestmark = pytest.mark.live

LINE = r"\S+/causes\.py:\d+ in "
LOOPS = ["asyncio", "uvloop"]


def told(server: Server, cause: str) -> bool:
    """Whether the log has a pattern, in a line about a block or about a slow request."""
    return (
        re.search(rf"(?: by |blocked_by=')(?:{cause})(?:'|$)", server.log, re.MULTILINE) is not None
    )


@pytest.fixture(params=LOOPS)
def server(request: pytest.FixtureRequest, uvicorn: Serve) -> Server:
    """A service on each event loop."""
    pytest.importorskip(request.param)
    return uvicorn(1, "causes:app", "--loop", request.param).ready()


@pytest.mark.skipif(not has_gil(), reason="no GIL")
@pytest.mark.parametrize(
    ("path", "number", "route", "lines"),
    [
        ("/burn/0.1", 20, "/burn/{seconds}", f"{LINE}spin, called from {LINE}burn"),
        ("/sum/30", 2, "/sum/{millions}", f"{LINE}add_up"),
    ],
)
def test_threads_that_keep_the_gil_are_named(
    server: Server, path: str, number: int, route: str, lines: str
) -> None:
    """Plain functions that compute, in bytecode or in one call of C, have their line and route."""

    def hog() -> bool:
        ask(server, [path] * number)
        return told(server, re.escape(route) + f": a thread kept the GIL: {lines}")

    found, _ = blocked(server, lambda: eventually(hog))
    assert set(found) - NOBODY == {route}, found
    assert found[route] > 0.1
    assert "bin/uvicorn" not in server.log


NATIVE = "its stack could not be read, because the garbage collector or a C extension kept the GIL"


@pytest.mark.parametrize(
    ("path", "cause"),
    [
        ("/gil/0.7", rf"/gil/\{{seconds\}}: {NATIVE}"),
        ("/hold/1", rf"/hold/\{{x\}}: {LINE}work, called from {LINE}hold"),
        ("/spin/0.5", rf"/spin/\{{seconds\}}: {LINE}spin, called from {LINE}spin_on_loop"),
    ],
)
def test_what_the_loop_does_by_itself_is_told(server: Server, path: str, cause: str) -> None:
    """C code that keeps the GIL, a call that blocks, and Python code that computes."""

    def stall() -> bool:
        ask(server, [path])
        return told(server, cause)

    eventually(stall)
    assert "a thread kept the GIL" not in server.log


def throttled(server: Server) -> float:
    """Seconds for which its quota has stopped a server."""
    samples = page_of(server).samples
    return samples["sidelight_cpu_throttled_seconds_total", frozenset[tuple[str, str]]()]


def test_a_quota_is_told_from_a_busy_machine(uvicorn: Serve) -> None:
    """A loop whose control group has used up its quota is late, and no code is the cause."""
    with cpu_group() as group:
        server = uvicorn(1, "causes:app")
        group.add(server.pid)
        before = throttled(server.ready())
        group.limit(3)

        def spin() -> bool:
            ask(server, ["/spin/0.02"])
            return told(server, "no request: the CPU quota of its control group was used up")

        eventually(spin)
        group.limit(100)
        eventually(lambda: throttled(server) > before + 0.1)
        assert by_route(page_of(server), BLOCKED)[""] > 0
        server.stop()
