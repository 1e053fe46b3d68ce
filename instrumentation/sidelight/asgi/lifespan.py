"""The lifespan as it passes through: it makes start and end cleaner, and nothing needs it."""

import logging
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

logger = logging.getLogger("sidelight")


class Lifespan:
    """Tells when an application has started, is told to stop, and has stopped."""

    def __init__(
        self, started: Callable[[], None], stopping: Callable[[], None], stopped: Callable[[], None]
    ) -> None:
        self._started = started
        self._stopping = stopping
        self._stopped = stopped

    async def run(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass every message on, untouched."""

        async def watched_receive() -> Message:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                _quietly(self._stopping)
            return message

        async def watched_send(message: Message) -> None:
            if message["type"] == "lifespan.startup.complete":
                _quietly(self._started)
            elif message["type"].startswith("lifespan.shutdown."):
                _quietly(self._stopped)
            await send(message)

        await app(scope, watched_receive, watched_send)


def _quietly(step: Callable[[], None]) -> None:
    try:
        step()
    except Exception:
        logger.exception("fault in the lifespan; the application is not affected")


async def refuse(problem: str, receive: Receive, send: Send) -> None:
    """Answer that the application can't start, and why."""
    await receive()
    await send({"type": "lifespan.startup.failed", "message": problem})
