"""A service that is made up: the durations of many routes on many instances, for an hour."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, cycle, islice

from benchmarks.dashboards import feed
from sidelight.contract import DURATION as CONTRACT
from sidelight.contract import DURATION_BUCKETS

DURATION = CONTRACT.name
JOB = "shop"
EVERY = 30
"""Seconds between two scrapes."""
PAST = 66 * 60
"""Seconds of samples: an hour that is shown, and what the rates of its first minute look back."""
KINDS = 8
"""Routes differ in how often they are asked and how long they take, in so many ways."""
FAILING = 10
"""One route in so many has failures; all have the zero that Sidelight exports before the first."""
BEAT = (0.6, 1.0, 1.5, 1.1, 0.8)
"""How requests of one scrape interval differ from those of the next."""


@dataclass(frozen=True, slots=True)
class Size:
    """So many routes on so many instances."""

    routes: int
    instances: int

    def __str__(self) -> str:
        return f"{self.routes:,} x {self.instances}"


def made(size: Size, until: int) -> Iterator[bytes]:
    """Every series, ready to be written; ``until`` is the second of the last sample."""
    blocks = [_Blocks(kind, until) for kind in range(KINDS)]
    nothing = feed.samples((at, 0.0) for at in _times(until))
    one = feed.samples((at, 1.0) for at in _times(until))
    for number in range(size.instances):
        where = {"job": JOB, "instance": f"10.0.{number // 250}.{number % 250}:9464"}
        yield feed.series("up", where, one)
        yield feed.series("target_info", {**where, "service_version": "1.0.0"}, one)
        yield feed.series("sidelight_build_info", {**where, "version": "0.1.0"}, one)
        for route in range(size.routes):
            yield from _route(where, route, blocks[route % KINDS], nothing, one)


def _route(
    where: dict[str, str], number: int, block: _Blocks, nothing: bytes, second: bytes
) -> Iterator[bytes]:
    method, scheme = ("GET", "POST")[number % 3 == 0], "http"
    named = {
        **where,
        "http_request_method": method,
        "http_route": f"/api/v1/things{number}/{{thing_id}}",
    }
    yield feed.series("fastapi_slow_request_threshold_seconds", named, second)
    slow = block.failed if number % FAILING == 1 else nothing
    yield feed.series("fastapi_slow_requests_total", named, slow)
    fails = number % FAILING == 0
    for status, error in (("200", ""), ("500", "500")):
        labels = {
            **named,
            "url_scheme": scheme,
            "http_response_status_code": status,
            "error_type": error,
        }
        if status == "200":
            yield from _histogram(labels, block.buckets, block.total, block.count)
        elif fails:
            failed = [block.failed] * len(block.buckets)
            yield from _histogram(labels, failed, block.failed, block.failed)
        else:
            yield from _histogram(labels, [nothing] * len(block.buckets), nothing, nothing)


def _histogram(
    labels: dict[str, str], buckets: Sequence[bytes], total: bytes, count: bytes
) -> Iterator[bytes]:
    for bound, block in zip((*map(str, DURATION_BUCKETS), "+Inf"), buckets, strict=True):
        yield feed.series(f"{DURATION}_bucket", {**labels, "le": bound}, block)
    yield feed.series(f"{DURATION}_sum", labels, total)
    yield feed.series(f"{DURATION}_count", labels, count)


class _Blocks:
    """The samples of routes of one kind, made once."""

    def __init__(self, kind: int, until: int) -> None:
        times = list(_times(until))
        asked = [beat * 3 * (kind + 1) for beat in islice(cycle(BEAT), len(times))]
        counts = [float(round(each)) for each in accumulate(asked)]
        places = range(len(DURATION_BUCKETS) + 1)
        shares = [min(1.0, max(0.0, (place - kind) / 5)) for place in places]
        shares[-1] = 1.0
        mean = DURATION_BUCKETS[min(kind + 2, len(DURATION_BUCKETS) - 1)]

        def block(share: float) -> bytes:
            values = (float(int(count * share)) for count in counts)
            return feed.samples(zip(times, values, strict=True))

        self.buckets = [block(share) for share in shares]
        self.count = self.buckets[-1]
        self.failed = block(0.02)
        self.total = feed.samples(
            (at, count * mean) for at, count in zip(times, counts, strict=True)
        )


def _times(until: int) -> range:
    """Milliseconds of all scrapes."""
    return range((until - PAST) * 1000, until * 1000 + 1, EVERY * 1000)
