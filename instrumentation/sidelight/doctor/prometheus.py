"""Requests to the HTTP API of a Prometheus, or of a store that has the same."""

import json
from typing import Any
from urllib.parse import quote

from sidelight.doctor.fetch import fetch

TIMEOUT = 5.0
UNAVAILABLE = (OSError, ValueError, KeyError, TypeError)
"""Mimir, Thanos and other stores lack parts of Prometheus's API."""


def query(url: str, expression: str) -> list[dict[str, Any]]:
    """The series of an instant query."""
    found: list[dict[str, Any]] = api(url, f"query?query={quote(expression)}")["result"]
    return found


def api(url: str, path: str) -> dict[str, Any]:
    """The data of an answer. Raises `OSError`, `ValueError`, `KeyError` or `TypeError`."""
    data: dict[str, Any] = json.loads(fetch(f"{url.rstrip('/')}/api/v1/{path}", TIMEOUT))["data"]
    return data
