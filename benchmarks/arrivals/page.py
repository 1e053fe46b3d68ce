"""By how much the samples of a page have grown."""

from __future__ import annotations

import time
from collections import defaultdict
from math import ceil, inf
from typing import NamedTuple

from benchmarks.metrics_text import samples
from benchmarks.servers import Server

DURATION = "http_server_request_duration_seconds"
QUEUE = "fastapi_request_queue_seconds_sum"
CAUSED = "fastapi_queue_seconds_caused_total"
VICTIM = "/victim"
SETTLED_SECONDS = 10.0


class Page:
    """Sums of samples by name and route, and the buckets of the victims' durations."""

    def __init__(self, text: str) -> None:
        self.sums: defaultdict[tuple[str, str], float] = defaultdict(float)
        self.buckets: defaultdict[float, float] = defaultdict(float)
        for name, labels, value in samples(text):
            route = labels.get("http_route", "")
            if name in {QUEUE, CAUSED} or (name.startswith(DURATION) and route == VICTIM):
                if name == f"{DURATION}_bucket":
                    self.buckets[float(labels["le"])] += value
                else:
                    self.sums[name, route] += value

    def total(self, name: str) -> float:
        """The sum of a name over all routes."""
        return sum(value for (each, _), value in self.sums.items() if each == name)


class Growth(NamedTuple):
    """What one page has more than another."""

    mean: float
    """Of the victims' durations."""
    requests: int
    bucket: tuple[float, float]
    """The boundaries between which their 95th percentile lies."""
    caused: dict[str, float]
    """Seconds of waiting by the route that caused them."""
    waited: float


def growth(before: Page, after: Page) -> Growth:
    """By how much the second page has grown."""
    sums = {key: value - before.sums[key] for key, value in after.sums.items()}
    requests = round(sums[f"{DURATION}_count", VICTIM])
    counts = {le: many - before.buckets[le] for le, many in sorted(after.buckets.items())}
    return Growth(
        sums[f"{DURATION}_sum", VICTIM] / max(requests, 1),
        requests,
        _bucket(counts, ceil(0.95 * requests)),
        {route: value for (name, route), value in sums.items() if name == CAUSED},
        after.total(QUEUE) - before.total(QUEUE),
    )


def _bucket(counts: dict[float, float], rank: int) -> tuple[float, float]:
    lower = 0.0
    for upper, many in counts.items():
        if many >= rank:
            return lower, upper
        lower = upper
    return lower, inf


def charged(server: Server) -> Page:
    """The page, once a heartbeat has charged for all waits; or after ten seconds."""
    deadline = time.monotonic() + SETTLED_SECONDS
    while True:
        found = Page(server.get("/metrics"))
        left = abs(found.total(CAUSED) - found.total(QUEUE))
        if left < 1e-6 or time.monotonic() > deadline:
            return found
        time.sleep(0.05)
