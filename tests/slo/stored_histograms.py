"""The same traffic as Prometheus stores it: classic, native, with custom buckets, with counters.

Series in the notation of ``promtool test rules``, which rise by the same numbers each minute.
"""

from collections.abc import Callable, Iterator
from typing import Any, Literal, NamedTuple

from sidelight.histogram_queries import DURATION, FIRST_BYTE

Storage = Literal["classic", "no buckets", "native", "nhcb", "both"]
MINUTES = 25
FAST, MIDDLE, SLOW = 0.09, 0.31, 4.0
"""Seconds of the responses within 0.3 s, within 1 s, and above."""
EMPTY = (0, 0, 0)
Counts = tuple[int, int, int]
"""Responses that are fast, in the middle, and slow."""


class Traffic(NamedTuple):
    """One series of a histogram: responses a minute that are fast, in the middle, and slow."""

    family: str
    method: str
    route: str
    status: str
    minute: Counts

    def labels(self, instance: str) -> str:
        own = f'job="shop",instance="{instance}",{_route(self.method, self.route)}'
        if self.family == FIRST_BYTE:
            return own
        error = self.status if self.status.startswith("5") else ""
        return (
            f'{own},http_response_status_code="{self.status}",error_type="{error}",'
            'url_scheme="http"'
        )


TRAFFIC = (
    Traffic(DURATION, "GET", "/", "200", (50, 6, 4)),
    Traffic(DURATION, "GET", "/", "500", (0, 0, 10)),
    Traffic(DURATION, "POST", "/checkout", "200", (10, 5, 5)),
    Traffic(DURATION, "GET", "/tail", "200", (0, 0, 10)),
    Traffic(FIRST_BYTE, "GET", "/tail", "", (9, 1, 0)),
    Traffic(DURATION, "GET", "/feed", "200", (0, 0, 10)),
    Traffic(FIRST_BYTE, "GET", "/feed", "", (5, 3, 2)),
    Traffic(DURATION, "GET", "/events", "200", (0, 0, 100)),
    Traffic(DURATION, "GET", "/quiet", "200", EMPTY),
)
OVER = (
    ("GET", "/", "0.3", 10),
    ("POST", "/checkout", "0.3", 10),
    ("POST", "/checkout", "1.0", 5),
    ("GET", "/tail", "0.3", 1),
    ("GET", "/feed", "1.0", 2),
    ("GET", "/quiet", "0.3", 0),
)
"""What Sidelight's counters of objectives rise by in a minute."""


def _route(method: str, route: str) -> str:
    return f'http_request_method="{method}",http_route="{route}"'


def of_instance(
    instance: str, storage: Storage, *, counters: bool, minutes: int = MINUTES
) -> list[dict[str, Any]]:
    """All series of an instance, which ends after so many minutes."""
    found = _rising(instance, storage, counters=counters)
    return [{**one, "values": f"{one['values']}x{minutes} stale"} for one in found]


def _rising(instance: str, storage: Storage, *, counters: bool) -> Iterator[dict[str, Any]]:
    for one in TRAFFIC:
        for name, value in stored(storage, one.family, one.labels(instance)):
            yield _series(name, value(EMPTY), value(one.minute))
    events = f'job="shop",instance="{instance}",{_route("GET", "/tail")}'
    yield _series(f"fastapi_event_streams_total{{{events}}}", 0, 10)
    for method, route, seconds, minute in OVER if counters else ():
        labels = f'job="shop",instance="{instance}",{_route(method, route)}'
        name = f'fastapi_requests_over_objective_total{{{labels},objective_seconds="{seconds}"}}'
        yield _series(name, 0, minute)


def stored(
    storage: Storage, family: str, labels: str
) -> Iterator[tuple[str, Callable[[Counts], object]]]:
    """The names of the series of a histogram, and the value of each after so many responses."""
    if storage in {"classic", "both"}:
        yield f'{family}_bucket{{{labels},le="0.3"}}', lambda counts: counts[0]
        yield f'{family}_bucket{{{labels},le="1.0"}}', lambda counts: counts[0] + counts[1]
        yield f'{family}_bucket{{{labels},le="+Inf"}}', sum
    if storage in {"classic", "no buckets", "both"}:
        yield f"{family}_count{{{labels}}}", sum
        yield f"{family}_sum{{{labels}}}", _sum
    if storage in {"native", "nhcb", "both"}:
        yield f"{family}{{{labels}}}", _nhcb if storage == "nhcb" else _native


def _series(name: str, start: object, step: object) -> dict[str, Any]:
    return {"series": name, "values": f"{start}+{step}"}


def _sum(minute: Counts) -> float:
    fast, middle, slow = minute
    return FAST * fast + MIDDLE * middle + SLOW * slow


def _nhcb(minute: Counts) -> str:
    fast, middle, slow = minute
    return (
        f"{{{{schema:-53 sum:{_sum(minute)} count:{sum(minute)} custom_values:[0.3 1] "
        f"buckets:[{fast} {middle} {slow}]}}}}"
    )


def _native(minute: Counts) -> str:
    """Schema 3: bucket n ends at 2^(n/8), so 0.09 is in -27, 0.31 with 0.3 in -13, 4 in 16."""
    fast, middle, slow = minute
    buckets = [fast, *[0] * 13, middle, *[0] * 28, slow]
    return (
        f"{{{{schema:3 sum:{_sum(minute)} count:{sum(minute)} offset:-27 "
        f"buckets:[{' '.join(map(str, buckets))}]}}}}"
    )
