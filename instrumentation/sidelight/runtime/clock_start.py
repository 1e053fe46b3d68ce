"""Whether the clock of a request can start at its arrival, as far as that is known beforehand.

`sidelight.asgi.client_connection` asks the connection of each request, which may not tell either.
"""

import sys

TELLING = frozenset({"", "uvicorn", "gunicorn"})
"""Servers whose connections tell; where none is known, one of these may come."""


def untold(server: str) -> str:
    """Why nothing tells when requests to a server arrive; empty where it may be known."""
    if sys.platform != "linux":
        return "this system does not tell when data arrived"
    return "" if server in TELLING else f"{server} does not tell when requests arrived"
