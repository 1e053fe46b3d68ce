"""The sidecar's process: its socket, its tasks, its end."""

import logging
import resource
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Protocol

import anyio
from starlette.applications import Starlette
from starlette.routing import BaseRoute

from sidelight.otlp.environment import without_secrets
from sidelight.runtime.about import version
from sidelight.serving.access import Access
from sidelight.serving.process import address_of, listen, serve
from sidelight.settings import Settings
from sidelight.sidecar import otlp_export, routes
from sidelight.sidecar.metrics_source import MetricsSource
from sidelight.sidecar.settings import LISTEN, SidecarConfig

logger = logging.getLogger("sidelight.sidecar")

SHUTDOWN_SECONDS = 3
"""How long a request in flight may take once the process is told to end."""


class EmbeddedPart(Protocol):
    """What is served beside the metrics: its routes, and a task that runs until the end."""

    @property
    def routes(self) -> list[BaseRoute]:
        """Its routes."""

    async def run(self) -> None:
        """Its work, for ever."""


Embed = Callable[[MetricsSource, socket.socket], EmbeddedPart]
"""Makes the embedded part, of the metrics and the socket of the sidecar."""


def run(config: SidecarConfig, settings: Settings, embed: Embed | None = None) -> None:
    """Serve until SIGTERM or SIGINT. Raises `SettingsError` when the address cannot be bound."""
    source = MetricsSource(settings, config.directory)
    exporter = None if config.otlp is None else otlp_export.create_exporter(config.otlp)
    if exporter is not None:
        source.export_outcomes = exporter.outcomes
    listener = listen(config, LISTEN)
    embedded = None if embed is None else embed(source, listener)
    more = embedded.routes if embedded else routes.without_history(config.no_history_reason)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(source.run)
            if exporter is not None:
                tasks.start_soon(otlp_export.export_periodically, source, exporter)
            if embedded is not None:
                tasks.start_soon(embedded.run)
            otlp = None if exporter is None else without_secrets(exporter.endpoint)
            _log_start(config, listener, otlp, history=embedded is not None)
            yield
            tasks.cancel_scope.cancel()

    app = Access(routes.application(source, lifespan, more), config.token, config.hosts)
    _raise_descriptor_limit()
    serve(app, listener, SHUTDOWN_SECONDS, log_config=None, ws="none")
    logger.info("stopped")


def _raise_descriptor_limit() -> None:
    """Allow as many descriptors as the system does, for both connections and files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _log_start(
    config: SidecarConfig, listener: socket.socket, otlp: str | None, *, history: bool
) -> None:
    """Log what runs at which address."""
    where = address_of(listener)
    logger.info(
        "sidecar listens",
        extra={
            "metrics": f"http://{where}/metrics",
            "directory": config.directory,
            "token": config.token is not None,
            "otlp": otlp,
            "history": history,
            "version": version("sidelight"),
        },
    )
    if config.open:
        logger.warning("--insecure: any client that reaches %s can read the metrics", where)
