"""Who may ask: checked before anything else is."""

import base64
import binascii
import hmac
import ipaddress
from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

OPEN = frozenset({"/healthz", "/readyz"})
"""Paths that need no token: they tell nothing, and probes have none."""


class Access:
    """Refuses requests under a foreign ``Host``, and those without the token if there is one.

    A page of somebody else's in a browser can have its own name lead to this machine (DNS
    rebinding), but it can't have an address for a name: addresses, ``localhost`` and the
    names in ``hosts`` are let in. The token comes as ``Authorization: Bearer TOKEN``, or as
    the password of Basic authentication, which is what a browser asks for.
    """

    def __init__(self, app: ASGIApp, token: str | None, hosts: Collection[str]) -> None:
        self._app = app
        self._token = token
        self._hosts = {host.lower() for host in hosts} | {"localhost"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await (self.refusal(scope) or self._app)(scope, receive, send)
        else:  # no page of ours is a WebSocket
            await send({"type": "websocket.close", "code": 1008})

    def refusal(self, scope: Scope) -> Response | None:
        """What is answered in place of the application; None where a request is let in."""
        headers = Headers(scope=scope)
        host = host_of(headers.get("host", ""))
        if not is_address(host) and host not in self._hosts:
            return PlainTextResponse(
                f"Host {host!r} is none of this server's; start it with --allowed-host NAME\n",
                421,
            )
        if self._token is None or scope["path"] in OPEN or self._known(headers):
            return None
        return _challenge()

    def _known(self, headers: Headers) -> bool:
        given = credentials(headers.get("authorization", ""))
        return hmac.compare_digest(given.encode(), (self._token or "").encode())


def _challenge() -> Response:
    text = "the token is needed: as a bearer token, or as the password of any user\n"
    answer = PlainTextResponse(text, 401, {"www-authenticate": 'Basic realm="sidelight"'})
    # A line of its own: Chromium asks for no password where a line has two challenges.
    answer.headers.append("www-authenticate", "Bearer")
    return answer


def credentials(authorization: str) -> str:
    """The token in an ``Authorization`` header; empty where there is none to be read."""
    kind, _, value = authorization.strip().partition(" ")
    if kind.lower() == "bearer":
        return value.strip()
    if kind.lower() == "basic":
        try:
            pair = base64.b64decode(value, validate=True).decode("utf-8", "replace")
        except (binascii.Error, ValueError):
            return ""
        return pair.partition(":")[2]
    return ""


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
