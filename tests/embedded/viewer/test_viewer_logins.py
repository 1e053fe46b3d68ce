"""Whom the viewer asks under a name and a password."""

import asyncio
import http.server
import threading
from base64 import b64encode
from collections.abc import Iterator

import pytest

from sidelight.embedded.viewer.hub import Hub, hub
from sidelight.embedded.viewer.prometheus import AskError
from sidelight.embedded.viewer.settings import LISTEN, check


class Refusing(http.server.BaseHTTPRequestHandler):
    """Answers nothing that could be used, and says so to whoever asks."""

    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.headers.get("authorization", ""))
        self.send_error(503)

    do_POST = do_GET  # noqa: N815 http.server asks for this name

    def log_message(self, *_: object) -> None:
        """No lines in the tests' output."""


@pytest.fixture
def server() -> Iterator[http.server.ThreadingHTTPServer]:
    handler = type("Refused", (Refusing,), {"asked": []})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as found:
        thread = threading.Thread(target=found.serve_forever)
        thread.start()
        yield found
        found.shutdown()
        thread.join()


def test_a_password_is_sent_and_never_shown(server: http.server.ThreadingHTTPServer) -> None:
    """Both of the addresses' logins are sent to them; what a reader is told has neither."""
    place = f"127.0.0.1:{server.server_address[1]}"
    viewer = check(
        LISTEN, f"http://me:word1@{place}/a", f"http://me:word2@{place}/b", None, (), insecure=False
    )
    problems = asyncio.run(_problems(hub(viewer)))
    assert [place in one for one in problems] == [True, True]
    assert not any("word" in one for one in problems)
    logins = ["Basic " + b64encode(f"me:word{n}".encode()).decode() for n in (1, 2)]
    assert server.RequestHandlerClass.asked == logins  # type: ignore[attr-defined] # of this test's


async def _problems(asking: Hub) -> list[str]:
    found = []
    for one in (asking.slow(), asking.server.at("up", 0)):
        with pytest.raises(AskError) as caught:
            await one
        found.append(str(caught.value))
    await asking.close()
    return found
