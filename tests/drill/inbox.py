"""The webhook that Alertmanager tells: who began to fire, who ended, and when that was heard."""

import http.server
import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple

from tests.serving import serving

PAGES = "pages"
"""The receiver of pages."""


class Heard(NamedTuple):
    """A change of one alert, as a receiver heard it."""

    at: float
    receiver: str
    status: Literal["firing", "resolved"]
    group: str
    labels: dict[str, str]
    annotations: dict[str, str]

    @property
    def name(self) -> str:
        """The alert's name."""
        return self.labels["alertname"]

    @property
    def text(self) -> str:
        """What a person reads first."""
        return f"{self.annotations['summary']}\n{self.annotations['description']}"


class Inbox:
    """Every change so far, in order.

    An alert told again in the same state is no change, and neither is the end of one whose
    begin was never told: that comes along where it was over before its group was sent.
    """

    def __init__(self) -> None:
        self.port = 0
        self._heard: list[Heard] = []
        self._last: dict[tuple[str, str], Heard] = {}
        self._lock = threading.Lock()

    def take(self, receiver: str, told: Mapping[str, Any]) -> None:
        """One notification."""
        now = time.monotonic()
        with self._lock:
            for alert in told["alerts"]:
                key = receiver, alert["fingerprint"]
                before = self._last.get(key)
                if alert["status"] != (before.status if before else "resolved"):
                    heard = Heard(
                        now,
                        receiver,
                        alert["status"],
                        told["groupKey"],
                        alert["labels"],
                        alert["annotations"],
                    )
                    self._last[key] = heard
                    self._heard.append(heard)

    def since(self, at: float) -> list[Heard]:
        """Changes heard after that time."""
        with self._lock:
            return [one for one in self._heard if one.at >= at]

    def firing(self) -> list[Heard]:
        """Alerts whose end was not heard yet."""
        with self._lock:
            return [one for one in self._last.values() if one.status == "firing"]


@contextmanager
def listening() -> Iterator[Inbox]:
    """A webhook on a free port; the last part of the path is the receiver."""
    inbox = Inbox()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            inbox.take(self.path.strip("/"), json.loads(body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with serving(Handler) as inbox.port:
        yield inbox
