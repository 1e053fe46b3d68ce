"""Reading a page of metrics, no further than the benchmarks need."""

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
    """How many requests to a route the application's ``/metrics`` reports."""
    answer = await driver.get(app, "/metrics")
    if answer.status != 200:
        raise RuntimeError(f"/metrics answered {answer.status}")
    return sum(
        int(value)
        for name, labels, value in samples(answer.body.decode())
        if name == DURATION_COUNT and labels["http_route"] == route
    )
