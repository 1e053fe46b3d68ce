"""Which servers tell when a request arrived, as the table of docs/causes.md says."""

import re
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import pytest

from sidelight.contract import NANOSECONDS
from sidelight.runtime.loop_clock import NOTICEABLE
from tests.live.connections import Client, ConnectedServer
from tests.live.counting import value
from tests.live.servers import eventually

pytestmark = [pytest.mark.live, pytest.mark.newest]

HOLD = 1.5
CLIENTS = 3
DURATION, QUEUE = "http_server_request_duration_seconds", "fastapi_request_queue_seconds"
PAGE = Path(__file__).parents[2] / "docs" / "causes.md"
AT_CALL = " on, since {} does not tell when requests arrived; "

APP = "queues:app"
PORT = "127.0.0.1:{port}"
UVICORN = ("uvicorn", APP, "--log-level", "warning")
GUNICORN = ("gunicorn", APP, "--bind", PORT, "--worker-class")
HYPERCORN = ("hypercorn", APP, "--bind", PORT, "--worker-class")
GRANIAN = ("granian", APP, "--interface", "asgi", "--host", "127.0.0.1", "--port", "{port}")
SERVERS = {
    "uvicorn": (*UVICORN, "--port", "{port}"),
    "uvicorn, TLS": (*UVICORN, "--port", "{port}"),
    "uvicorn, TLS, first request of a connection": (*UVICORN, "--port", "{port}"),
    "uvicorn, Unix socket": (*UVICORN, "--uds", "socket"),
    "gunicorn, uvicorn's worker": (*GUNICORN, "uvicorn_worker.UvicornWorker"),
    "gunicorn, its own ASGI worker": (*GUNICORN, "asgi"),
    "hypercorn, asyncio": (*HYPERCORN, "asyncio"),
    "hypercorn, uvloop": (*HYPERCORN, "uvloop"),
    "hypercorn, Trio": (*HYPERCORN, "trio"),
    "granian": GRANIAN,
}


def tabled() -> dict[str, bool]:
    """Whether the page says that the clock starts at the arrival, by server, on Linux."""
    rows = re.findall(r"^\| ([^|]*?) \| (arrival|call) \| call \|$", PAGE.read_text(), re.MULTILINE)
    assert len(rows) == len(dict(rows))
    return {name: start == "arrival" for name, start in rows}


@pytest.fixture
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ConnectedServer]:
    """A server with one worker."""
    command = SERVERS[request.param]
    pytest.importorskip(command[0])
    file = request.getfixturevalue("certificate") if "TLS" in request.param else None
    if file is not None:
        command += ("--ssl-certfile", str(file), "--ssl-keyfile", str(file))
    server = ConnectedServer(command, {}, tmp_path, spawned=command[0] != "uvicorn")
    server.certificate = file
    server.unix = tmp_path / "socket" if "--uds" in command else None
    try:
        server.ready()
        yield server
    finally:
        server.destroy()


def test_every_server_is_in_the_table() -> None:
    """The page has a row for each server that is tested, and one for all others."""
    assert list(tabled()) == [*SERVERS, "any other, and test clients"]


@contextmanager
def connected(server: ConnectedServer, *, new: bool) -> Iterator[Sequence[Callable[[], float]]]:
    """What asks for the victim, each on a connection of its own, and returns what that took."""
    with ExitStack() as stack:

        def ask(kept: list[Client]) -> float:
            start = time.monotonic()
            client = kept[0] if kept else stack.enter_context(server.client())
            assert client.get("/victim") == b"1"
            return time.monotonic() - start

        clients = [[] if new else [stack.enter_context(server.client())] for _ in range(CLIENTS)]
        found = [partial(ask, client) for client in clients]
        for each in found:
            each()
        yield found


@pytest.mark.parametrize(("server", "known"), list(tabled().items())[:-1], indirect=["server"])
def test_what_a_server_tells(
    server: ConnectedServer, request: pytest.FixtureRequest, *, known: bool
) -> None:
    """A victim's duration and wait are what its clients felt, or else begin at the call."""
    row = request.node.callspec.params["server"]
    with (
        connected(server, new="first request" in row) as clients,
        ThreadPoolExecutor(CLIENTS + 1) as threads,
    ):
        before = server.page()
        holding = threads.submit(server.get, f"/hold?seconds={HOLD}")
        eventually(lambda: "holding" in server.log)
        felt = sum(threads.map(lambda ask: ask(), clients))
        holding.result()
    after = server.page()
    took, waited, waits = (
        value(after, name, http_route="/victim") - value(before, name, http_route="/victim")
        for name in (f"{DURATION}_sum", f"{QUEUE}_sum", f"{QUEUE}_count")
    )
    assert felt > HOLD  # all of them met the hold
    if known:
        assert waits == CLIENTS
        assert 0.7 * felt < waited <= took <= felt + CLIENTS * NOTICEABLE / NANOSECONDS
    else:
        assert waits == 0 or "TLS" in row  # one handshake makes the next request wait
        assert waited <= took < 0.5 * felt
    name = row.partition(",")[0]
    assert (AT_CALL.format(name) in server.log) == (name in {"hypercorn", "granian"})
