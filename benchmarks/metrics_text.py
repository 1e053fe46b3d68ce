"""Reads samples of the text format, as far as the benchmarks need."""

from __future__ import annotations

import re
from collections.abc import Iterator

from starlette.types import ASGIApp

from benchmarks import driver

_SAMPLE = re.compile(r"([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
DURATION_COUNT = "http_server_request_duration_seconds_count"


def samples(text: str) -> Iterator[tuple[str, dict[str, str], float]]:
    """Name, labels and value of every sample."""
    for line in text.splitlines():
        if not line.startswith("#") and (found := _SAMPLE.match(line)):
            name, labels, value = found.groups()
            yield name, dict(_LABEL.findall(labels or "")), float(value)


async def duration_count(app: ASGIApp, route: str) -> int:
    """The number of requests to a route, by the application's ``/metrics``."""
    response = await driver.get(app, "/metrics")
    if response.status != 200:
        raise RuntimeError(f"/metrics answered {response.status}")
    return sum(
        int(value)
        for name, labels, value in samples(response.body.decode())
        if name == DURATION_COUNT and labels["http_route"] == route
    )
