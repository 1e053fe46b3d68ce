"""The figures of the table, computed from scrapes. Pure functions: no clock, no network."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sidelight.embedded.demo.scrape import DURATION, SLOW, STARTED, WORKERS, Scrape, increases

Route = tuple[str, str]  # method and template


@dataclass(frozen=True)
class Row:
    """One route over the window. `None` where there was no request to tell."""

    method: str
    route: str
    rate: float | None  # requests per second
    errors: float | None  # share of 5xx, 0 to 1
    p50: float | None  # seconds, and so p95 and p99
    p95: float | None
    p99: float | None
    slow: int  # requests


@dataclass(frozen=True)
class Summary:
    """The service as a whole. `None` where /metrics does not tell."""

    rate: float | None  # requests per second
    workers: Mapping[str, int] = field(default_factory=dict)  # by state, those that occur
    uptime: float | None = None  # seconds


@dataclass
class Tally:
    """What one route's counters grew by."""

    requests: float = 0
    errors: float = 0
    slow: float = 0
    buckets: defaultdict[float, float] = field(default_factory=lambda: defaultdict(float))

    def add(self, name: str, labels: Mapping[str, str], value: float) -> None:
        """What the sample ``name`` grew by, where it is one of the route's."""
        if name == f"{DURATION}_bucket":
            self.buckets[float(labels["le"])] += value
        elif name == f"{DURATION}_count":
            self.requests += value
            # A 4xx is the client's mistake, not an error of the service.
            if labels.get("http_response_status_code", "").startswith("5"):
                self.errors += value
        elif name == f"{SLOW}_total":
            self.slow += value


def quantile(q: float, buckets: Mapping[float, float]) -> float | None:
    """What `histogram_quantile(q, …)` of Prometheus gives, with `None` instead of NaN.

    `buckets` holds cumulative counts by upper bound; 0 < q <= 1. Linear inside a bucket, of which
    the lowest begins at 0; whatever fell beyond the highest finite bound is given as that bound.
    """
    finite = sorted(bound for bound in buckets if bound < math.inf)
    total = buckets.get(math.inf, 0.0)
    if not finite or total <= 0:
        return None
    start, below = 0.0, 0.0
    for bound in finite:
        if buckets[bound] >= q * total:
            if bound <= 0 and bound == finite[0]:
                return bound
            return start + (bound - start) * (q * total - below) / (buckets[bound] - below)
        start, below = bound, max(below, buckets[bound])
    return finite[-1]


def rows(scrapes: Sequence[Scrape]) -> list[Row]:
    """A row for each route that the scrapes name, the busiest first."""
    seconds = _seconds(scrapes)
    found = [_row(route, tally, seconds) for route, tally in _tallies(scrapes).items()]
    return sorted(found, key=lambda row: (-(row.rate or 0), row.route, row.method))


def summary(scrapes: Sequence[Scrape], found: Sequence[Row]) -> Summary:
    """The rate of all the rows that were found, and workers and uptime at the newest scrape."""
    if not scrapes:
        return Summary(None)
    rates = [row.rate for row in found if row.rate]
    newest = scrapes[-1]
    workers = {labels.get("state", ""): round(n) for labels, n in newest.of(WORKERS) if n}
    started = [value for _, value in newest.of(STARTED)]
    uptime = max(0.0, newest.at - min(started)) if started else None
    return Summary(sum(rates) if rates else None, workers, uptime)


def _seconds(scrapes: Sequence[Scrape]) -> float:
    return scrapes[-1].at - scrapes[0].at if scrapes else 0.0


def _tallies(scrapes: Sequence[Scrape]) -> dict[Route, Tally]:
    tallies: defaultdict[Route, Tally] = defaultdict(Tally)
    grown = increases(scrapes)
    # A single scrape says nothing about growth, yet it names the routes.
    for name, pairs in scrapes[-1].samples if scrapes else ():
        if name.startswith((DURATION, SLOW)):
            labels = dict(pairs)
            route = labels.get("http_request_method", ""), labels.get("http_route", "")
            tallies[route].add(name, labels, grown.get((name, pairs), 0.0))
    return tallies


def _row(route: Route, tally: Tally, seconds: float) -> Row:
    some = tally.requests > 0 and seconds > 0
    return Row(
        *route,
        rate=tally.requests / seconds if some else None,
        errors=tally.errors / tally.requests if some else None,
        p50=quantile(0.50, tally.buckets),
        p95=quantile(0.95, tally.buckets),
        p99=quantile(0.99, tally.buckets),
        slow=round(tally.slow),
    )
