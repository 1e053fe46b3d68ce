"""Servers that require a user and a password."""

import asyncio
import http.server
from base64 import b64encode
from typing import ClassVar

import pytest

from sidelight.embedded.viewer.clients import ViewerContext, viewer_context
from sidelight.embedded.viewer.query_result import DataSourceError
from sidelight.embedded.viewer.settings import LISTEN, check
from tests.serving import serving


class Refusing(http.server.BaseHTTPRequestHandler):
    """Answers every request with 503 and records its credentials."""

    credentials: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.credentials.append(self.headers.get("authorization", ""))
        self.send_error(503)

    do_POST = do_GET  # noqa: N815 the name that http.server requires

    def log_message(self, *_: object) -> None:
        """Keep the output of the tests clean."""


def test_passwords_are_sent_and_not_shown() -> None:
    """Each server receives the password of its address, and no error message has one."""
    with serving(Refusing) as port:
        host = f"127.0.0.1:{port}"
        urls = f"http://me:word1@{host}/a", f"http://me:word2@{host}/b"
        settings = check(LISTEN, *urls, None, (), insecure=False)
        problems = asyncio.run(_problems(viewer_context(settings)))
    assert [host in one for one in problems] == [True, True]
    assert not any("word" in one for one in problems)
    logins = ["Basic " + b64encode(f"me:word{n}".encode()).decode() for n in (1, 2)]
    assert Refusing.credentials == logins


async def _problems(context: ViewerContext) -> list[str]:
    found = []
    for one in (context.sidecar.slow_requests(), context.prometheus.query("up", 0)):
        with pytest.raises(DataSourceError) as caught:
            await one
        found.append(str(caught.value))
    await context.close()
    return found
