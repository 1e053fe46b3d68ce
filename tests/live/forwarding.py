"""A port in front of a server, which tells how pages were asked for and answered."""

import http.server
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from tests.live.servers import Server
from tests.live.sidecars import fetch
from tests.serving import serving


class Exchange(NamedTuple):
    """What was accepted, and what came."""

    accept: str
    content_type: str


@contextmanager
def forwarding(server: Server, accept: str = "") -> Iterator[tuple[int, list[Exchange]]]:
    """A port that passes pages on, and what has passed.

    With ``accept`` it asks the server for that, whatever it is asked for.
    """
    passed: list[Exchange] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Accept", "")
            answer = fetch(server, self.path, {"Accept": accept or asked})
            passed.append(Exchange(asked, answer.headers["content-type"]))
            self.send_response(answer.status)
            self.send_header("Content-Type", passed[-1].content_type)
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *_: Any) -> None:
            pass

    with serving(Handler) as port:
        yield port, passed
