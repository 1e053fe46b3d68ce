"""Requests to an HTTP API, byte for byte, and what is compared of their answers."""

import http.client
import json
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import uvicorn

from tests.live.servers import PATIENCE, eventually

FOLDER = Path(__file__).parent / "requests"
_PARSE_ERROR = re.compile(r"(?:(?:\d+:\d+|unknown position): )?parse error: .*", re.DOTALL)


class RawRequest(NamedTuple):
    """One line of a file: the method, the target, the type of the body and the body."""

    method: str
    target: str
    media_type: str = ""
    body: str = ""

    def ask(self, port: int) -> tuple[int, Any]:
        """Send it; return the status and what is compared of the answer."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        headers = {"Content-Type": self.media_type} if self.media_type else {}
        try:
            connection.request(
                self.method, f"/api/v1/{self.target}", self.body.encode() or None, headers
            )
            answer = connection.getresponse()
            found = answer.read()
        finally:
            connection.close()
        is_json = answer.getheader("content-type", "").startswith("application/json")
        return answer.status, _compared(
            json.loads(found.decode("utf-8", "replace"))
        ) if is_json else None

    def __str__(self) -> str:
        return "  ".join(filter(None, self))


def requests(name: str) -> list[RawRequest]:
    """Read a file of requests. Parts of a line are two spaces apart."""
    lines = (FOLDER / name).read_text("utf-8").splitlines()
    return [RawRequest(*line.split("  ")) for line in lines if line and line[0] != "#"]


def _compared(body: Any) -> Any:
    """Return an answer without what has no order, and without what differs by version."""
    data = body.get("data")
    if isinstance(data, dict) and data.get("resultType") == "vector":
        data["result"].sort(key=repr)
    if isinstance(data, list) and data and isinstance(data[0], dict):
        data.sort(key=lambda labels: sorted(labels.items()))
    for kind in ("warnings", "infos"):
        body[kind] = sorted(body.get(kind, ()))
    body["error"] = _PARSE_ERROR.sub("parse error", body.get("error", ""))
    return body


@contextmanager
def served(app: Any) -> Iterator[int]:
    """Serve an application on a free port of 127.0.0.1 inside the context."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        eventually(lambda: server.started)
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(PATIENCE)
