"""Clients of the example shop that send every request of its load generator, in turn.

The generator itself draws at random: a rare request may come after minutes, and with it the data
of a panel.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from threading import Event, Lock

from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

import traffic
from tests.dashboards.stack import in_threads
from tests.live.servers import PATIENCE, Server

CLIENTS = 8


@contextmanager
def shoppers(server: Server, profile: str = "normal", rate: int = 20) -> Iterator[None]:
    """Clients in the background: so many requests a second of a load profile, and a chat."""
    stop, turn, requests = Event(), Lock(), in_turn(profile)

    def shop() -> None:
        while not stop.wait(CLIENTS / rate):
            with turn:
                request = next(requests)
            with suppress(OSError, HTTPException):  # its worker was killed
                send(server, request)

    def chat() -> None:
        while not stop.wait(1):
            with (
                suppress(OSError, WebSocketException),
                connect(f"ws://127.0.0.1:{server.port}/office/chat/u1", proxy=None) as socket,
            ):
                socket.send("where is my order?")
                socket.recv(timeout=PATIENCE)
                stop.wait(2)

    with in_threads([chat, *[shop] * CLIENTS], stop):
        yield


def in_turn(profile: str = "normal") -> Iterator[traffic.RequestSpec]:
    """Each request of a load profile, again and again."""
    while True:
        for group in (*traffic.requests().values(), *traffic.profiles()[profile].values()):
            yield from group


def send(server: Server, request: traffic.RequestSpec) -> None:
    """Send a request, and read the response."""
    method, path, body = request
    connection = HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
    try:
        connection.request(
            method, path, json.dumps(body) if body else None, {"Content-Type": "application/json"}
        )
        connection.getresponse().read()
    finally:
        connection.close()
