"""Connections to a server of the tests, over TCP, TLS or a Unix socket."""

import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.live.counting import Samples, samples
from tests.live.servers import PATIENCE, Server


def request(path: str, fields: str = "", method: str = "GET") -> bytes:
    """A request without a body."""
    return f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n".encode()


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


class ConnectedServer(Server):
    """A server that has a certificate, or listens on a Unix socket, if it is given one."""

    certificate: Path | None = None
    unix: Path | None = None

    @contextmanager
    def client(self) -> Iterator[Client]:
        """A new connection."""
        with self._socket() as plain:
            if self.certificate is None:
                yield Client(plain)
                return
            context = ssl.create_default_context(cafile=str(self.certificate))
            with context.wrap_socket(plain, server_hostname="localhost") as connection:
                yield Client(connection)

    @contextmanager
    def _socket(self) -> Iterator[socket.socket]:
        """A socket that is connected."""
        with socket.socket(socket.AF_INET if self.unix is None else socket.AF_UNIX) as found:
            found.settimeout(PATIENCE)
            found.connect(("127.0.0.1", self.port) if self.unix is None else str(self.unix))
            if self.unix is None:
                found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            yield found

    def get(
        self,
        path: str,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        timeout: float = PATIENCE,
    ) -> tuple[int, str]:
        """One request on a connection of its own: status and body."""
        assert (method, headers, timeout) == ("GET", None, PATIENCE)
        with self.client() as client:
            return 200, client.get(path).decode()

    def page(self) -> Samples:
        """The samples of its metrics."""
        return samples(self.get("/metrics")[1])

    @property
    def busy(self) -> float:
        """Seconds that its worker's threads ran, or were ready to run without a processor."""
        (worker,) = self.workers() or [self.pid]
        threads = Path(f"/proc/{worker}/task").glob("*/schedstat")
        return sum(sum(map(int, path.read_text().split()[:2])) for path in threads) / 1e9
