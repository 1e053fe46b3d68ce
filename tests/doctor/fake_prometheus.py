"""The HTTP API of a Prometheus that answers with a test's results."""

import json
from http.server import BaseHTTPRequestHandler
from typing import Any, ClassVar
from urllib.parse import unquote

KINDS = {
    'job="shop"': "own",
    "_info|http_server": "all",
    "service:http": "recorded",
    "sidelight_build_info": "build",
    "target_info": "target",
    "seconds_bucket)": "classic",
    "sum by (job) (http_server": "native",
    "fastapi_slow_requests_total": "served",
}
"""What of `Prometheus.found` is the result of a query that contains a text."""


class Prometheus(BaseHTTPRequestHandler):
    """Answers queries with a test's results: a real one needs minutes to see two targets."""

    found: ClassVar[dict[str, list[Any]]] = {}
    config: ClassVar[str] = ""
    version: ClassVar[str | None] = None
    features: ClassVar[str] = ""
    groups: ClassVar[list[Any] | None] = None
    targets: ClassVar[list[Any]] = []
    status: ClassVar[int] = 200

    def do_GET(self) -> None:
        text = unquote(self.path)
        kind = next((kind for part, kind in KINDS.items() if part in text), "")
        data = {"result": self.found.get(kind, []), "yaml": self.config}
        data |= {"activeTargets": self.targets}
        if self.version is not None:
            data |= {"version": self.version, "enable-feature": self.features}
        if self.groups is not None:
            data["groups"] = self.groups
        body = json.dumps({"data": data})
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *args: Any) -> None: ...
