"""What waits outside of a service that can't run is on the sidecar's page."""

import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.live.counting import samples, value
from tests.live.servers import PATIENCE, Server, eventually
from tests.live.sidecars import Sidecar

pytestmark = [
    pytest.mark.live,
    pytest.mark.newest,
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux lists sockets"),
]

ASK = b"GET /victim HTTP/1.1\r\nHost: localhost\r\n\r\n"
CONNECTIONS = 7
Pair = tuple[Server, Sidecar]


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    """One worker of uvicorn, and a sidecar that knows its port."""
    shared = tmp_path / "shared"
    command = ("uvicorn", "queues:app", "--port", "{port}", "--log-level", "warning")
    server = Server(command, {"SIDELIGHT_DIR": str(shared)}, tmp_path)
    try:
        server.ready()
        with Sidecar(shared, tmp_path) as sidecar:
            eventually(lambda: waiting(sidecar, server) == (0, 0))
            yield server, sidecar
    finally:
        os.kill(server.pid, signal.SIGCONT)
        server.destroy()


def waiting(sidecar: Sidecar, server: Server) -> tuple[float | None, float | None]:
    """Connections to be accepted and bytes to be read, at the service's port; None is absent."""
    page = samples(sidecar.get("/metrics")[1])
    names = "sidelight_accept_queue", "sidelight_unread_bytes"
    shown = {name: labels for name, labels in page if name in names}
    ports = [{pair for pair in labels if pair[0] == "port"} for labels in shown.values()]
    assert all(found == {("port", str(server.port))} for found in ports)
    if set(shown) != set(names):
        return None, None
    accept, unread = (value(page, name, port=str(server.port)) for name in names)
    return accept, unread


@contextmanager
def asking(server: Server, connections: int) -> Iterator[list[socket.socket]]:
    """Connections, each of which has sent a request."""
    with ExitStack() as stack:
        found = []
        for _ in range(connections):
            address = ("127.0.0.1", server.port)
            found.append(stack.enter_context(socket.create_connection(address, PATIENCE)))
            found[-1].sendall(ASK)
        yield found


def answer(connection: socket.socket) -> bytes:
    """The whole next answer on a connection."""
    found = b""
    while not found.endswith(b"\r\n\r\n1"):
        more = connection.recv(65536)
        assert more, found
        found += more
    return found


def test_a_stopped_service_shows_its_queue(pair: Pair) -> None:
    """While the process is stopped, each connection and each byte that waits for it is shown."""
    server, sidecar = pair
    with asking(server, 1) as (kept,):
        assert answer(kept).startswith(b"HTTP/1.1 200")
        os.kill(server.pid, signal.SIGSTOP)
        with asking(server, CONNECTIONS) as others:
            kept.sendall(ASK)
            expected = CONNECTIONS, len(ASK)  # what is not accepted yet has no reader
            eventually(lambda: waiting(sidecar, server) == expected)
            os.kill(server.pid, signal.SIGCONT)
            for each in (kept, *others):
                assert answer(each).startswith(b"HTTP/1.1 200")
            eventually(lambda: waiting(sidecar, server) == (0, 0))
