"""An hour of series of a generated service with many routes and instances."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, cycle, islice

from benchmarks.dashboards import remote_write
from sidelight.contract import DURATION as CONTRACT
from sidelight.contract import DURATION_BUCKETS

DURATION = CONTRACT.name
JOB = "shop"
EVERY = 30
"""The seconds between two scrapes."""
PAST = 66 * 60
"""The seconds of samples: an hour, and the windows of the rates in its first minutes."""
KINDS = 8
"""The number of different request rates and durations of routes."""
FAILING = 10
"""One route in this many has failures; the others have zero series."""
VARIATION = (0.6, 1.0, 1.5, 1.1, 0.8)
"""Factors of the request rate in successive scrape intervals."""


@dataclass(frozen=True, slots=True)
class Size:
    """The number of routes and of instances."""

    routes: int
    instances: int

    def __str__(self) -> str:
        return f"{self.routes:,} x {self.instances}"


def made(size: Size, until: int) -> Iterator[bytes]:
    """All encoded series; ``until`` is the time of the last sample in seconds."""
    blocks = [_Blocks(kind, until) for kind in range(KINDS)]
    zero = remote_write.samples((at, 0.0) for at in _times(until))
    constant = remote_write.samples((at, 1.0) for at in _times(until))
    for number in range(size.instances):
        where = {"job": JOB, "instance": f"10.0.{number // 250}.{number % 250}:9464"}
        yield remote_write.series("up", where, constant)
        yield remote_write.series("target_info", {**where, "service_version": "1.0.0"}, constant)
        yield remote_write.series("sidelight_build_info", {**where, "version": "0.1.0"}, constant)
        for route in range(size.routes):
            yield from _route(where, route, blocks[route % KINDS], zero, constant)


def _route(
    where: dict[str, str], number: int, block: _Blocks, zero: bytes, second: bytes
) -> Iterator[bytes]:
    method, scheme = ("GET", "POST")[number % 3 == 0], "http"
    named = {
        **where,
        "http_request_method": method,
        "http_route": f"/api/v1/things{number}/{{thing_id}}",
    }
    yield remote_write.series("fastapi_slow_request_threshold_seconds", named, second)
    slow = block.failed if number % FAILING == 1 else zero
    yield remote_write.series("fastapi_slow_requests_total", named, slow)
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
            yield from _histogram(labels, [zero] * len(block.buckets), zero, zero)


def _histogram(
    labels: dict[str, str], buckets: Sequence[bytes], total: bytes, count: bytes
) -> Iterator[bytes]:
    for bound, block in zip((*map(str, DURATION_BUCKETS), "+Inf"), buckets, strict=True):
        yield remote_write.series(f"{DURATION}_bucket", {**labels, "le": bound}, block)
    yield remote_write.series(f"{DURATION}_sum", labels, total)
    yield remote_write.series(f"{DURATION}_count", labels, count)


class _Blocks:
    """The encoded samples of routes of one kind."""

    def __init__(self, kind: int, until: int) -> None:
        times = list(_times(until))
        requests = [factor * 3 * (kind + 1) for factor in islice(cycle(VARIATION), len(times))]
        counts = [float(round(each)) for each in accumulate(requests)]
        places = range(len(DURATION_BUCKETS) + 1)
        shares = [min(1.0, max(0.0, (place - kind) / 5)) for place in places]
        shares[-1] = 1.0
        mean = DURATION_BUCKETS[min(kind + 2, len(DURATION_BUCKETS) - 1)]

        def block(share: float) -> bytes:
            values = (float(int(count * share)) for count in counts)
            return remote_write.samples(zip(times, values, strict=True))

        self.buckets = [block(share) for share in shares]
        self.count = self.buckets[-1]
        self.failed = block(0.02)
        self.total = remote_write.samples(
            (at, count * mean) for at, count in zip(times, counts, strict=True)
        )


def _times(until: int) -> range:
    """The times of all scrapes in milliseconds."""
    return range((until - PAST) * 1000, until * 1000 + 1, EVERY * 1000)
