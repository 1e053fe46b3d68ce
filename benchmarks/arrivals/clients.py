"""Clients with stopwatches, in one thread: a request is sent at its time, whatever is answered."""

from __future__ import annotations

import socket
import time
from collections import deque
from collections.abc import Sequence
from selectors import EVENT_READ, DefaultSelector

PATIENCE_SECONDS = 60.0


class Client:
    """One connection, and when its stopwatch was started.

    It acknowledges what it receives at once. Else the second part of a response comes up to 40 ms
    late where the server has not set TCP_NODELAY, as on asyncio's loop with several workers.
    """

    def __init__(self, port: int) -> None:
        self.began = time.monotonic()
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = b""

    def send(self, path: str) -> None:
        """Send a request."""
        self._received = b""
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())

    def received(self) -> bool:
        """Receive what has arrived. Whether the response is complete."""
        data = self.socket.recv(65536)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)  # see `Client`
        if not data:
            raise RuntimeError("the server closed a connection")
        self._received += data
        head, separator, body = self._received.partition(b"\r\n\r\n")
        if not separator:
            return False
        if not head.startswith(b"HTTP/1.1 200 "):
            raise RuntimeError(f"the server answered {head!r}")
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        return len(body) >= int(fields[b"content-length"])

    def ask(self, path: str) -> None:
        """Send a request, and wait for its response."""
        self.send(path)
        while not self.received():
            pass

    def close(self) -> None:
        """Close the connection."""
        self.socket.close()


def stopwatches(
    port: int, path: str, times: Sequence[float], opened: Sequence[Client]
) -> list[float]:
    """Seconds until the response to each request, which are sent at the ``times`` in turn.

    Each has one of the connections that are ``opened``, or a new one where there are none.
    """
    found: list[float] = []
    due = deque(times)
    with DefaultSelector() as selector:
        while due or selector.get_map():
            if due and due[0] <= time.monotonic():
                due.popleft()
                client = opened[len(times) - len(due) - 1] if opened else Client(port)
                _send(client, path, selector, kept=bool(opened))
                continue
            for key, _ in selector.select(due[0] - time.monotonic() if due else None):
                if key.data.received():
                    found.append(time.monotonic() - key.data.began)
                    selector.unregister(key.data.socket)
                    if not opened:
                        key.data.close()
    return found


def _send(client: Client, path: str, selector: DefaultSelector, *, kept: bool) -> None:
    if kept:
        client.began = time.monotonic()
    client.send(path)
    selector.register(client.socket, EVENT_READ, client)
