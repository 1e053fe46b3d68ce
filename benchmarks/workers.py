"""A connection to each worker of a server, and requests to all of them."""

from __future__ import annotations

import time
from collections import Counter
from http.client import HTTPConnection

from benchmarks.client_library import SHAPE, STATUSES
from benchmarks.metrics_text import DURATION_COUNT, samples
from benchmarks.servers import Server, get
from benchmarks.services import paths

BLOCK_SECONDS = 0.3
PATIENCE_SECONDS = 60.0


def connect_all(server: Server, workers: int) -> dict[int, HTTPConnection]:
    """A connection to each worker, by pid.

    The kernel chooses the worker of a connection, so the workers that have one are blocked while
    the next connection is opened.
    """
    found: dict[int, HTTPConnection] = {}
    deadline = time.monotonic() + PATIENCE_SECONDS
    while len(found) < workers:
        if time.monotonic() > deadline:
            raise RuntimeError(f"only {len(found)} of {workers} workers answered")
        _find_another(server, found)
    return found


def _find_another(server: Server, found: dict[int, HTTPConnection]) -> None:
    for opened in found.values():
        opened.request("GET", f"/block?seconds={BLOCK_SECONDS}")
    time.sleep(0.05)  # until they are blocked
    connection = server.connect()
    pid = int(get(connection, "/pid"))
    for opened in found.values():
        opened.getresponse().read()
    if pid in found:
        connection.close()
    else:
        found[pid] = connection


def drive(connections: dict[int, HTTPConnection]) -> None:
    """Send one request for every label set to every worker."""
    for connection in connections.values():
        for path in paths(*SHAPE):
            for status in STATUSES:
                get(connection, f"{path.replace('{item_id}', '7')}?status={status}")


def check(text: str, workers: int) -> int:
    """The number of series. Raises RuntimeError unless each label set has one count per worker."""
    counts: Counter[tuple[str, str]] = Counter()
    series = 0
    for name, labels, value in samples(text):
        series += 1
        if name == DURATION_COUNT:
            counts[labels["http_route"], labels["http_response_status_code"]] += int(value)
    expected = {(path, str(status)): workers for path in paths(*SHAPE) for status in STATUSES}
    wrong = {key: counts[key] for key, count in expected.items() if counts[key] != count}
    if wrong:
        raise RuntimeError(f"{len(wrong)} label sets are not {workers}, such as {wrong.popitem()}")
    return series
