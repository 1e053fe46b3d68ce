"""The sidecar's process: its socket, its tasks, its end."""

import logging
import resource
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import uvicorn
from starlette.applications import Starlette

from sidelight.export.otlp_environment import shown
from sidelight.runtime.about import version
from sidelight.serving.access import Access
from sidelight.serving.process import address_of, listen, serve
from sidelight.settings import Settings
from sidelight.sidecar import no_history, sending
from sidelight.sidecar.pages import pages
from sidelight.sidecar.settings import LISTEN, Sidecar
from sidelight.sidecar.watch import Watch

logger = logging.getLogger("sidelight.sidecar")

GRACE = 3
"""Seconds a request in flight has to end in once the process is told to."""


def run(sidecar: Sidecar, settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT. Raises `SettingsError` when the address can't be had."""
    watch = Watch(settings, sidecar.directory)
    sender = None if sidecar.otlp is None else sending.exporter(sidecar.otlp)
    if sender is not None:
        watch.exports = sender.outcomes
    listener = listen(sidecar, LISTEN)
    keeping = None
    if sidecar.remembering is not None:
        from sidelight.embedded.prometheus import Keeping  # noqa: PLC0415 an extra

        keeping = Keeping(sidecar.remembering, watch, listener)
    more = keeping.routes if keeping else no_history.routes(wanted=not sidecar.forgetful)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(watch.keep)
            if sender is not None:
                tasks.start_soon(sending.send, watch, sender)
            if keeping is not None:
                tasks.start_soon(keeping.keep)
            say(sidecar, listener, None if sender is None else shown(sender.endpoint))
            yield
            tasks.cancel_scope.cancel()

    app = Access(pages(watch, lifespan, more), sidecar.token, sidecar.hosts)
    config = uvicorn.Config(
        app,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        ws="none",
        timeout_graceful_shutdown=GRACE,
    )
    _allow_descriptors()
    serve(config, listener)
    logger.info("stopped")


def _allow_descriptors() -> None:
    """As many as the system allows: connections must not keep us from opening files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def say(sidecar: Sidecar, listener: socket.socket, otlp: str | None) -> None:
    """The line that tells a log what runs where."""
    where = address_of(listener)
    logger.info(
        "sidecar listens",
        extra={
            "metrics": f"http://{where}/metrics",
            "directory": sidecar.directory,
            "token": sidecar.token is not None,
            "otlp": otlp,
            "history": sidecar.remembering is not None,
            "version": version("sidelight"),
        },
    )
    if sidecar.open:
        logger.warning("--insecure: whoever reaches %s can read the metrics", where)
