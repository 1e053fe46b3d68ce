"""The viewer's process: its socket, its application, its end."""

import signal
import socket
import sys

import uvicorn

from sidelight.errors import SettingsError
from sidelight.viewer.guard import Guard
from sidelight.viewer.hub import hub
from sidelight.viewer.pages import pages
from sidelight.viewer.settings import LISTEN, Viewer

GRACE = 2
"""Seconds that what is under way has to end in, once the process is told to."""


def run(viewer: Viewer) -> None:
    """Serve until SIGTERM or SIGINT. Raises `SettingsError` when the address can't be had."""
    listener = listen(viewer)
    app = Guard(pages(hub(viewer)), viewer.token, viewer.hosts)
    config = uvicorn.Config(
        app,
        lifespan="on",
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE,
    )
    server = uvicorn.Server(config)

    def end(*_: object) -> None:
        server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)  # also before uvicorn listens to them, and once more at its end
    say(viewer, listener)
    with listener:
        server.run(sockets=[listener])


def listen(viewer: Viewer) -> socket.socket:
    """The listening socket. Raises `SettingsError`."""
    family = socket.AF_INET6 if ":" in viewer.host else socket.AF_INET
    try:
        return socket.create_server((viewer.host, viewer.port), family=family, backlog=128)
    except OSError as error:
        given = f"{viewer.host}:{viewer.port}"
        raise SettingsError("listen", given, str(error), f"--listen {LISTEN}") from error


def say(viewer: Viewer, listener: socket.socket) -> None:
    """The line that tells where to look."""
    host, port = listener.getsockname()[:2]
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    sys.stdout.write(f"sidelight viewer: http://{where}/ draws what {viewer.metrics} answers\n")
    if viewer.open:
        sys.stdout.write(f"--insecure: whoever reaches {where} sees the dashboards\n")
    sys.stdout.flush()
