"""Nothing but a busy event loop is a wait for it.

A busy machine makes real waits. They are no longer than the threads of the process ran or were
ready to run meanwhile, which the kernel counts; a wait that was invented is longer.
"""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from sidelight.contract import NANOSECONDS
from sidelight.runtime.heartbeat import PERIOD
from sidelight.runtime.loop_clock import NOTICEABLE
from tests.live.connections import Client, ConnectedServer, request
from tests.live.counting import value

pytestmark = [
    pytest.mark.live,
    pytest.mark.newest,
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells when data arrived"),
]

QUEUE = "fastapi_request_queue_seconds"
SPAN = 1.0
"""Seconds that each case takes, without being a wait for the event loop."""
PIECES = 10
EVERY = 0.2
"""Seconds between two requests that keep the loop attentive: `ATTENTIVE` is a little longer."""
PORT = ("--port", "{port}", "--log-level", "warning")
UVICORN = ("uvicorn", "waits:app", *PORT, "--loop")
SERVERS = {
    "asyncio-h11": (*UVICORN, "asyncio", "--http", "h11"),
    "uvloop-httptools": (*UVICORN, "uvloop", "--http", "httptools"),
    "asyncio-httptools-tls": (*UVICORN, "asyncio", "--http", "httptools"),
    "uvloop-h11-tls": (*UVICORN, "uvloop", "--http", "h11"),
    "gunicorn": ("gunicorn", "waits:app", "--bind", "127.0.0.1:{port}", "--worker-class", "asgi"),
}


@pytest.fixture(scope="module", params=SERVERS)
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ConnectedServer]:
    """One worker of uvicorn, on each loop and with each parser, or of gunicorn."""
    command = pytest.importorskip(SERVERS[request.param][0]) and SERVERS[request.param]
    file = request.getfixturevalue("certificate") if request.param.endswith("tls") else None
    if file is not None:
        command += ("--ssl-certfile", str(file), "--ssl-keyfile", str(file))
    server = ConnectedServer(command, {}, tmp_path_factory.mktemp("no-wait"))
    server.certificate = file
    try:
        server.ready()
        yield server
    finally:
        server.destroy()


@contextmanager
def attentive(server: ConnectedServer) -> Iterator[None]:
    """Requests that keep the loop busy now and then, so that arrivals are asked for."""
    over = threading.Event()

    def burn() -> None:
        with server.client() as client:
            while not over.wait(EVERY):
                client.get(f"/burn?seconds={1.5 * NOTICEABLE / NANOSECONDS}")

    thread = threading.Thread(target=burn)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def slow_upload(client: Client) -> None:
    """A body comes in pieces."""
    client.send(request("/upload", "Content-Length: 10000\r\n", "POST"))
    for _ in range(PIECES):
        time.sleep(SPAN / PIECES)
        client.send(b"x" * (10_000 // PIECES))
    assert client.read() == b"10000"


def idle_connection(client: Client) -> None:
    """A connection is used again after some time."""
    client.get("/first")
    time.sleep(SPAN)
    client.get("/idle")


def header_in_pieces(client: Client) -> None:
    """A header of 12 KiB comes in pieces."""
    fields = "".join(f"X-Field-{number}: {'x' * 1000}\r\n" for number in range(12))
    data = request("/header", fields)
    size = -(-len(data) // PIECES)
    for at in range(0, len(data), size):
        client.send(data[at : at + size])
        time.sleep(SPAN / PIECES)
    client.read()


def behind_one_that_awaits(client: Client) -> None:
    """A request is sent before the response to the one before it."""
    client.send(request(f"/await?seconds={SPAN}") + request("/behind"))
    client.read()
    client.read()


def behind_one_that_holds(client: Client) -> None:
    """A request is sent before the response to one that holds the event loop."""
    client.send(request(f"/hold?seconds={SPAN}") + request("/behind"))
    client.read()
    client.read()


def outer_middleware(client: Client) -> None:
    """A middleware outside of Sidelight awaits something."""
    client.get(f"/outer?{SPAN}")


CASES = {
    slow_upload: "/upload",
    idle_connection: "/idle",
    header_in_pieces: "/header",
    behind_one_that_awaits: "/behind",
    behind_one_that_holds: "/behind",
    outer_middleware: "/outer",
}


@pytest.mark.parametrize(("case", "route"), CASES.items(), ids=[each.__name__ for each in CASES])
def test_no_wait_is_invented(
    server: ConnectedServer, case: Callable[[Client], None], route: str
) -> None:
    """What a client, a connection or a middleware takes is no wait for the event loop.

    A wait is measured from the heartbeat before it on, so what the loop did before counts as well.
    """
    with attentive(server), server.client() as client:
        busy = server.busy
        time.sleep(2 * PERIOD)
        before = server.page()
        case(client)
        after = server.page()
        busy = server.busy - busy
    count, waited = (
        value(after, name, http_route=route) - value(before, name, http_route=route)
        for name in ("http_server_request_duration_seconds_count", f"{QUEUE}_sum")
    )
    assert count == 1
    assert waited <= busy + NOTICEABLE / NANOSECONDS
