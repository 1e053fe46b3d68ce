"""Requests to Prometheus's API, of a Prometheus or of a sidecar."""

import http.client
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlencode

from tests.live.servers import PATIENCE

Fields = Sequence[tuple[str, str]]
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Answer(NamedTuple):
    """Status, and the JSON that came with it."""

    status: int
    body: Any

    @property
    def data(self) -> Any:
        """What was asked."""
        assert self.status == 200, self
        assert self.body["status"] == "success"
        return self.body["data"]


def get(port: int, path: str, *fields: tuple[str, str], **headers: str) -> Answer:
    """By GET."""
    query = f"?{urlencode(fields)}" if fields else ""
    return _ask(port, "GET", f"/api/v1/{path}{query}", None, headers)


def post(port: int, path: str, *fields: tuple[str, str], **headers: str) -> Answer:
    """As a form, which is how Grafana asks."""
    return _ask(port, "POST", f"/api/v1/{path}", urlencode(fields), {**FORM, **headers})


def _ask(port: int, method: str, path: str, body: str | None, headers: Mapping[str, str]) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request(method, path, body, dict(headers))
        answer = connection.getresponse()
        assert answer.headers["content-type"] == "application/json", (path, answer.status)
        return Answer(answer.status, json.loads(answer.read()))
    finally:
        connection.close()


def vector(port: int, query: str, time: str = "") -> dict[tuple[tuple[str, str], ...], float]:
    """An instant query's result by its labels."""
    fields = [("query", query), *([("time", time)] if time else [])]
    rows = get(port, "query", *fields).data["result"]
    return {tuple(sorted(row["metric"].items())): float(row["value"][1]) for row in rows}
