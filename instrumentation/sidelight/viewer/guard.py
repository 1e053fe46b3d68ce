"""Who may look, and what a page may do: in front of everything the viewer answers."""

from collections.abc import Collection
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sidelight.sidecar.access import Access, host_of

POLICY: Final = (
    "default-src 'self'; "
    "script-src 'self' 'unsafe-inline' 'unsafe-eval'; "  # NiceGUI compiles its templates
    "style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; "
    "connect-src 'self' ws: wss:; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
HEADERS: Final = {
    "content-security-policy": POLICY,
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


class Guard:
    """The sidecar's `Access`, for WebSockets too, and headers that keep a page to this host.

    A WebSocket of somebody else's page says so in ``Origin``, and is refused.
    """

    def __init__(self, app: ASGIApp, token: str | None, hosts: Collection[str]) -> None:
        self._app = app
        self._access = Access(app, token, hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer it."""
        if scope["type"] == "http":
            await self._access(scope, receive, _with_headers(send))
        elif scope["type"] == "websocket":
            refused = self._access.refusal(scope) or not same_origin(Headers(scope=scope))
            if refused:
                await send({"type": "websocket.close", "code": 1008})
            else:
                await self._app(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def same_origin(headers: Headers) -> bool:
    """Whether a request comes from the viewer's own pages, or from no page at all."""
    origin = headers.get("origin")
    return origin is None or host_of(origin.partition("://")[2]) == host_of(headers.get("host", ""))


def _with_headers(send: Send) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(HEADERS)
        await send(message)

    return sent
