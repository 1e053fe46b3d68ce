"""Whether a request's client has left, by what its server keeps beside ``receive``.

ASGI tells an application that its client left only if it calls ``receive``, which an endpoint that
computes or waits does not. To call it here could take a message from the application. This is the
one file that knows servers' insides: uvicorn's and gunicorn's ``receive`` belong to an object with
the connection's transport, and hypercorn's is that of a queue of messages.
"""

import asyncio
from collections.abc import Iterator
from typing import Any

from starlette.types import Receive

MOST_WRAPPERS = 16
"""Middlewares outside of Sidelight, each of which may have a ``receive`` of its own."""
NAMES = ("_receive", "receive", "wrapped_receive")
"""What an object or a closure that wraps a ``receive`` calls it."""


def client_left(receive: Receive) -> bool:
    """Whether the server knows that the client has closed its connection; False where it is mum."""
    for each in _unwrapped(receive):
        owner = getattr(each, "__self__", None)
        transport = getattr(getattr(owner, "protocol", owner), "transport", None)
        if transport is not None:
            return bool(transport.is_closing())
        if isinstance(owner, asyncio.Queue):
            waiting = tuple(getattr(owner, "_queue", ()))
            return any(message["type"] == "http.disconnect" for message in waiting)
    return False


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
