"""Data points and exemplars, of numbers that a hostile file may have made up."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple, cast

from opentelemetry.sdk.metrics import Exemplar
from opentelemetry.sdk.metrics.export import HistogramDataPoint, NumberDataPoint

from sidelight.contract import NANOSECONDS
from sidelight.export.otel_names import text

MAX_SIGNED = (1 << 63) - 1
MAX_UNSIGNED = (1 << 64) - 1
MAX_SECONDS = MAX_SIGNED // NANOSECONDS
_TRACE_ID = re.compile("[0-9a-fA-F]{32}")
_SPAN_ID = re.compile("[0-9a-fA-F]{16}")

Attributes = Mapping[str, str | int]


class Times(NamedTuple):
    """When counting began and when it was looked at, in nanoseconds since the epoch."""

    start: int
    now: int


def number(
    attributes: Attributes, value: float, times: Times, exemplars: Sequence[Exemplar] = ()
) -> NumberDataPoint:
    """A point of a sum or a gauge. What is too large for a whole number becomes a float."""
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
    unknown = cast("float", None)  # the wire has no field for it then; the types don't say so
    return HistogramDataPoint(
        attributes=attributes,
        start_time_unix_nano=times.start,
        time_unix_nano=times.now,
        count=count,
        sum=unknown if total is None else total,
        bucket_counts=counts,
        explicit_bounds=bounds,
        min=unknown,
        max=unknown,
        exemplars=list(exemplars),
    )


def exemplar(labels: Mapping[str, str], value: float, seconds: float | None) -> Exemplar | None:
    """An exemplar; its trace and span if ``labels`` names both, the other labels beside them.

    None where its time can't be one. A time that isn't known is 0.
    """
    if seconds is not None and not 0 <= seconds < MAX_SECONDS:
        return None
    trace, span = labels.get("trace_id", ""), labels.get("span_id", "")
    both = bool(_TRACE_ID.fullmatch(trace) and _SPAN_ID.fullmatch(span))
    return Exemplar(
        filtered_attributes={
            text(name): text(label)
            for name, label in labels.items()
            if not (both and name in {"trace_id", "span_id"})
        },
        value=float(value),
        time_unix_nano=_nanoseconds(seconds or 0.0),
        span_id=int(span, 16) if both else None,
        trace_id=int(trace, 16) if both else None,
    )


def _nanoseconds(seconds: float) -> int:
    """Without what a product of such a size would round."""
    part, whole = math.modf(seconds)
    return int(whole) * NANOSECONDS + round(part * NANOSECONDS)
