"""One kept connection to each worker of a server, and traffic to all of them."""

from __future__ import annotations

import time
from collections import Counter
from http.client import HTTPConnection

from benchmarks.exposition import SHAPE, STATUSES
from benchmarks.page import DURATION_COUNT, samples
from benchmarks.servers import Server, get
from benchmarks.services import paths

HOLD_SECONDS = 0.3
PATIENCE_SECONDS = 60.0


def connect_all(server: Server, workers: int) -> dict[int, HTTPConnection]:
    """Open a connection to each worker, by pid.

    Which worker takes a connection is up to the kernel, so the workers already
    found are held while the next one is opened.
    """
    found: dict[int, HTTPConnection] = {}
    deadline = time.monotonic() + PATIENCE_SECONDS
    while len(found) < workers:
        if time.monotonic() > deadline:
            raise RuntimeError(f"only {len(found)} of {workers} workers answered")
        _find_another(server, found)
    return found


def _find_another(server: Server, found: dict[int, HTTPConnection]) -> None:
    for held in found.values():
        held.request("GET", f"/hold?seconds={HOLD_SECONDS}")
    time.sleep(0.05)  # until they have begun to hold
    connection = server.connect()
    pid = int(get(connection, "/pid"))
    for held in found.values():
        held.getresponse().read()
    if pid in found:
        connection.close()
    else:
        found[pid] = connection


def drive(connections: dict[int, HTTPConnection]) -> None:
    """Every label set once on every worker."""
    for connection in connections.values():
        for path in paths(*SHAPE):
            for status in STATUSES:
                get(connection, f"{path.replace('{item_id}', '7')}?status={status}")


def check(page: str, workers: int) -> int:
    """Every label set must have been counted once a worker; returns all series of the page."""
    counts: Counter[tuple[str, str]] = Counter()
    series = 0
    for name, labels, value in samples(page):
        series += 1
        if name == DURATION_COUNT:
            counts[labels["http_route"], labels["http_response_status_code"]] += int(value)
    expected = {(path, str(status)): workers for path in paths(*SHAPE) for status in STATUSES}
    wrong = {key: counts[key] for key, count in expected.items() if counts[key] != count}
    if wrong:
        raise RuntimeError(f"{len(wrong)} label sets are not {workers}, such as {wrong.popitem()}")
    return series
