"""Access control and security headers, in front of the viewer's application."""

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
"""The path of NiceGUI's WebSockets, and the only path that the cookie is sent to."""
WRONG_ORIGIN: Final = PlainTextResponse(
    "the request comes from another site\n", HTTPStatus.FORBIDDEN
)


class SecurityMiddleware:
    """`Access` for requests and WebSockets, and headers that restrict a page to this host.

    A WebSocket from another origin is refused, and so are the requests that NiceGUI uses in place
    of a WebSocket, whose origin it does not check. Some browsers do not send the password with a
    WebSocket: a client that has presented the token receives a cookie, which is valid for
    WebSockets until the process ends.
    """

    def __init__(self, app: ASGIApp, token: str | None, hosts: Collection[str]) -> None:
        self._app = app
        self._access = Access(app, token, hosts)
        self._hosts = Access(app, None, hosts)
        self._cookie = None if token is None else secrets.token_urlsafe()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request to the application, or refuse it."""
        if scope["type"] == "http":
            answer = WRONG_ORIGIN if _is_foreign(scope) else self._access
            await answer(scope, receive, self._with_headers(send))
        elif scope["type"] == "lifespan" or self._may_connect(scope):
            await self._app(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    def _may_connect(self, scope: Scope) -> bool:
        headers = Headers(scope=scope)
        if self._hosts.refusal(scope) or not _is_same_origin(headers):
            return False
        return self._access.refusal(scope) is None or self._has_cookie(headers)

    def _has_cookie(self, headers: Headers) -> bool:
        # A lenient parser: other sites on this host may have set malformed cookies.
        given = cookie_parser(headers.get("cookie", "")).get(COOKIE, "")
        if self._cookie is None:
            return False
        return hmac.compare_digest(given.encode(), self._cookie.encode())

    def _with_headers(self, send: Send) -> Send:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                if self._cookie and message["status"] == HTTPStatus.OK:
                    headers.append(
                        "set-cookie",
                        f"{COOKIE}={self._cookie}; Path={SOCKETS}; HttpOnly; SameSite=Strict",
                    )
            await send(message)

        return send_with_headers


def _is_foreign(scope: Scope) -> bool:
    """Whether a request replaces a WebSocket and comes from another origin."""
    return scope["path"].startswith(SOCKETS) and not _is_same_origin(Headers(scope=scope))


def _is_same_origin(headers: Headers) -> bool:
    """Whether a request comes from a page of the viewer, or not from a page."""
    origin = headers.get("origin")
    return origin is None or origin.partition("://")[2] == headers.get("host", "")
