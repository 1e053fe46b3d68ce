"""Access control: the ``Host`` header and the token, checked before anything else."""

import base64
import binascii
import ipaddress
from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from sidelight import bearer_token

OPEN = frozenset({"/healthz", "/readyz"})
"""Paths that require no token: they reveal nothing, and probes have none."""


class Access:
    """Refuses requests for a foreign ``Host``, and requests without the token if there is one.

    A web page from elsewhere can make its own host name resolve to this machine (DNS rebinding),
    but it cannot use an IP address as its name: addresses, ``localhost`` and the names in
    ``hosts`` are accepted. The token is sent as ``Authorization: Bearer TOKEN``, or as the
    password of Basic authentication, which a browser asks the user for.
    """

    def __init__(self, app: ASGIApp, token: str | None, hosts: Collection[str]) -> None:
        self._app = app
        self._token = token
        self._hosts = {host.lower() for host in hosts} | {"localhost"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await (self.refusal(scope) or self._app)(scope, receive, send)
        else:  # no endpoint here is a WebSocket
            await send({"type": "websocket.close", "code": 1008})

    def refusal(self, scope: Scope) -> Response | None:
        """The response to a refused request; None where the request is accepted."""
        headers = Headers(scope=scope)
        host = host_of(headers.get("host", ""))
        if not is_address(host) and host not in self._hosts:
            return PlainTextResponse(
                f"Host {host!r} is not a name of this server; start it with --allowed-host NAME\n",
                421,
            )
        if self._token is None or scope["path"] in OPEN or self._has_token(headers):
            return None
        return _challenge()

    def _has_token(self, headers: Headers) -> bool:
        given = credentials(headers.get("authorization", ""))
        return bearer_token.matches(given, self._token or "")


def _challenge() -> Response:
    text = "a token is required: as a bearer token, or as the password of any user\n"
    basic = 'Basic realm="sidelight", charset="UTF-8"'  # RFC 7617, section 2.1
    answer = PlainTextResponse(text, 401, {"www-authenticate": basic})
    # A header of its own: Chromium asks for no password where one header has two challenges.
    answer.headers.append("www-authenticate", "Bearer")
    return answer


def credentials(authorization: str) -> bytes:
    """The token in an ``Authorization`` header; empty where there is none."""
    kind, _, value = authorization.strip().partition(" ")
    if kind.lower() != "basic":
        return bearer_token.presented(authorization)
    try:
        pair = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return b""
    return pair.partition(b":")[2]


def host_of(header: str) -> str:
    """The name or address in a ``Host`` header, without its port, in lower case."""
    name, colon, port = header.strip().rpartition(":")
    if not colon or not port.isdigit():
        name = header.strip()
    return name.strip("[]").lower()


def is_address(host: str) -> bool:
    """Whether a host is an IP address."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
