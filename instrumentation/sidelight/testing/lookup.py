"""Finds series by a metric's name and labels; an unknown one is an error that lists those known."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from math import inf
from typing import NamedTuple

from sidelight.contract import (
    DURATION,
    ERROR,
    METHOD,
    METRICS,
    OBJECTIVE_SECONDS,
    POOL,
    ROUTE,
    SCHEME,
    SERVER,
    STATUS,
)
from sidelight.errors import SidelightError
from sidelight.testing.metric_data import (
    GROWING,
    Labels,
    MetricData,
    MetricFamily,
    MetricSeries,
)

SHORT = {
    "error": ERROR,
    "method": METHOD,
    "pool": POOL,
    "route": ROUTE,
    "scheme": SCHEME,
    "state": "db_client_connection_state",
    "status": STATUS,
}
"""What a label may be called for short."""
NAMED = frozenset({ROUTE, POOL, "executor", "dependency", "phase", SERVER, OBJECTIVE_SECONDS})
"""Labels whose values are names in the code: a name that does not exist is a typing error."""
ENDINGS = ("", "_total", "_seconds", "_bytes", "_seconds_total")
PARTS = ("_count", "_sum", "_bucket")
ACTIVE = "fastapi_active_requests"
REQUESTS = (
    DURATION.name,
    ACTIVE,
    "fastapi_websocket_duration_seconds",
    "fastapi_websocket_active",
)
"""Metrics that tell of each request and WebSocket that has ended, or is in flight."""


class UnknownError(SidelightError, LookupError):
    """There is no such metric, label or route; the message lists those there are."""


class Between(NamedTuple):
    """What a quantile lies between: the edges of its bucket. ``high`` may be infinite."""

    low: float
    high: float

    def __str__(self) -> str:
        """In words, with the unit of a duration."""
        if self.high == inf:
            return f"above {self.low:g} s"
        return (
            f"between {self.low:g} and {self.high:g} s" if self.low else f"at most {self.high:g} s"
        )


@dataclass(frozen=True, slots=True)
class FoundSeries:
    """A metric, the part of it that was asked for, and the series with the labels given."""

    family: MetricFamily
    part: str
    series: list[MetricSeries]

    def total(self) -> MetricSeries:
        """All of them in one."""
        whole = MetricSeries()
        for series in self.series:
            whole.add(series)
        return whole


def find(data: MetricData, name: str, labels: Mapping[str, object], hint: str) -> FoundSeries:
    """The series of a metric that have these labels. Raises `UnknownError`.

    ``hint`` is why there may be nothing at all.
    """
    family, part = _family(data, name)
    wanted = {_label(family, label, part): str(value) for label, value in labels.items()}
    limit = wanted.pop("le", None)
    if OBJECTIVE_SECONDS in wanted:
        wanted[OBJECTIVE_SECONDS] = repr(float(wanted[OBJECTIVE_SECONDS]))
    for label in NAMED & wanted.keys():
        _check(data, family, label, wanted[label], hint)
    pairs = wanted.items()
    series = [found for key, found in family.series.items() if pairs <= set(key)]
    if part == "_bucket":
        series = [_up_to(found, float(limit or "inf")) for found in series]
    return FoundSeries(family, part, series)


def _up_to(series: MetricSeries, limit: float) -> MetricSeries:
    """A histogram's series as the one bucket with this upper bound. Raises `UnknownError`."""
    highs = sorted({high for _, high in series.buckets})
    if limit not in highs:
        listed = ", ".join(f"{high:g}" for high in highs)
        raise UnknownError(f"le={limit:g}: there is no such bucket; there are: {listed}")
    return MetricSeries(sum(n for (_, high), n in series.buckets.items() if high <= limit))


def _family(data: MetricData, name: str) -> tuple[MetricFamily, str]:
    """A metric by its name with or without its endings, dots for underscores if you like."""
    plain = name.replace(".", "_")
    for part in ("", *PARTS):
        family = _called(data, plain.removesuffix(part)) if plain.endswith(part) else None
        if family is not None and (not part or family.kind in {"histogram", "summary"}):
            return family, part
    known = sorted({*METRICS, *data})
    near = get_close_matches(plain, known, 3, 0.7)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    raise UnknownError(f"no metric is called {name!r}; {hint}there are: {', '.join(known)}")


def _called(data: MetricData, plain: str) -> MetricFamily | None:
    for full in (*(plain + ending for ending in ENDINGS), plain.removesuffix("_total")):
        if full in data:
            return data[full]
        if full in METRICS:
            return MetricFamily(full, METRICS[full].kind, METRICS[full].labels)
    return None


def _label(family: MetricFamily, label: str, part: str) -> str:
    """A label's full name. Raises `UnknownError`."""
    names = (*family.names, "le") if part == "_bucket" else family.names
    if label in names:
        return label
    if SHORT.get(label) in names:
        return SHORT[label]
    listed = ", ".join(names) or "none"
    raise UnknownError(f"{family.name} has no label {label!r}; its labels are: {listed}")


def _check(data: MetricData, family: MetricFamily, label: str, value: str, hint: str) -> None:
    known = requested_routes(data) if label == ROUTE else _values([family], label)
    if value in known or (label == ROUTE and value in _values([family], label, happened=True)):
        return
    what = "was not asked for" if label == ROUTE else f"is no {label} of {family.name}"
    raise UnknownError(f"{value!r} {what} in this test; there {_listed(known, hint)}")


def requested_routes(data: MetricData) -> set[str]:
    """The routes that were requested, whatever the outcome."""
    return _values([data[name] for name in REQUESTS if name in data], ROUTE, happened=True)


def took_part(data: MetricData, before: MetricData) -> bool:
    """Whether a request has ended or begun, of an application that was there before."""
    return any(
        series.count or series.value > _in_flight(before, name, labels)
        for name in REQUESTS
        if name in data
        for labels, series in data[name].series.items()
    )


def _in_flight(data: MetricData, name: str, labels: Labels) -> float:
    """The value of a gauge; 0 of what is no gauge, or is not there."""
    family = data.get(name)
    if family is None or family.kind in GROWING or labels not in family.series:
        return 0.0
    return family.series[labels].value


def _values(families: Iterable[MetricFamily], label: str, *, happened: bool = False) -> set[str]:
    return {
        dict(labels)[label]
        for family in families
        for labels, series in family.series.items()
        if label in dict(labels) and (not happened or series.count or series.value)
    }


def _listed(known: Iterable[str], hint: str) -> str:
    found = ", ".join(repr(value) for value in sorted(known))
    return f"were: {found}" if found else f"was nothing at all{hint}"


def quantile(series: MetricSeries, q: float) -> Between:
    """The bucket that a quantile is in. ``series`` must not be empty."""
    total = series.count
    seen = 0
    for (low, high), count in sorted(series.buckets.items(), key=lambda pair: pair[0][1]):
        seen += count
        if count and seen >= q * total:
            return Between(low, high)
    raise ValueError(q)
