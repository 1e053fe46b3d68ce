"""The process of a server: its socket, and its end at a signal."""

import signal
import socket

import uvicorn

from sidelight.errors import SettingsError
from sidelight.serving.door import Door


def listen(door: Door, usual: str) -> socket.socket:
    """The listening socket. Raises `SettingsError`, which names the ``usual`` address."""
    family = socket.AF_INET6 if ":" in door.host else socket.AF_INET
    try:
        return socket.create_server((door.host, door.port), family=family, backlog=128)
    except OSError as error:
        given = f"{door.host}:{door.port}"
        raise SettingsError("listen", given, str(error), f"--listen {usual}") from error


def address_of(listener: socket.socket) -> str:
    """What it listens on, as it stands in a URL."""
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def serve(config: uvicorn.Config, listener: socket.socket) -> None:
    """Serve until SIGTERM or SIGINT."""
    server = uvicorn.Server(config)

    def end(*_: object) -> None:
        server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)  # also before uvicorn listens to them, and once more at its end
    with listener:
        server.run(sockets=[listener])
