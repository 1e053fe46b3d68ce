"""Data points and exemplars. Their numbers come from files, which anybody may have made."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple, cast

from opentelemetry.sdk.metrics import Exemplar
from opentelemetry.sdk.metrics.export import (
    Buckets,
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    NumberDataPoint,
)

from sidelight.contract import NANOSECONDS
from sidelight.contract.native_buckets import SCHEMA
from sidelight.text_format import encodable

MAX_SIGNED = (1 << 63) - 1
MAX_UNSIGNED = (1 << 64) - 1
MAX_SECONDS = MAX_SIGNED // NANOSECONDS
_TRACE_ID = re.compile("[0-9a-fA-F]{32}")
_SPAN_ID = re.compile("[0-9a-fA-F]{16}")
UNKNOWN: Final = cast("float", None)
"""Of a field that is optional; the SDK's types do not say so."""

Attributes = Mapping[str, str | int]


class Times(NamedTuple):
    """When counting began and when the values were read, in nanoseconds since the epoch."""

    start: int
    now: int


def number(
    attributes: Attributes, value: float, times: Times, exemplars: Sequence[Exemplar] = ()
) -> NumberDataPoint:
    """A point of a sum or a gauge. A value too large for a signed integer becomes a float."""
    if isinstance(value, int) and value > MAX_SIGNED:
        value = float(value)
    return NumberDataPoint(attributes, times.start, times.now, value, list(exemplars))


def histogram(  # noqa: PLR0913 a histogram has many parts
    attributes: Attributes,
    counts: Sequence[int],
    bounds: Sequence[float],
    times: Times,
    *,
    total: float | None,
    exemplars: Sequence[Exemplar] = (),
) -> HistogramDataPoint:
    """A point of a histogram; ``counts`` are not cumulative, and end with infinity's."""
    count = sum(counts)
    if count > MAX_UNSIGNED:
        count, counts = MAX_UNSIGNED, [min(each, MAX_UNSIGNED) for each in counts]
    return HistogramDataPoint(
        attributes=attributes,
        start_time_unix_nano=times.start,
        time_unix_nano=times.now,
        count=count,
        sum=UNKNOWN if total is None else total,
        bucket_counts=counts,
        explicit_bounds=bounds,
        min=UNKNOWN,
        max=UNKNOWN,
        exemplars=list(exemplars),
    )


def exponential_histogram(  # noqa: PLR0913 a histogram has many parts
    attributes: Attributes,
    zero_count: int,
    buckets: Sequence[tuple[int, int]],
    times: Times,
    *,
    total: float,
    exemplars: Sequence[Exemplar] = (),
) -> ExponentialHistogramDataPoint:
    """A point of an exponential histogram, whose scale is the schema of native ones.

    ``buckets`` are pairs of index and count, by the index of Prometheus, whose bucket ``i`` ends
    at 2^(i / 8). That of OpenTelemetry begins there, so its index is one less.
    """
    counts = dict(buckets)
    indexes = range(min(counts, default=1), max(counts, default=0) + 1)
    return ExponentialHistogramDataPoint(
        attributes=attributes,
        start_time_unix_nano=times.start,
        time_unix_nano=times.now,
        count=min(zero_count + sum(counts.values()), MAX_UNSIGNED),
        sum=total,
        scale=SCHEMA,
        zero_count=min(zero_count, MAX_UNSIGNED),
        positive=Buckets(
            indexes.start - 1, [min(counts.get(index, 0), MAX_UNSIGNED) for index in indexes]
        ),
        negative=Buckets(0, []),
        flags=0,
        min=UNKNOWN,
        max=UNKNOWN,
        exemplars=list(exemplars),
    )


def exemplar(labels: Mapping[str, str], value: float, seconds: float | None) -> Exemplar | None:
    """An exemplar, with its trace and span if ``labels`` has both, and the other labels.

    None where its time is out of range. An unknown time is 0.
    """
    if seconds is not None and not 0 <= seconds < MAX_SECONDS:
        return None
    trace, span = labels.get("trace_id", ""), labels.get("span_id", "")
    both = bool(_TRACE_ID.fullmatch(trace) and _SPAN_ID.fullmatch(span))
    return Exemplar(
        filtered_attributes={
            encodable(name): encodable(label)
            for name, label in labels.items()
            if not (both and name in {"trace_id", "span_id"})
        },
        value=float(value),
        time_unix_nano=_nanoseconds(seconds or 0.0),
        span_id=int(span, 16) if both else None,
        trace_id=int(trace, 16) if both else None,
    )


def _nanoseconds(seconds: float) -> int:
    """The conversion in two parts: one product would round."""
    part, whole = math.modf(seconds)
    return int(whole) * NANOSECONDS + round(part * NANOSECONDS)
