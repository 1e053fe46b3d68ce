"""One WebSocket connection, from the handshake to its close."""

from time import monotonic_ns
from typing import Any

from starlette.types import Message, Receive, Scope, Send

from sidelight.asgi.mark import Measurement
from sidelight.asgi.request import EXCEPTIONS
from sidelight.asgi.request_keys import RequestKey
from sidelight.contract import METRICS, OTHER
from sidelight.runtime.faults import guarded

DURATION = METRICS["fastapi_websocket_duration_seconds"]
REGISTERED = frozenset(range(1000, 1016))
"""Close codes of RFC 6455 and its registry; a client may send any other it likes."""
REFUSED = "refused_{}"
"""A handshake that was refused, with its status: ASGI's servers answer 403 to a close before it
is accepted, and 500 where the application ends without an answer."""
INTERNAL_ERROR = "1011"
ABNORMAL = "1006"


class WebSocketState(Measurement):
    """What is known of one connection until it ends."""

    __slots__ = ("_accepted", "_receive", "_recorder", "_scope", "_send", "code", "since", "slot")
    slot: int | None

    def __init__(self, key: RequestKey, scope: Scope, receive: Receive, send: Send) -> None:
        self._recorder = key.recorder
        self._scope = scope
        self._receive = receive
        self._send = send
        self._accepted = False
        self.code = ""
        path = scope["path"].encode(errors="replace")
        self.since = monotonic_ns()
        self.slot = key.recorder.file.acquire_slot(key.packed, path, self.since)

    def send(self, message: Message) -> Any:
        """Look at a message on its way to the server."""
        with guarded("send", self._recorder.faults):
            kind = message["type"]
            if kind == "websocket.accept":
                self._accepted = True
            elif kind == "websocket.close" and not self.code:
                code = int(message.get("code", 1000))
                self.code = str(code) if self._accepted else REFUSED.format(403)
            elif kind == "websocket.http.response.start" and not self.code:
                self.code = REFUSED.format(int(message["status"]))
        return self._send(message)

    async def receive(self) -> Message:
        """Look at a message on its way to the application."""
        message = await self._receive()
        with guarded("receive", self._recorder.faults):
            if message["type"] == "websocket.disconnect" and not self.code:
                code = message.get("code", 1005)
                self.code = str(code) if code in REGISTERED else OTHER
        return message

    def end(self, error: BaseException | None) -> None:
        """The application is done with the connection."""
        slot, self.slot = self.slot, None
        try:
            with guarded("end", self._recorder.faults):
                self._record(error)
        finally:
            if slot is not None:
                self._recorder.file.release_slot(slot)

    def _record(self, error: BaseException | None) -> None:
        recorder = self._recorder
        route = recorder.route_of(self._scope, 0).text
        if isinstance(error, Exception) and type(error).__name__ != "WebSocketDisconnect":
            name = recorder.class_names(type(error).__name__)
            recorder.writer.increment(EXCEPTIONS, (route, name))
            if self._accepted:
                self.code = self.code or INTERNAL_ERROR
        ended = ABNORMAL if self._accepted else REFUSED.format(500)
        code = recorder.close_codes(self.code or ended)
        recorder.writer.observe(DURATION, (route, code), monotonic_ns() - self.since)
