"""Statistics of each route, computed from scrapes. Pure functions: no clock, no network."""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

import numpy as np
from prometheus_client.parser import text_string_to_metric_families

from sidelight.embedded.promql.classic_quantile import quantile_by_bisection

DURATION: Final = "http_server_request_duration_seconds"
SLOW: Final = "fastapi_slow_requests"
WORKERS: Final = "sidelight_workers"
START_TIME: Final = "process_start_time_seconds"
QUEUE: Final = "fastapi_request_queue_seconds"
BLOCKED: Final = "asyncio_event_loop_blocked_seconds"
FAMILIES: Final = (DURATION, SLOW, QUEUE, BLOCKED, WORKERS, START_TIME)

SampleKey = tuple[str, tuple[tuple[str, str], ...]]
"""The name of a sample, and its labels in order."""
RouteKey = tuple[str, str]
"""Method and template."""


@dataclass(frozen=True)
class RouteScrape:
    """The samples of one scrape, and its time in seconds since 1970."""

    time: float
    samples: Mapping[SampleKey, float]

    def of(self, name: str) -> list[tuple[dict[str, str], float]]:
        """Labels and value of each sample with a name."""
        return [(dict(labels), value) for (n, labels), value in self.samples.items() if n == name]


def parse(text: str, time: float) -> RouteScrape:
    """The samples of the families that the table needs."""
    # The other families are removed before the parser, which is slow.
    lines = [
        line for line in text.splitlines() if line.removeprefix("# TYPE ").startswith(FAMILIES)
    ]
    samples = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families("\n".join(lines) + "\n")
        for sample in family.samples
    }
    return RouteScrape(time, samples)


def recent(scrapes: Sequence[RouteScrape], seconds: float) -> list[RouteScrape]:
    """The scrapes that are at most ``seconds`` older than the latest."""
    return [scrape for scrape in scrapes if scrape.time >= scrapes[-1].time - seconds]


def increases(scrapes: Sequence[RouteScrape]) -> dict[SampleKey, float]:
    """The increase of each counter. A counter that decreased was reset to 0.

    Unlike ``increase()`` of Prometheus, the first value of a new series is an increase from 0,
    so that the table shows the first error.
    """
    increased: defaultdict[SampleKey, float] = defaultdict(float)
    for before, after in pairwise(scrapes):
        for key, value in after.samples.items():
            old = before.samples.get(key, 0.0)
            increased[key] += value - old if value >= old else value
    return dict(increased)


@dataclass(frozen=True)
class RouteStats:
    """One route in the window. A value is `None` if there was no request."""

    method: str
    route: str
    rate: float | None
    """Requests per second."""
    error_ratio: float | None
    """The share of 5xx responses, from 0 to 1."""
    p50: float | None
    """Seconds, as ``p95`` and ``p99``."""
    p95: float | None
    p99: float | None
    slow: int
    """The number of slow requests."""
    waiting: float = 0.0
    """Seconds per second that its requests waited for the event loop."""
    blocked: float = 0.0
    """Seconds per second that the code of the route, with any method, blocked an event loop."""


SORTS: Final[Mapping[str, Callable[[RouteStats], float]]] = {
    "rate": lambda stats: stats.rate or 0,
    "errors": lambda stats: stats.error_ratio or 0,
    "slow": lambda stats: stats.slow,
    "p50": lambda stats: stats.p50 or 0,
    "p95": lambda stats: stats.p95 or 0,
    "p99": lambda stats: stats.p99 or 0,
    "waiting": lambda stats: stats.waiting,
    "blocked": lambda stats: stats.blocked,
}
"""What routes are sorted by, the largest first."""


@dataclass(frozen=True)
class ServiceSummary:
    """The service as a whole. A value is `None` if /metrics does not have it."""

    rate: float | None
    workers: Mapping[str, int] = field(default_factory=dict)
    """The number of workers by state."""
    uptime: float | None = None


@dataclass
class RouteCounters:
    """The increases of one route's counters."""

    requests: float = 0
    errors: float = 0
    slow: float = 0
    waiting: float = 0
    blocked: float = 0
    buckets: defaultdict[float, float] = field(default_factory=lambda: defaultdict(float))

    def add(self, name: str, labels: Mapping[str, str], increase: float) -> None:
        """Add the increase of a sample."""
        if name == f"{DURATION}_bucket":
            self.buckets[float(labels["le"])] += increase
        elif name == f"{DURATION}_count":
            self.requests += increase
            if labels.get("http_response_status_code", "").startswith("5"):
                self.errors += increase
        elif name == f"{SLOW}_total":
            self.slow += increase
        elif name == f"{QUEUE}_sum":
            self.waiting += increase


def quantile(q: float, buckets: Mapping[float, float]) -> float | None:
    """``histogram_quantile`` of cumulative counts by upper bound; `None` in place of NaN."""
    with np.errstate(invalid="ignore"):  # two counts of 0 are compared by their ratio
        value = quantile_by_bisection(q, sorted(buckets.items()))
    return None if math.isnan(value) else value


def route_stats(scrapes: Sequence[RouteScrape], sort: str = "rate") -> list[RouteStats]:
    """The statistics of each route in the scrapes, in descending order of what is sorted by."""
    seconds = scrapes[-1].time - scrapes[0].time if scrapes else 0.0
    found = [_stats(route, counters, seconds) for route, counters in _counters(scrapes).items()]
    key = SORTS[sort]
    return sorted(found, key=lambda s: (-key(s), -(s.rate or 0), s.route, s.method))


def summary(scrapes: Sequence[RouteScrape], routes: Sequence[RouteStats]) -> ServiceSummary:
    """The rate of all routes, and the workers and the uptime of the latest scrape."""
    if not scrapes:
        return ServiceSummary(None)
    rates = [stats.rate for stats in routes if stats.rate]
    latest = scrapes[-1]
    workers = {labels.get("state", ""): round(n) for labels, n in latest.of(WORKERS) if n}
    starts = [value for _, value in latest.of(START_TIME)]
    uptime = max(0.0, latest.time - min(starts)) if starts else None
    return ServiceSummary(sum(rates) if rates else None, workers, uptime)


def _counters(scrapes: Sequence[RouteScrape]) -> dict[RouteKey, RouteCounters]:
    counters: defaultdict[RouteKey, RouteCounters] = defaultdict(RouteCounters)
    increased = increases(scrapes)
    # The latest scrape names the routes, also if it is the only one and has no increases.
    for name, pairs in scrapes[-1].samples if scrapes else ():
        if name.startswith((DURATION, SLOW, QUEUE)):
            labels = dict(pairs)
            route = labels.get("http_request_method", ""), labels.get("http_route", "")
            counters[route].add(name, labels, increased.get((name, pairs), 0.0))
    for (_, template), counted in counters.items():
        blocked = f"{BLOCKED}_total", (("http_route", template),)
        counted.blocked = increased.get(blocked, 0.0) if template else 0.0
    return counters


def _stats(route: RouteKey, counters: RouteCounters, seconds: float) -> RouteStats:
    any_requests = counters.requests > 0 and seconds > 0
    return RouteStats(
        *route,
        rate=counters.requests / seconds if any_requests else None,
        error_ratio=counters.errors / counters.requests if any_requests else None,
        p50=quantile(0.50, counters.buckets),
        p95=quantile(0.95, counters.buckets),
        p99=quantile(0.99, counters.buckets),
        slow=round(counters.slow),
        waiting=counters.waiting / seconds if seconds else 0.0,
        blocked=counters.blocked / seconds if seconds else 0.0,
    )
