"""One WebSocket connection, from the handshake to its close."""

from time import monotonic_ns
from typing import Any

from starlette.types import Message, Receive, Scope, Send

from sidelight.asgi.books import Page
from sidelight.asgi.exchange import EXCEPTIONS
from sidelight.asgi.recorder import Recorder
from sidelight.contract import METRICS, OTHER

DURATION = METRICS["fastapi_websocket_duration_seconds"]
REGISTERED = frozenset(range(1000, 1016))
"""Close codes of RFC 6455 and its registry; a client may send any other it likes."""
INTERNAL_ERROR = "1011"
ABNORMAL = "1006"


class Session:
    """What is known of one connection until it ends."""

    __slots__ = ("_receive", "_send", "code", "recorder", "row", "scope", "start")

    def __init__(
        self, recorder: Recorder, page: Page, scope: Scope, receive: Receive, send: Send
    ) -> None:
        self.recorder = recorder
        self.scope = scope
        self._receive = receive
        self._send = send
        self.code = ""
        path = scope["path"].encode(errors="replace")
        self.start = monotonic_ns()
        self.row = recorder.file.acquire_slot(page.asked, path, self.start)

    def send(self, message: Message) -> Any:
        """Look at a message on its way to the server."""
        try:
            if message["type"] == "websocket.close" and not self.code:
                self.code = str(int(message.get("code", 1000)))
            elif message["type"] == "websocket.http.response.start" and not self.code:
                self.code = OTHER
        except Exception:  # noqa: BLE001 no fault of ours may reach a connection
            self.recorder.fault("send")
        return self._send(message)

    async def receive(self) -> Message:
        """Look at a message on its way to the application."""
        message = await self._receive()
        try:
            if message["type"] == "websocket.disconnect" and not self.code:
                code = message.get("code", 1005)
                self.code = str(code) if code in REGISTERED else OTHER
        except Exception:  # noqa: BLE001 no fault of ours may reach a connection
            self.recorder.fault("receive")
        return message

    def end(self, error: BaseException | None) -> None:
        """The application is done with the connection."""
        recorder = self.recorder
        try:
            self._record(error)
        except Exception:  # noqa: BLE001 no fault of ours may reach a connection
            recorder.fault("end")
        finally:
            recorder.file.release_slot(self.row)

    def _record(self, error: BaseException | None) -> None:
        recorder = self.recorder
        route = recorder.labels.route(self.scope, 0)
        if isinstance(error, Exception) and type(error).__name__ != "WebSocketDisconnect":
            name = recorder.class_names(type(error).__name__)
            recorder.increment(EXCEPTIONS, (route, name))
            self.code = self.code or INTERNAL_ERROR
        code = recorder.close_codes(self.code or ABNORMAL)
        recorder.observe(DURATION, (route, code), monotonic_ns() - self.start)
