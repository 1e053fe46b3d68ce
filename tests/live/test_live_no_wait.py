"""Nothing but a busy event loop is a wait for it.

A busy machine makes real waits. They are no longer than the threads of the process ran or were
ready to run meanwhile, which the kernel counts; a wait that was invented is longer.
"""

import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from sidelight.contract import NANOSECONDS
from sidelight.runtime.heartbeat import PERIOD
from sidelight.runtime.loop_clock import NOTICEABLE
from tests.live.counting import Samples, samples, value
from tests.live.servers import PATIENCE, Server

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
SERVERS = [
    ("asyncio", "h11", False),
    ("uvloop", "httptools", False),
    ("asyncio", "httptools", True),
    ("uvloop", "h11", True),
]


class Client:
    """One connection, by its two ends for bytes."""

    def __init__(self, connection: socket.socket) -> None:
        self.send = connection.sendall
        self._file = connection.makefile("rb")

    def read(self) -> bytes:
        """The body of the next response."""
        status = self._file.readline()
        assert status.startswith(b"HTTP/1.1 200"), status
        lines = iter(self._file.readline, b"\r\n")
        fields = dict(line.lower().split(b":", 1) for line in lines)
        return self._file.read(int(fields[b"content-length"]))

    def get(self, path: str) -> bytes:
        """The body of a response."""
        self.send(request(path))
        return self.read()


class TlsServer(Server):
    """One worker of uvicorn, asked over TLS if it has a certificate."""

    certificate: Path | None = None

    @contextmanager
    def client(self) -> Iterator[Client]:
        """A new connection."""
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as plain:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.certificate is None:
                yield Client(plain)
                return
            context = ssl.create_default_context(cafile=str(self.certificate))
            with context.wrap_socket(plain, server_hostname="localhost") as connection:
                yield Client(connection)

    def page(self) -> Samples:
        """The samples of its metrics."""
        with self.client() as client:
            return samples(client.get("/metrics").decode())

    def answers(self) -> bool:
        """Whether it takes requests."""
        assert self.process.poll() is None, f"the server ended:\n{self.log}"
        with suppress(OSError):
            return bool(self.page())
        return False

    @property
    def busy(self) -> float:
        """Seconds that its threads ran, or were ready to run without a processor."""
        threads = Path(f"/proc/{self.pid}/task").glob("*/schedstat")
        return sum(sum(map(int, path.read_text().split()[:2])) for path in threads) / 1e9


def request(path: str, fields: str = "", method: str = "GET") -> bytes:
    return f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n".encode()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of this host's own, with its key."""
    program = shutil.which("openssl") or pytest.skip("makes a certificate with openssl")
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    options = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    subject = "-subj /CN=localhost -addext subjectAltName=DNS:localhost"
    command = [program, *options.split(), *subject.split(), "-keyout", str(file), "-out", "-"]
    made = subprocess.run(command, capture_output=True, check=True, timeout=PATIENCE)
    file.write_bytes(file.read_bytes() + made.stdout)
    return file


@pytest.fixture(scope="module", params=SERVERS, ids=str)
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TlsServer]:
    """One worker of uvicorn, on each loop and with each parser."""
    loop, parser, tls = request.param
    options = ["--loop", loop, "--http", parser, "--log-level", "warning"]
    file = request.getfixturevalue("certificate") if tls else None
    if file is not None:
        options += ["--ssl-certfile", str(file), "--ssl-keyfile", str(file)]
    command = ("uvicorn", "waits:app", "--port", "{port}", *options)
    server = TlsServer(command, {}, tmp_path_factory.mktemp("no-wait"))
    server.certificate = file
    try:
        server.ready()
        yield server
    finally:
        server.destroy()


@contextmanager
def attentive(server: TlsServer) -> Iterator[None]:
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
def test_no_wait_is_invented(server: TlsServer, case: Callable[[Client], None], route: str) -> None:
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
