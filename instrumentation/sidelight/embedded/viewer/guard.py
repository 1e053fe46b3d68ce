"""Who may look, and what a page may do: in front of everything the viewer answers."""

import hmac
import secrets
from collections.abc import Collection
from http import HTTPStatus
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sidelight.serving.access import Access

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


COOKIE: Final = "sidelight_viewer"
SOCKETS: Final = "/_nicegui_ws/"
"""Where NiceGUI's WebSockets are, and the only place the cookie is sent to."""
FOREIGN: Final = PlainTextResponse("not from a page of this viewer\n", HTTPStatus.FORBIDDEN)


class Guard:
    """`Access`, for WebSockets too, and headers that keep a page to this host.

    A WebSocket of somebody else's page says so in ``Origin``, and is refused; so is what NiceGUI
    takes in a WebSocket's place, which it would take from any page. Not every browser
    sends the password with a WebSocket: who has shown the token gets a cookie for it, which is
    good as long as this process lives.
    """

    def __init__(self, app: ASGIApp, token: str | None, hosts: Collection[str]) -> None:
        self._app = app
        self._access = Access(app, token, hosts)
        self._hosts = Access(app, None, hosts)
        self._pass = None if token is None else secrets.token_urlsafe()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer it."""
        if scope["type"] == "http":
            answer = FOREIGN if _foreign(scope) else self._access
            await answer(scope, receive, self._with_headers(send))
        elif scope["type"] == "lifespan" or self._may_connect(scope):
            await self._app(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    def _may_connect(self, scope: Scope) -> bool:
        headers = Headers(scope=scope)
        if self._hosts.refusal(scope) or not same_origin(headers):
            return False
        return self._access.refusal(scope) is None or self._known(headers)

    def _known(self, headers: Headers) -> bool:
        # Leniently: cookies of others at this host are of no concern here, however odd.
        shown = cookie_parser(headers.get("cookie", "")).get(COOKIE, "")
        return self._pass is not None and hmac.compare_digest(shown.encode(), self._pass.encode())

    def _with_headers(self, send: Send) -> Send:
        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                if self._pass and message["status"] == HTTPStatus.OK:
                    headers.append(
                        "set-cookie",
                        f"{COOKIE}={self._pass}; Path={SOCKETS}; HttpOnly; SameSite=Strict",
                    )
            await send(message)

        return sent


def _foreign(scope: Scope) -> bool:
    """Whether it is in a WebSocket's place, and from somebody else's page."""
    return scope["path"].startswith(SOCKETS) and not same_origin(Headers(scope=scope))


def same_origin(headers: Headers) -> bool:
    """Whether a request comes from the viewer's own pages, or from no page at all."""
    origin = headers.get("origin")
    return origin is None or origin.partition("://")[2] == headers.get("host", "")
