"""Metric families as delimited messages of Prometheus's client model (io.prometheus.client).

https://github.com/prometheus/client_model defines them. Times are in nanoseconds since the epoch,
and 0 where they are not known; ``created`` is when a series was 0.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import starmap
from typing import NamedTuple

from sidelight.protobuf_wire import (
    double,
    message,
    optional,
    packed,
    signed,
    varint,
    whole,
    zigzag,
)
from sidelight.text_format import Escaping, encodable, escaped_name

TYPES = {
    "counter": 0,
    "gauge": 1,
    "info": 1,
    "stateset": 1,
    "summary": 2,
    "unknown": 3,
    "histogram": 4,
    "gaugehistogram": 5,
}
"""The type of each kind of family."""
Pairs = Iterable[tuple[str, str]]
_NONE: Mapping[int, bytes] = {}
_FIRST = whole(1, 0)[:1]
# What is before the value in messages that have nothing else, and before the count of a bucket by
# the count's length: half of the time of a scrape would otherwise be spent on these bytes.
_GAUGE, _COUNTER, _UNTYPED = (message(field, double(1, 0))[:-8] for field in (2, 3, 5))
_BUCKETS = [message(3, _FIRST + bytes(length + 9))[:3] for length in range(11)]


class NativeBuckets(NamedTuple):
    """The buckets of a native histogram of positive values.

    ``spans`` are pairs of offset and length. ``deltas`` has the first bucket's count, and then
    what each differs by from the one before.
    """

    schema: int
    zero_threshold: float
    zero_count: int
    spans: Sequence[tuple[int, int]]
    deltas: Sequence[int]


def family(name: str, kind: str, text: str, unit: str, metrics: Sequence[bytes]) -> bytes:
    """A family, with its length before it. ``name`` is escaped, and ``text`` is the help."""
    head = _text(1, name) + _text(2, text) + whole(3, TYPES[kind])
    base = name.removesuffix("_total") if kind == "counter" else name
    if unit and base.endswith("_" + unit):  # Prometheus refuses a page with another unit
        head += _text(5, unit)
    return b"".join([varint(len(head) + sum(map(len, metrics))), head, *metrics])


def metric(labels: bytes, value: bytes, seconds: float | None = None) -> bytes:
    """A metric of a family: its labels, its value, and when it was, where it says so itself."""
    when = b"" if seconds is None else whole(6, round(seconds * 1000))
    return message(4, labels + value + when)


def label_pairs(pairs: Pairs, escaping: Escaping = Escaping.UNDERSCORES) -> bytes:
    """The labels of a metric or of an exemplar."""
    return b"".join(
        message(1, _text(1, escaped_name(name, escaping, label=True)) + _text(2, value))
        for name, value in pairs
    )


def exemplar(pairs: Pairs, value: float, seconds: float | None) -> bytes:
    """An exemplar, to the millisecond."""
    when = 0 if seconds is None else round(seconds * 1000) * 1_000_000
    return label_pairs(pairs) + double(2, value) + optional(3, _timestamp(when))


def gauge(value: float) -> bytes:
    """The value of a gauge."""
    return _GAUGE + packed(value)


def untyped(value: float) -> bytes:
    """A value of unknown type."""
    return _UNTYPED + packed(value)


def counter(value: float, traced: bytes = b"", created: int = 0) -> bytes:
    """The value of a counter; ``traced`` is its `exemplar`."""
    if traced or created:
        more = optional(2, traced) + optional(3, _timestamp(created))
        return message(3, double(1, value) + more)
    return _COUNTER + packed(value)


def summary(
    count: int, total: float, quantiles: Iterable[tuple[float, float]] = (), created: int = 0
) -> bytes:
    """How many values there were, their sum, and quantiles of them."""
    each = b"".join(message(3, double(1, at) + double(2, value)) for at, value in quantiles)
    parts = whole(1, count), double(2, total), each, optional(4, _timestamp(created))
    return message(4, b"".join(parts))


def histogram(  # noqa: PLR0913 a histogram has many parts
    counts: Sequence[int],
    total: float,
    bounds: tuple[float, ...],
    exemplars: Mapping[int, bytes] = _NONE,
    *,
    created: int = 0,
    native: NativeBuckets | None = None,
) -> bytes:
    """Cumulative counts up to each bound, of which infinity is the last, and the sum of all values.

    ``exemplars`` are by the number of their bucket.
    """
    parts = [whole(1, counts[-1]), double(2, total)]
    for number, (count, bound) in enumerate(zip(counts, _upper_bounds(bounds), strict=True)):
        digits = varint(count)
        if number in exemplars:
            traced = message(3, exemplars[number])
            parts.append(message(3, _FIRST + digits + bound + traced))
        else:
            parts += (_BUCKETS[len(digits)], digits, bound)
    parts += [native_buckets(native)] if native else []
    parts.append(optional(15, _timestamp(created)))
    return message(7, b"".join(parts))


def native_buckets(native: NativeBuckets) -> bytes:
    """The fields that make a histogram a native one.

    Without a span, Prometheus could take one without values for a classic histogram.
    """
    spans = native.spans or ((0, 0),)
    parts = signed(5, native.schema), double(6, native.zero_threshold), whole(7, native.zero_count)
    return b"".join(
        [*parts, *starmap(_span, spans), optional(13, b"".join(map(zigzag, native.deltas)))]
    )


@lru_cache(maxsize=1024)
def _span(offset: int, length: int) -> bytes:
    return message(12, signed(1, offset) + whole(2, length))


@lru_cache(maxsize=256)
def _upper_bounds(bounds: tuple[float, ...]) -> tuple[bytes, ...]:
    return tuple(double(2, bound) for bound in bounds)


def _text(field: int, text: str) -> bytes:
    return message(field, encodable(text).encode())


def _timestamp(ns: int) -> bytes:
    seconds, rest = divmod(ns, 1_000_000_000)
    return whole(1, seconds) + whole(2, rest) if ns else b""
