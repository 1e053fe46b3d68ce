"""The viewer's process: its socket, its application, its end."""

import socket
import sys

import uvicorn

from sidelight.embedded.viewer.guard import Guard
from sidelight.embedded.viewer.hub import hub
from sidelight.embedded.viewer.pages import pages
from sidelight.embedded.viewer.settings import LISTEN, Viewer
from sidelight.serving.process import address_of, listen, serve

GRACE = 2
"""Seconds that what is under way has to end in, once the process is told to."""


def run(viewer: Viewer) -> None:
    """Serve until SIGTERM or SIGINT. Raises `SettingsError` when the address can't be had."""
    listener = listen(viewer, LISTEN)
    app = Guard(pages(hub(viewer)), viewer.token, viewer.hosts)
    config = uvicorn.Config(
        app,
        lifespan="on",
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE,
    )
    say(viewer, listener)
    serve(config, listener)


def say(viewer: Viewer, listener: socket.socket) -> None:
    """The line that tells where to look."""
    where = address_of(listener)
    sys.stdout.write(f"sidelight viewer: http://{where}/ draws what {viewer.metrics} answers\n")
    if viewer.open:
        sys.stdout.write(f"--insecure: whoever reaches {where} sees the dashboards\n")
    sys.stdout.flush()
