"""The listening socket of a server, and its shutdown by a signal."""

import errno
import signal
import socket
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from sidelight.errors import SettingsError, cause
from sidelight.serving.bind import MAX_PORT, BindConfig


def listen(config: BindConfig, default: str) -> socket.socket:
    """The listening socket. Raises `SettingsError`.

    Its example is the ``default`` address, or the next port where that of ``config`` is in use.
    """
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    try:
        return socket.create_server((config.host, config.port), family=family, backlog=128)
    except OSError as error:
        host = f"[{config.host}]" if ":" in config.host else config.host
        example = f"{host}:{config.port % MAX_PORT + 1}"
        if error.errno != errno.EADDRINUSE:
            example = default
        given = f"{host}:{config.port}"
        raise SettingsError("listen", given, cause(error), f"--listen {example}") from error


def address_of(listener: socket.socket) -> str:
    """The address of a listening socket, as a URL has it."""
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def serve(app: ASGIApp, listener: socket.socket, shutdown_timeout: int, **options: Any) -> None:
    """Serve until SIGTERM or SIGINT; then requests have ``shutdown_timeout`` seconds to end.

    ``options`` are further ones of uvicorn.
    """
    config = uvicorn.Config(
        app,
        lifespan="on",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=shutdown_timeout,
        **options,
    )
    server = uvicorn.Server(config)

    def stop(*_: object) -> None:
        server.should_exit = True

    # uvicorn sets handlers of its own later, and raises the signal once more when it has stopped.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    with listener:
        server.run(sockets=[listener])
