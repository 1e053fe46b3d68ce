"""The lifespan as it passes through: it makes start and end exact, and nothing needs it."""

from time import monotonic_ns
from typing import NoReturn

from starlette.types import Message, Receive, Scope, Send

from sidelight.asgi.lifecycle import StoreLifecycle
from sidelight.asgi.mark import Measurement
from sidelight.errors import SettingsError
from sidelight.runtime.faults import guarded


class LifespanState(Measurement):
    """Follows an application as it starts and stops; every message passes untouched."""

    __slots__ = ("__weakref__", "_lifecycle", "_receive", "_scope", "_send", "since")
    slot = None

    def __init__(
        self, lifecycle: StoreLifecycle, scope: Scope, receive: Receive, send: Send
    ) -> None:
        self._lifecycle = lifecycle
        self._scope = scope
        self._receive = receive
        self._send = send
        self.since = monotonic_ns()

    async def receive(self) -> Message:
        """Look at a message on its way to the application."""
        message = await self._receive()
        if message["type"] == "lifespan.shutdown":
            with guarded("lifespan"):
                self._lifecycle.stopping(self)
        return message

    async def send(self, message: Message) -> None:
        """Look at a message on its way to the server."""
        with guarded("lifespan"):
            if message["type"] == "lifespan.startup.complete":
                await self._lifecycle.started(self, self._scope)
            elif message["type"].startswith("lifespan.shutdown."):
                with guarded("lifespan"):
                    await self._lifecycle.drain()
                try:
                    if self._lifecycle.recorder is not None:
                        await self._lifecycle.recorder.collect_app_metrics()
                finally:
                    self._lifecycle.stopped(self)
        await self._send(message)

    def end(self, error: BaseException | None) -> None:
        """There is nothing left to do."""


async def refuse(error: SettingsError, problem: str, receive: Receive, send: Send) -> NoReturn:
    """Answer that the application can't start, and why, and raise the reason as Starlette does.

    Some servers and test clients go on waiting if nothing is raised.
    """
    await receive()
    await send({"type": "lifespan.startup.failed", "message": problem})
    raise error
