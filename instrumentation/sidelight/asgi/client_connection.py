"""What a server knows of a request's client, by what it keeps beside ``receive``.

ASGI tells an application that its client left only if it calls ``receive``, which an endpoint that
computes or waits does not. To call it here could take a message from the application. When a
request arrived is not told at all; the socket of its connection knows. This is the one file that
knows servers' insides: uvicorn's and gunicorn's ``receive`` belong to an object with the
connection's transport, and hypercorn's is that of a queue of messages.
"""

import asyncio
import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from starlette.types import Receive

MOST_WRAPPERS = 16
"""Middlewares outside of Sidelight, each of which may have a ``receive`` of its own."""
NAMES = ("_receive", "receive", "wrapped_receive")
"""What an object or a closure that wraps a ``receive`` calls it."""


ENDED = "sidelight_ended"
"""What the server's object of a connection is given: when its last response ended."""
DESCRIPTOR = "sidelight_descriptor"
"""What it is given too: the file descriptor of its socket."""
LAST_DATA_RECEIVED = 52
"""The offset of ``tcpi_last_data_recv``, in milliseconds, in Linux's ``struct tcp_info``."""
MILLISECOND = 1_000_000
MOST_SILENT = 16
_silent: set[type] = set()
"""Types of what has a ``receive`` and shows no connection."""


def client_left(receive: Receive) -> bool:
    """Whether the server knows that the client has closed its connection.

    False where it does not tell. Never raises.
    """
    with suppress(Exception):
        for each in _unwrapped(receive):
            owner = getattr(each, "__self__", None)
            transport = getattr(getattr(owner, "protocol", owner), "transport", None)
            if transport is not None:
                return bool(transport.is_closing())
            if isinstance(owner, asyncio.Queue):
                waiting = tuple(getattr(owner, "_queue", ()))
                return any(message["type"] == "http.disconnect" for message in waiting)
    return False


def arrival(receive: Receive, now: int) -> int | None:
    """When the last bytes of a request arrived, or the response before it ended, if that is later.

    Both times are of CLOCK_MONOTONIC, in ns. None where the server or the system doesn't tell, as
    for a Unix socket. Never raises.
    """
    with suppress(Exception):
        owner = getattr(receive, "__self__", None)
        if type(owner) in _silent:
            return None
        for each in _unwrapped(receive):
            server = getattr(each, "__self__", None)
            transport = getattr(getattr(server, "protocol", server), "transport", None)
            if transport is not None:
                connection = _connection(each)
                ago = _since_data(transport, connection)
                return max(now - ago, getattr(connection, ENDED, 0))
        if not (_is_server(owner) or _wrapped(receive)) and len(_silent) < MOST_SILENT:
            _silent.add(type(owner))
    return None


def note_end(receive: Receive, now: int) -> None:
    """Note that a response has ended: what its client sent before is no request that waits.

    Never raises.
    """
    try:  # a `suppress` would cost each request more
        connection = _connection(receive)
        if connection is not None:
            setattr(connection, ENDED, now)
    except Exception:  # noqa: BLE001, S110 a server whose objects refuse it does not tell either
        pass


def _is_server(owner: Any) -> bool:
    """Whether other objects of this type may show a connection; nothing is one of a closure."""
    return owner is None or hasattr(owner, "transport") or hasattr(owner, "protocol")


def _connection(receive: Receive) -> Any:
    """The object of a connection that uvicorn and gunicorn have, which outlives its requests."""
    owner = getattr(receive, "__self__", None)
    flow = getattr(owner, "flow", None)
    return getattr(owner, "protocol", None) if flow is None else flow


def _since_data(transport: Any, connection: Any) -> int:
    """Nanoseconds since the last data arrived, in steps of the kernel's timer.

    The descriptor is kept on the connection, where the extension finds it; -1 is no TCP socket.
    """
    try:
        sock = transport.get_extra_info("socket")
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, LAST_DATA_RECEIVED + 4)
        (milliseconds,) = struct.unpack_from("I", info, LAST_DATA_RECEIVED)
    except Exception:
        setattr(connection, DESCRIPTOR, -1)
        raise
    if not hasattr(connection, DESCRIPTOR):
        with suppress(AttributeError, TypeError):
            setattr(connection, DESCRIPTOR, sock.fileno())
    return int(milliseconds) * MILLISECOND


def _unwrapped(receive: Any) -> Iterator[Any]:
    """A ``receive``, the one that it wraps, and so on to the server's."""
    for _ in range(MOST_WRAPPERS):
        if receive is None:
            return
        yield receive
        receive = _wrapped(receive)


def _wrapped(receive: Any) -> Any:
    """What a method's object, or a closure, keeps under one of the names; None without."""
    owner = getattr(receive, "__self__", receive)
    for name in NAMES:
        found = getattr(owner, name, None)
        if callable(found) and found != receive:
            return found
    names = getattr(getattr(receive, "__code__", None), "co_freevars", ())
    cells = dict(zip(names, getattr(receive, "__closure__", None) or (), strict=False))
    return next((cells[name].cell_contents for name in NAMES if name in cells), None)
